# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to write instead, where it is plain; and nothing where it is not."""

from __future__ import annotations

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.settings import checked
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing import corrections

from tests.unit.support.fakes import entry


@pytest.mark.parametrize(("correct", "given", "wanted"), [
    (corrections.name, "OP1", "op1"), (corrections.name, "op_1 a", "op-1-a"), (corrections.name, "op1", None), (corrections.name, "ö", None),
    (corrections.name, "-", None), (corrections.version, "1.2.3", "v1.2.3"), (corrections.version, "v1.2", None),
    (corrections.seconds(1, 86_400), "5m", "300"), (corrections.seconds(1, 86_400), "1h 30 min", "5400"),
    (corrections.seconds(1, 86_400), "1m30s", "90"), (corrections.seconds(1, 86_400), "300.0s", "300"), (corrections.seconds(1, 60), "5m", None),
    (corrections.seconds(1, 86_400), "5 parsecs", None), (corrections.seconds(1, 86_400), "5m ago", None), (corrections.seconds(1, 60), "", None),
    (corrections.seconds(1, 86_400), "-5m", None), (corrections.seconds(1, 86_400), "1.5h", None),
    (corrections.size, "2 GiB", "2g"), (corrections.size, "512Mi", "512m"), (corrections.size, "2 apples", None), (corrections.size, "0g", None),
    (corrections.processors, "500m", "0.5"), (corrections.processors, "1,5", "1.5"), (corrections.processors, "2 cores", "2"),
    (corrections.processors, "0", None), (corrections.processors, "many", None),
    (corrections.switch, "Yes", "true"), (corrections.switch, "off", "false"), (corrections.switch, "maybe", None),
    (corrections.one_of("started", "stopped"), "Started", "started"), (corrections.one_of("started"), "running", None),
    (corrections.hexadecimal, "AB" * 20, "ab" * 20), (corrections.hexadecimal, "ab" * 20, None), (corrections.hexadecimal, "AB", None),
])  # fmt: skip
def test_what_is_meant(correct: corrections.Remedy, given: str, wanted: str | None) -> None:
    assert correct(given) == (None if wanted is None else f"Write {wanted}.")


@pytest.mark.parametrize(("change", "remedy"), [
    ({"tag": "OP1"}, "Write op1."), ({"gate_timeout": "5m"}, "Write 300."), ({"state": "Started"}, "Write started."),
    ({"require_checksum": "yes"}, "Write true."), ({"commit": "AB" * 20}, f"Write {'ab' * 20}."),
    ({"limits": {"node": {"memory": "2 GB"}}}, "Write 2g."), ({"limits": {"node": {"cpus": "500m"}}}, "Write 0.5."),
    ({"keys": [{**entry()["keys"][0], "name": "BLS"}]}, "Write bls."), ({"keys": [{**entry()["keys"][0], "kind": "BN254"}]}, "Write bn254."),
])  # fmt: skip
def test_an_entry(change: dict[str, object], remedy: str) -> None:
    (found,) = parse_instances([entry(**change)])[1]
    assert (found.id, found.remedy) == ("INV-001", remedy)


def test_a_variable_beside_the_entries() -> None:
    remedies = {item.place: item.remedy for item in checked({"lock_timeout": "2m", "stop_timeout": "long"})[1]}
    assert remedies == {"avs_lock_timeout": "Write 120.", "avs_stop_timeout": "Correct avs_stop_timeout: a number of seconds (0-86400)."}
