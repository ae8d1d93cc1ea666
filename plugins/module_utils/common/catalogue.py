# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue of rules: every id a finding may carry, in one table. ``docs/rules.md`` is generated from it."""

from __future__ import annotations

from .rules_of_backups import BACKUPS
from .rules_of_inputs import INPUTS
from .rules_of_nodes import NODES
from .rules_of_upgrades import UPGRADES

RULES = {rule.id: rule for rule in (*NODES, *UPGRADES, *BACKUPS, *INPUTS)}
