# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Actions on the node's database: prune, features, migrations. The node is stopped for migrations, not for the others."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from demo_avs import migrations
from demo_avs.database import DatabaseError, connect, schema_of
from demo_avs.release import Release, release_of

from .exits import DATABASE_FAILED, MIGRATION_FAILED, NO_DATABASE, USAGE, WRONG_SCHEMA, PluginError

_KEEP = 1000


@contextmanager
def _database(environ: Mapping[str, str]) -> Iterator[tuple[sqlite3.Connection, int, bool]]:
    path = environ.get("DATABASE", "/data/demo.sqlite")
    if not os.path.exists(path):
        raise PluginError(NO_DATABASE, f"{path} does not exist: start the node once, or mount its volume on /data")
    try:
        with closing(connect(path)) as connection:
            schema, cut = schema_of(connection)
            yield connection, schema, cut
    except DatabaseError as error:
        raise PluginError(NO_DATABASE, f"{path}: {error}") from None
    except sqlite3.Error as error:
        foreign = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB
        raise PluginError(NO_DATABASE if foreign else DATABASE_FAILED, f"{path}: {error}") from None


def _complete(schema: int, cut: bool) -> None:
    if cut:
        raise PluginError(WRONG_SCHEMA, f"a migration from schema {schema} was cut short: run migrate-down, or restore a backup")


def _number(args: Sequence[str], default: int, lowest: int, name: str) -> int:
    if not args:
        return default
    if len(args) > 1 or not args[0].isdecimal() or int(args[0]) < lowest:
        raise PluginError(USAGE, f"{name} is a number from {lowest}")
    return int(args[0])


def prune(args: Sequence[str], environ: Mapping[str, str]) -> dict[str, object]:
    """Drops all but the newest ``KEEP`` (1000) rows of the history, and gives the space back."""
    keep = _number(args, _KEEP, 1, "KEEP")
    with _database(environ) as (connection, schema, cut):
        _complete(schema, cut)
        newest = "SELECT height FROM history ORDER BY height DESC LIMIT ?"
        removed = connection.execute(f"DELETE FROM history WHERE height NOT IN ({newest})", (keep,)).rowcount
        connection.execute("VACUUM")
    return {"removed": removed, "kept": keep}


def set_feature(args: Sequence[str], environ: Mapping[str, str]) -> dict[str, object]:
    """``NAME on|off``; the node follows at its next tick."""
    if len(args) != 2 or args[1] not in ("on", "off") or not args[0].replace("-", "").isalnum():
        raise PluginError(USAGE, "usage: set-feature NAME on|off (NAME: letters, digits, dashes)")
    name, enabled = args[0], args[1] == "on"
    with _database(environ) as (connection, schema, cut):
        _complete(schema, cut)
        found = connection.execute("SELECT enabled FROM features WHERE name = ?", (name,)).fetchone()
        connection.execute("INSERT OR REPLACE INTO features VALUES (?, ?)", (name, int(enabled)))
    return {"feature": name, "enabled": enabled, "changed": bool(found and found[0]) != enabled}


def _release(environ: Mapping[str, str]) -> Release:
    try:
        return release_of(environ.get("DEMO_VERSION", ""))
    except ValueError as error:
        raise PluginError(USAGE, str(error)) from None


def migrate(args: Sequence[str], environ: Mapping[str, str]) -> dict[str, object]:
    """Up to ``SCHEMA`` (this release's). A database that is there already is a success with ``changed: false``."""
    release = _release(environ)
    target = _number(args, release.schema, 1, "SCHEMA")
    if target > release.schema:
        raise PluginError(USAGE, f"release {release.version} knows schemas up to {release.schema}")
    with _database(environ) as (connection, schema, cut):
        _complete(schema, cut)
        if schema > target:
            raise PluginError(WRONG_SCHEMA, f"the database has schema {schema} already: migrate-down leads to schema {target}")
        for number in range(schema + 1, target + 1):
            try:
                migrations.up(connection, number, broken=release.migration_breaks and number == release.schema)
            except sqlite3.Error as error:
                raise PluginError(
                    MIGRATION_FAILED, f"to schema {number}: {error}; the database is half migrated, run migrate-down"
                ) from None
    return {"from": schema, "to": target, "changed": schema != target}


def migrate_down(args: Sequence[str], environ: Mapping[str, str]) -> dict[str, object]:
    """Down to ``SCHEMA`` (one less than this release's), also out of a migration that was cut short."""
    release = _release(environ)
    target = _number(args, max(1, release.schema - 1), 1, "SCHEMA")
    with _database(environ) as (connection, schema, cut):
        # A marker names the step that was under way, whichever way it went; without one the schema itself is to be undone.
        first = schema
        if cut:
            first = int(connection.execute("SELECT value FROM meta WHERE key = 'migrating_to'").fetchone()[0])
        if cut and first <= target:
            raise PluginError(USAGE, f"the migration to schema {first} was cut short: it can only be undone to schema {first - 1}")
        if first > release.schema:
            raise PluginError(WRONG_SCHEMA, f"the database has schema {first}: use the plugin of the release that made it")
        for number in range(first, target, -1):
            migrations.down(connection, number)
    return {"from": first, "to": min(first, target), "changed": first > target, "repaired": cut}
