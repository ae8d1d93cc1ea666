# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``docs/rules.md`` from the catalogue of rules."""

from __future__ import annotations

import importlib
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

from .markup import table

_AREAS = {
    "PRIV": "Least privilege",
    "LOG": "Logs",
    "IMG": "Images",
    "KEY": "Keys",
    "UPG": "Upgrades",
    "NET": "Network",
    "OPS": "Operation",
    "BAK": "Backups",
    "CMD": "Plugins and commands",
    "MON": "Monitoring",
    "INV": "Inventory",
    "OPT": "Options",
    "TAP": "Taps",
    "SRC": "Sources of packages",
    "SEC": "Secret stores",
    "PKG": "Package format",
}
_INTRO = """<!-- SPDX-License-Identifier: GPL-3.0-or-later -->
<!-- Generated from plugins/module_utils/common/rules_of_nodes.py, rules_of_backups.py and rules_of_inputs.py by `python -m tests.tools.generate`. -->
# Rules

Everything the collection judges, it judges by one of these rules, and says so in a *finding*: the rule's id, a severity, the place
(instance, file, field), what is wrong, and what to do. An **error** refuses and nothing is changed, a **warning** is reported, **info**
is for the record. A check may lower the severity where it repairs what it found. What to do when a run is refused:
[troubleshooting](troubleshooting.md).
"""


def catalogue(root: Path) -> dict[str, Any]:
    """Every rule by its id, from the code."""
    sys.path.insert(0, str(root / "plugins"))
    try:
        return dict(importlib.import_module("module_utils.common.catalogue").RULES)
    finally:
        sys.path.pop(0)


def rules_page(root: Path) -> str:
    rules = sorted(catalogue(root).values(), key=lambda rule: (list(_AREAS).index(rule.id.split("-")[0]), rule.id))
    parts = [_INTRO]
    for area, members in groupby(rules, key=lambda rule: rule.id.split("-")[0]):
        rows = ((f"<a id='{rule.id.lower()}'></a>{rule.id}", rule.severity, rule.title, rule.why, rule.fix) for rule in members)
        parts.append(f"\n## {_AREAS[area]}\n\n{table(('id', 'severity', 'rule', 'why', 'what to do'), rows)}")
    return "".join(parts)
