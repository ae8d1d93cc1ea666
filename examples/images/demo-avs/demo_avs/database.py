# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node's database: a height that only grows, its history, and the schema version that says who may write it."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass

from . import migrations


class DatabaseError(Exception):
    """The database cannot be used; says why and what would help."""


@dataclass(frozen=True)
class Progress:
    """``updated`` is a Unix time in seconds."""

    schema: int
    height: int
    updated: int
    features: tuple[str, ...] = ()


def connect(path: str) -> sqlite3.Connection:
    """A connection in explicit-transaction mode that waits up to 5 s for another writer."""
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    # A container with a read-only root may have no folder for SQLite's temporary files.
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def create(path: str, schema: int) -> None:
    """A new database of that schema; an existing file is left alone."""
    if os.path.exists(path):
        return
    temporary = path + ".new"
    if os.path.exists(temporary):
        os.unlink(temporary)
    connection = connect(temporary)
    try:
        migrations.initialise(connection)
        for number in range(2, schema + 1):
            migrations.up(connection, number)
    finally:
        connection.close()
    os.rename(temporary, path)


def schema_of(connection: sqlite3.Connection) -> tuple[int, bool]:
    """(schema, whether a migration was cut short); raises ``DatabaseError`` for a foreign file, ``sqlite3.Error`` for a lock."""
    try:
        rows = dict(connection.execute("SELECT key, value FROM meta"))
        return int(rows["schema_version"]), "migrating_to" in rows
    except (sqlite3.DatabaseError, KeyError, ValueError) as error:
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        raise DatabaseError("not a database of this node") from None


def _require(connection: sqlite3.Connection, path: str, schema: int) -> None:
    """Raises ``DatabaseError`` unless the database is whole and has that schema."""
    try:
        found, cut = schema_of(connection)
    except sqlite3.Error as error:
        raise DatabaseError(f"{path} cannot be read: {error}") from None
    if cut:
        raise DatabaseError(f"{path}: a migration was cut short; run migrate-down of the newer release, or restore a backup")
    if found != schema:
        raise DatabaseError(f"{path} has schema {found}, this release works with schema {schema}")


class Database:
    """An open database of exactly the expected schema. ``tick`` and ``close`` may be called from different threads."""

    def __init__(self, path: str, schema: int) -> None:
        try:
            create(path, schema)
            self._connection = connect(path)
        except (OSError, sqlite3.Error) as error:
            raise DatabaseError(f"{path} cannot be opened: {error}") from None
        try:
            _require(self._connection, path, schema)
        except DatabaseError:
            self._connection.close()
            raise
        self._schema = schema

    def tick(self) -> Progress:
        """Grows the height by one; raises ``DatabaseError`` if the disk does not take it."""
        now = int(time.time())
        column, value = ("updated", migrations.as_text(now)) if self._schema == 1 else ("updated_at", now)
        try:
            with self._connection as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(f"UPDATE progress SET height = height + 1, {column} = ?", (value,))
                (height,) = connection.execute("SELECT height FROM progress").fetchone()
                connection.execute(f"INSERT INTO history (height, {column}) VALUES (?, ?)", (height, value))
            features = tuple(name for (name,) in self._connection.execute("SELECT name FROM features WHERE enabled ORDER BY name"))
        except sqlite3.Error as error:
            raise DatabaseError(f"a write failed: {error}") from None
        return Progress(self._schema, height, now, features)

    def close(self) -> None:
        self._connection.close()
