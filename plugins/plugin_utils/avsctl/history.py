# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``avsctl history``: the journal of an instance as a table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from ...module_utils.common.errors import HostError
from .commands import DONE, Command, Outcome, Place, require, takes_id
from .logs import count
from .table import room, table

_JOURNAL = "journal.jsonl"
_HEADER = ("TIME", "EVENT", "DETAILS")
# In this order, before all others by their names.
_FIRST = ("operation", "outcome", "reason", "release", "health", "error", "actions", "transaction", "holder", "program")
_OWN = ("time", "event")


def _takes(parser: argparse.ArgumentParser) -> None:
    takes_id(parser)
    parser.add_argument("--tail", type=count, metavar="N", help="the last N records only")


def _history(arguments: argparse.Namespace, place: Place) -> Outcome:
    require([arguments.id], place.store.ids())
    path = place.store.instance(arguments.id).path(_JOURNAL)
    records, damaged = read(path)
    if arguments.tail is not None:
        records = records[len(records) - min(arguments.tail, len(records)) :]
    data = {"id": arguments.id, "records": [record for _number, record in records], "damaged": damaged}
    rows = [(number, (record.get("time"), record.get("event"), details(record))) for number, record in records]
    rows += [(item["line"], (None, "damaged", f"line {item['line']} of {path} {item['problem']}")) for item in damaged]
    lines = table(_HEADER, [row for _number, row in sorted(rows, key=lambda row: row[0])], room())
    return Outcome(DONE, data, lines if rows else [f"nothing is recorded of {arguments.id}"])


def read(path: str) -> tuple[list[tuple[int, dict[str, Any]]], list[dict[str, Any]]]:
    """Records of a journal with the numbers of their lines, and what is to be said of lines that hold none: ``line`` and ``problem``.

    A journal that is not there has none. Raises ``HostError`` where it cannot be read.
    """
    from ...module_utils.system import files

    try:
        content = files.read(path)
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}") from None
    records, damaged = [], []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            damaged.append({"line": number, "problem": "is not JSON: a write of it may have been cut"})
            continue
        if isinstance(record, dict):
            records.append((number, record))
        else:
            damaged.append({"line": number, "problem": "holds no record"})
    return records, damaged


def details(record: Mapping[str, Any]) -> str:
    """All a record holds but when and what, in words."""
    names = [*(name for name in _FIRST if name in record), *sorted(record.keys() - {*_FIRST, *_OWN})]
    return ", ".join(f"{name}: {_said(record[name])}" for name in names if record[name] not in (None, "", [], {}))


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) and {"action", "kind", "name"} <= item.keys() for item in value):
        return " + ".join(f"{item['action']} {item['kind']} {item['name']}" for item in value)
    return json.dumps(value, sort_keys=True)


HISTORY = Command(
    "history",
    "show what was done to an instance",
    _takes,
    _history,
    "The host's journal of it, oldest first: when, what, and what is recorded of it. Lines that are damaged are named.",
)
