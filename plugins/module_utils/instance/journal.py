# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal of an instance: what was begun on it, and what became of that. It tells a person, and says after a cut what was going on;
what is to be done then is decided by what is recorded and what runs."""

from __future__ import annotations

import os
from typing import Any

from . import journal_file
from .journal_file import BEGIN, END
from .store import InstanceStore

DONE, FAILED, CUT = "done", "failed", "cut"


def begin(own: InstanceStore, operation: str, holder: str, **details: Any) -> str:
    """Note that something is begun, by which program, and return what it is called. ``details`` hold no secret."""
    transaction = os.urandom(6).hex()
    own.note(BEGIN, transaction=transaction, operation=operation, program=program(), holder=holder, **details)
    return transaction


def end(own: InstanceStore, transaction: str, outcome: str, **details: Any) -> None:
    # Of an instance that was purged nothing is left to write to.
    if os.path.isdir(own.root):
        own.note(END, transaction=transaction, outcome=outcome, **details)


def opened(own: InstanceStore) -> list[dict[str, Any]]:
    """``begin`` records without an ``end``, the oldest first. Raises ``OSError`` where the journal cannot be read."""
    return journal_file.opened(own.path("journal.jsonl"))


def program() -> str:
    """The copy of this library that runs, by its content; empty where a module brought its own."""
    archive = getattr(getattr(__spec__, "loader", None), "archive", None)
    name = os.path.basename(str(archive or ""))
    return name if name.startswith("avsctl-") else ""
