# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A program at a terminal of its own, and an operator who types there."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# What every question ends with; it is shown before the terminal is ready for its answer.
QUESTION = "(hidden"
CTRL_C = "\x03"


def at_terminal(
    command: Sequence[str], answers: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 240, planted: str = ""
) -> tuple[int, str, str]:
    """Code and output of a program whose standard input is a terminal, and what the terminal shows. ``answers`` are typed one after
    another, each when it is asked for, with the key Return; ``CTRL_C`` is that key alone. ``planted`` is written to the terminal first."""
    keyboard, terminal = pty.openpty()
    os.write(terminal, planted.encode())

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        list(command), cwd=cwd, env=dict(env), stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=take_terminal
    )
    os.close(terminal)
    said, echoed = bytearray(), bytearray()
    readers = [
        threading.Thread(target=_collect, args=(number, into), daemon=True)
        for number, into in ((process.stdout.fileno(), said), (keyboard, echoed))
    ]
    for reader in readers:
        reader.start()
    try:
        deadline = time.monotonic() + timeout
        for number, answer in enumerate(answers, 1):
            while said.count(QUESTION.encode()) < number or not _is_raw(keyboard):
                assert process.poll() is None, f"it ended before question {number}:\n{said.decode(errors='replace')[-6000:]}"
                assert time.monotonic() < deadline, f"question {number} was not asked:\n{said.decode(errors='replace')[-6000:]}"
                time.sleep(0.05)
            keys = answer.encode() + (b"" if answer == CTRL_C else b"\r")
            _type(keys, keyboard, lambda: process.poll() is None and _is_raw(keyboard) and said.count(QUESTION.encode()) == number)  # noqa: B023
        process.wait(max(1.0, deadline - time.monotonic()))
        readers[0].join(20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(keyboard)
    return process.returncode, said.decode(errors="replace"), echoed.decode(errors="replace")


def _type(keys: bytes, keyboard: int, is_waiting: Callable[[], bool]) -> None:
    """Types until nobody waits for it any more. A program throws away what was typed before its question as the last thing before it reads, which nobody
    can see from here; on a busy machine that may come late."""
    while is_waiting():
        time.sleep(0.5)
        os.write(keyboard, keys)
        late = time.monotonic() + 15
        while is_waiting() and time.monotonic() < late:
            time.sleep(0.02)


def _is_raw(keyboard: int) -> bool:
    return not termios.tcgetattr(keyboard)[3] & (termios.ICANON | termios.ECHO)


def _collect(descriptor: int, into: bytearray) -> None:
    try:
        while data := os.read(descriptor, 65536):
            into += data
    except OSError:
        pass
