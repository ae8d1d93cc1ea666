# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which copies of the library somebody will still ask for: a transaction that was begun is ended by the program that began it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from ..instance.store import Store
from ..system import files

_JOURNAL = "journal.jsonl"
_BEGIN, _END = "begin", "end"


def open_programs(lines: Iterable[bytes]) -> set[str]:
    """``program`` of every transaction a journal begins and does not end. A line that was cut says nothing: what it tells of never began."""
    begun: dict[str, str] = {}
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(record, dict):
            continue
        transaction = json.dumps(record.get("transaction"), sort_keys=True)
        if record.get("event") == _BEGIN:
            begun[transaction] = str(record.get("program"))
        elif record.get("event") == _END:
            begun.pop(transaction, None)
    return set(begun.values())


def programs_in_use(store: Store) -> set[str]:
    """Names of copies that no instance can do without. Raises ``OSError`` where a journal cannot be read: then it is not known."""
    found = set()
    for instance in store.ids():
        try:
            found |= open_programs(files.read(store.instance(instance).path(_JOURNAL)).splitlines())
        except FileNotFoundError:
            continue
    return found
