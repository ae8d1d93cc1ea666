# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The file of a journal: a JSON record a line. It is cut when the host is, and shortened when it grows long; what is still open stays in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from ..system import files

BEGIN, END = "begin", "end"
# Bytes a journal may have before it is shortened, and how much of it is read: what is beyond is none of ours.
LONGEST, _READ = 1 << 20, 4 << 20
# Transactions that were cut on a host nobody has restarted since.
_OPEN = 32


def append(path: str, record: Mapping[str, Any]) -> None:
    """Raises ``OSError``."""
    if os.path.lexists(path) and not files.is_file(path):
        files.remove(path)
    if os.path.exists(path) and os.path.getsize(path) > LONGEST:
        files.write(path, _shorter(path))
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    with os.fdopen(handle, "ab") as out:
        size = os.fstat(handle).st_size
        # A line that was cut is damaged; the one after it is not to be.
        cut = size and os.pread(handle, 1, size - 1) != b"\n"
        out.write(f"{chr(10) if cut else ''}{json.dumps(record, sort_keys=True)}\n".encode())
        out.flush()
        os.fsync(out.fileno())


def opened(path: str) -> list[dict[str, Any]]:
    """``begin`` records without an ``end``, the oldest first. A line that was cut says nothing. Raises ``OSError``."""
    try:
        lines = files.read(path)[-_READ:].splitlines()
    except FileNotFoundError:
        return []
    return [record for _line, record in _open(lines)]


def _shorter(path: str) -> bytes:
    """The newer half of a long journal, and of the older one what was begun there and has not ended."""
    lines = files.read(path)[-_READ:].splitlines(keepends=True)
    size, first = 0, len(lines)
    while first and size + len(lines[first - 1]) <= LONGEST // 2:
        first -= 1
        size += len(lines[first])
    before = [lines[number] for number, _record in _open(lines) if number < first]
    return b"".join([*before[-_OPEN:], *lines[first:]])


def _open(lines: Iterable[bytes]) -> list[tuple[int, dict[str, Any]]]:
    """Number of its line and record, of each that was begun and has not ended."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for number, line in enumerate(lines):
        record = _record(line)
        transaction = record.get("transaction")
        if not isinstance(transaction, str):
            continue
        if record.get("event") == BEGIN:
            found[transaction] = (number, record)
        elif record.get("event") == END:
            found.pop(transaction, None)
    return list(found.values())


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
