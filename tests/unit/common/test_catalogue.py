# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue of rules, which is three tables."""

from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.catalogue import RULES
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.module_utils.common.rules_of_backups import BACKUPS
from ansible_collections.restaking.avs.plugins.module_utils.common.rules_of_inputs import INPUTS
from ansible_collections.restaking.avs.plugins.module_utils.common.rules_of_nodes import NODES
from ansible_collections.restaking.avs.plugins.module_utils.common.rules_of_upgrades import UPGRADES


def test_every_rule_is_in_one_table_and_there_once() -> None:
    assert [rule.id for rule in (*NODES, *UPGRADES, *BACKUPS, *INPUTS)] == list(RULES)


def test_a_finding_has_its_rules_words_unless_others_are_given() -> None:
    usual = finding("OPS-014", "here", "is newer")
    assert (usual.severity, usual.remedy) == (RULES["OPS-014"].severity, RULES["OPS-014"].fix)
    other = finding("OPS-014", "here", "is newer", "Do this.", severity="info")
    assert (other.severity, other.remedy) == ("info", "Do this.")
    with pytest.raises(KeyError):
        finding("NO-001", "", "")
