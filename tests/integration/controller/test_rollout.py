# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rollouts over stand-in hosts: who is taken when, what stops them, how one is gone on with, and what is told."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.core import OLDEST, cores
from tests.integration.controller.controller import Controller, Run
from tests.unit.support.builders import COMPOSE, MANIFEST, PROFILE, GitRepo, as_yaml, package_files, write

NODE = "mock-avs-op1"
# Out of reach once a file says so: a host that goes away in the middle.
AWAY = """
DOCUMENTATION = '''
name: away
short_description: A local connection that goes away
description: A local connection that goes away.
author: tests
options: {}
'''
import os
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

class Connection(Local):
    transport = 'away'

    def exec_command(self, cmd, in_data=None, sudoable=True):
        place = os.environ.get('AVS_TEST_AWAY', '')
        if place and place in cmd and os.path.exists(f'{place}/away.memory'):
            raise AnsibleConnectionFailure('no route to host')
        return super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
"""


@pytest.fixture
def core(request: pytest.FixtureRequest) -> str:
    """The oldest one, but for what asks for another."""
    return str(getattr(request, "param", OLDEST))


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small package without keys, in two versions."""
    folder = tmp_path_factory.mktemp("tap")
    repo, listed = GitRepo(folder / "repo"), []
    profile = {**PROFILE, "options": PROFILE["options"][:2]}
    for version in ("v1.0.0", "v1.1.0"):
        files = package_files(
            {**MANIFEST, "version": version[1:]}, profile, compose=COMPOSE.replace(', NODE_KEY_FILE: "${PASSWORD:-}"', "")
        )
        listed.append({"version": version, "commit": repo.commit(files, version)})
    index = {"name": "mock-avs", "url": repo.url, "networks": ["hoodi"], "versions": listed}
    return write(folder / "tap", {"tap.yml": "schema: 1\nname: core\n", "packages/mock-avs.yml": as_yaml(index)})


class Fleet:
    """Hosts with a node each, which has v1.0.0 and is to have v1.1.0."""

    def __init__(self, controller: Controller, tap: Path, names: Sequence[str], **own: Any) -> None:
        self.controller, self.names = controller, names
        more = {"avs_taps": [{"name": "core", "url": str(tap)}], "avs_cache_dir": str(controller.folder / "cache"), "avs_upgrade_poll": 1}
        (controller.folder / "connection_plugins").mkdir(exist_ok=True)
        (controller.folder / "connection_plugins" / "away.py").write_text(AWAY)
        controller.inventory({name: [node()] for name in names}, {**more, "ansible_connection": "away"})
        (controller.folder / "host_vars").mkdir()
        for name in names:
            # A task for another host is called with the name of the one that has it done.
            told = {"ansible_remote_tmp": str(self.folder(name)), **own.get(name, {})}
            (controller.folder / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump(told))
            self.has(name, installed={NODE: "v1.0.0"})

    def folder(self, name: str) -> Path:
        return self.controller.folder / f"{name}.tmp"

    def has(self, name: str, **what: Any) -> None:
        self.folder(name).mkdir(exist_ok=True)
        for key, value in what.items():
            (self.folder(name) / f"{key}.memory").write_text(json.dumps(value))

    def read(self, name: str, key: str) -> Any:
        place = self.folder(name) / f"{key}.memory"
        return json.loads(place.read_text()) if place.exists() else None

    def installed(self) -> dict[str, str]:
        return {name: self.read(name, "installed")[NODE] for name in self.names}

    def begun(self) -> list[str]:
        """Hosts on which an upgrade was begun, and not only judged."""
        calls = {name: self.read(name, "calls") or [] for name in self.names}
        return [
            name
            for name, own in calls.items()
            if any(call["complete"] and not call["check"] and not call["upgrade"].get("fetch") for call in own)
        ]

    def forget(self) -> None:
        for name in self.names:
            self.has(name, calls=[], gates=[])

    def given(self, **extra: Any) -> dict[str, Any]:
        base = {"avs_upgrade": [NODE], "avs_rollout_soak": 0, "avs_rollout_folder": str(self.root), "avs_serial": [1, 4, "100%"]}
        return {**base, **extra}

    @property
    def root(self) -> Path:
        return self.controller.folder / "rollouts"

    def upgrade(self, *arguments: str, **extra: Any) -> Run:
        return self.controller.playbook("upgrade", "--forks=12", *arguments, **self.given(**extra))

    def playbook(self, *arguments: str, **environment: str) -> Run:
        """The same, with an environment of its own."""
        extra = json.dumps({"avs_hosts_group": "all", "avs_become": False, **self.given()})
        play = "- import_playbook: restaking.avs.upgrade\n"
        return self.controller.play("-e", extra, "--forks=12", *arguments, play=play, **environment)

    def digest(self) -> str:
        """Of the version that is wanted."""
        newest = max(self.root.glob("*/rollout.json"), key=lambda path: path.stat().st_mtime_ns)
        return str(json.loads(newest.read_text())["nodes"][0]["digest"])

    def report(self) -> dict[str, Any]:
        """Of the rollout that was at work last."""
        newest = max(self.root.glob("*/report.json"), key=lambda path: path.stat().st_mtime_ns)
        found: dict[str, Any] = json.loads(newest.read_text())
        return found


def node() -> dict[str, Any]:
    return {
        "package": "core/mock-avs",
        "version": "v1.1.0",
        "profile": "option-returner",
        "tag": "op1",
        "options": {"rpc": "http://a.example.org"},
    }


def told(run: Run, task: str = "Say what became of the rollout") -> list[str]:
    lines = [item["hosts"] for play in run.data["plays"] for item in play["tasks"] if item["task"]["name"].endswith(task)]
    return [line for hosts in lines for result in hosts.values() for line in result.get("msg") or ()]


def results(report: dict[str, Any]) -> dict[str, str]:
    return {item["host"]: item["result"] for item in report["nodes"]}


def test_one_broken_host_in_wave_2_then_one_that_goes_away_then_the_rest(controller: Controller, tap: Path) -> None:
    names = [f"h{number:02}" for number in range(1, 13)]
    fleet = Fleet(controller, tap, names)
    fleet.has("h03", fails={f"{NODE} v1.1.0": "the gate failed"})
    first = fleet.upgrade()
    assert first.code == 2, first.output
    assert told(first, "Say what is planned")[:3] == [
        "wave 1 (canary): 1 host: h01", "wave 2: 4 hosts: h02, h03, h04, h05", "wave 3: 7 hosts: h06, h07, h08, h09, h10, h11, h12",
    ]  # fmt: skip
    assert fleet.begun() == names[:5] and {
        name: fleet.installed()[name] for name in names if fleet.installed()[name] == "v1.1.0"
    }.keys() == {"h01", "h02", "h04", "h05"}
    assert f"h03 {NODE}: failed: {NODE}: the gate failed; v1.0.0 is back in its place" in told(first)
    assert [wave["verdict"] for wave in fleet.report()["waves"]] == ["passed", "failed", "not begun"]
    # All were judged, and had what is new fetched, before the first was begun.
    assert all([call["upgrade"].get("fetch") for call in fleet.read(name, "calls") if call["complete"]][:1] == [True] for name in names)
    # The canary was asked again, and knows that it passed.
    assert (
        [call["ids"] for call in fleet.read("h01", "gates")[1:]] == [[NODE], [NODE]]
        and fleet.read("h01", "passed")
        and not fleet.read("h02", "passed")
    )
    folder = next(path for path in fleet.root.iterdir() if path.is_dir())
    assert {path.name for path in folder.iterdir()} == {"rollout.json", "hosts", "report.json", "report.xml", "report.html"}
    assert folder.stat().st_mode & 0o777 == 0o700
    # After the repair, the next one goes away in the middle.
    fleet.has("h03", fails={})
    fleet.has("h09", goes_away=True)
    fleet.forget()
    second = fleet.playbook(AVS_TEST_AWAY=str(fleet.folder("h09")))
    assert second.code == 2 and fleet.begun() == ["h03", *names[5:]], second.output
    assert (
        told(second, "Say what is planned")[0].startswith("goes on with ") and "4 of 12 are done" in told(second, "Say what is planned")[0]
    )
    report = fleet.report()
    assert results(report) == {**dict.fromkeys(names, "done"), "h09": "unreachable"} and len(report["attempts"]) == 2
    # What the run before did is told with it.
    assert {item["backup"] for item in report["nodes"] if item["result"] == "done"} == {"0123456789ab"}
    fleet.forget()
    third = fleet.upgrade()
    assert third.code == 0 and fleet.begun() == ["h09"] and set(fleet.installed().values()) == {"v1.1.0"}, third.output
    assert fleet.report()["verdict"] == "passed" and len([path for path in fleet.root.iterdir() if path.is_dir()]) == 1


def test_a_canary_that_falls_ill_during_the_soak(controller: Controller, tap: Path) -> None:
    fleet = Fleet(controller, tap, ["h01", "h02", "h03"])
    fleet.has("h01", health={f"{NODE} v1.1.0": "unhealthy"})
    began = time.monotonic()
    first = fleet.upgrade(avs_rollout_soak=3, avs_serial=None)
    assert first.code == 2 and fleet.begun() == ["h01"] and time.monotonic() - began > 3, first.output
    assert "wave 1 (canary) failed: h01: is unhealthy when asked again: as the test says" in told(first)
    assert not fleet.read("h01", "passed") and results(fleet.report()) == {"h01": "unhealthy", "h02": "not begun", "h03": "not begun"}
    # Once it is well it is asked again, and the others follow; it was begun no more.
    fleet.has("h01", health={})
    fleet.forget()
    second = fleet.upgrade(avs_serial=None)
    assert second.code == 0 and set(fleet.installed().values()) == {"v1.1.0"} and fleet.read("h01", "passed"), second.output
    assert fleet.begun() == ["h02", "h03"] and fleet.report()["verdict"] == "passed"
    assert "between two waves 0 s, then all so far are asked again" in told(second, "Say what is planned")


def test_a_controller_that_is_killed_and_one_that_comes_beside_it(controller: Controller, tap: Path) -> None:
    fleet = Fleet(controller, tap, ["h01", "h02", "h03"])
    extra = {"avs_hosts_group": "all", "avs_become": False, **fleet.given(avs_serial=1)}
    fleet.has("h02", lasts_upgrade=1000)
    play = "- import_playbook: restaking.avs.upgrade\n"
    process = controller.start("-e", json.dumps(extra), play=play)
    until = time.monotonic() + 110
    while "h02" not in fleet.begun() and time.monotonic() < until:
        time.sleep(0.3)
    fleet.has("h02", at_work={NODE: "v1.1.0"})
    beside = fleet.upgrade(avs_serial=1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)
    assert beside.code == 2 and "is at work on h02, h03: wait for its end, or leave its hosts out (--limit)" in beside.output, beside.output
    # The host goes on by itself; the next run joins it, and does the rest.
    fleet.has("h02", lasts_upgrade=1)
    fleet.forget()
    after = fleet.upgrade(avs_serial=1)
    plan = told(after, "Say what is planned")
    assert after.code == 0 and "which was cut: 1 of 3 are done" in plan[0], after.output
    assert f"h02 {NODE}: its upgrade is at work already, and is joined" in plan and set(fleet.installed().values()) == {"v1.1.0"}
    # What is at work is not judged again. The worker that waited for it may outlive the run that was killed, and see its end.
    assert not any((call["upgrade"] or {}).get("fetch") for call in fleet.read("h02", "calls")) and set(fleet.begun()) - {"h02"} == {"h03"}
    assert results(fleet.report()) == dict.fromkeys(["h01", "h02", "h03"], "done")


def test_a_limit_and_tags_do_not_get_past_the_canary(controller: Controller, tap: Path) -> None:
    fleet = Fleet(controller, tap, ["h01", "h02"], h01={"avs_wave": 1}, h02={"avs_wave": 2})
    for arguments in (["--tags", "upgrade"], ["--skip-tags", "untagged"]):
        refused = fleet.upgrade(*arguments)
        assert refused.code == 2 and "A rollout has no parts" in refused.output
    refused = fleet.upgrade("--limit", "h02")
    assert (
        refused.code == 2
        and "h01, which avs_wave has go first, did not pass with this yet and is not in this run (--limit)" in refused.output
    )
    assert fleet.begun() == [] and set(fleet.installed().values()) == {"v1.0.0"} and fleet.report()["verdict"] == "failed"
    said = fleet.upgrade("--limit", "h02", avs_rollout_without_canary=True)
    assert said.code == 0 and fleet.installed() == {"h01": "v1.0.0", "h02": "v1.1.0"}, said.output
    # One that passed lets the others by, wherever it is.
    fleet.has("h02", installed={NODE: "v1.0.0"}, calls=[])
    fleet.has("h01", installed={NODE: "v1.1.0"}, passed={NODE: {"digest": fleet.digest(), "version": "v1.1.0"}})
    known = fleet.upgrade("--limit", "h02")
    assert known.code == 0 and fleet.begun() == ["h02"], known.output


def test_one_node_is_upgraded_whatever_becomes_of_hosts_that_do_not_have_it(controller: Controller, tap: Path) -> None:
    other = {**node(), "tag": "op2"}
    fleet = Fleet(controller, tap, ["h01", "h02"], h02={"avs_instances": [other]})
    fleet.has("h02", installed={}, away=True)
    run = fleet.playbook(AVS_TEST_AWAY=str(fleet.folder("h02")))
    assert run.code == 0 and fleet.begun() == ["h01"], run.output
    # A name that is a group's would be more than a host as the pattern of a play.
    place = controller.folder / "inventory.yml"
    place.write_text(yaml.safe_dump({**yaml.safe_load(place.read_text()), "h01": {"hosts": {"h02": {}}}}))
    fleet.has("h01", installed={NODE: "v1.0.0"}, calls=[])
    refused = fleet.playbook(AVS_TEST_AWAY=str(fleet.folder("h02")))
    assert refused.code == 2 and fleet.begun() == [] and "'h01': a host of a rollout has no name that is a group's" in refused.output


def test_a_rollback_goes_by_the_same_waves(controller: Controller, tap: Path) -> None:
    fleet = Fleet(controller, tap, ["h01", "h02", "h03", "h04", "h05"])
    for name in fleet.names[:3]:
        fleet.has(name, installed={NODE: "v1.1.0"}, before={NODE: "v1.0.0"})
    # One that was not upgraded, and one that is out of reach once all are asked.
    fleet.has("h04", before={NODE: "v0.9.0"})
    fleet.has("h05", away=True)
    fleet.has("h01", health={f"{NODE} v1.0.0": "unhealthy"})
    given = {"avs_rollback": [NODE], "avs_rollback_from": "v1.1.0", "avs_rollback_confirmed": True}
    extra = {"avs_hosts_group": "all", "avs_become": False, "avs_rollout_soak": 0, "avs_rollout_folder": str(fleet.root), **given}

    def back() -> Run:
        play = "- import_playbook: restaking.avs.rollback\n"
        return controller.play("-e", json.dumps(extra), play=play, AVS_TEST_AWAY=str(fleet.folder("h05")))

    stopped = back()
    assert stopped.code == 2 and [fleet.installed()[name] for name in fleet.names[:3]] == ["v1.0.0", "v1.1.0", "v1.1.0"], stopped.output
    assert "wave 1 failed: h01: is unhealthy when asked again: as the test says" in told(stopped)
    fleet.has("h01", health={}, installed={NODE: "v1.1.0"})
    done = back()
    assert set(fleet.installed().values()) == {"v1.0.0"} and fleet.report()["kind"] == "rollback", done.output
    assert done.code == 2 and results(fleet.report()) == {
        **dict.fromkeys(["h01", "h02", "h03"], "done"), "h04": "left out", "h05": "unreachable",
    }  # fmt: skip


@pytest.mark.parametrize("core", cores()[-1:], indirect=True)
def test_a_play_whose_hosts_are_computed_on_the_newest_core(controller: Controller, tap: Path) -> None:
    fleet = Fleet(controller, tap, ["h01", "h02", "h03"])
    fleet.has("h03", fails={f"{NODE} v1.1.0": "the gate failed"})
    run = fleet.upgrade(avs_serial=1)
    assert run.code == 2 and fleet.begun() == ["h01", "h02", "h03"], run.output
    assert [wave["verdict"] for wave in fleet.report()["waves"]] == ["passed", "passed", "failed"]
