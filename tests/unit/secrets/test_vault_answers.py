# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VaultSource at what is no store of secrets, and at one that is out of reach."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Problem
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretPath

from tests.unit.support.fakes import Store, serving
from tests.unit.support.vault import APPROLE, KEYSTORE, problem, source


@pytest.fixture
def store() -> Iterator[Store]:
    with serving(Store()) as running:
        yield running


PAGE = b"<html>Sign in to continue</html>"
ENTRY = {"created_time": "x", "deletion_time": "", "destroyed": False}


def strange(found: Problem, store: Store) -> None:
    assert (found.rule, found.message) == ("SEC-001", f"the secret store {store.url} does not answer like Vault")
    assert "ansible_hashi_vault_url" in found.remedy


@pytest.mark.parametrize(
    "answer",
    [
        (200, PAGE),
        (204, None),
        (200, []),
        (200, {}),
        (200, {"data": None}),
        (200, {"data": ["canary"]}),
        (200, {"data": {"current_version": "two", "versions": {}}}),
        (200, {"data": {"current_version": 1, "versions": ["canary"]}}),
        (200, {"data": {"current_version": 1, "versions": {"1": "canary"}}}),
        (404, ["canary"]),
        (400, {"errors": [{"canary": 1}]}),
    ],
)
def test_metadata_that_is_not_vaults(store: Store, answer: tuple[int, Any]) -> None:
    store.answers["GET /v1/secret/metadata/avs/op1/bls"] = answer
    strange(problem(store), store)


@pytest.mark.parametrize(
    "answer",
    [
        (200, PAGE),
        (200, []),
        (200, {}),
        (200, {"data": ["canary"]}),
        (200, {"data": {"data": ["canary"], "metadata": {**ENTRY, "version": 1}}}),
        (200, {"data": {"data": {"keystore": "canary"}, "metadata": {**ENTRY, "version": "canary"}}}),
        (404, {"data": None}),
        (404, {"data": ["canary"]}),
    ],
)
def test_data_that_is_not_vaults(store: Store, answer: tuple[int, Any]) -> None:
    store.answers["GET /v1/secret/data/avs/op1/bls"] = answer
    found = source(store).read([KEYSTORE])[KEYSTORE]
    assert isinstance(found, Problem) and "canary" not in f"{found!r}"
    strange(found, store)


@pytest.mark.parametrize(
    "answer",
    [
        (200, PAGE),
        (204, None),
        (200, []),
        (200, {"auth": None}),
        (200, {"auth": {"client_token": None}}),
        (200, {"auth": {"client_token": "canary", "lease_duration": "long"}}),
        (403, ["canary"]),
    ],
)
def test_a_login_that_is_not_vaults(store: Store, answer: tuple[int, Any]) -> None:
    store.answers["POST /v1/auth/approle/login"] = answer
    strange(problem(store, login=APPROLE), store)


def test_an_address_that_is_no_url_is_out_of_reach(store: Store) -> None:
    assert "cannot be reached" in problem(store, url="nonsense://x").message


def test_a_login_page_is_asked_once(store: Store) -> None:
    paths = [SecretPath("secret", f"avs/{number}") for number in range(20)]
    store.answers = {f"GET /v1/secret/metadata/{path.path}": (200, PAGE) for path in paths}
    for item in source(store).versions(paths).values():
        assert isinstance(item, Problem)
        strange(item, store)
    assert len(store.asked) == 1


def test_a_store_that_is_down_is_asked_once(store: Store) -> None:
    paths = [SecretPath("secret", f"avs/{number}") for number in range(20)]
    for path in paths:
        store.fail(f"GET /v1/secret/metadata/{path.path}", 503, "Vault is sealed")
    found = source(store).versions(paths)
    assert {item.message for item in found.values() if isinstance(item, Problem)} == {f"the secret store {store.url} is sealed"}
    assert len(store.asked) == 1


def test_nobody_listens(store: Store) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        found = problem(store, url=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert found.rule == "SEC-001" and "cannot be reached" in found.message


def test_nobody_answers(store: Store) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        found = problem(store, url=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
    assert found.rule == "SEC-001" and "did not answer in time" in found.message


def test_https_to_a_store_without_tls(store: Store) -> None:
    found = problem(store, url=store.url.replace("http:", "https:"))
    assert found.rule == "SEC-001" and "TLS" in found.message


def test_a_ca_file_that_is_not_there(store: Store) -> None:
    found = problem(store, url=store.url.replace("http:", "https:"), verify="/nowhere/ca.pem")
    assert found.rule == "SEC-001" and "CA file" in found.message
