# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``avsctl`` as a person types it: what it says, and what it ends with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.common.rules import finding
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import people
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.commands import Command, Outcome, Place, takes_ids
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.people import main

from tests.unit.support.memory_host import ID, MemoryHost

Captured = pytest.CaptureFixture[str]


def place(host: MemoryHost) -> Place:
    return Place(host.store, host.engine.connect())


@pytest.fixture
def nowhere(tmp_path: Any) -> Place:
    """A host no command looks at."""
    return Place(Store(str(tmp_path)), None)  # type: ignore[arg-type]


def doing(monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> None:
    monkeypatch.setattr(people, "COMMANDS", (Command("do", "do it", takes_ids, run, "More of it."),))


def raises(error: BaseException) -> Callable[..., Any]:
    def run(_arguments: argparse.Namespace, _place: Place) -> Outcome:
        raise error

    return run


@pytest.mark.parametrize(
    "typed", [[], ["--json"], ["lst"], ["ls", "--frobnicate"], ["ls", "one"], ["status", "--js"], ["ls", "\x1b[2J"], ["ls\nls"]]
)
def test_wrong_use_is_told_in_one_line(typed: list[str], nowhere: Place, capsys: Captured) -> None:
    assert main(typed, nowhere) == 2
    out, err = capsys.readouterr()
    if "--json" in typed:
        assert json.loads(out)["failed"] is True and err == ""
    else:
        assert out == "" and err.startswith("avsctl: ") and err.count("\n") == 1 and "--help" in err and "\x1b" not in err


@pytest.mark.parametrize("command", [None, *(item.name for item in people.COMMANDS)])
def test_help_is_worth_reading(command: str | None, nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert main([command, "--help"] if command else ["--help"], nowhere) == 0
    out, err = capsys.readouterr()
    assert err == "" and "--json" in out and "\x1b" not in out
    if command is None:
        assert "exit codes:" in out and all(item.name in out and item.help in out for item in people.COMMANDS)
    else:
        assert out.startswith(f"usage: avsctl {command} ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HostError("no engine"), 1),
        (LockedError("locked by me"), 4),
        (OSError(28, "No space left on device", "/x"), 1),
        (KeyError("odd"), 1),
    ],
)
def test_what_failed_has_a_code_and_no_traceback(
    error: Exception, code: int, nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    doing(monkeypatch, raises(error))
    assert main(["do"], nowhere) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("avsctl: ") and err.count("\n") == 1 and "Traceback" not in err
    assert main(["do", "--json"], nowhere) == main(["--json", "do"], nowhere) == code
    out, err = capsys.readouterr()
    assert err == "" and out.count('"failed": true') == 2


def test_each_problem_is_told_with_what_to_do_about_it(nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [finding("OPS-004", "engine", "it is \x1b[31mdown", "Start it."), finding("OPS-010", "a-b", "bad\nrecord")]
    doing(monkeypatch, raises(HostError("not now", problems)))
    assert main(["do"], nowhere) == 1
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "avsctl: not now" and len(others) == 2
    assert "  OPS-004 engine: it is \\x1b[31mdown -> Start it." in others and any("bad\\nrecord" in line for line in others)


def test_nothing_is_told_twice(nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [finding("OPS-010", "a-b", "the record is odd", "Mend it."), finding("OPS-010", "a-c", "the record is odd", "")]
    doing(monkeypatch, raises(HostError("a-b: the record is odd", told)))
    assert main(["do"], nowhere) == 1
    first, second, *others = capsys.readouterr().err.splitlines()
    assert (first, second) == ("avsctl: a-b: the record is odd", "  OPS-010 Mend it.") and len(others) < 2


def test_who_is_not_root_is_told_so(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["ls"]) == 1
    assert capsys.readouterr().err == "avsctl: ls needs root's rights: sudo avsctl ls\n"


def test_lines_are_harmless_and_data_is_one_document(nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    doing(monkeypatch, lambda _arguments, _place: Outcome(3, {"a": "\x1b\u202e"}, ["one \x1b[2J", "two\nthree"]))
    assert main(["do"], nowhere) == 3
    assert capsys.readouterr().out == "one \\x1b[2J\ntwo\\nthree\n"
    assert main(["do", "--json"], nowhere) == 3
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": "\x1b\u202e"} and out.isascii() and "\x1b" not in out


def endless(closed: list[bool]) -> Iterator[str]:
    try:
        yield "one"
        raise KeyboardInterrupt
    finally:
        closed.append(True)


@pytest.mark.parametrize(("is_endless", "code"), [(True, 0), (False, 130)])
def test_ctrl_c_ends_what_has_no_end_well(
    is_endless: bool, code: int, nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    doing(monkeypatch, lambda _arguments, _place: Outcome(0, None, endless(closed), is_endless))
    assert main(["do"], nowhere) == code and closed == [True]
    out, err = capsys.readouterr()
    assert out == "one\n" and err == ("" if is_endless else "avsctl: interrupted\n")


def test_a_host_with_nothing(memory_host: MemoryHost, capsys: Captured) -> None:
    for command in ("ls", "status"):
        assert main([command], place(memory_host)) == 0
        assert capsys.readouterr().out == "no instances on this host\n"
        assert main([command, "--json"], place(memory_host)) == 0
        assert json.loads(capsys.readouterr().out)["instances"] == []


def test_ls_shows_a_table(memory_host: MemoryHost, capsys: Captured) -> None:
    memory_host.well(memory_host.spec())
    assert main(["ls"], place(memory_host)) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["ID", "VERSION", "PROFILE", "STATE", "HEALTH"], [ID, "v1.0.0", "hoodi", "started", "healthy"]]  # fmt: skip
    assert main(["ls", "--json"], place(memory_host)) == 0
    assert json.loads(capsys.readouterr().out) == {
        "instances": [{"id": ID, "version": "v1.0.0", "profile": "hoodi", "state": "started", "health": "healthy", "backup": None}],
        "findings": []}  # fmt: skip


def test_an_unknown_id_names_those_there_are(memory_host: MemoryHost, capsys: Captured) -> None:
    assert main(["status", "demo-avs-x"], place(memory_host)) == 5
    assert capsys.readouterr().err == "avsctl: no such instance on this host: demo-avs-x; there is none\n"
    memory_host.well(memory_host.spec())
    assert main(["status", "../etc", ID, "demo-avs-x", "../etc"], place(memory_host)) == 5
    assert capsys.readouterr().err == f"avsctl: no such instance on this host: ../etc, demo-avs-x; there is {ID}\n"


@pytest.mark.parametrize("typed", [["--help"], ["ls", "--help"], ["do"], ["do", "--json"], ["no", "--json"]])
def test_output_that_nobody_takes(nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch, typed: list[str]) -> None:
    if typed[0] == "do":
        doing(monkeypatch, lambda _arguments, _place: Outcome(3, {}, ["one"]))
    monkeypatch.setattr(sys, "stdout", None)
    assert main(typed, nowhere) == {"do": 3, "no": 2}.get(typed[0], 0)
    assert capsys.readouterr().err == ""
    copy = os.dup(1)
    try:
        monkeypatch.setattr(sys, "stdout", open("/dev/full", "w"))  # noqa: SIM115
        assert main(typed, nowhere) == (2 if typed[0] == "no" else 1)
        assert capsys.readouterr().err == "avsctl: the output cannot be written: No space left on device\n"
    finally:
        os.dup2(copy, 1)
        os.close(copy)


def test_messages_that_nobody_takes_change_no_code(nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    doing(monkeypatch, raises(LockedError("locked by me")))
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["do"], nowhere) == 4 and capsys.readouterr().out == ""
    copy = os.dup(2)
    try:
        monkeypatch.setattr(sys, "stderr", open("/dev/full", "w"))  # noqa: SIM115
        assert main(["do"], nowhere) == 4
        # As Python does once more at its end.
        sys.stderr.flush()
    finally:
        os.dup2(copy, 2)
        os.close(copy)


@pytest.mark.parametrize("command", ["ls", "status", "history"])
def test_what_is_shown_to_nobody_is_looked_at_all_the_same(
    memory_host: MemoryHost, capsys: Captured, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    memory_host.well(memory_host.spec())
    monkeypatch.setattr(sys, "stdout", None)
    assert main([command, *([ID] if command == "history" else [])], place(memory_host)) == 0 and capsys.readouterr().err == ""


def test_completion_into_nowhere_is_no_failure(nowhere: Place, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = os.dup(1)
    try:
        monkeypatch.setattr(sys, "stdout", open("/dev/full", "w"))  # noqa: SIM115
        assert main(["__complete", ""], nowhere) == 0 and capsys.readouterr().err == ""
    finally:
        os.dup2(copy, 1)
        os.close(copy)
