# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator types: asked once a run, kept in memory alone."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets import prompt
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.prompt import Interrupted, NoTerminal, Prompt, PromptRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_folder import RunMemory

from tests.unit.support.sources import surroundings

FORK = multiprocessing.get_context("fork")
PLACE = "avs_instances[0].keys.bls"
Ask = Callable[[str], bytes]


class Operator:
    """Types the answers one after another, and remembers what was asked."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def __call__(self, text: str) -> bytes:
        self.asked.append(text)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temp folder of a run whose answers the main process keeps."""
    monkeypatch.setitem(prompt._answers, str(tmp_path), RunMemory())
    return tmp_path


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Signals that would have been sent."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(prompt, "GRACE", 0)
    monkeypatch.setattr(prompt.os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


def need(question: str = "q", text: str = "Password of bls", confirm: bool = False, name: str = "key.bls.password") -> Need:
    return Need("demo-avs-op1", name, PLACE, PromptRequest(question, text, confirm), line=True)


def test_a_question_is_asked_once_whoever_wants_its_answer(kept: Path) -> None:
    operator = Operator(b"canary-one", b"canary-two")
    one, two, other = need(), need(name="option.x"), need("another")
    for _task in range(2):
        source = Prompt(surroundings(kept), operator)
        references, findings = source.identify([one, two, other])
        assert findings == [] and all(set(reference) == {"nonce", "mac"} for reference in references.values())
        assert source.values([one, two, other]) == ({one: "canary-one", two: "canary-one", other: "canary-two"}, [])
    assert operator.asked == ["Password of bls (hidden):"] * 2
    files = [path for path in kept.rglob("*") if path.is_file()]
    assert files and "canary" not in f"{[path.read_bytes() for path in files]}{source!r}{references}{prompt._answers}"


def test_workers_share_the_answer(kept: Path) -> None:
    asked = FORK.Value("i", 0)

    def ask(_text: str) -> bytes:
        with asked.get_lock():
            asked.value += 1
        return b"canary"

    def work() -> None:
        assert Prompt(surroundings(kept), ask).values([need()])[0] == {need(): "canary"}

    workers = [FORK.Process(target=work) for _number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
        assert worker.exitcode == 0
    assert asked.value == 1


def test_where_no_main_process_keeps_them_each_source_asks(tmp_path: Path) -> None:
    operator = Operator(b"one", b"two")
    assert Prompt(surroundings(tmp_path), operator).values([need(), need()])[0] == {need(): "one"}
    assert Prompt(surroundings(tmp_path), operator).values([need()])[0] == {need(): "two"}


@pytest.mark.parametrize(
    ("answers", "confirm", "words", "remedy"),
    [
        ([NoTerminal()], False, "this run has no terminal to ask on", "foreground of a terminal"),
        ([b""], False, "nothing was typed", "type it"),
        ([b"  "], False, "nothing was typed", "type it"),
        ([b"canary\xff"], False, "is not UTF-8 text", "UTF-8"),
        ([b"canary", b"canary2"] * 3, True, "the two answers differed, 3 times", "Run again."),
    ],
)
def test_answers_that_will_not_do_are_not_asked_for_again(kept: Path, answers: list[Any], confirm: bool, words: str, remedy: str) -> None:
    operator = Operator(*answers)
    for _worker in range(2):
        references, (found,) = Prompt(surroundings(kept), operator).identify([need(confirm=confirm)])
        assert references == {} and (found.id, found.place) == ("SEC-003", PLACE)
        assert words in found.message and remedy in str(found.remedy) and "canary" not in found.as_line()
    assert operator.answers == []


def test_asked_twice_where_it_says_so(kept: Path) -> None:
    operator = Operator(b"canary", b"mistyped", b"right", b"right")
    assert Prompt(surroundings(kept), operator).values([need(confirm=True)])[0] == {need(confirm=True): "right"}
    assert operator.asked[1] == "Password of bls (hidden, once more):" and operator.asked[2].startswith("The answers differ. ")


def test_an_interrupt_ends_the_run_and_nothing_more_is_asked(kept: Path, ended: list[tuple[int, int]]) -> None:
    def work() -> None:
        _references, findings = Prompt(surroundings(kept), Operator(Interrupted())).identify([need(), need("another")])
        assert len(findings) == 2 and all("interrupted the run" in item.message for item in findings)
        parent = multiprocessing.parent_process()
        assert parent is not None and ended == [(parent.pid, signal.SIGINT)]

    worker = FORK.Process(target=work)
    worker.start()
    worker.join(20)
    assert worker.exitcode == 0 and ended == []
    (found,) = Prompt(surroundings(kept), Operator()).identify([need("a third")])[1]
    assert "interrupted the run" in found.message


def test_questions() -> None:
    owner = "demo-avs-op1 key.bls.password"
    own = Prompt.of_option({"source": "prompt"}, owner)
    assert own == PromptRequest(owner, owner)
    assert Prompt.of_option({"name": "ops"}, owner).question == Prompt.of_option({"name": "ops", "prompt": "x"}, "another").question
    assert Prompt.of_option({"prompt": "same"}, owner).question != Prompt.of_option({"prompt": "same"}, "another").question
    assert Prompt.of_key({"prompt": "p\x1b[2J", "confirm": True}, owner, False, False) == (PromptRequest(owner, "p\\x1b[2J", True), None)
    # Whose it is is known when it was typed: two typed keys are compared by their content.
    assert Prompt.origin({}, lambda _name: None) is None
