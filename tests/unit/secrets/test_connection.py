# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to the secret store, from options and the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import SecretError
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import Connection, connection


def connect(environ: dict[str, str] | None = None, **options: Any) -> Connection:
    return connection(options.get, environ or {})


def test_a_token() -> None:
    made = connect(url="https://vault.example.org:8200/", token="t")
    assert (made.url, made.login.method, made.login.token, made.verify, made.timeout) == (
        "https://vault.example.org:8200/", "token", "t", True, 30,
    )  # fmt: skip


def test_an_approle() -> None:
    made = connect(
        url="http://x", auth_method="approle", role_id="r", secret_id="s", auth_mount_point="/approle2/", namespace="ns/",
        ca_cert="/ca.pem", timeout="5", retries={"total": 3}, proxies="http://proxy:3128",
    )  # fmt: skip
    login = made.login
    assert (login.role_id, login.secret_id, login.mount_point) == ("r", "s", "approle2")
    assert (made.namespace, made.verify, made.timeout, made.retries) == ("ns/", "/ca.pem", 5, 3)
    assert made.proxies == {"http": "http://proxy:3128", "https": "http://proxy:3128"}


def test_the_environment_fills_in() -> None:
    environ = {"VAULT_ADDR": "http://env", "VAULT_TOKEN": "e", "VAULT_NAMESPACE": "n", "VAULT_CACERT": "/c"}
    made = connect(environ)
    assert (made.url, made.login.token, made.namespace, made.verify) == ("http://env", "e", "n", "/c")
    assert connect(environ, url="http://option", token="o").login.token == "o"
    named = connect({**environ, "ANSIBLE_HASHI_VAULT_ADDR": "http://ansible", "ANSIBLE_HASHI_VAULT_TOKEN": "a"})
    assert (named.url, named.login.token) == ("http://ansible", "a")


def test_the_token_file_comes_last(tmp_path: Path) -> None:
    (tmp_path / ".vault-token").write_text("filed\n")
    assert connect({"HOME": str(tmp_path)}, url="http://x").login.token == "filed"
    (tmp_path / "own").write_text("other")
    assert connect({}, url="http://x", token_path=str(tmp_path), token_file="own").login.token == "other"


@pytest.mark.parametrize(
    ("environ", "options", "verify"),
    [
        ({}, {"validate_certs": False}, False),
        ({}, {"validate_certs": "no", "ca_cert": "/c"}, False),
        ({"VAULT_SKIP_VERIFY": "true"}, {}, False),
        ({"VAULT_SKIP_VERIFY": "false"}, {}, True),
        ({"VAULT_SKIP_VERIFY": "true"}, {"validate_certs": True}, True),
    ],
)
def test_certificates(environ: dict[str, str], options: dict[str, Any], verify: bool) -> None:
    assert connect(environ, url="https://x", token="t", **options).verify is verify


@pytest.mark.parametrize(
    ("options", "rule", "words"),
    [
        ({"token": "t"}, "SEC-001", "no address"),
        ({"url": "vault:8200", "token": "t"}, "SEC-001", "not an http or https address"),
        ({"url": "http://x"}, "SEC-002", "no token"),
        ({"url": "http://x", "auth_method": "ldap"}, "SEC-002", "ldap is not a method"),
        ({"url": "http://x", "auth_method": "approle"}, "SEC-002", "needs a role id"),
        ({"url": "http://x", "token": "t", "timeout": "soon"}, "SEC-001", "not a whole number"),
    ],
)
def test_what_is_missing_is_named(options: dict[str, Any], rule: str, words: str) -> None:
    with pytest.raises(SecretError) as caught:
        connect(**options)
    (found,) = caught.value.findings
    assert found.id == rule and words in found.message and found.place.startswith("ansible_hashi_vault_")


def test_everything_missing_at_once() -> None:
    with pytest.raises(SecretError) as caught:
        connect(auth_method="approle", retries=-1)
    assert len(caught.value.findings) == 3


def test_identities_of_connections() -> None:
    base = connect(url="http://x/", token="t")
    assert connect(url="http://x", token="other").store == base.store
    assert connect(url="http://x", token="other").digest != base.digest
    assert connect(url="http://x", token="t", namespace="n").store != base.store
    assert connect(url="http://y", token="t").store != base.store


def test_nothing_shows_credentials() -> None:
    made = connect(url="http://x", auth_method="approle", role_id="canary-r", secret_id="canary-s", proxies="http://u:canary@p")
    token = connect(url="http://x", token="canary-t")
    for item in (made, made.login, token, token.login):
        assert "canary" not in f"{item!r}{item!s}"
    assert "canary" not in made.digest + token.digest
