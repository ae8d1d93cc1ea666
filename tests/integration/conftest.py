# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures over a lab that is up (``make lab``)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import hvac
import pytest
import yaml

from tests.integration import sampling
from tests.integration.support import LAB, Fleet, lab_fleet
from tests.lab.keystores import make_keystore


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    sampling.sample(config, items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if text := config.stash.get(sampling.LEFT, ""):
        terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def vault() -> hvac.Client:
    """A client with the lab's root token."""
    facts = yaml.safe_load((LAB / "vars.yml").read_text())
    access = yaml.safe_load((LAB / "vault.json").read_text())
    return hvac.Client(url=facts["lab_vault_url"], token=access["root_token"])


@pytest.fixture(scope="session")
def approle() -> dict[str, Any]:
    """Variables with which the collection logs in to the lab's OpenBao."""
    facts = yaml.safe_load((LAB / "vars.yml").read_text())
    access = yaml.safe_load((LAB / "vault.json").read_text())
    return {
        "ansible_hashi_vault_url": facts["lab_vault_url"],
        "ansible_hashi_vault_auth_method": "approle",
        "ansible_hashi_vault_role_id": access["role_id"],
        "ansible_hashi_vault_secret_id": access["secret_id"],
    }


class Keys:
    """Puts keystores into OpenBao and says how an inventory refers to them."""

    def __init__(self, client: hvac.Client) -> None:
        self.client = client

    def put(self, path: str, kind: str, password: str | None = None) -> str:
        """Store a new key; returns its public id."""
        password = password or secrets.token_urlsafe(24)
        keystore, public_id = make_keystore(kind, password, None, 4096)
        self.client.secrets.kv.v2.create_or_update_secret(
            path=path, secret={"keystore": keystore, "password": password}, mount_point="secret"
        )
        return public_id

    def pair(self, tag: str) -> list[dict[str, Any]]:
        """A BLS and an ECDSA key of an instance, stored and referred to."""
        entries = []
        for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")):
            self.put(f"avs/{tag}/{name}", kind)
            entries.append({"name": name, "kind": kind, "source": "vault", "path": f"avs/{tag}/{name}"})
        self.client.secrets.kv.v2.create_or_update_secret(
            path=f"avs/{tag}/rpc", secret={"token": secrets.token_urlsafe(24)}, mount_point="secret"
        )
        return entries


@pytest.fixture(scope="session")
def keys(vault: hvac.Client) -> Keys:
    return Keys(vault)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, approle: dict[str, Any]) -> Iterator[Fleet]:
    """The lab's hosts, cleaned of instances before and after a module's tests."""
    with lab_fleet(tmp_path_factory, approle) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def demo(keys: Keys) -> Any:
    """Makes inventory entries of demo-avs with ports of their own."""

    def make(tag: str, number: int = 0, **changes: Any) -> dict[str, Any]:
        options = {
            "main-port": 8080 + number,
            "metrics-port": 9300 + number,
            "gateway-port": 8180 + number,
            "rpc-token": {"source": "vault", "path": f"avs/{tag}/rpc", "field": "token"},
            **changes.pop("options", {}),
        }
        entry = {"package": "demo-avs", "version": "v1.0.0", "profile": "hoodi", "tag": tag, "options": options}
        if "keys" not in changes:
            entry["keys"] = keys.pair(tag)
        entry.update(changes)
        return {name: value for name, value in entry.items() if value is not None}

    return make
