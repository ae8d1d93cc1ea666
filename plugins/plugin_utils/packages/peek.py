# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One file of a version that is not to be installed: ``runtime.yml``, for what it says of other versions."""

from __future__ import annotations

from ..fetching.tree import FILE
from ..parsing.report import Report
from ..taps.locate import Located
from .runtime import RULES, Runtime, parse_runtime


def runtime_at(located: Located, profile: str, version: str) -> tuple[Runtime, Report]:
    """What a profile's ``runtime.yml`` says, and what is wrong with it. Raises ``InputError`` where it cannot be read."""
    path = "/".join(part for part in (located.folder, profile, "runtime.yml") if part)
    present = any(item.path == path and item.kind == FILE for item in located.files.entries(located.folder))
    report = Report(f"{version}: {path}", RULES)
    return parse_runtime(next(located.files.read([path]))[1] if present else None, report), report
