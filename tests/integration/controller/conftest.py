# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store for all tests of this folder, a controller for each."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.core import OLDEST, cores
from tests.integration.controller.controller import Controller
from tests.integration.controller.openbao import OpenBao
from tests.unit.support.keystores import keystore


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    server = OpenBao(tmp_path_factory.mktemp("openbao"))
    server.start()
    yield server
    server.stop()


def pytest_report_header() -> str:
    return f"the controller's tests run on ansible-core: {', '.join(cores())}"


@pytest.fixture(params=cores())
def core(request: pytest.FixtureRequest) -> str:
    """Each ansible-core this machine can run."""
    return str(request.param)


# What our own code decides before and after Ansible has a hand in it: one core shows it, and the lab's playbooks run on the other.
on_the_oldest = pytest.mark.parametrize("core", [OLDEST], indirect=True)


@pytest.fixture
def controller(tmp_path: Path, bao: OpenBao, core: str) -> Controller:
    return Controller(tmp_path, bao, core)


@pytest.fixture
def approle(bao: OpenBao) -> dict[str, Any]:
    role = bao.role()
    return {
        "ansible_hashi_vault_auth_method": "approle",
        "ansible_hashi_vault_role_id": role["role_id"],
        "ansible_hashi_vault_secret_id": role["secret_id"],
    }


class Canaries:
    """Secrets that are easily found again, stored for a tag."""

    def __init__(self, store: OpenBao) -> None:
        self.store = store
        self.values: dict[str, str] = {}

    def put(self, tag: str) -> str:
        """Store keys, passwords and a token of an instance; returns the tag."""
        for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")):
            canary = f"canary-{secrets.token_hex(12)}"
            self.store.put(f"avs/{tag}/{name}", keystore=keystore(kind, f"{canary}-cipher"), password=f"{canary}-password")
            self.values[f"{tag} {name}"] = canary
        self.values[f"{tag} token"] = f"canary-{secrets.token_hex(12)}"
        self.store.put(f"avs/{tag}/rpc", token=self.values[f"{tag} token"])
        return tag

    def found_in(self, text: str) -> list[str]:
        return [name for name, value in self.values.items() if value in text]


@pytest.fixture
def canaries(bao: OpenBao) -> Canaries:
    return Canaries(bao)
