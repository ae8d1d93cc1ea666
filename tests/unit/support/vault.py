# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ``VaultSource`` at a store that answers as scripted, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.errors import SecretError
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Problem
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.connection import Connection, Login
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_client import VaultSource
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.vault_requests import SecretIdentity, SecretPath, SecretRequest

from tests.unit.support.fakes import Store

BLS = SecretPath("secret", "avs/op1/bls")
KEYSTORE = SecretRequest(BLS, "keystore")


class Fresh:
    """Logs in anew whenever asked."""

    def __init__(self) -> None:
        self.done_with = 0

    def current(self, connection: Connection, log_in: Callable[[], Mapping[str, Any]]) -> str:
        return str(log_in()["client_token"])

    def replaced(self, connection: Connection, dead: str, log_in: Callable[[], Mapping[str, Any]]) -> str:
        return str(log_in()["client_token"])

    def done(self, source: VaultSource) -> None:
        self.done_with += 1


TOKEN = Login("token", token="canary-token")
APPROLE = Login("approle", role_id="role", secret_id="canary-secret-id")


def source(store: Store, login: Login = TOKEN, **changes: Any) -> VaultSource:
    return VaultSource(Connection(**{"url": store.url, "login": login, "timeout": 5, **changes}), Fresh())


def identities(made: VaultSource, requests: list[SecretRequest]) -> dict[SecretRequest, str]:
    """Raises ``SecretError`` where a version cannot be had."""
    known = made.versions(request.path for request in requests)
    problems = [item.at(str(path)) for path, item in known.items() if isinstance(item, Problem)]
    if problems:
        raise SecretError("secrets are missing in the secret store", problems)
    found = {request: known[request.path] for request in requests}
    return {request: item.as_text(made.connection.store, request) for request, item in found.items() if isinstance(item, SecretIdentity)}


def problem(store: Store, path: SecretPath = BLS, **changes: Any) -> Problem:
    found = source(store, **changes).versions([path])[path]
    assert isinstance(found, Problem)
    assert "canary" not in f"{found!r}"
    return found
