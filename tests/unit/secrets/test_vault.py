# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VaultSource against a store that answers as scripted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import SecretError
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Problem
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretPath, SecretRequest

from tests.unit.support.fakes import Store, serving
from tests.unit.support.vault import APPROLE, BLS, KEYSTORE, identities, problem, source


@pytest.fixture
def store() -> Iterator[Store]:
    with serving(Store()) as running:
        yield running


def test_identities_read_metadata_alone(store: Store) -> None:
    store.put("avs/op1/bls", {"keystore": "canary"}, version=3)
    made = source(store)
    identity = identities(made, [KEYSTORE])[KEYSTORE]
    assert identity == f"vault:{made.connection.store}:secret/avs/op1/bls#3@2026-01-01T00:00:00Z:keystore"
    assert store.asked == ["GET /v1/secret/metadata/avs/op1/bls"]
    assert store.headers[0]["X-Vault-Token"] == "canary-token"


def test_a_secret_written_anew_has_another_identity(store: Store) -> None:
    store.metadata("avs/op1/bls", 1, "2026-01-01T00:00:00Z")
    before = identities(source(store), [KEYSTORE])
    store.metadata("avs/op1/bls", 1, "2026-02-02T00:00:00Z")
    assert identities(source(store), [KEYSTORE]) != before


def test_a_policy_without_metadata(store: Store) -> None:
    store.put("avs/op1/bls", {"keystore": "canary"}, version=2)
    with_metadata = identities(source(store), [KEYSTORE])
    store.fail("GET /v1/secret/metadata/avs/op1/bls", 403, "1 error occurred:\n\t* permission denied\n\n")
    assert identities(source(store), [KEYSTORE]) == with_metadata


def test_a_pinned_version(store: Store) -> None:
    store.put("avs/op1/bls", {"keystore": "new"}, version=3)
    pinned = SecretPath("secret", "avs/op1/bls", 3)
    assert "#3@" in identities(source(store), [SecretRequest(pinned, "keystore")])[SecretRequest(pinned, "keystore")]
    source(store).values([SecretRequest(pinned, "keystore")])
    assert store.asked[-1] == "GET /v1/secret/data/avs/op1/bls?version=3"
    missing = problem(store, SecretPath("secret", "avs/op1/bls", 9))
    assert missing.rule == "SEC-003" and "has no version 9" in missing.message and "up to 3" in missing.remedy


def test_values_read_each_path_once(store: Store) -> None:
    store.data("avs/op1/bls", {"keystore": {"a": 1}, "password": "canary"})
    password = SecretRequest(BLS, "password")
    assert source(store).values([KEYSTORE, password]) == {KEYSTORE: '{"a":1}', password: "canary"}
    assert store.asked == ["GET /v1/secret/data/avs/op1/bls"]


def test_many_paths_over_one_session(store: Store) -> None:
    paths = [SecretPath("secret", f"avs/{number}") for number in range(40)]
    for path in paths:
        store.metadata(path.path)
    found = source(store).versions(paths)
    assert list(found) == sorted(paths) and not [item for item in found.values() if isinstance(item, Problem)]
    assert len(store.asked) == 40


def test_all_missing_secrets_in_one_error(store: Store) -> None:
    store.put("avs/op1/bls", {"keystore": "canary", "password": "canary"})
    requests = [SecretRequest(BLS, "nothing"), SecretRequest(SecretPath("secret", "avs/none"), "x"), KEYSTORE]
    with pytest.raises(SecretError) as caught:
        source(store).values(requests)
    text = str(caught.value)
    assert "avs/op1/bls has no field nothing" in text and "there are: keystore, password" in text
    assert "there is no secret at secret/avs/none" in text and "canary" not in text
    with pytest.raises(SecretError) as caught:
        identities(source(store), requests)
    assert len(caught.value.findings) == 1


@pytest.mark.parametrize(
    ("status", "errors", "rule", "words"),
    [
        (503, ["Vault is sealed"], "SEC-001", "is sealed"),
        (503, ["busy"], "SEC-001", "is not available: busy"),
        (501, [], "SEC-001", "is not initialized"),
        (429, ["slow down"], "SEC-001", "limits the rate"),
        (500, ["disk canary-token gone"], "SEC-001", "failed: disk *** gone"),
        (502, [], "SEC-001", "failed"),
        (403, ["1 error occurred:\n\t* permission denied\n\n"], "SEC-002", "permission denied to read secret/avs/op1/bls"),
        (404, [], "SEC-003", "there is no secret at secret/avs/op1/bls"),
        (404, ['no handler for route "secret/"'], "SEC-003", "no KV version 2 store mounted at secret"),
        (400, ["strange canary-token"], "SEC-003", "cannot be read: strange ***"),
        (418, [], "SEC-003", "cannot be read"),
    ],
)
def test_answers_that_say_no(store: Store, status: int, errors: list[str], rule: str, words: str) -> None:
    for kind in ("metadata", "data"):
        store.fail(f"GET /v1/secret/{kind}/avs/op1/bls", status, *errors)
    found = problem(store)
    assert found.rule == rule and words in found.message and found.remedy


def test_the_remedy_of_a_refusal_is_the_policy(store: Store) -> None:
    for kind in ("metadata", "data"):
        store.fail(f"GET /v1/secret/{kind}/avs/op1/bls", 403, "1 error occurred:\n\t* permission denied\n\n")
    assert 'path "secret/data/avs/op1/bls" { capabilities = ["read"] }' in problem(store).remedy


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("data/avs/op1/bls", "the path should not contain data/: write avs/op1/bls"),
        ("metadata/avs/op1/bls", "the path should not contain metadata/: write avs/op1/bls"),
        ("secret/avs/op1/bls", "the path should not contain the mount: write avs/op1/bls"),
        ("secret/data/avs/op1/bls", "the path should not contain the mount: write avs/op1/bls"),
    ],
)
@pytest.mark.parametrize("status", [403, 404])
def test_a_path_that_names_what_is_added_here(store: Store, path: str, words: str, status: int) -> None:
    """The policy does not cover it, so the store says no; another line in the policy would not help."""
    for kind in ("metadata", "data"):
        store.fail(f"GET /v1/secret/{kind}/{path}", status, *(["1 error occurred:\n\t* permission denied\n\n"] if status == 403 else []))
    found = problem(store, SecretPath("secret", path))
    assert words in found.message and "capabilities" not in found.remedy


def test_a_missing_hvac_has_a_remedy_of_its_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    for found in source(store).versions([BLS, SecretPath("secret", "other")]).values():
        assert isinstance(found, Problem) and found.rule == "SEC-001"
        assert "hvac is missing on the controller" in found.message and "-m pip install hvac" in found.remedy
    assert store.asked == []


@pytest.mark.parametrize("fields", [{"destroyed": True}, {"deletion_time": "2020-01-01T00:00:00.123456Z"}, {"deletion_time": "nonsense"}])
def test_deleted_versions(store: Store, fields: dict[str, Any]) -> None:
    store.metadata("avs/op1/bls", 4, **fields)
    found = problem(store)
    assert found.rule == "SEC-003" and "version 4 of secret/avs/op1/bls was deleted" in found.message


def test_a_version_that_will_be_deleted_is_there_still(store: Store) -> None:
    store.metadata("avs/op1/bls", 4, deletion_time="2999-01-01T00:00:00Z")
    assert "#4@" in identities(source(store), [KEYSTORE])[KEYSTORE]


def test_a_deleted_version_read_as_data(store: Store) -> None:
    metadata = {"version": 2, "created_time": "x", "deletion_time": "2020-01-01T00:00:00Z", "destroyed": False}
    store.answers["GET /v1/secret/data/avs/op1/bls"] = (404, {"data": {"data": None, "metadata": metadata}})
    with pytest.raises(SecretError, match="version 2 of secret/avs/op1/bls was deleted"):
        source(store).values([KEYSTORE])
    metadata.update(deletion_time="", destroyed=True)
    with pytest.raises(SecretError, match="version 2 of secret/avs/op1/bls was deleted"):
        source(store).values([KEYSTORE])


def test_an_unknown_token(store: Store) -> None:
    store.fail("GET /v1/secret/metadata/avs/op1/bls", 403, "permission denied")
    store.fail("GET /v1/auth/token/lookup-self", 403, "permission denied")
    found = problem(store)
    assert found.rule == "SEC-002" and "does not know the token" in found.message


def test_a_token_that_only_lacks_the_right(store: Store) -> None:
    for kind in ("metadata", "data"):
        store.fail(f"GET /v1/secret/{kind}/avs/op1/bls", 403, "permission denied")
    store.answers["GET /v1/auth/token/lookup-self"] = (200, {"data": {}})
    assert "permission denied to read" in problem(store).message


def test_an_approle_login(store: Store) -> None:
    store.login("canary-fresh")
    store.metadata("avs/op1/bls")
    identities(source(store, APPROLE, namespace="team"), [KEYSTORE])
    assert store.asked == ["POST /v1/auth/approle/login", "GET /v1/secret/metadata/avs/op1/bls"]
    assert store.bodies[0] == {"role_id": "role", "secret_id": "canary-secret-id"}
    assert "X-Vault-Token" not in store.headers[0] and store.headers[1]["X-Vault-Token"] == "canary-fresh"
    assert {headers["X-Vault-Namespace"] for headers in store.headers} == {"team"}


def test_a_refused_login(store: Store) -> None:
    store.fail("POST /v1/auth/approle/login", 400, "invalid role or secret ID canary-secret-id")
    found = problem(store, login=APPROLE)
    assert found.rule == "SEC-002" and "refuses the approle login at auth/approle: invalid role or secret ID ***" in found.message
    assert store.asked == ["POST /v1/auth/approle/login"]


def test_a_login_at_a_sealed_store(store: Store) -> None:
    store.fail("POST /v1/auth/approle/login", 503, "Vault is sealed")
    assert "is sealed" in problem(store, login=APPROLE).message


def test_a_login_that_died_is_replaced(store: Store) -> None:
    store.login("first")
    for name in "abc":
        store.metadata(f"avs/{name}")
    made = source(store, APPROLE)
    made.versions([SecretPath("secret", "avs/a")])
    store.dead.add("first")
    store.login("second")
    found = made.versions([SecretPath("secret", f"avs/{name}") for name in "abc"])
    assert not [item for item in found.values() if isinstance(item, Problem)]
    assert store.headers[-1]["X-Vault-Token"] == "second"


def test_a_login_that_dies_again_and_again_ends(store: Store) -> None:
    store.login("first")
    store.metadata("avs/op1/bls")
    store.dead.add("first")
    found = problem(store, login=APPROLE)
    assert found.rule == "SEC-002" and len(store.asked) < 12


def test_no_token_of_the_environment_slips_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "canary-env")
    store.login("fresh")
    store.metadata("avs/op1/bls")
    identities(source(store, APPROLE), [KEYSTORE])
    assert all("canary-env" not in str(headers) for headers in store.headers)


def test_retries(store: Store) -> None:
    store.fail("GET /v1/secret/metadata/avs/op1/bls", 503, "busy")
    problem(store, retries=2)
    assert len(store.asked) == 3


def test_nothing_shows_a_secret(store: Store) -> None:
    store.put("avs/op1/bls", {"keystore": "canary-value"})
    made = source(store)
    made.values([KEYSTORE])
    assert "canary" not in f"{made!r}{made!s}{made.connection!r}{vars(made.connection)['login']!r}"
