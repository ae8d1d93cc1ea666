# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of the library a host keeps: it runs by itself, and is whole, current and cheap to lose."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import install
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import main
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import archive, sources

from tests.unit.support.pythons import pythons

NAME = "avsctl-0123456789abcdef.pyz"
# Of no code: for what is about the file alone.
EMPTY = base64.b64encode(b"PK\x05\x06" + bytes(18)).decode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    store = Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))
    monkeypatch.setattr(install, "host_store", lambda: store)
    return tmp_path / "copies"


def places(folder: Path) -> install.Places:
    """All of it below the folder beside ``folder``, so that nothing of this machine's is written."""
    root = folder.parent / "local"
    return install.Places(str(folder), str(root / "sbin/avsctl"), str(root / "share/bash-completion/completions/avsctl"))


def kept(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def ask(copy: Path, call: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": "/nonexistent", "LANG": "C"}
    text = json.dumps(call)
    return subprocess.run([str(copy)], input=text, env=environment, capture_output=True, text=True, check=False)


def test_a_copy_answers_by_itself(folder: Path, tmp_path: Path) -> None:
    install.keep(NAME, archive(), "me", places(folder))
    copy = folder / NAME
    assert kept(folder) == [NAME] and copy.stat().st_mode & 0o777 == 0o755
    moved = tmp_path / "elsewhere.pyz"
    shutil.copy(copy, moved)
    done = ask(moved, {"document": {"schema": 99}, "secret_values": {"a": {"b": "word"}}})
    assert done.returncode == 0 and done.stderr == ""
    answer = json.loads(done.stdout)
    assert answer["failed"] is True and answer["changed"] is False and "schema 99" in answer["msg"]


def test_a_copy_is_all_of_the_library_compiled(folder: Path) -> None:
    install.keep(NAME, archive(), "me", places(folder))
    with zipfile.ZipFile(folder / NAME) as copy:
        assert sorted(copy.namelist()) == sorted(["__main__.py", *(f"avs/{name}{end}" for name in sources() for end in ("", "c"))])
        assert copy.read("avs/module_utils/avsctl/install.py") == Path(install.__file__).read_bytes()
    script = f"import sys; sys.path.insert(0, {str(folder / NAME)!r}); from avs.module_utils.reconcile import batch; print(batch.__file__)"
    out = subprocess.run([sys.executable, "-ISc", script], capture_output=True, text=True, check=True).stdout
    assert out.strip().endswith("avs/module_utils/reconcile/batch.pyc")


def test_a_copy_can_do_all_the_library_can(folder: Path) -> None:
    """A module carries only what it imports; the copy it leaves has every room, and each file finds what it imports."""
    install.keep(NAME, archive(), "me", places(folder))
    modules = [f"avs.{name[:-3]}".replace("/", ".").replace(".__init__", "") for name in sources() if name != "__init__.py"]
    lines = ";".join(f"import {module}" for module in sorted(modules))
    assert len(modules) > 50
    script = f"import sys; sys.path.insert(0, {str(folder / NAME)!r}); {lines}"
    subprocess.run([sys.executable, "-ISc", script], check=True)


def test_a_copy_made_for_another_python_says_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(install, "_MAIN", install._MAIN.replace("{tag!r}", "'cpython-30'"))
        install.keep(NAME, archive(), "me", places(folder))
    done = ask(folder / NAME, {"document": {"schema": 1, "filler": "x" * 300_000}})
    assert (done.returncode, done.stdout, done.stderr) == (127, "", "")


def test_what_was_cut_off_and_old_copies_go(folder: Path) -> None:
    folder.mkdir()
    for age, name in enumerate(("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc")):
        copy = folder / f"avsctl-{name}.pyz"
        copy.write_text("old")
        os.utime(copy, (age + 1000, age + 1000))
    (folder / f".{NAME}.tmp").write_text("half")
    (folder / "mine.txt").write_text("somebody's")
    install.keep(NAME, EMPTY, "me", places(folder))
    assert kept(folder) == [NAME, "avsctl-bbbbbbbbbbbbbbbb.pyz", "avsctl-cccccccccccccccc.pyz", "mine.txt"]


def test_a_copy_an_open_transaction_began_with_stays(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    names = [f"avsctl-{letter * 16}.pyz" for letter in "abcdef"]
    for age, name in enumerate(names):
        (folder / name).write_text("old")
        os.utime(folder / name, (age + 1000, age + 1000))
    own = Store(str(tmp_path / "lib")).instance("demo-avs-op1")
    own.make()
    for number, name in ((1, names[0]), (2, names[1])):
        own.note("begin", transaction=f"t{number}", operation="install", program=name, holder="me")
    own.note("end", transaction="t2", outcome="committed")
    install.keep(NAME, EMPTY, "me", places(folder))
    assert kept(folder) == [NAME, names[0], *names[4:]]
    own.note("end", transaction="t1", outcome="undone")
    install.keep(NAME, EMPTY, "me", places(folder))
    assert kept(folder) == [NAME, *names[4:]]


def test_where_a_journal_cannot_be_read_no_copy_goes(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    names = [f"avsctl-{letter * 16}.pyz" for letter in "abcdef"]
    for age, name in enumerate(names):
        (folder / name).write_text("old")
        os.utime(folder / name, (age + 1000, age + 1000))
    own = Store(str(tmp_path / "lib")).instance("demo-avs-op1")
    own.make()
    os.mkdir(own.path("journal.jsonl"))
    install.keep(NAME, EMPTY, "me", places(folder))
    assert kept(folder) == [NAME, *names]


def test_a_copy_just_made_stays_though_the_clock_went_back(folder: Path) -> None:
    folder.mkdir()
    for letter in "abc":
        copy = folder / f"avsctl-{letter * 16}.pyz"
        copy.write_text("of a time to come")
        os.utime(copy, (4e9, 4e9))
    install.keep(NAME, EMPTY, "me", places(folder))
    assert NAME in kept(folder)


def test_of_a_call_nothing_is_read_that_serves_persons(folder: Path) -> None:
    install.keep(NAME, archive(), "me", places(folder))
    call = json.dumps({"document": {"schema": 1, "specs": [], "complete": False}})
    done = subprocess.run([sys.executable, "-ISXimporttime", str(folder / NAME)], input=call, capture_output=True, text=True, check=True)
    read = {line.rpartition("|")[2].strip().rpartition(".")[2] for line in done.stderr.splitlines() if "avs.plugin_utils.avsctl." in line}
    assert read == {"main", "process"} and "argparse" not in done.stderr


@pytest.mark.parametrize("python", sorted({pythons()[0], pythons()[-1]}))
def test_a_python_of_another_version_serves_a_person_and_no_call(folder: Path, python: str) -> None:
    install.keep(NAME, archive(), "me", places(folder))
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.implementation.cache_tag)"], capture_output=True, text=True, check=True
    ).stdout
    call = subprocess.run([python, "-I", str(folder / NAME)], input="{}", capture_output=True, text=True, check=False)
    person = subprocess.run([python, "-I", str(folder / NAME), "logs", "--help"], capture_output=True, text=True, check=False)
    assert (person.returncode, person.stderr) == (0, "") and "--follow" in person.stdout
    assert call.returncode == (1 if version.strip() == sys.implementation.cache_tag else 127)


def test_what_is_no_call_is_wrong_use(folder: Path) -> None:
    install.keep(NAME, archive(), "me", places(folder))
    for text in ("", "hello", '{"document"'):
        done = subprocess.run([str(folder / NAME)], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr == "avsctl: no call on standard input (avsctl --help tells more)\n"


@pytest.mark.parametrize("name", ["avsctl.pyz", "../avsctl-0123456789abcdef.pyz", "avsctl-0123456789abcdef.pyz\n", ""])
def test_no_other_name_is_written(folder: Path, name: str) -> None:
    install.keep(name, archive(), "me", places(folder))
    assert kept(folder) == []


@pytest.mark.parametrize("python", ["/opt/my python/bin/python3", f"/{'x' * 120}/python3", ""])
def test_no_copy_for_a_python_a_script_cannot_name(folder: Path, monkeypatch: pytest.MonkeyPatch, python: str) -> None:
    monkeypatch.setattr(sys, "executable", python)
    install.keep(NAME, archive(), "me", places(folder))
    assert kept(folder) == []


def test_whatever_is_in_the_way_is_no_failure(folder: Path, tmp_path: Path) -> None:
    folder.write_text("a file where the folder would be")
    install.keep(NAME, archive(), "me", places(folder))
    assert folder.is_file()
    folder.unlink()
    with Lock(str(tmp_path / "locks" / "avsctl.lock"), "another run", 0):
        install.keep(NAME, archive(), "me", places(folder))
    assert kept(folder) == []


def test_no_error_of_making_it_is_one_of_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_packed: bytes) -> bytes:
        raise RuntimeError("no zipfile here")

    monkeypatch.setattr(install, "_runnable", broken)
    install.keep(NAME, archive(), "me", places(folder))
    assert kept(folder) == []


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_nothing_is_put_where_others_can_write(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    install.keep(NAME, archive(), "me", places(folder))
    assert kept(folder) == []


def test_a_damaged_copy_removes_itself(folder: Path) -> None:
    """What is read late, and only for work, would else fail in every run that has some."""
    install.keep(NAME, archive(), "me", places(folder))
    copy = folder / NAME
    content = bytearray(copy.read_bytes())
    with zipfile.ZipFile(copy) as packed:
        for name in ("avs/module_utils/reconcile/batch.py", "avs/module_utils/reconcile/batch.pyc"):
            start = packed.getinfo(name).header_offset
            content[start : start + 4] = b"XXXX"
    copy.write_bytes(content)
    answer = json.loads(ask(copy, {"document": {"schema": 1, "complete": True}}).stdout)
    assert answer["failed"] is True and answer["msg"].startswith("unexpected ZipImportError: ")
    assert kept(folder) == []


def broken(call: Any, *_others: Any) -> dict[str, Any]:
    raise RuntimeError(f"died over {call['secret_values']}")


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A call on standard input, to a library that does not survive it."""
    made = {"document": {"schema": 1, "complete": True}, "secret_values": {"demo": {"token": 'can"ary-\n-word'}}}
    source = type("Bytes", (), {"read": lambda _self: json.dumps(made)})
    monkeypatch.setattr(main, "answer", broken)
    monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": source()}))
    return made


def test_an_unexpected_error_is_told_without_secrets(call: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    main.main()
    # After what a login may have printed without an end of line.
    first, line = capsys.readouterr().out.splitlines()
    answer = json.loads(line)
    assert first == "" and answer["failed"] is True and "findings" not in answer
    assert answer["msg"].startswith("unexpected RuntimeError: died over") and "avsctl/main.py:" in answer["msg"]
    assert "ary-" not in line and "-word" not in line


def test_an_unexpected_error_before_anything_was_done_is_no_answer(call: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    call["document"]["complete"] = False
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert str(caught.value).startswith("unexpected RuntimeError") and "ary-" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_a_refusal_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.restaking.avs.plugins.module_utils.transaction import call as answers

    def refused(*_arguments: Any) -> dict[str, Any]:
        raise HostError("no")

    monkeypatch.setattr(answers, "reconcile", refused)
    result = answers.answer({"document": {"complete": True}}, lambda *_a, **_o: (0, b"", b""), "test")
    assert result == {"failed": True, "changed": False, "msg": "no", "findings": []}
