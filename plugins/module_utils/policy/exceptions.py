# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Grants: what an operator allowed a service beyond the rules, with a reason. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import Exemption


def capability(name: str) -> str:
    return name.upper().replace("CAP_", "", 1) if name.upper().startswith("CAP_") else name.upper()


Grants = dict[str, dict[str, str]]


def grants(exceptions: Iterable[Exemption]) -> Grants:
    """Service -> grant -> the operator's reason."""
    found: Grants = {}
    for exception in exceptions:
        for grant in exception.allow:
            name = f"cap:{capability(grant[4:])}" if grant.startswith("cap:") else grant
            found.setdefault(exception.service, {})[name] = exception.reason
    return found


def granted(place: str, grant: str, problem: str, allowed: Mapping[str, str]) -> Finding:
    """PRIV-002, or PRIV-005 where the operator allows it."""
    if grant in allowed:
        return finding("PRIV-005", place, f"{problem}, allowed because: {allowed[grant]}")
    return finding("PRIV-002", place, problem, f"Remove it from the package, or allow {grant} with a reason (avs_instances[].exceptions).")
