# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks ``upgrade`` and ``rollback`` on stand-in hosts: what is asked of them, in which order, and what is told of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.conftest import Canaries
from tests.integration.controller.controller import Controller, Run, entry
from tests.unit.support.versions_in_git import tap_of

PASSWORD = "canary-of-the-repository"
COPY = {"name": "offsite", "repository": "sftp:avs@backup.example.org:/srv/avs", "known_hosts": "backup.example.org ssh-ed25519 AAAA"}
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary-of-the-copy\n-----END OPENSSH PRIVATE KEY-----\n"
NODE = "demo-avs-op1"
ROLE = "restaking.avs.upgrade : "


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


@pytest.fixture(scope="module")
def tap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1.1.5 brings data to a form that v2.0.0 takes for granted."""

    def migrates(runtime: dict[str, Any]) -> None:
        runtime["commands"]["to-form"] = {"run": "plugin", "args": ["form"]}
        runtime["migrations"] = [{"to": "v1.1.5", "command": "to-form"}]

    versions = ["v1.0.0", "v1.1.0", "v1.1.5", "v2.0.0", "v2.1.0"]
    return tap_of(tmp_path_factory.mktemp("tap"), versions, {"v1.1.5": migrates}, {"v1.1.5": "v1.1.0"})


class Fleet:
    """Two hosts: h1 has three nodes, h2 none that is asked for."""

    def __init__(self, controller: Controller, tap: Path, variables: dict[str, Any], tag: str) -> None:
        self.controller, self._tap, self._variables, self._tag = controller, tap, variables, tag

    def wants(self, version: str, **options: Any) -> None:
        given = {**entry(self._tag)["options"], **options}
        node = {**entry(self._tag), "package": "core/demo-avs", "version": version, "tag": "op1", "options": given}
        down = {"package": "core/demo-avs", "version": version, "profile": "hoodi", "tag": "down", "state": "stopped"}
        broken = {"package": "core/demo-avs", "version": "1", "profile": "hoodi", "tag": "broken"}
        own = {"avs_taps": [{"name": "core", "url": str(self._tap)}], "avs_cache_dir": str(self.controller.folder / "cache")}
        more = {"avs_backup_password": PASSWORD, "avs_backup_copies": [{**COPY, "secret": KEY}], "avs_upgrade_poll": 1}
        self.controller.inventory({"h1": [node, down, broken], "h2": []}, {**self._variables, **own, **more})

    def has(self, version: str, **more: Any) -> None:
        for name, what in {"installed": {NODE: version}, "calls": [], **more}.items():
            path = self.controller.folder / "h1.tmp" / f"{name}.memory"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(what))

    @property
    def calls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads((self.controller.folder / "h1.tmp/calls.memory").read_text())
        return found

    @property
    def installed(self) -> str:
        return str(json.loads((self.controller.folder / "h1.tmp/installed.memory").read_text())[NODE])

    def upgrade(self, *arguments: str, **extra: Any) -> Run:
        return self.controller.playbook("upgrade", *arguments, **{"avs_upgrade": [NODE], **extra})


@pytest.fixture
def fleet(controller: Controller, approle: dict[str, Any], canaries: Canaries, tap: Path) -> Fleet:
    return Fleet(controller, tap, approle, canaries.put("upgraded"))


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def told(run: Run, role: str = ROLE) -> list[str]:
    return list(run.tasks("h1")[f"{role}Say what became of each"]["msg"])


def test_it_is_said_before_done_once_and_then_left_alone(fleet: Fleet, canaries: Canaries) -> None:
    fleet.wants("v1.1.0", **{"fee-share": 0.5})
    fleet.has("v1.0.0", lasts=2)
    check = fleet.upgrade("--check", "--diff")
    assert check.code == 0 and fleet.installed == "v1.0.0", check.output
    lines = told(check)
    assert lines[0] == f"h1 {NODE}: would go v1.0.0 -> v1.1.0"
    assert "    ~ option fee-share is called operator-fee now" in lines and "    + option peer-port: port, default '4001'" in lines
    assert any(line.startswith("    ~ image node: ") and line.endswith("demo-avs:1.1.0") for line in lines)
    assert any(line.startswith("    + port node 4001/tcp") for line in lines) and "    release notes of v1.1.0:" in lines
    assert "    image of node on the host: node:v1.0.0 -> node:v1.1.0" in lines
    shown = check.tasks("h1")[f"{ROLE}Upgrade them"]["diff"]
    assert [part["after_header"] for part in shown if "package" in part["after_header"]] == [
        f"{NODE}: package v1.1.0", f"{NODE}: package: release notes",
    ]  # fmt: skip
    # Judged with everything, and nothing that is secret was sent.
    assert [(call["complete"], call["check"], call["values"], call["password"], call["copy"]) for call in fleet.calls] == [
        (False, True, [], None, False), (True, True, [], None, False),
    ]  # fmt: skip
    judged = fleet.calls[-1]
    # The repository is looked at as well, by what the host has.
    assert judged["password_given"] and judged["copies"] == [{**COPY, "prune": "here", "secret": digest("")}]
    fleet.has("v1.0.0", lasts=2)
    done = fleet.upgrade()
    assert done.code == 0 and fleet.installed == "v1.1.0", done.output
    assert told(done) == [f"h1 {NODE}: v1.0.0 -> v1.1.0, backup 0123456789ab, down for 4.2 s"]
    # First all is judged and fetched, then it is done.
    assert [call["complete"] for call in fleet.calls] == [False, True, None, None, None, False, True, None]
    assert all((call["values"], call["password"]) == ([], None) for call in fleet.calls if call["complete"] is False)
    judged, done_so = [call for call in fleet.calls if call["complete"]]
    assert judged["upgrade"] == {**done_so["upgrade"], "fetch": True} == {"ids": [NODE], "acknowledged": {}, "chain": [], "fetch": True}
    assert done_so["password"] == digest(PASSWORD) and judged["copy"] and len(done_so["values"]) == 5
    assert done_so["specs"] == {NODE: "v1.1.0"}
    assert done_so["copies"] == [{**COPY, "prune": "here", "secret": digest(KEY)}]
    # The value under the old name came along.
    assert done_so["env"][NODE]["OPERATOR_FEE"] == "0.5"
    asked = [call for call in fleet.calls if call["complete"] is None]
    assert [(call["job"]["name"], call["job"]["begin"], call["complete"]) for call in asked] == [("ab" * 12, False, None)] * 4
    assert all(call["values"] == [] and call["password"] is None for call in asked)
    again = fleet.upgrade()
    assert again.code == 0 and f"h1 {NODE}: has v1.1.0 already, nothing to do" in again.tasks("h1")["Say what became of the rollout"]["msg"]
    assert again.data["stats"]["h1"]["changed"] == 0 and len(fleet.calls) == 9
    text = check.output + done.output + again.output + fleet.controller.left_behind()
    assert canaries.found_in(text) == [] and PASSWORD not in text and "canary-of-the-copy" not in text


def test_over_the_version_that_brings_the_data_forward(fleet: Fleet) -> None:
    fleet.wants("v2.0.0", **{"operator-fee": 0.5})
    fleet.has("v1.0.0")
    check = fleet.upgrade("--check")
    assert check.code == 0 and told(check)[0] == f"h1 {NODE}: would go v1.0.0 -> v1.1.5 -> v2.0.0", check.output
    # The one of the stop cannot be reverted, and is made all the same.
    assert [line for line in told(check) if "migration to" in line] == [
        "    migration to v1.1.5 by to-form, which cannot be reverted: the way back is the backup",
        "    migration to v2.0.0 by migrate, reverted by migrate-down",
    ]
    fleet.has("v1.0.0", fails={f"{NODE} v1.1.5": "the gate failed"})
    failed = fleet.upgrade()
    assert failed.code == 2 and fleet.installed == "v1.0.0"
    assert told(failed) == [f"h1 {NODE}: v1.0.0 -> v1.1.5 -> v2.0.0 failed at GATE: {NODE}: the gate failed; v1.0.0 runs again"]
    # Judged and fetched as far as the first stop, then done.
    assert [call["specs"][NODE] for call in fleet.calls if call["complete"]] == ["v1.1.5", "v1.1.5"]
    fleet.has("v1.0.0", fails={})
    done = fleet.upgrade()
    assert done.code == 0 and fleet.installed == "v2.0.0", done.output
    assert [call["specs"][NODE] for call in fleet.calls if call["complete"]] == ["v1.1.5", "v1.1.5", "v2.0.0"]
    assert told(done) == [f"h1 {NODE}: v1.0.0 -> v1.1.5 -> v2.0.0, backup 0123456789ab, down for 4.2 s"]
    # From there on nothing is between.
    fleet.wants("v2.1.0")
    assert fleet.upgrade().code == 0 and fleet.calls[-2]["specs"] == {NODE: "v2.1.0"}


def test_what_is_refused_before_anything_stops(fleet: Fleet) -> None:
    fleet.wants("v1.0.0")
    fleet.has("v2.0.0")
    older = fleet.upgrade()
    result = older.tasks("h1")[f"{ROLE}Upgrade them"]
    assert older.code == 2 and "v1.0.0 is older than v2.0.0" in result["msg"] and "nothing was changed on h1" in result["msg"]
    assert [item["id"] for item in result["findings"]] == ["UPG-008"] and "restaking.avs.rollback" in result["msg"]
    # A value that is not valid any more, both names of one option: the host is asked what else is wrong, and does nothing.
    fleet.wants("v1.1.0", **{"fee-share": 0.5, "operator-fee": 0.6})
    fleet.has("v1.0.0")
    both = fleet.upgrade().tasks("h1")[f"{ROLE}Upgrade them"]
    assert both["failed"] and "fee-share is called operator-fee now, and operator-fee is given as well" in both["msg"]
    fleet.wants("v1.1.0", **{"operator-fee": 101})
    wrong = fleet.upgrade().tasks("h1")[f"{ROLE}Upgrade them"]
    assert wrong["failed"] and "operator-fee" in wrong["msg"] and fleet.installed == "v1.0.0"
    assert not any(call["complete"] and not call["trial"] for call in fleet.calls)


def test_which_are_meant(fleet: Fleet) -> None:
    fleet.wants("v1.1.0")
    fleet.has("v1.0.0")
    down = fleet.upgrade(avs_upgrade=["demo-avs-down"]).tasks("h1")[f"{ROLE}Upgrade them"]
    assert down["failed"] and "is stopped in the inventory" in down["msg"]
    for what in ({"avs_upgrade_all": True}, {"avs_upgrade": ["../x"]}, {"avs_upgrade": None}):
        refused = fleet.upgrade(**what)
        assert refused.code == 2 and fleet.calls == [], what
    # A host that is left out is asked for nothing, and what is on it alone is said to be nowhere.
    elsewhere = fleet.upgrade("--limit", "h2")
    assert elsewhere.code == 2 and fleet.calls == [] and f"no host of this run has {NODE}" in elsewhere.output
    # What is wrong with an entry that nobody asked for stands in nobody's way; with all of them it does.
    everybody = fleet.upgrade(avs_upgrade=None, avs_upgrade_all=True).tasks("h1")[f"{ROLE}Upgrade them"]
    assert everybody["failed"] and "'1' is not a version" in everybody["msg"] and fleet.installed == "v1.0.0"
    both = fleet.upgrade(avs_upgrade=f"{NODE}, no-such-1")
    assert both.code == 2 and fleet.installed == "v1.1.0" and "no host of this run has no-such-1 in its inventory" in both.output


def test_back_to_the_version_before(fleet: Fleet) -> None:
    fleet.wants("v1.1.0")
    fleet.has("v1.1.0", before={NODE: "v1.0.0"})

    def back(*arguments: str, **extra: Any) -> Run:
        return fleet.controller.playbook("rollback", *arguments, **{"avs_rollback": [NODE], **extra})

    check = back("--check")
    assert check.code == 0 and fleet.installed == "v1.1.0"
    would = [f"h1 {NODE}: would go v1.1.0 -> v1.0.0", "    to go back discards all"]
    assert check.tasks("h1")["Say what that would discard"]["msg"] == would
    refused = back()
    assert refused.code == 2 and fleet.installed == "v1.1.0" and "avs_rollback_confirmed=true" in refused.output
    assert refused.tasks("h1")["Say what that would discard"]["msg"] == would
    done = back(avs_rollback_confirmed=True)
    assert done.code == 0 and fleet.installed == "v1.0.0", done.output
    assert told(done, "") == [f"h1 {NODE}: v1.1.0 -> v1.0.0", "    what was stored since 2026-01-01T00:00:00Z is put aside"]
    assert fleet.calls[-1]["password"] == digest(PASSWORD) and fleet.calls[-1]["confirm"] and fleet.calls[-1]["copies"] == []
    assert {(call["check"], call["confirm"]) for call in fleet.calls} == {(True, False), (False, True)}
    # One that was cut is on its way back already; a confirmation says more than that.
    fleet.has("v1.1.0", before={NODE: "v1.0.0"}, cut=True)
    assert back().code == 0 and fleet.installed == "v1.0.0"
    assert {(call["check"], call["confirm"]) for call in fleet.calls} == {(True, False), (False, False)}
    asked = len(fleet.calls)
    assert back(avs_rollback=[]).code == 2 and len(fleet.calls) == asked
    elsewhere = back("--limit", "h2", avs_rollback_confirmed=True)
    assert elsewhere.code == 2 and len(fleet.calls) == asked and f"no host of this run has {NODE}" in elsewhere.output
    nobody = back("--check", avs_rollback="no-such-1")
    assert nobody.code == 2 and "no host of this run has no-such-1" in nobody.output
