# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps between database schemas, up and down. Shared by the node (new databases) and the plugin (old ones).

A step commits its statements one by one under the marker ``migrating_to``, as a step over a big table would: one that
is cut short leaves the marker behind, and no node opens such a database until ``down`` or a restored backup removed it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timezone

INITIAL = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), height INTEGER NOT NULL, updated TEXT NOT NULL)",
    "CREATE TABLE history (height INTEGER PRIMARY KEY, updated TEXT NOT NULL)",
    "CREATE TABLE features (name TEXT PRIMARY KEY, enabled INTEGER NOT NULL)",
    "CREATE TRIGGER height_grows BEFORE UPDATE OF height ON progress WHEN NEW.height < OLD.height"
    " BEGIN SELECT RAISE(ABORT, 'the height only grows'); END",
    "INSERT INTO progress VALUES (1, 0, '1970-01-01T00:00:00+00:00')",
    "INSERT INTO meta VALUES ('schema_version', '1')",
)


@dataclass(frozen=True)
class Step:
    """``down`` undoes ``up`` from any point of it: each statement is safe where its counterpart never ran."""

    up: tuple[str, ...]
    down: tuple[tuple[str, str], ...]


def _times(table: str) -> tuple[str, ...]:
    return (
        f"ALTER TABLE {table} ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0",
        f"UPDATE {table} SET updated_at = CAST(strftime('%s', updated) AS INTEGER)",
        f"ALTER TABLE {table} DROP COLUMN updated",
    )


def _texts(table: str) -> tuple[tuple[str, str], ...]:
    """(statement, column that has to be there for it): the way back is taken from wherever the way up ended."""
    text = "strftime('%Y-%m-%dT%H:%M:%S+00:00', updated_at, 'unixepoch')"
    return (
        (f"ALTER TABLE {table} ADD COLUMN updated TEXT NOT NULL DEFAULT ''", f"{table}.!updated"),
        (f"UPDATE {table} SET updated = {text} WHERE updated = ''", f"{table}.updated_at"),
        (f"ALTER TABLE {table} DROP COLUMN updated_at", f"{table}.updated_at"),
    )


STEPS = {
    2: Step(up=_times("progress") + _times("history"), down=_texts("progress") + _texts("history")),
    3: Step(
        up=(
            "CREATE TABLE IF NOT EXISTS fees (epoch INTEGER PRIMARY KEY, amount REAL NOT NULL)",
            "INSERT INTO fees SELECT height / 32, SUM(0.01) FROM history GROUP BY height / 32",
        ),
        down=(("DROP TABLE IF EXISTS fees", ""),),
    ),
}
# What release 2.2.0 shipped in place of step 3: its second statement names a column that no schema has.
BROKEN_STEP = Step(up=(STEPS[3].up[0], "INSERT INTO fees SELECT epoch, SUM(reward) FROM history GROUP BY epoch"), down=STEPS[3].down)


def as_text(seconds: int) -> str:
    """Schema 1's form of a time."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def initialise(connection: sqlite3.Connection) -> None:
    """Schema 1 in an empty database."""
    with connection:
        connection.execute("BEGIN")
        for statement in INITIAL:
            connection.execute(statement)


def _mark(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('migrating_to', ?)", (str(number),))


def _finish(connection: sqlite3.Connection, schema: int) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(schema),))
        connection.execute("DELETE FROM meta WHERE key = 'migrating_to'")


def up(connection: sqlite3.Connection, number: int, broken: bool = False) -> None:
    """From schema ``number - 1`` to ``number``; raises ``sqlite3.Error`` with the marker left in place."""
    _mark(connection, number)
    for statement in (BROKEN_STEP if broken else STEPS[number]).up:
        connection.execute(statement)
    _finish(connection, number)


def down(connection: sqlite3.Connection, number: int) -> None:
    """From schema ``number``, or from anywhere on the way to it, back to ``number - 1``."""
    _mark(connection, number)
    for statement, needs in STEPS[number].down:
        if _holds(connection, needs):
            connection.execute(statement)
    _finish(connection, number - 1)


def _holds(connection: sqlite3.Connection, needs: str) -> bool:
    if not needs:
        return True
    table, column = needs.split(".")
    present = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
    return column[1:] not in present if column.startswith("!") else column in present
