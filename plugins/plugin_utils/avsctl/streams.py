# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What containers log, as the engine's ``docker logs --timestamps`` gives it, a process each, merged by time."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from ...module_utils.system.clock import now

# The engine's stamps: of one length and in UTC, so that they compare as text.
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ", re.ASCII)
_STAMP_LENGTH = 31
# Bytes; the engine keeps longer lines in pieces of this size, and stamps each of them.
_PIECE = 16 << 10
# Bytes; a line that goes on and on is shown in parts.
_LONGEST = 1 << 20
# Bytes read at once, and lines kept of one container while another one's are waited for.
_READ, _KEPT = 1 << 16, 5000
# Seconds between asking a process to end and ending it.
_GRACE = 2.0


@dataclass(frozen=True)
class Line:
    """``time`` as the engine stamped it, ``arrived`` by the clock of ``Merge``. ``text`` is a stranger's."""

    service: str
    time: str
    text: str
    arrived: float


class Stream:
    """One container's log. Lines up to ``after`` were seen before, and are left out; ``last``: until when there were some, ``began``: when it
    was asked for. ``problem``: why the engine did not give it, or no more of it."""

    def __init__(self, service: str, container: str, command: Sequence[str], after: str = "") -> None:
        self.service, self.container = service, container
        self.last, self.began = after, now()
        self.lines: deque[Line] = deque()
        self.over, self.problem = False, ""
        self._after, self._rest = after, b""
        # What has no stamp: the last words of a docker that failed, or the rest of something odd in a log.
        self._odd: list[str] = []
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/")
        # A pipe was asked for, so there is one.
        self._pipe: IO[bytes] = self._process.stdout  # type: ignore[assignment]

    @property
    def useless(self) -> bool:
        """Whether it never was to be had."""
        return self.over and bool(self.problem) and not self.last

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self, arrived: float) -> None:
        """Take what is there; to be called when there is something."""
        data = os.read(self.fileno(), _READ)
        if not data:
            self._end(arrived)
            return
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._take(line, arrived)
        if len(self._rest) > _LONGEST:
            self._take(self._rest, arrived)
            self._rest = b""

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._pipe.close()

    def _end(self, arrived: float) -> None:
        if self._rest:
            self._take(self._rest, arrived)
            self._rest = b""
        code = self._process.wait()
        self.over = True
        if code:
            last = self._odd[-1] if self._odd else f"ended with {code}"
            self.problem = last.replace("Error response from daemon: ", "")
        else:
            self._flush(arrived)

    def _take(self, raw: bytes, arrived: float) -> None:
        text = raw.decode("utf-8", errors="backslashreplace")
        match = _STAMP.match(text)
        if match is None:
            self._odd.append(text)
            return
        self._flush(arrived)
        if match[1] > self._after:
            self.last = match[1]
            self.lines.append(Line(self.service, match[1], _joined(raw[_STAMP_LENGTH:]), arrived))

    def _flush(self, arrived: float) -> None:
        self.lines.extend(Line(self.service, self.last, _clean(text), arrived) for text in self._odd)
        self._odd.clear()


def _joined(raw: bytes) -> str:
    """The text of a line, without the stamps inside of a long one."""
    if len(raw) > _PIECE:
        pieces, start = [raw[:_PIECE]], _PIECE
        while start < len(raw):
            stamped = _STAMP.match(raw[start : start + _STAMP_LENGTH].decode("ascii", errors="replace"))
            start += _STAMP_LENGTH if stamped else 0
            pieces.append(raw[start : start + _PIECE])
            start += _PIECE
        raw = b"".join(pieces)
    return _clean(raw.decode("utf-8", errors="backslashreplace"))


def _clean(text: str) -> str:
    return text[:-1] if text.endswith("\r") else text


class Merge:
    """Lines of several streams in the order of their times, as far as that can be had.

    ``patience`` in seconds: how long a line waits for earlier ones of streams that say nothing just now; ``None``: until they end.
    """

    def __init__(self, streams: Sequence[Stream], patience: float | None) -> None:
        self.streams = list(streams)
        self._patience = patience

    def close(self) -> None:
        for stream in self.streams:
            stream.close()

    def next(self, timeout: float | None = None) -> Line | None:
        """The next line; ``None`` once all is over, or nothing came within ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            moment = time.monotonic()
            first = self._first(moment)
            if first is not None:
                return first
            pending = [stream for stream in self.streams if not stream.over and len(stream.lines) < _KEPT]
            if not pending:
                # All is over; somebody may ask again.
                time.sleep(0 if deadline is None else max(deadline - moment, 0))
                return None
            if deadline is not None and moment >= deadline:
                return None
            ready, _none, _no = select.select(pending, [], [], self._wait(moment, deadline))
            for stream in ready:
                stream.read(time.monotonic())

    def _first(self, moment: float) -> Line | None:
        heads = [stream for stream in self.streams if stream.lines]
        if not heads:
            return None
        first = min(heads, key=lambda stream: stream.lines[0].time)
        silent = any(not stream.over and not stream.lines for stream in self.streams)
        if silent and (self._patience is None or moment - first.lines[0].arrived < self._patience):
            return None
        return first.lines.popleft()

    def _wait(self, moment: float, deadline: float | None) -> float | None:
        """Seconds until something is to be done though nothing came."""
        ends = [] if deadline is None else [deadline]
        if self._patience is not None:
            ends += [stream.lines[0].arrived + self._patience for stream in self.streams if stream.lines]
        return max(min(ends) - moment, 0.0) if ends else None
