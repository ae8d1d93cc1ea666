# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person starts: put where nothing of somebody else's stands, and by a name that lasts."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import install
from ansible_collections.restaking.avs.plugins.module_utils.avsctl.launcher import MARK, place_completion, place_launcher
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl import main
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.main import leads_to_a_copy
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import archive

NAME = "avsctl-0123456789abcdef.pyz"
# Of no code: for what is about files alone.
EMPTY = base64.b64encode(b"PK\x05\x06" + bytes(18)).decode()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> install.Places:
    store = install.host_store.__globals__["Store"](str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))
    monkeypatch.setattr(install, "host_store", lambda: store)
    return install.Places(str(tmp_path / "copies"), str(tmp_path / "sbin/avsctl"), str(tmp_path / "completions/avsctl"))


def keep(places: install.Places, name: str = NAME, packed: str = EMPTY) -> None:
    install.keep(name, packed, "me", places)


def lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def run(path: str, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[str]:
    return subprocess.run([path, *arguments], stdin=stdin, capture_output=True, text=True, check=False, env={"PATH": "/nonexistent"})


def test_it_starts_the_copy_that_was_just_made(places: install.Places) -> None:
    keep(places, packed=archive())
    assert os.stat(places.launcher).st_mode & 0o777 == 0o755 and os.stat(places.completion).st_mode & 0o777 == 0o644
    assert lines(places.launcher)[:2] == ["#!/bin/sh", MARK] and lines(places.completion)[1] == MARK
    assert lines(places.launcher)[-1].endswith(f'python3 -ISXutf8 {places.folder}/{NAME} "$@"')
    done = run(places.launcher, "--help")
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("usage: avsctl ")
    # Nobody has to know that without arguments it would wait for a call.
    assert run(places.launcher).stdout == done.stdout
    wrong = run(places.launcher, "two words", "$HOME")
    assert wrong.returncode == 2 and "'two words'" in wrong.stderr and wrong.stderr.count("\n") == 1

    other = "avsctl-fedcba9876543210.pyz"
    keep(places, other)
    assert lines(places.launcher)[-1].endswith(f'{other} "$@"')


@pytest.mark.parametrize("empty", [False, True])
def test_without_its_copy_it_says_what_to_do(places: install.Places, empty: bool) -> None:
    keep(places)
    os.unlink(f"{places.folder}/{NAME}")
    if empty:
        # A shell that is given an empty file ends with 0, as if an emergency stop had been done.
        Path(places.folder, NAME).touch()
    done = run(places.launcher, "ls")
    assert (done.returncode, done.stdout) == (1, "") and "restaking.avs.install" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("what", ["text", "link", "folder", "first line"])
def test_somebody_elses_stays(places: install.Places, tmp_path: Path, what: str) -> None:
    for path in map(Path, (places.launcher, places.completion)):
        path.parent.mkdir()
        if what == "folder":
            path.mkdir()
        elif what == "link":
            (tmp_path / "target").write_text(f"#!/bin/sh\n{MARK}\n")
            path.symlink_to(tmp_path / "target")
        else:
            path.write_text({"text": "#!/bin/sh\necho mine\n", "first line": f"{MARK}\n"}[what])
    before = identities(places)
    keep(places)
    assert identities(places) == before and os.listdir(places.folder) == [NAME]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_says_it_is_ours_and_is_not_roots_stays(places: install.Places) -> None:
    for path in map(Path, (places.launcher, places.completion)):
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{MARK}\n")
        os.chown(path, 65534, 65534)
    before = identities(places)
    keep(places)
    assert identities(places) == before


def identities(places: install.Places) -> list[tuple[int, int, int]]:
    return [(found.st_ino, found.st_mtime_ns, found.st_mode) for path in (places.launcher, places.completion) for found in [os.lstat(path)]]


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_nothing_is_put_where_others_can_write(places: install.Places, mode: int) -> None:
    folder = Path(places.launcher).parent
    folder.mkdir()
    folder.chmod(mode)
    keep(places)
    assert os.listdir(folder) == [] and os.listdir(places.folder) == [NAME] and os.path.exists(places.completion)


def test_what_is_in_the_way_of_one_is_not_in_the_others(places: install.Places) -> None:
    Path(places.launcher).parent.write_text("a file")
    keep(places)
    assert os.listdir(places.folder) == [NAME] and os.path.exists(places.completion)


@pytest.mark.parametrize(
    ("executable", "links", "expected"),
    [
        ("python3.11", {"python3": "python3.11"}, "python3"),
        ("python3", {"python3": "python3.11"}, "python3"),
        ("python3.11", {"python3": "python3.9"}, "python3.11"),
        ("python3.11", {}, "python3.11"),
    ],
)
def test_the_interpreter_has_the_name_that_outlives_an_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str, links: dict[str, str], expected: str
) -> None:
    for name in ("python3.9", "python3.11"):
        (tmp_path / name).write_text("")
    for name, target in links.items():
        (tmp_path / name).symlink_to(target)
    monkeypatch.setattr(sys, "executable", str(tmp_path / executable))
    assert install._python() == str(tmp_path / expected)


def test_names_with_spaces_are_quoted(tmp_path: Path) -> None:
    copy = tmp_path / "a copy; exit 9"
    copy.write_text("a library")
    launcher = str(tmp_path / "avsctl")
    assert place_launcher(launcher, ["/bin/echo", "-n", str(copy)])
    assert run(launcher, "a  b").stdout == f"{copy} a  b"
    assert place_completion(str(tmp_path / "completion"), "/usr/local/sbin/avsctl")
    subprocess.run(["bash", "-n", str(tmp_path / "completion")], check=True)
    subprocess.run(["sh", "-n", launcher], check=True)


@pytest.mark.parametrize("gone", ["launcher", "copy"])
def test_what_was_taken_away_comes_back(places: install.Places, gone: str) -> None:
    keep(places)
    other = os.path.join(places.folder, "avsctl-fedcba9876543210.pyz")
    os.rename(os.path.join(places.folder, NAME), other) if gone == "copy" else os.unlink(places.launcher)
    assert not leads_to_a_copy(places.launcher)
    install.put_back(other, "me", places)
    assert leads_to_a_copy(places.launcher) is (gone == "copy" or os.path.exists(other))
    assert other in Path(places.launcher).read_text() and os.path.exists(places.completion)


def test_a_call_puts_the_launcher_back(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    asked: list[str] = []
    monkeypatch.setattr(main, "PROGRAM", str(tmp_path / "avsctl"))
    monkeypatch.setattr(main, "_archive", lambda: f"/x/{NAME}")
    monkeypatch.setattr(install, "put_back", lambda copy, _holder: asked.append(copy))
    result: dict[str, object] = {"changed": False}

    def answer(_call: object, _run: object, _via: str, leave: Callable[[object], None]) -> object:
        leave(result)
        return result

    monkeypatch.setattr(main, "answer", answer)

    def call(**more: object) -> None:
        text = json.dumps({"document": {"holder": "me"}, **more}).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        main.main()

    call()
    assert asked == [f"/x/{NAME}"]
    call(check=True)
    result["needs"] = {}
    call()
    (tmp_path / "avsctl").write_text(f"#!/bin/sh\n{MARK}\n[ -s {tmp_path} ] || exit 1\n")
    del result["needs"]
    call()
    assert asked == [f"/x/{NAME}"] and capsys.readouterr().err == ""
