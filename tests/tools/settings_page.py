# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``docs/security/compose-settings.md`` from the table of compose settings."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .markup import table

_INTRO = """<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- Generated from plugins/module_utils/policy/settings*.py by `python -m tests.tools.generate`. -->
# Settings of compose files

What a package's compose files may set, after compose has resolved them on the host. A setting that is not in these tables is refused, at
any depth, and so is a value that is not allowed: by rule [PRIV-002](../rules.md#priv-002) where no other is named, before anything on the
host changes. Extensions (`x-...`) are ignored. An exception lifts only what says so ([`exceptions`](../inventory.md)). Names of services,
networks, volumes, configs, secrets and compose profiles are letters, digits and `._-`, beginning with a letter, a digit or `_`
([PKG-005](../rules.md#pkg-005)).

In a setting, `*` stands for a name the package chose, `[]` for an item of a list. *becomes* says what of it runs; where it is empty the
value is kept. `package_info` judges by the same tables, as far as values are known before an install.
"""
_PARTS = (
    ("Top level", lambda path: "." not in path),
    ("Services", lambda path: path.startswith("services.*.")),
    ("Networks", lambda path: path.startswith("networks.*")),
    ("Volumes", lambda path: path.startswith("volumes.*.")),
    ("Configs", lambda path: path.startswith("configs.*.")),
    ("Secrets", lambda path: path.startswith("secrets.*.")),
)


def settings_page(root: Path) -> str:
    rows = list(_catalogue(root).values())
    parts = [_INTRO]
    for title, belongs in _PARTS:
        chosen = sorted((row for row in rows if belongs(row.path) and row.why), key=lambda row: row.path)
        parts.append(f"\n## {title}\n\n{table(('setting', 'allowed', 'why', 'becomes'), _lines(chosen))}")
    return "".join(parts)


def _lines(rows: Iterable[Any]) -> Iterable[tuple[str, ...]]:
    for row in rows:
        name = row.path.removeprefix("services.*.")
        yield f"`{name}`", row.allowed.words.replace("|", "\\|"), row.why, row.becomes


def _catalogue(root: Path) -> dict[str, Any]:
    sys.path.insert(0, str(root / "plugins"))
    try:
        return dict(importlib.import_module("module_utils.policy.settings").TABLE)
    finally:
        sys.path.pop(0)
