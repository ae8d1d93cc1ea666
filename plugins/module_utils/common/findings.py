# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule says of a package or an instance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

ERROR = "error"
WARNING = "warning"
INFO = "info"
_ORDER = {ERROR: 0, WARNING: 1, INFO: 2}


@dataclass(frozen=True)
class Finding:
    """One verdict.

    ``id`` is a rule of the catalogue (``catalogue.py``), ``severity`` one of error, warning, info. ``place`` names the
    instance, file and field as a person would look for it, ``message`` says what is wrong (hidden values masked) and
    ``remedy`` what to do about it.
    """

    id: str
    severity: str
    place: str
    message: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Finding:
        return cls(**{field: str(data.get(field) or "") for field in ("id", "severity", "place", "message", "remedy")})

    def as_line(self) -> str:
        """``place: message`` with the remedy behind it, for error texts."""
        line = f"{self.place}: {self.message}" if self.place else self.message
        return f"{line} -> {self.remedy}" if self.remedy else line


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity == ERROR]


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, then by place, id and message; duplicates dropped."""
    return sorted(set(findings), key=lambda finding: (_ORDER.get(finding.severity, 3), finding.place, finding.id, finding.message))
