# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs which key. Two nodes with one key sign twice, and signing twice is slashed (rule KEY-006)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..module_utils.findings import Finding
from ..module_utils.rules import finding
from .inventory import Entry


@dataclass(frozen=True, order=True)
class Use:
    """One key of one instance on one host; ``mark`` is what makes two keys the same: where they lie, or their public id."""

    mark: str
    host: str
    instance: str
    place: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def uses_of(host: str, entries: Iterable[Entry]) -> list[Use]:
    """Keys of a host's entries by where they lie; an absent instance runs none."""
    return [
        Use(key.origin, host, f"{entry.package_name or 'package'}-{entry.tag}", f"{entry.place}.keys.{key.name}")
        for entry in entries
        if entry.state != "absent"
        for key in entry.keys
    ]


def public_uses(host: str, results: Iterable[Mapping[str, Any]]) -> list[Use]:
    """Keys of a host's instances by public id, from the module's results; a keystore that claims none says nothing."""
    found = []
    for result in results:
        for name, key in (result.get("keys") or {}).items():
            public = key.get("public_id")
            if public and result.get("state") != "absent":
                mark = f"{key.get('kind', '')} key {str(public).lower().removeprefix('0x')}"
                found.append(Use(mark, host, str(result.get("id", "")), f"{result.get('id', '')}: key {name}"))
    return found


def shared_keys(mine: Sequence[Use], all_uses: Iterable[Use]) -> list[Finding]:
    """A finding for each of my keys that somebody else, or I, use a second time."""
    by_mark: dict[str, set[Use]] = {}
    for use in (*all_uses, *mine):
        by_mark.setdefault(use.mark, set()).add(use)
    findings = []
    for use in sorted(set(mine)):
        others = sorted(by_mark[use.mark] - {use})
        if others:
            where = "; ".join(f"{other.place} ({other.instance} on {other.host})" for other in others)
            findings.append(finding("KEY-006", use.place, f"{use.instance} uses {use.mark}, and so does {where}"))
    return findings
