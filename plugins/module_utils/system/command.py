# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command with an environment and a time limit of its own, for a caller that knows neither.

``AnsibleModule.run_command`` only adds to the module's environment, and has no time limit. Programs every supported
distribution has (coreutils, util-linux) stand before the command instead, and each replaces itself with the next.
"""

from __future__ import annotations

import select
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Protocol

# Seconds between asking a command to end and ending it.
_GRACE = 5
# What timeout ends with: the command ended when asked, or had to be killed.
_OUT_OF_TIME = (124, 137, -9)


class RunCommand(Protocol):
    """``AnsibleModule.run_command``, or what behaves like it: exit code, output and messages, the latter two in bytes."""

    def __call__(
        self,
        args: list[str],
        *,
        cwd: str,
        encoding: None,
        expand_user_and_vars: bool,
        handle_exceptions: bool,
        pass_fds: Sequence[int],
        before_communicate_callback: Callable[[subprocess.Popen[bytes]], None],
    ) -> tuple[Any, Any, Any]: ...


def invocation(command: Sequence[str], environment: Mapping[str, str], timeout: float | None = None) -> list[str]:
    """Arguments that run ``command`` with exactly ``environment``, for at most ``timeout`` seconds.

    No value may be secret: arguments are seen by everybody.
    """
    line = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    if timeout is not None:
        line += ["/usr/bin/timeout", f"--kill-after={_GRACE}", f"{timeout:g}"]
    return [*line, *command]


def ran_out_of_time(code: int, timeout: float | None, seconds: float) -> bool:
    """Whether a command that took ``seconds`` and ended with ``code`` was stopped by its limit."""
    return timeout is not None and code in _OUT_OF_TIME and seconds >= timeout


def await_the_end(process: subprocess.Popen[bytes]) -> None:
    """Have ``poll`` of a process that has closed its output wait for its end, and know of none while there is output to read.

    To be given to ``AnsibleModule.run_command``, which polls twice in a row once there is nothing left to read. Of a process that ends in between
    it takes neither answer, and then waits a whole second for pipes that are closed. And where nothing came for a second, it takes the end
    of the process for the end of its output: what was said and ended just then would be lost, as if nothing had been said.
    """
    poll = process.poll

    def patient() -> int | None:
        outputs = (process.stdout, process.stderr)
        if all(map(_is_closed, outputs)):
            return process.wait()
        code = poll()
        return None if any(map(_has_more, outputs)) else code

    process.poll = patient  # type: ignore[method-assign]


def _is_closed(pipe: Any) -> bool:
    """Whether the other end is gone and nothing is left to read."""
    return _events(pipe) == [select.POLLHUP]


def _has_more(pipe: Any) -> bool:
    return any(event & select.POLLIN for event in _events(pipe))


def _events(pipe: Any) -> list[int]:
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    return [event for _fd, event in poller.poll(0)]
