# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A command of the engine's that shows what a stranger's program writes: however much that is, its end alone is ever in memory."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..system.command import invocation, ran_out_of_time

# $1: the mark of the last line, $2: how many bytes are kept; the rest: the command. Nothing of a package is part of this text. Both streams
# go one way. One that is waited for is not told of by the shell where it is killed.
SCRIPT = r"""
mark=$1 most=$2
shift 2
{ "$@" < /dev/null 2>&1 & wait "$!"; printf '\n%s %s\n' "$mark" "$?"; } | /usr/bin/tail -c "$most"
"""


@dataclass(frozen=True)
class Attended:
    """``code`` of the engine's command; ``text``: the end of what was written; ``cut``: there was more; ``late``: it was ended by its
    limit."""

    code: int
    text: str
    cut: bool
    late: bool
    seconds: float


@dataclass(frozen=True)
class Watch:
    """``timeout`` in seconds, ``most`` bytes are kept."""

    timeout: float
    most: int
    mark: str

    @classmethod
    def of(cls, timeout: float, most: int) -> Watch:
        return cls(timeout, most, secrets.token_hex(16))

    def line(self, command: Sequence[str], environment: Mapping[str, str]) -> list[str]:
        """A command line. No argument may be secret."""
        inner = invocation(command, {}, self.timeout)[2:]
        return invocation(["/bin/sh", "-c", SCRIPT, "sh", self.mark, str(self._kept), *inner], environment)

    def read(self, out: bytes, seconds: float) -> Attended | None:
        """``None`` where its end never came."""
        ending = re.search(rb"\n" + self.mark.encode() + rb" (\d+)\n\Z", out)
        if ending is None:
            return None
        code, text = int(ending[1]), out[: ending.start()]
        cut = len(out) >= self._kept or len(text) > self.most
        return Attended(code, text[-self.most :].decode("utf-8", "replace"), cut, ran_out_of_time(code, self.timeout, seconds), seconds)

    @property
    def _kept(self) -> int:
        """With room for the last line."""
        return self.most + len(self.mark) + 16
