# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on a host is begun once and asked for by its name; whatever a connection does meanwhile, nothing is begun twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.remote import long_work
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.long_work import Call, followed, seconds

ASKED = {"state": "taken", "ids": ["a-avs-1"], "password": "canary", "classes": {"a-avs-1": {}}}
OUT = AnsibleConnectionFailure("out of reach\nsince")
Answer = Callable[[dict[str, Any]], Any]


class Host:
    """Answers in turn; what is an error is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[dict[str, Any]]()

    def __call__(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(arguments)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    @property
    def jobs(self) -> list[dict[str, Any]]:
        return [item["job"] for item in self.asked]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(long_work, "_tell", found.append)
    monkeypatch.setattr(long_work.time, "sleep", lambda _seconds: None)
    return found


def going_on(name: str, joined: bool = False) -> dict[str, Any]:
    return {"changed": False, "going_on": {"name": name, "joined": joined, "steps": {}}}


def test_what_ends_at_once_is_one_call(told: list[str]) -> None:
    host = Host({"changed": True})
    assert followed(Call(host, "h1"), ASKED, 10) == {"changed": True} and told == []
    assert host.jobs[0]["begin"] and host.asked[0]["password"] == "canary"


def test_another_ones_work_is_joined_and_its_result_is_ours(told: list[str]) -> None:
    host = Host(going_on("cd" * 12, joined=True), going_on("cd" * 12), {"changed": True})
    assert followed(Call(host, "h1"), ASKED, 10)["changed"]
    assert [job["name"] for job in host.jobs[1:]] == ["cd" * 12] * 2 and not any(job["begin"] for job in host.jobs[1:])
    assert host.asked[1].keys() == {"state", "ids", "poll", "job"}
    assert len([line for line in told if "begun by somebody else" in line]) == 1


def test_a_host_out_of_reach_is_asked_again_and_nothing_is_begun_again(told: list[str]) -> None:
    host = Host(going_on("ab" * 12), *[OUT] * 4, going_on("ab" * 12), *[OUT] * 4, {"changed": True})
    assert followed(Call(host, "h1"), ASKED, 10)["changed"] and [job["begin"] for job in host.jobs].count(True) == 1
    assert len([line for line in told if "out of reach: out of reach; the work goes on" in line]) == 8
    host = Host(going_on("ab" * 12), *[OUT] * 9)
    with pytest.raises(AnsibleConnectionFailure, match="The work goes on on the host"):
        followed(Call(host, "h1"), ASKED, 10)
    assert len(host.asked) == 6
    host = Host(OUT)
    with pytest.raises(AnsibleConnectionFailure, match="If the work was begun before, it goes on"):
        followed(Call(host, "h1"), ASKED, 10)
    assert len(host.asked) == 1


def test_how_often_to_ask_is_a_number_of_seconds() -> None:
    assert [seconds(given) for given in (None, 0, "15", 600)] == [10, 0, 15, 600]
    for wrong in (-1, 601, "often", 1.5, [], True):
        with pytest.raises(InputError):
            seconds(wrong)
