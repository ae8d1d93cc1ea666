# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plugin's commands, their results and exit codes, on databases a node made."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from demo_avs import database, migrations
from demo_avs_plugin.main import main

from examples.images.tests.support import PASSWORDS, put_keys, running, wait_for


class Plugin:
    """Runs commands the way the container does: arguments, environment, output, exit code."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capture = folder, capture

    @property
    def path(self) -> Path:
        return self.folder / "data" / "demo.sqlite"

    def run(self, *arguments: str, version: str = "2.0.0") -> tuple[int, Any, str]:
        environ = {"DEMO_VERSION": version, "KEYS_DIR": str(self.folder / "keys"), "DATABASE": str(self.path)}
        code = main(arguments, environ)
        shown = self.capture.readouterr()
        assert (code == 0) == bool(shown.out) == (not shown.err)
        return code, json.loads(shown.out) if shown.out else None, shown.err

    def make(self, schema: int, rows: int = 5) -> None:
        """A database with that many ticks."""
        self.path.parent.mkdir(exist_ok=True)
        made = database.Database(str(self.path), schema)
        for _tick in range(rows):
            made.tick()
        made.close()

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Content of every table, by column name, so that the order of columns does not matter."""
        found = {}
        with closing(sqlite3.connect(self.path)) as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                columns = sorted(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
                rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY 1, 2").fetchall()
                found[f"{table}({', '.join(columns)})"] = rows
        return found

    def meta(self) -> Mapping[str, str]:
        with closing(sqlite3.connect(self.path)) as connection:
            return dict(connection.execute("SELECT key, value FROM meta"))


@pytest.fixture
def plugin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Plugin:
    return Plugin(tmp_path, capsys)


def test_public_keys(plugin: Plugin) -> None:
    ids = put_keys(plugin.folder / "keys")
    code, result, _error = plugin.run("export-public-key")
    assert code == 0 and {key["name"]: key["public_id"] for key in result["keys"]} == ids
    code, result, _error = plugin.run("export-public-key", "bls")
    assert [key["name"] for key in result["keys"]] == ["bls"]
    assert plugin.run("export-public-key", "other")[0] == 10
    (plugin.folder / "keys" / "bls.password").write_text("wrong one")
    code, _result, error = plugin.run("export-public-key")
    assert code == 11 and "bls: the password does not open it" in error
    assert "wrong one" not in error and PASSWORDS["ecdsa"] not in error


def test_prune(plugin: Plugin) -> None:
    plugin.make(1, rows=7)
    assert plugin.run("prune", "3")[:2] == (0, {"removed": 4, "kept": 3})
    assert plugin.run("prune", "3")[:2] == (0, {"removed": 0, "kept": 3})
    assert [row[0] for row in plugin.dump()["history(height, updated)"]] == [5, 6, 7]
    assert plugin.run("prune", "0")[0] == 2


def test_features(plugin: Plugin) -> None:
    plugin.make(2)
    assert plugin.run("set-feature", "fast-sync", "on")[1] == {"feature": "fast-sync", "enabled": True, "changed": True}
    assert plugin.run("set-feature", "fast-sync", "on")[1]["changed"] is False
    made = database.Database(str(plugin.path), 2)
    assert made.tick().features == ("fast-sync",)
    assert plugin.run("set-feature", "fast-sync", "off")[1]["changed"] is True
    assert made.tick().features == ()
    made.close()
    for wrong in (["x"], ["x", "maybe"], ["a b", "on"], []):
        assert plugin.run("set-feature", *wrong)[0] == 2


def test_migrations_up_and_down_keep_everything(plugin: Plugin) -> None:
    plugin.make(1)
    before = plugin.dump()
    assert plugin.run("migrate")[:2] == (0, {"from": 1, "to": 2, "changed": True})
    assert plugin.run("migrate")[:2] == (0, {"from": 2, "to": 2, "changed": False})
    made = database.Database(str(plugin.path), 2)
    assert made.tick().height == 6
    made.close()
    assert plugin.run("migrate-down")[1]["changed"] is True
    after = plugin.dump()
    assert after["meta(key, value)"] == before["meta(key, value)"]
    assert after["history(height, updated)"][:5] == before["history(height, updated)"]
    assert plugin.run("migrate-down")[1]["changed"] is False
    made = database.Database(str(plugin.path), 1)
    assert made.tick().height == 7
    made.close()


@pytest.mark.parametrize("done", range(len(migrations.STEPS[2].up) + 1))
def test_a_migration_cut_anywhere_can_be_undone(plugin: Plugin, done: int) -> None:
    plugin.make(1)
    before = plugin.dump()
    with closing(database.connect(str(plugin.path))) as connection:
        connection.execute("INSERT INTO meta VALUES ('migrating_to', '2')")
        for statement in migrations.STEPS[2].up[:done]:
            connection.execute(statement)
    for schema in (1, 2):
        with pytest.raises(database.DatabaseError, match="cut short"):
            database.Database(str(plugin.path), schema)
    assert plugin.run("migrate")[0] == 21
    assert plugin.run("migrate-down", "2")[0] == 2
    code, result, _error = plugin.run("migrate-down")
    assert code == 0 and result["repaired"] is True
    assert plugin.dump() == before


@pytest.mark.parametrize("done", range(len(migrations.STEPS[2].down) + 1))
def test_a_way_back_cut_anywhere_can_be_finished(plugin: Plugin, done: int) -> None:
    plugin.make(1)
    before = plugin.dump()
    assert plugin.run("migrate")[0] == 0
    with closing(database.connect(str(plugin.path))) as connection:
        connection.execute("INSERT INTO meta VALUES ('migrating_to', '2')")
        for statement, _needs in migrations.STEPS[2].down[:done]:
            connection.execute(statement)
    assert plugin.run("migrate-down")[0] == 0
    assert plugin.dump() == before


def test_2_2_0_fails_half_way_and_can_be_undone(plugin: Plugin) -> None:
    plugin.make(2)
    before = plugin.dump()
    code, _result, error = plugin.run("migrate", version="2.2.0")
    assert code == 22 and "half migrated" in error
    assert plugin.meta() == {"schema_version": "2", "migrating_to": "3"}
    assert "fees(amount, epoch)" in plugin.dump()
    with pytest.raises(database.DatabaseError, match="cut short"):
        database.Database(str(plugin.path), 2)
    assert plugin.run("migrate-down")[0] == 21, "the plugin of 2.0.0 does not know schema 3"
    assert plugin.run("migrate-down", "2", version="2.2.0")[0] == 0
    assert plugin.dump() == before


def test_from_1_to_2_2_0_by_its_two_migrations(plugin: Plugin) -> None:
    """What runtime.yml of v2.2.0 declares: the first step holds, the second fails, both are reverted."""
    plugin.make(1)
    before = plugin.dump()
    assert plugin.run("migrate", "2", version="2.2.0")[0] == 0
    assert plugin.run("migrate", "3", version="2.2.0")[0] == 22
    assert plugin.run("migrate-down", "2", version="2.2.0")[0] == 0
    assert plugin.run("migrate-down", "1", version="2.2.0")[0] == 0
    assert plugin.dump() == before


def test_a_node_runs_on_what_was_migrated(plugin: Plugin) -> None:
    put_keys(plugin.folder / "keys")
    with running(plugin.folder, DEMO_VERSION="1.1.0") as it:
        height = wait_for(lambda: it.get("/height").json()["height"])
    assert plugin.run("migrate")[0] == 0
    with running(plugin.folder, DEMO_VERSION="2.0.0") as it:
        wait_for(lambda: it.health() == 200)
        assert it.get("/height").json()["height"] > height


@pytest.mark.parametrize("command", [["prune"], ["set-feature", "x", "on"], ["migrate"], ["migrate-down"]])
def test_no_database_is_named(plugin: Plugin, command: list[str]) -> None:
    code, _result, error = plugin.run(*command)
    assert code == 20 and str(plugin.path) in error
    plugin.path.parent.mkdir()
    plugin.path.write_text("something else" * 100)
    assert plugin.run(*command)[0] == 20


def test_a_newer_database_is_refused(plugin: Plugin) -> None:
    plugin.make(2)
    assert plugin.run("migrate", version="1.1.0")[0] == 21
    assert plugin.run("migrate-down", version="1.1.0")[0] == 21


def test_a_database_that_is_being_written_is_a_failure(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin.make(2)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, **options: connect(path, **{**options, "timeout": 0.05}))
    with closing(connect(plugin.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, _result, error = plugin.run("set-feature", "x", "on")
    assert code == 23 and "locked" in error


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["migrate", "x"], ["migrate", "9"], ["migrate", "1", "2"]])
def test_usage(plugin: Plugin, arguments: list[str]) -> None:
    plugin.make(1)
    assert plugin.run(*arguments)[0] == 2


def test_an_unknown_release_is_usage(plugin: Plugin) -> None:
    plugin.make(1)
    assert plugin.run("migrate", version="9.9.9")[0] == 2
