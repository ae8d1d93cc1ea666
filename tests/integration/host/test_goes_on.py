# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one entry is refused for keeps no node down that only has to be started again, and no node running that is to be stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done, Engine
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.module_utils.policy import setting_verdicts
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import reconcile
from ansible_collections.restaking.avs.plugins.module_utils.system import scratch
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.odd_things import ODD
from tests.integration.host.support import Bench, docker, reference
from tests.integration.host.test_lifecycle import actions, bare, changed

LABEL = {"labels": {"today.order": "x"}, "environment": {"LEVEL": "${LEVEL}", "TOKEN": "${TOKEN}"}}
PLAIN = {"environment": {"LEVEL": "${LEVEL}", "TOKEN": "${TOKEN}"}}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    one = tree(tmp_path_factory.mktemp("odd"), {"node": service(SLEEP, **LABEL)})
    return one, tree(tmp_path_factory.mktemp("plain"), {"node": service(SLEEP, **PLAIN)})


def made(bench: Bench, tag: str, package: Path) -> dict[str, Any]:
    """With a secret, so that an emptied /run is seen."""
    found = spec(bench, tag, package, ["node"])
    bench.values[found["id"]] = {"option.token": "token-0123456789"}
    found["secrets"] = {"option.token": {"ref": reference("token-0123456789"), "env": ["TOKEN"], "services": None}}
    return found


@pytest.fixture
def pair(bench: Bench, packages: tuple[Path, Path]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    found = made(bench, "odd", packages[0]), made(bench, "good", packages[1])
    assert bench.call(list(found))["changed"]
    yield found
    bench.wipe()
    shutil.rmtree(bench.store.root, ignore_errors=True)


@pytest.fixture
def stricter(pair: Any, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A rule of today, that the release which made the pair did not know."""
    assert pair
    monkeypatch.setattr(setting_verdicts, "_AGENTS", re.compile(r"today\..*"))
    return monkeypatch


def reboot(bench: Bench) -> None:
    names = bench.running()
    docker("kill", *names)
    # On a busy machine the engine lists them as running for a moment.
    docker("wait", *names)
    shutil.rmtree(bench.store.run)


def recorded(bench: Bench, one: dict[str, Any]) -> State:
    state = bench.store.instance(one["id"]).state()
    assert state is not None
    return state


def errors(result: dict[str, Any]) -> list[str]:
    return [(entry["error"] or "").partition("\n")[0].partition(" ")[2] for entry in result["instances"]]


def named(bench: Bench, *tags: str) -> list[str]:
    return [f"avs-{bench.name}-{tag}-node" for tag in tags]


@pytest.mark.usefixtures("stricter")
def test_after_a_reboot_a_node_of_older_rules_starts_as_it_was_made(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    odd, good = pair
    own = bench.store.instance(odd["id"])
    before = bench.containers(), own.release(), own.compose_file(), recorded(bench, odd).spec_digest
    reboot(bench)
    announced = bench.call([odd, good], check=True)
    done = bench.call([odd, good])
    assert (errors(done), done.get("failed")) == (["", ""], None)
    assert actions(done) == actions(announced) and ("keys", "secrets", "create") in actions(done)
    assert bench.running() == sorted(named(bench, "odd", "good"))
    assert (bench.containers(), own.release(), own.compose_file(), recorded(bench, odd).spec_digest) == before
    told = [item for item in done["findings"] if item["id"] == "PRIV-002"]
    assert [item["severity"] for item in told] == ["warning"] and "made under rules of an older release" in told[0]["message"]
    again = bench.call([odd, good])
    assert (again["changed"], errors(again)) == (False, ["", ""])
    # A container that is gone is made again as it was.
    docker("rm", "-f", *named(bench, "odd"))
    assert actions(bench.call([odd])) == [("container", "node", "create")]
    assert docker("inspect", "-f", '{{index .Config.Labels "today.order"}}', *named(bench, "odd")).strip() == "x"
    # Whatever is changed is judged by the rules of today, and so is what is asked to be made by them.
    with pytest.raises(HostError, match="today"):
        bench.call([changed(odd, LEVEL="debug")])
    bench.call([bare(odd, "stopped")])
    with pytest.raises(HostError, match="today"):
        bench.call([odd], settings={"renew": True})
    assert errors(bench.call([odd])) == [""]


def test_a_start_that_was_cut_is_gone_on_with_as_it_was_made(
    bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], stricter: pytest.MonkeyPatch
) -> None:
    odd, _good = pair
    reboot(bench)
    with stricter.context() as patch:
        patch.setattr("ansible_collections.restaking.avs.plugins.module_utils.reconcile.apply.gate", _cut)
        assert bench.call([odd])["failed"]
    assert recorded(bench, odd).phase == "applying"
    docker("kill", *named(bench, "odd"), check=False)
    assert errors(bench.call([odd])) == [""]
    assert bench.running() == named(bench, "odd")


def _cut(*_arguments: Any) -> None:
    raise HostError("cut")


@pytest.mark.parametrize("harm", ["compose", "release", "value"])
@pytest.mark.usefixtures("stricter")
def test_what_is_not_as_it_was_committed_is_judged_by_the_rules_of_today(
    bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], harm: str
) -> None:
    odd, _good = pair
    own = bench.store.instance(odd["id"])
    reboot(bench)
    if harm == "compose":
        Path(own.current, "compose.json").write_text("{}")
    elif harm == "release":
        Path(own.current, "tree", "pkg", "net", "docker-compose.yml").write_text("services: {}\n")
    else:
        bench.values[odd["id"]] = {"option.token": "another-0123456789"}
        odd["secrets"]["option.token"]["ref"] = reference("another-0123456789")
    with pytest.raises(HostError, match="today"):
        bench.call([odd])
    assert bench.running() == []


@pytest.mark.usefixtures("stricter")
def test_a_refused_entry_keeps_no_other_node_down(
    bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], packages: tuple[Path, Path]
) -> None:
    odd, good = pair
    third, down = made(bench, "third", packages[1]), made(bench, "down", packages[1])
    bench.call([down, odd, good])
    reboot(bench)
    docker("start", *named(bench, "down"))
    asked = [changed(odd, LEVEL="debug"), good, third, bare(down, "stopped")]
    # A run that fails anyway, as its controller knows, changes nothing at all; it tells what the host would refuse.
    before = bench.files(), bench.containers(), bench.running()
    document = {"schema": 1, "specs": asked, "trees": {}, "complete": True, "trial": True}
    trial = reconcile(Call(document), bench.engine, bench.store)
    assert trial["failed"] and {"PRIV-002"} <= {item["id"] for item in trial["findings"] if item["severity"] == "error"}
    announced = bench.call(asked, check=True)
    assert (bench.files(), bench.containers(), bench.running()) == before
    done = bench.call(asked)
    for result in (announced, done):
        assert (result["failed"], result["changed"]) == (True, True)
        refused, _goes_on, waits, _stopped = errors(result)
        assert refused == "was refused; nothing of it was changed" and waits.startswith("was not changed: others")
        assert [item["changed"] for item in result["instances"]] == [False, True, False, True]
    assert bench.running() == named(bench, "good")
    assert not Path(bench.store.instance(third["id"]).root).exists()
    # Where nothing is only to be started again, nothing is changed, and every problem told.
    before = bench.files(), bench.containers()
    with pytest.raises(HostError) as caught:
        bench.call([changed(odd, LEVEL="debug"), changed(good, LEVEL="debug"), third])
    assert [item.id for item in caught.value.findings] == ["PRIV-002"]
    assert (bench.files(), bench.containers()) == before


@pytest.mark.usefixtures("stricter")
def test_nor_does_one_that_somebody_else_works_on(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    odd, good = pair
    reboot(bench)
    with Lock(bench.store.instance(odd["id"]).lock, "ann@laptop:1", 0):
        done = bench.call([odd, good], timeout=0.5)
        assert ["locked by ann" in text for text in errors(done)] == [True, False]
        assert bench.running() == named(bench, "good")
        for state in ("stopped", "absent"):
            with pytest.raises(LockedError, match="ann@laptop"):
                bench.call([bare(odd, state)], timeout=0.5)


class Broken(Engine):
    """An engine some of whose commands fail."""

    def __init__(self, *commands: str) -> None:
        super().__init__(run_command)
        self.commands = commands

    def run(self, arguments: Any, *rest: Any, **more: Any) -> Done:
        if " ".join(arguments).startswith(self.commands):
            return Done(1, "", "out of order")
        return super().run(arguments, *rest, **more)


def _key(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(bench.store.root, "host.key")
    path.unlink()
    path.mkdir()


def _short(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(bench.store.root, "host.key").write_bytes(b"")


def _tmp(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_PARENT", "/proc")


def _engine(*commands: str) -> Any:
    return lambda bench, monkeypatch: monkeypatch.setattr(bench, "engine", Broken(*commands))


def _no_compose(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(run_command)
    assert engine.binary
    engine._compose = "/nonexistent/docker-compose"
    monkeypatch.setattr(bench, "engine", engine)


def unreadable(_path: str) -> None:
    raise OSError(5, "Input/output error")


def _memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", unreadable)


HARM = {
    "the compose plugin fails": _engine("compose"),
    "the compose plugin is missing": _no_compose,
    "the host's key cannot be read": _key,
    "the host's key is empty": _short,
    "/tmp takes no folder": _tmp,
    "volumes are not told": _engine("volume ls"),
    "networks are not told": _engine("network ls"),
    "images are not told": _engine("image"),
    "the disk is not told of": _memory,
}


@pytest.mark.parametrize("harm", HARM)
def test_nothing_but_the_engine_keeps_a_node_running(
    bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], packages: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    odd, good = pair
    going = made(bench, "going", packages[1])
    assert bench.call([odd, good, going])["changed"]
    with monkeypatch.context() as patch:
        HARM[harm](bench, patch)
        # Something is to be made as well, which cannot be.
        done = bench.call([changed(odd, LEVEL="debug"), bare(good, "stopped"), bare(going, "absent")])
        assert bench.running() == named(bench, "odd")
        refused, stopped, gone = done["instances"]
        assert done["failed"] and refused["error"] and stopped["changed"] and gone["changed"] and not stopped["error"]
        assert bool(gone["error"]) is (harm in ("volumes are not told", "networks are not told")), gone["error"]
        assert not Path(bench.store.instance(going["id"]).run).exists()
        alone = bench.call([bare(odd, "stopped")])
        assert (bench.running(), errors(alone)) == ([], [""])
    # The next run goes on from there, once the engine answers.
    assert errors(bench.call([bare(going, "absent")])) == [""]
    assert not [name for name in docker("network", "ls", "--format", "{{.Name}}").split() if going["id"] in name]


def test_a_folder_of_locks_that_is_somebody_elses(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]]) -> None:
    _odd, good = pair
    folder = Path(bench.store.locks)
    shutil.rmtree(folder)
    folder.mkdir(0o777)
    (folder / f"{good['id']}.lock").touch()
    os.chown(folder, 65534, 65534)
    assert errors(bench.call([bare(good, "stopped")])) == [""]
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (0, 0o755)
    assert bench.running() == named(bench, "odd")


@pytest.mark.parametrize("harm", ODD)
def test_odd_things_in_our_folders_end_no_run(bench: Bench, pair: tuple[dict[str, Any], dict[str, Any]], harm: str) -> None:
    odd, _good = pair
    own = bench.store.instance(odd["id"])
    ODD[harm](bench, own)
    done = bench.call([changed(odd, LEVEL="debug")])
    assert (errors(done), done.get("failed")) == ([""], None)
    assert bench.call([changed(odd, LEVEL="debug")])["changed"] is False
    assert json.loads(Path(own.state_file).read_text())["phase"] == "committed"
    if "among the releases" in harm:
        assert {item["id"] for item in done["findings"] if item["place"].startswith(own.releases)} == {"OPS-010"}
    gone = bench.call([bare(odd, "absent", purge=True)])
    if "among the artifacts" in harm:
        assert Path(bench.store.artifacts, "1" * 64).is_dir()
    assert errors(gone) == [""] and not os.path.lexists(own.root)
