# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What workers of one run share: logins, versions, and the end of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets import run_cache
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Problem
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import Connection, Login
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_cache import RunTokens
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_folder import RunFolder, RunMemory
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_client import VaultSource
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretPath, SecretRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.versioned import RunVersions

from tests.unit.support.fakes import Store, serving

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def store() -> Iterator[Store]:
    with serving(Store()) as running:
        yield running


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run folder whose logins the main process has promised to revoke."""
    monkeypatch.setitem(run_cache._logins, str(tmp_path), RunMemory())
    return RunFolder(tmp_path)


def approle(store: Store) -> Connection:
    return Connection(store.url, Login("approle", role_id="role", secret_id="canary-id"), timeout=5)


def logins_of(folder: RunFolder) -> RunMemory:
    return run_cache._logins[str(folder.root)]


def modes(folder: RunFolder) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}


def test_one_login_for_all_workers(store: Store, kept: RunFolder) -> None:
    store.login("canary-token")
    store.metadata("avs/a")

    def work() -> None:
        source = VaultSource(approle(store), RunTokens(kept))
        source.versions([SecretPath("secret", "avs/a")])
        source.close()

    workers = [FORK.Process(target=work) for _number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
        assert worker.exitcode == 0
    assert store.asked.count("POST /v1/auth/approle/login") == 1
    assert not any("revoke" in request for request in store.asked)
    assert logins_of(kept).read()[approle(store).digest]["token"] == "canary-token"
    assert "canary" not in "".join(path.read_text() for path in kept.path.iterdir()) + repr(logins_of(kept))
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o700 and set(modes(kept).values()) == {0o600}


def test_the_end_of_the_run_revokes(store: Store, kept: RunFolder) -> None:
    store.login("canary-token")
    store.metadata("avs/a")
    VaultSource(approle(store), RunTokens(kept)).versions([SecretPath("secret", "avs/a")])
    said: list[str] = []
    run_cache.revoke_all(logins_of(kept), said.append)
    assert store.asked[-1] == "POST /v1/auth/token/revoke-self" and store.headers[-1]["X-Vault-Token"] == "canary-token"
    assert said == [] and logins_of(kept).read() == {}
    asked = len(store.asked)
    run_cache.revoke_all(logins_of(kept), said.append)
    assert len(store.asked) == asked


def test_a_login_that_cannot_be_revoked_is_warned_of(store: Store, kept: RunFolder) -> None:
    store.login("canary-token")
    store.metadata("avs/a")
    VaultSource(approle(store), RunTokens(kept)).versions([SecretPath("secret", "avs/a")])
    store.fail("POST /v1/auth/token/revoke-self", 503, "canary-token")
    said: list[str] = []
    run_cache.revoke_all(logins_of(kept), said.append)
    assert len(said) == 1 and "could not be revoked" in said[0] and "canary" not in said[0]


def test_batch_tokens_end_by_themselves(store: Store, kept: RunFolder) -> None:
    store.login("canary-token", token_type="batch")
    store.metadata("avs/a")
    VaultSource(approle(store), RunTokens(kept)).versions([SecretPath("secret", "avs/a")])
    run_cache.revoke_all(logins_of(kept), pytest.fail)
    assert not any("revoke" in request for request in store.asked)


def test_a_given_token_is_neither_kept_nor_revoked(store: Store, kept: RunFolder) -> None:
    store.metadata("avs/a")
    source = VaultSource(Connection(store.url, Login("token", token="canary-given")), RunTokens(kept))
    source.versions([SecretPath("secret", "avs/a")])
    source.close()
    run_cache.revoke_all(logins_of(kept), pytest.fail)
    assert store.asked == ["GET /v1/secret/metadata/avs/a"]
    assert not kept.path.exists() or "canary" not in "".join(path.read_text() for path in kept.path.iterdir())


def test_without_a_main_process_to_revoke_it_a_login_ends_with_its_source(store: Store, tmp_path: Path) -> None:
    store.login("canary-token")
    store.metadata("avs/a")
    source = VaultSource(approle(store), RunTokens(RunFolder(tmp_path)))
    source.versions([SecretPath("secret", "avs/a")])
    source.close()
    assert store.asked[-1] == "POST /v1/auth/token/revoke-self"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]


def test_an_expired_login_is_made_anew(store: Store, kept: RunFolder) -> None:
    store.login("short", lease_duration=run_cache.MARGIN + 1)
    store.metadata("avs/a")
    for _number in range(2):
        VaultSource(approle(store), RunTokens(kept)).versions([SecretPath("secret", "avs/a")])
        time.sleep(1.1)
    assert store.asked.count("POST /v1/auth/approle/login") == 2


def test_a_dead_login_is_replaced_for_everybody(store: Store, kept: RunFolder) -> None:
    connection = approle(store)
    made = iter(["first", "second"])

    def log_in() -> Mapping[str, Any]:
        return {"client_token": next(made), "lease_duration": 1200}

    assert RunTokens(kept).current(connection, log_in) == "first"
    assert RunTokens(kept).replaced(connection, "first", log_in) == "second"
    assert RunTokens(kept).replaced(connection, "first", log_in) == "second"
    assert RunTokens(kept).current(connection, log_in) == "second"


def test_the_hook_is_set_in_the_main_process_alone(tmp_path: Path) -> None:
    def work() -> None:
        run_cache.revoke_at_exit(tmp_path, lambda message: None)
        os._exit(1 if str(tmp_path) in run_cache._logins else 0)

    worker = FORK.Process(target=work)
    worker.start()
    worker.join(20)
    assert worker.exitcode == 0


@pytest.mark.parametrize("error", [ImportError("no hvac"), AttributeError("half an update"), SyntaxError("of another Python")])
def test_a_client_that_cannot_be_read_is_no_matter_for_a_run_without_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(_name: str) -> None:
        raise error

    hooks: list[Any] = []
    monkeypatch.setattr(run_cache, "_logins", {})
    monkeypatch.setattr(run_cache.importlib, "import_module", broken)
    monkeypatch.setattr(run_cache.atexit, "register", lambda *hook: hooks.append(hook))
    monkeypatch.setattr(run_cache.multiprocessing, "parent_process", lambda: None)
    run_cache.revoke_at_exit(tmp_path, print)
    assert list(run_cache._logins) == [str(tmp_path)] and len(hooks) == 1


def test_a_worker_never_revokes(store: Store, kept: RunFolder) -> None:
    logins_of(kept).write({"x": {"token": "t", "until": 0, "revocable": True, "connection": {"url": store.url}}})
    worker = FORK.Process(target=run_cache._at_exit, args=(str(kept.root), print))
    worker.start()
    worker.join(20)
    assert worker.exitcode == 0 and store.asked == [] and list(logins_of(kept).read()) == ["x"]


def test_versions_are_read_once_for_all_hosts(store: Store, tmp_path: Path) -> None:
    paths = [SecretPath("secret", f"avs/{name}") for name in "abc"]
    for path in paths[:2]:
        store.metadata(path.path)
    folder = RunFolder(tmp_path)
    given = Connection(store.url, Login("token", token="canary-token"))
    first = RunVersions(folder, "task").get(VaultSource(given, RunTokens(folder)), paths[:1], lambda: paths)
    assert len(store.asked) == 3
    second = RunVersions(folder, "task").get(VaultSource(given, RunTokens(folder)), paths)
    assert len(store.asked) == 3 and second[paths[0]] == first[paths[0]]
    assert isinstance(second[paths[2]], Problem) and second[paths[2]].rule == "SEC-003"
    assert "canary" not in "".join(path.read_text() for path in folder.path.iterdir())


def test_another_task_or_another_login_reads_anew(store: Store, tmp_path: Path) -> None:
    path = SecretPath("secret", "avs/a")
    store.metadata(path.path)
    folder = RunFolder(tmp_path)
    for task, token in (("one", "t"), ("two", "t"), ("one", "u"), ("one", "t")):
        source = VaultSource(Connection(store.url, Login("token", token=token)), RunTokens(folder))
        RunVersions(folder, task).get(source, [path])
    assert len(store.asked) == 3


def test_a_wish_nobody_announced_is_read_when_it_comes(store: Store, tmp_path: Path) -> None:
    first, late = SecretPath("secret", "avs/a"), SecretPath("secret", "avs/late", 2)
    store.metadata("avs/a")
    store.metadata("avs/late", 2)
    folder = RunFolder(tmp_path)
    source = VaultSource(Connection(store.url, Login("token", token="t")), RunTokens(folder))
    RunVersions(folder, "task").get(source, [first], lambda: [first])
    RunVersions(folder, "task").get(source, [first, late], lambda: pytest.fail("asked twice"))
    assert store.asked == ["GET /v1/secret/metadata/avs/a", "GET /v1/secret/metadata/avs/late"]


def test_values_are_kept_nowhere(store: Store, kept: RunFolder) -> None:
    store.login("token")
    store.put("avs/a", {"password": "canary-value"})
    source = VaultSource(approle(store), RunTokens(kept))
    request = SecretRequest(SecretPath("secret", "avs/a"), "password")
    RunVersions(kept, "task").get(source, [request.path])
    assert source.values([request]) == {request: "canary-value"}
    assert "canary" not in "".join(path.read_text() for path in kept.path.iterdir())


def test_records_are_made_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {"n": len(made)}

    assert folder.once("x", make) == folder.once("x", make) == {"n": 1}
    (folder.path / "x.json").write_text("broken")
    assert folder.once("x", make) == {"n": 2}
    assert json.loads((folder.path / "x.json").read_text()) == {"n": 2}
