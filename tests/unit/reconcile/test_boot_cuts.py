# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power that is cut at any moment of a run: when the host is back, a node runs as it was or as it was to be, or waits and says for what;
what was to stop is down; and the next run ends as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import journal
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import by_record, control, own
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way

from tests.unit.support.cuts import Kept, end_of, every_cut
from tests.unit.support.differences import differences
from tests.unit.support.memory_host import ID, NODE, PACKAGE, MemoryHost, with_service

Act = Callable[[MemoryHost], Any]
BOOT, WAY = Way("unit", 0, boot=True), Way("tester", 0)


def keyless(host: MemoryHost, mode: str = "plain") -> dict[str, Any]:
    """Both services that stay are made anew where the mode is another."""
    node = with_service(PACKAGE, "node", volumes=NODE["volumes"][:3], environment={"MODE": "${MODE:-plain}"})
    return {**host.spec(node, env={"MODE": mode}), "secrets": {}, "keys": []}


def keyed(host: MemoryHost, mode: str = "plain") -> dict[str, Any]:
    return host.spec(env={"MODE": mode, "WAIT": mode})


def stop(host: MemoryHost) -> Any:
    return control.stop(host.store, host.engine.connect(), [ID], WAY)


def start(host: MemoryHost) -> Any:
    return control.start(host.store, host.engine.connect(), [ID], WAY)


def boot(host: MemoryHost) -> dict[str, Any]:
    """The host comes back, and its units start."""
    shutil.rmtree(host.store.run, ignore_errors=True)
    host.world.reboot()
    mine = host.store.instance(ID)
    if ID in host.store.ids():
        own.recover(host.store, host.engine.connect(), host.store.ids(), BOOT)
        if not by_record.to_be_down(mine, mine.known()):
            found: dict[str, Any] = control.start(host.store, host.engine.connect(), [ID], BOOT)["instances"][0]
            return found
    return {"error": None}


def modes(host: MemoryHost) -> set[str]:
    """How those that run, and stay, were made."""
    stay = [item for item in host.world.containers.values() if item.alive]
    return {str((item.service.get("environment") or {}).get("MODE")) for item in stay if item.service.get("environment")}


SCENES: dict[str, tuple[list[Act], Act]] = {
    "install": ([], lambda host: host.call(keyless(host))),
    "install with keys": ([], lambda host: host.call(keyed(host))),
    "an option": ([lambda host: host.call(keyless(host))], lambda host: host.call(keyless(host, "fast"))),
    "an option with keys": ([lambda host: host.call(keyed(host))], lambda host: host.call(keyed(host, "fast"))),
    "stop": ([lambda host: host.call(keyless(host))], lambda host: host.call(host.stopped())),
    "hold": ([lambda host: host.call(keyless(host))], stop),
    "start": ([lambda host: host.call(keyless(host)), stop], start),
    "remove": ([lambda host: host.call(keyless(host))], lambda host: host.call(host.gone())),
}


@pytest.mark.parametrize("name", SCENES)
def test_power_that_is_cut_leaves_the_old_or_the_new(memory_host: MemoryHost, name: str) -> None:
    host, (before, act) = memory_host, SCENES[name]
    for step in before:
        step(host)
    began = Kept(host)
    act(host)
    wanted = end_of(host)
    began.restore()
    cuts = 0
    for what in every_cut(host, act):
        cuts += 1
        entry = boot(host)
        assert len(modes(host)) <= 1, what
        running = {item.labels["avs.service"] for item in host.world.containers.values() if item.alive}
        if entry["error"] is None:
            assert running in ({"node", "gateway"}, set()), what
        else:
            assert "run restaking.avs.install" in str(entry).lower() or "is not installed" in entry["error"], (what, entry["error"])
        if name in ("stop", "hold", "remove") and host.state().get("desired") == "stopped":
            assert not running, what
        if ID in host.store.ids():
            assert journal.opened(host.store.instance(ID)) == [] or running, what
        assert act(host)["instances"][0]["error"] is None, what
        down = name in ("stop", "hold", "remove")
        # What was in memory is gone, and neither what is down nor what has no keys needs any of it. What is down ended with the power; a
        # hold has its own instant.
        needless = down or "with keys" not in name
        found = [
            one
            for one in differences(end_of(host), wanted)
            if not (needless and one.startswith("/files/run")) and not (down and ("/code: 255" in one or "hold.json" in one))
        ]
        assert found == [], what
    assert cuts > 5


def test_a_cut_that_leaves_a_wish_is_finished_at_the_next_start(memory_host: MemoryHost) -> None:
    """Every moment after the release was switched: what was to be made is what comes up."""
    host = memory_host
    host.call(keyless(host))
    ends: list[set[str]] = []
    for _what in every_cut(host, lambda host: host.call(keyless(host, "fast")), "before compose --ansi"):
        boot(host)
        ends.append(modes(host))
    assert len(ends) > 5 and ends == [{"fast"}] * len(ends)
