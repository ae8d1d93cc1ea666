# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running commands: quiet when they work, their last words when they do not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .errors import LabError

_START = time.monotonic()
_SAY = threading.Lock()


def say(message: str) -> None:
    """Progress for the terminal, with the seconds since the start; parallel steps keep whole lines."""
    with _SAY:
        print(f"[{time.monotonic() - _START:6.1f}s] {message}", file=sys.stderr, flush=True)


def run(
    command: Sequence[str],
    *,
    check: bool = True,
    stdin: str | IO[bytes] | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it printed.

    ``env`` is added to the machine's environment; ``timeout`` is seconds. Raises LabError with the command and its
    last 20 lines when it fails and ``check`` is set.
    """
    merged = {**os.environ, **env} if env else None
    feed: dict[str, Any] = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin or subprocess.DEVNULL}
    try:
        done = subprocess.run(command, **feed, capture_output=True, text=True, cwd=cwd, env=merged, timeout=timeout, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not installed on this machine") from error
    except subprocess.TimeoutExpired as error:
        if check:
            raise LabError(f"{' '.join(command)}: no end after {timeout:.0f} s") from error
        return subprocess.CompletedProcess(list(command), 124, "", "timeout")
    if check and done.returncode != 0:
        tail = "\n".join(f"    {line}" for line in f"{done.stdout}{done.stderr}".strip().splitlines()[-20:])
        raise LabError(f"{' '.join(command)}: exit {done.returncode}\n{tail}")
    return done


def wait(what: str, ready: Callable[[], bool], *, seconds: float = 60, pause: float = 0.2) -> None:
    """Poll ``ready`` until it is true; raises LabError naming ``what`` after ``seconds``."""
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise LabError(f"{what}: not ready after {seconds:.0f} s")
        time.sleep(pause)
