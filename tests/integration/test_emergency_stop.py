# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One key is stopped wherever it is, over a fleet of which one host cannot be reached."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.nodes import keyed_node
from tests.integration.power import running
from tests.integration.support import Fleet, Host, lab, lab_fleet

pytestmark = pytest.mark.soak
HOSTS = 6
NODE = "demo-avs-fleet"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    """Six hosts with an engine each, of which the lab's own are the first."""
    with lab_fleet(tmp_path_factory, approle) as few:
        added = [lab("add") for _more in range(HOSTS - len(few.hosts))]
    try:
        with lab_fleet(tmp_path_factory, approle) as fleet:
            yield fleet
    finally:
        for name in added:
            lab("remove", name)


def test_a_key_is_stopped_wherever_it_is(many: Fleet, keys: Any) -> None:
    pair = keys.pair("fleet")
    # No inventory says so of all of them at once: each was installed by somebody who knew of one host.
    for name in many.hosts:
        installed = many.play("install", {name: [keyed_node(pair, "fleet")]})
        assert installed.code == 0, installed.output[-3000:]
    shown = json.loads(many.first.run(f"avsctl status {NODE} --json"))["instances"][0]["keystores"]["bls"]["public_id"]
    real, cut = dict(many.hosts), list(many.hosts)[-1]
    # Nobody answers at this address of the lab's network.
    address = many.first.variables["ansible_host"].rpartition(".")[0] + ".250"
    many.hosts[cut] = Host(cut, {**many.first.variables, "ansible_host": address})
    try:
        began = time.monotonic()
        done = many.play(
            "stop", {name: [] for name in many.hosts}, "-e", f"avs_stop_key={shown}", "-e", "avs_stop_confirm=true", parse=False
        )
        took = time.monotonic() - began
    finally:
        many.hosts = real
    print(f"an emergency stop over {HOSTS} hosts took {took:.1f} s")
    assert done.code and f"{cut} could not be reached" in done.output
    for name, host in many.hosts.items():
        assert bool(running(host, NODE)) == (name == cut)
        assert name == cut or f"{name} {NODE} held" in done.output
    for name in (name for name in many.hosts if name != cut):
        install = many.play("install", {name: [keyed_node(pair, "fleet")]})
        assert install.code == 0 and install.stats[name]["changed"] == 0 and not running(many.hosts[name], NODE)
    # The host that could not be reached is stopped once it can be; the others have nothing left to stop.
    again = many.play("stop", {name: [] for name in many.hosts}, "-e", f"avs_stop_key={shown}", "-e", "avs_stop_confirm=true")
    assert again.code == 0 and not running(many.hosts[cut], NODE)
    assert {name for name, stats in again.stats.items() if stats["changed"]} == {cut}
