# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a confined program is given, and how its end is understood. That nothing else is in reach is tried with real programs."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.system.confinement import Cell, confine, exceeded, loader, never_began, stranger

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can set a program apart")
ALL_IDS = "         0          0 4294967295\n"


def elf(wide: bool, interpreter: bytes | None) -> bytes:
    """A program's head with one segment of another kind, and one that names a loader."""
    kinds = [1, *([3] if interpreter is not None else [])]
    head, size = (64, 56) if wide else (52, 32)
    where = head + size * len(kinds)
    form = (lambda kind, at, long: struct.pack("<IIQQQQQQ", kind, 0, at, 0, 0, long, long, 1)) if wide else (
        lambda kind, at, long: struct.pack("<IIIIIIII", kind, at, 0, 0, long, long, 0, 1)
    )  # fmt: skip
    text = (interpreter or b"") + b"\0"
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    rest = (
        struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, head, 0, 0, head, size, len(kinds), 0, 0, 0)
        if wide
        else struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, head, 0, 0, head, size, len(kinds), 0, 0, 0)
    )
    return ident + rest + b"".join(form(kind, where, len(text)) for kind in kinds) + text


@pytest.mark.parametrize("wide", [True, False])
def test_the_loader_a_program_names(tmp_path: Path, wide: bool) -> None:
    program = tmp_path / "program"
    for wanted in (b"/lib64/ld-linux-x86-64.so.2", b"/lib/ld-musl.so.1", None):
        program.write_bytes(elf(wide, wanted) + b"more" * 9)
        assert loader(str(program)) == (wanted or b"").decode()


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02\x02" + bytes(90), bytes(100)])
def test_what_is_no_program_names_no_loader(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "program").write_bytes(content)
    assert loader(str(tmp_path / "program")) == ""


def test_nobody_else_is_the_user() -> None:
    found = {stranger(ALL_IDS) for _try in range(20)}
    assert len(found) > 1
    assert all(0x7F000000 <= user < 0x7FFFFFFE for user in found)
    assert all(60578 <= stranger("0 100000 65536\n") < 61184 for _try in range(20))
    assert 60578 <= stranger("0 1000 1\n1 100000 65535\n") < 61184


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ("{mark} 0 no\n", (0, "", False)),
        ("a\nb\n{mark} 15 yes\n", (15, "a\nb", True)),
        ("", None),
        ("unshare: unshare failed: Operation not permitted\n", None),
        ("{mark} 0 no\nmore\n", None),
        ("0123 0 no\n", None),
        ("{mark} 0\n", None),
    ],
)
def test_the_last_line_says_how_it_ended(messages: str, expected: object) -> None:
    command = confine("/bin/true", [], {}, Cell("/a", "/b"), 1)
    assert command.outcome(messages.format(mark=command.mark)) == expected


@pytest.mark.parametrize(
    ("code", "messages", "full", "words"),
    [
        (0, "fatal error: out of memory", True, ""),
        (1, "write /dev/stdout: no space left on device", True, "16 MiB of text"),
        (2, "runtime: out of memory: cannot allocate 4194304-byte block\nfatal error: out of memory\n", False, "512 MiB of memory"),
        (2, "fatal error: runtime: cannot allocate memory\n", False, "512 MiB of memory"),
        (137, "", False, "of a processor"),
        (152, "SIGXCPU: cpu limit exceeded", False, "of a processor"),
        (15, "the service is out of memory", False, ""),
    ],
)
def test_a_bound_that_was_met_is_named(code: int, messages: str, full: bool, words: str) -> None:
    found = exceeded(code, messages, full)
    assert words in found and bool(words) == bool(found)


@needs_root
def test_a_tool_that_fails_is_not_taken_for_the_program(tmp_path: Path) -> None:
    """A user this machine does not have, and a script without the shell it asks for."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "room").mkdir()
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    cell = Cell(str(tmp_path / "folder"), str(tmp_path / "room"))
    for program, user in (("/bin/true", 1 << 32), (str(script), stranger(ALL_IDS))):
        command = confine(program, [], {}, cell, user)
        done = subprocess.run(command.line, capture_output=True, text=True, check=False, cwd="/")
        code, messages, _full = command.outcome(done.stderr) or (0, "", False)
        assert never_began(code, messages), (code, messages)
    command = confine("/bin/false", [], {}, cell, stranger(ALL_IDS))
    done = subprocess.run(command.line, capture_output=True, text=True, check=False, cwd="/")
    code, messages, _full = command.outcome(done.stderr) or (0, "", False)
    assert code == 1 and not never_began(code, messages)
    assert not never_began(15, "env file x not found")


@needs_root
def test_nothing_but_the_program_and_its_folder_is_there(tmp_path: Path) -> None:
    """``ls`` and what it is linked with; the folder keeps its path, and cannot be written."""
    folder, room = tmp_path / "a folder" / "$(x)", tmp_path / "room"
    folder.mkdir(parents=True)
    room.mkdir()
    (folder / "own").write_text("")
    command = confine("/bin/ls", ["-A", "/", str(folder)], {}, Cell(str(folder), str(room)), stranger(ALL_IDS))
    done = subprocess.run(command.line, capture_output=True, text=True, check=False, cwd="/")
    assert command.outcome(done.stderr) == (0, "", False), done.stderr
    top = set(done.stdout.split("\n\n")[0].splitlines()[1:])
    assert {"program", "tmp"} <= top <= {"program", "tmp", "lib", "lib64"}
    assert done.stdout.endswith(f"{folder}:\nown\n")
    assert not list(room.iterdir())


@needs_root
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("echo $$", 0),
        (": >FOLDER/new", 2),
        (": >/new", 2),
        ("exec 3</proc/self/environ", 2),
        ("echo x >/dev/null", 2),
        ("while :; do :; done", 137),
    ],
)
def test_a_shell_in_there_gets_nowhere(tmp_path: Path, line: str, code: int) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "room").mkdir()
    cell = Cell(str(tmp_path / "folder"), str(tmp_path / "room"))
    command = confine("/bin/sh", ["-c", line.replace("FOLDER", cell.folder)], {"A": "b c"}, cell, stranger(ALL_IDS))
    started = ["--cpu=1" if part.startswith("--cpu=") else part for part in command.line]
    done = subprocess.run(started, capture_output=True, text=True, check=False, cwd="/", env={"SECRET": "s3cret"})
    ended = command.outcome(done.stderr)
    assert ended is not None, done.stderr
    assert ended[0] in (code, {137: 152}.get(code, code)), ended
    if line == "echo $$":
        assert int(done.stdout) < 60


@needs_root
def test_output_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "room").mkdir()
    cell = Cell(str(tmp_path / "folder"), str(tmp_path / "room"))
    command = confine(
        "/bin/sh", ["-c", "x=0123456789; while echo $x$x$x$x$x$x$x$x$x$x || exit 9; do x=$x$x; done"], {}, cell, stranger(ALL_IDS)
    )
    done = subprocess.run(command.line, capture_output=True, check=False, cwd="/")
    assert len(done.stdout) <= 16 << 20
    code, _messages, full = command.outcome(done.stderr.decode()) or (0, "", False)
    assert code != 0 and full
