# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is killed at any moment is finished by the next one: same end, same data, no half file, no key lost."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.support.cuts import Kept, end_of, every_cut, killed, told, volumes_of
from tests.unit.support.differences import differences
from tests.unit.support.memory_host import ID, PACKAGE, SECRETS, MemoryHost, with_service

Step = Callable[[MemoryHost], Any]
ROTATED = {**SECRETS, "key.bls.keystore": '{"crypto": {"new": 1}, "pubKey": "E([3,4])"}', "key.bls.password": "another"}
EXIT = ["sh", "-c", "echo no chain here; exit 3"]


@dataclass(frozen=True)
class Scene:
    """``before`` makes the host, ``act`` is the run that is cut and then repeated. ``loses``: whether data is to go; ``fails``: what the
    run says where it does not come to a good end."""

    before: tuple[Step, ...]
    act: Step
    loses: bool = False
    fails: str = ""


def _why(error: str | None) -> str | None:
    """An end of a job is told by the engine, where another service waits for it, and else by the gate."""
    told = "demo-avs-op1 did not become healthy\n  demo-avs-op1: job has exited with code 3"
    ended = re.sub(r"demo-avs-op1 could not be started\n.*service \"job\" didn't complete successfully: exit 3.*", told, error or "")
    return ended or None


def run(**changes: Any) -> Step:
    return lambda host: host.call(host.spec(**changes))


def packaged(name: str, **changes: Any) -> Step:
    return run(package=with_service(PACKAGE, name, **changes))


def rotated(host: MemoryHost) -> Any:
    spec = host.spec()
    for name, secret in spec["secrets"].items():
        if name.startswith("key."):
            secret["ref"] = {"version": f"{name}#2"}
    return host.call(spec, values=ROTATED)


def restarted(host: MemoryHost) -> None:
    """The host was: what was in memory is gone, and nodes that need it could not start."""
    shutil.rmtree(host.store.run)
    host.world.reboot()


def passing_name(host: MemoryHost) -> None:
    """A client of the engine died in the middle of a replacement."""
    node = host.container("node")
    host.world.rename(node, f"{node.id[:12]}_{node.name}")


def broken(what: str, words: str) -> Step:
    return lambda host: host.world.broken.update({what: words})


install = run()
WITHOUT_OUTER = {**with_service(PACKAGE, "gateway", networks={"inner": None}), "networks": {"inner": {}, "jobs": {}}}
SCENES = {
    "install": Scene((), install),
    "an option of one service": Scene((install,), run(env={"MODE": "fast"})),
    "an option of the node": Scene((install,), run(env={"WAIT": "5"})),
    "a key is rotated": Scene((install,), rotated),
    "a network is made otherwise": Scene((install,), run(package={**PACKAGE, "networks": {**PACKAGE["networks"], "inner": {"internal": True}}})),
    "a network is given up": Scene((install,), run(package=WITHOUT_OUTER)),
    "a service is given up": Scene((install,), run(package={**PACKAGE, "services": {k: v for k, v in PACKAGE["services"].items() if k != "gateway"}})),
    "stop": Scene((install,), lambda host: host.call(host.stopped())),
    "start": Scene((install, lambda host: host.call(host.stopped())), install),
    "remove": Scene((install,), lambda host: host.call(host.gone())),
    "come back": Scene((install, lambda host: host.call(host.gone())), install),
    "purge": Scene((install,), lambda host: host.call(host.gone(purge=True)), loses=True),
    "after the host restarted": Scene((install, restarted), install),
    "after a replacement was cut": Scene((install, passing_name), install),
    "cannot be created": Scene((install, broken("create gateway", "no space left on device")),
                               packaged("gateway", hostname="other"), fails="no space left on device"),
    "cannot be started": Scene((install, broken("start node", "driver failed: port is already allocated")),
                               run(env={"WAIT": "5"}), fails="port is already allocated"),
    "ends at once": Scene((install,), packaged("node", entrypoint=EXIT, restart="no"), fails="has exited with code 3"),
    "a job fails": Scene((install,), packaged("job", entrypoint=EXIT), fails="has exited with code 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_a_run_that_is_cut_is_finished_by_the_next(memory_host: MemoryHost, name: str) -> None:
    host, scene = memory_host, SCENES[name]
    for step in scene.before:
        step(host)
    start = Kept(host)
    had = volumes_of(host.world)
    errors = [_error(scene.act(host))]
    assert (scene.fails in str(errors[0])) if scene.fails else errors == [None]
    wanted, quiet = end_of(host), start.restore()
    assert quiet.half_files() == []
    cuts = 0
    # Up to its containers, a run that fails is as any other.
    for what in every_cut(host, scene.act, "before compose --ansi" if scene.fails else ""):
        cuts += 1
        _nothing_lost(host, scene, had, what)
        left = volumes_of(host.world)
        assert _why(_error(scene.act(host))) == _why(errors[0]), what
        assert differences(end_of(host), wanted) == [], what
        assert scene.loses or set({**left, **had}.values()) <= made(host), what
        assert scene.fails or not scene.act(host)["changed"], what
        # A run that was killed leaves its scratch folder to the next one.
        assert os.listdir(host.scratch) == [], what
    assert cuts


@pytest.mark.parametrize("name", ["install", "an option of the node", "purge"])
def test_a_process_that_is_killed_leaves_just_that(memory_host: MemoryHost, name: str) -> None:
    host, scene = memory_host, SCENES[name]
    for step in scene.before:
        step(host)
    start, ends = Kept(host), list[tuple[int, dict[str, Any]]]()
    moments: list[str] = []

    def moment(what: str) -> None:
        if len(moments) % 9 == 8:
            ends.append((len(moments), end_of(host)))
        moments.append(what)

    told(host, scene.act, moment)
    for number, wanted in ends:
        killed(start.restore(), scene.act, number)
        assert differences(end_of(host), wanted) == [], f"{number} {moments[number]}"
    assert len(ends) >= 3


def _nothing_lost(host: MemoryHost, scene: Scene, had: Mapping[str, str], what: str) -> None:
    """While it is cut: data is where it was, and whoever reads a key sees one that belongs to its password."""
    if not scene.loses:
        assert set(had.values()) <= made(host), what
    folder = Path(host.store.instance(ID).keys, "node")
    pairs = [(values["key.bls.keystore"], values["key.bls.password"]) for values in (SECRETS, ROTATED)]
    if os.path.lexists(folder / "bls.json") and os.path.lexists(folder / "bls.password"):
        assert ((folder / "bls.json").read_text(), (folder / "bls.password").read_text()) in pairs, what


def made(host: MemoryHost) -> set[str]:
    return {str(volume["Made"]) for volume in host.world.volumes.values()}


def _error(result: Mapping[str, Any]) -> str | None:
    """Without the lines of a log at its end: there are more of them where a program ran twice."""
    found: str | None = result["instances"][0]["error"]
    return found and found.partition("; last lines of")[0]
