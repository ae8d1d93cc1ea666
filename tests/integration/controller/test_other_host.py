# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A restore on a new host: which host is asked what, and what is done with its answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core import OLDEST
from tests.integration.controller.conftest import Canaries
from tests.integration.controller.controller import Controller, Run, entry
from tests.integration.controller.test_backup import CANARY, asked

ID, KEEPER = "demo-avs-op1", {"host": "one", "inventory": "h1", "machine": "m1"}
SINCE = "2026-01-01T00:00:00Z"
LOOKED = {"move": {**KEEPER, "name": "h1", "keys": True, "outdated": {"volumes/db": "monotonic"}, "omitted": {}, "left": {}}}
PROMISE = {**KEEPER, "down": True, "trial": True, "since": SINCE, "elsewhere": ""}


@pytest.fixture
def core() -> str:
    """The newest one runs these playbooks on hosts of the lab."""
    return OLDEST


class Hosts:
    """h1 has it, h2 is to have it, h3 may have had it between."""

    def __init__(self, controller: Controller, variables: dict[str, Any]) -> None:
        self.controller = controller
        controller.inventory({"h1": [], "h2": [entry("op1")], "h3": []}, {**variables, "avs_backup_password": CANARY})
        for host in ("h1", "h2", "h3"):
            self.reached(host)
        self.says("h2", looked=LOOKED)
        self.says("h1", given_up={"move": {**PROMISE, "trial": False}}, **{"given_up in check mode": {"move": PROMISE}})

    def says(self, host: str, **answers: Any) -> None:
        folder = self.controller.folder / f"{host}.tmp"
        folder.mkdir(exist_ok=True)
        (folder / "moves.memory").write_text(json.dumps(answers))

    def reached(self, host: str, **how: Any) -> None:
        """A task for another host is called with the name of the one that has it done."""
        folder = self.controller.folder / "host_vars"
        folder.mkdir(exist_ok=True)
        (folder / f"{host}.yml").write_text(json.dumps({"ansible_remote_tmp": str(self.controller.folder / f"{host}.tmp"), **how}))

    def away(self, host: str) -> None:
        self.reached(host, ansible_connection="ssh", ansible_host="127.9.9.9", ansible_ssh_common_args="-o ConnectTimeout=2")

    def restore(self, *arguments: str, **extra: Any) -> Run:
        for host in ("h1", "h2", "h3"):
            (self.controller.folder / f"{host}.tmp" / "asked.memory").unlink(missing_ok=True)
        return self.controller.playbook("restore", *arguments, avs_restore=ID, avs_restore_to="h2", avs_restore_confirm=True, **extra)

    def asked(self, host: str) -> list[tuple[str, bool]]:
        return [(str(item["state"]), bool(item["check"])) for item in asked(self.controller, host)]


@pytest.fixture
def hosts(controller: Controller, approle: dict[str, Any], canaries: Canaries) -> Hosts:
    canaries.put("op1")
    return Hosts(controller, approle)


def test_its_old_host_is_asked_twice_and_gives_what_it_promised(hosts: Hosts) -> None:
    run = hosts.restore()
    assert run.code == 0, run.output
    assert hosts.asked("h1") == [("given_up", True), ("given_up", False)] and hosts.asked("h3") == []
    assert hosts.asked("h2") == [("looked", False), ("brought", True), ("brought", False), ("confirmed", False)]
    (looked, _may, brought, confirmed), gone = asked(hosts.controller, "h2"), asked(hosts.controller, "h1")
    # What takes long goes on on the host; the others are part of their calls.
    assert "begin" in brought["job"] and not [step for step in (looked, _may, confirmed, *gone) if "job" in step]  # type: ignore[operator]
    assert looked["keys"] is True and (gone[1]["to"], gone[1]["machine"], gone[1]["since"]) == ("h2", "m1", SINCE)
    assert brought["old"]["instances"][0]["move"]["trial"] is True  # type: ignore[index]
    assert confirmed["old"]["instances"][0]["move"]["trial"] is False  # type: ignore[index]
    # Nor is it said of it, which gave the keys up, that it was not asked.
    told = [item["message"] for item in run.tasks("h2")["Install and start it"]["findings"] if item["id"] == "KEY-012"]
    assert len(told) == 1 and "the keys of h3," in told[0] and "h1" not in told[0]


def test_who_cannot_give_it_up_is_not_asked_again(hosts: Hosts) -> None:
    hosts.says("h1", given_up={"msg": "the engine does not answer"})
    assert hosts.restore(avs_ack_old_host_dead="h1").code == 0
    assert hosts.asked("h1") == [("given_up", True)]
    # As the real module of h2 would say no.
    for step in asked(hosts.controller, "h2")[1:]:
        assert (step["old"]["msg"], step["dead"]) == ("the engine does not answer", ["h1"])  # type: ignore[index]
        assert not step["old"].get("unreachable")  # type: ignore[attr-defined]


def test_a_host_between_that_answers_is_not_dead(hosts: Hosts) -> None:
    between = {"move": {**PROMISE, "since": "", "elsewhere": "h3"}}
    hosts.says("h1", given_up=between)
    hosts.says("h3")
    run = hosts.restore(avs_ack_old_host_dead="h3")
    assert run.code and "h1 gave demo-avs-op1 to h3, which answers" in run.output
    assert hosts.asked("h1") == [("given_up", True)] and hosts.asked("h2") == [("looked", False)]
    hosts.away("h3")
    run = hosts.restore(avs_ack_old_host_dead="h3", avs_restore_acknowledged=["volumes/db"])
    assert run.code == 0 and asked(hosts.controller, "h1")[1]["dead"] == ["h3"], run.output
    # What is acknowledged rests on nobody's word.
    assert len(hosts.asked("h2")) == 4 and "since" not in asked(hosts.controller, "h1")[1]
    assert asked(hosts.controller, "h2")[3]["acknowledged"] == ["volumes/db"]
