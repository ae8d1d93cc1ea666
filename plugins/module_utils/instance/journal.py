# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of an instance: what was begun on it, and what became of that. It tells a person, and says after a cut what was going on;
what is to be done then is decided by what is recorded and what runs."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from typing import Any

from ..system import files
from .store import InstanceStore

BEGIN, END = "begin", "end"
DONE, FAILED, CUT = "done", "failed", "cut"
# A transaction that is still open is near the end of what may be megabytes.
_LOOKED_AT = 256 << 10


def begin(own: InstanceStore, operation: str, holder: str, **details: Any) -> str:
    """Note that something is begun, by which program, and return what it is called. ``details`` hold no secret."""
    transaction = uuid.uuid4().hex[:12]
    own.note(BEGIN, transaction=transaction, operation=operation, program=program(), holder=holder, **details)
    return transaction


def end(own: InstanceStore, transaction: str, outcome: str, **details: Any) -> None:
    # Of an instance that was purged nothing is left to write to.
    if os.path.isdir(own.root):
        own.note(END, transaction=transaction, outcome=outcome, **details)


def opened(own: InstanceStore) -> list[dict[str, Any]]:
    """``begin`` records without an ``end``, the oldest first. A line that was cut says nothing. Raises ``OSError`` where it cannot be read."""
    found: dict[str, dict[str, Any]] = {}
    for record in _records(own):
        transaction = record.get("transaction")
        if not isinstance(transaction, str):
            continue
        if record.get("event") == BEGIN:
            found[transaction] = dict(record)
        elif record.get("event") == END:
            found.pop(transaction, None)
    return list(found.values())


def _records(own: InstanceStore) -> list[Mapping[str, Any]]:
    try:
        lines = files.read(own.path("journal.jsonl"))[-_LOOKED_AT:].splitlines()
    except FileNotFoundError:
        return []
    records: list[Mapping[str, Any]] = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records


def program() -> str:
    """The copy of this library that runs, by its content; empty where a module brought its own."""
    archive = getattr(getattr(__spec__, "loader", None), "archive", None)
    name = os.path.basename(str(archive or ""))
    return name if name.startswith("avsctl-") else ""
