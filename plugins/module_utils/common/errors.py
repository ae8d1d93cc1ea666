# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that say what is wrong, where, and what to do; translated into a result once, at the edge."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .findings import Finding, by_severity


class AvsError(Exception):
    """A failure a person can act on.

    ``message`` is one line; ``findings`` are the single problems behind it, each with place and remedy.
    """

    def __init__(self, message: str, findings: Iterable[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.findings = by_severity(findings)

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {finding.as_line()}" for finding in self.findings)])

    def as_result(self) -> dict[str, Any]:
        """Arguments for ``fail_json``: ``msg`` and ``findings``."""
        return {"msg": str(self), "findings": [finding.as_dict() for finding in self.findings]}


class InputError(AvsError):
    """The inventory, a package or a tap is wrong; nothing was changed anywhere."""


class HostError(AvsError):
    """The host cannot do what was asked: engine, resources, ports, images."""


class LockedError(AvsError):
    """Another run holds the instance's lock."""


class SecretError(AvsError):
    """A secret store does not hand out what is needed. Never carries a value."""


class GateError(AvsError):
    """An instance did not become healthy in time."""
