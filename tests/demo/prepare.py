# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare the demonstration: keys in the lab's OpenBao, and an inventory of three nodes on two hosts in the folder given."""

from __future__ import annotations

import secrets
import shutil
import sys
from pathlib import Path
from typing import Any

import hvac
import yaml

from tests.lab.keystores import make_keystore

LAB = Path(__file__).resolve().parents[2] / ".lab"
KINDS = {"bls": "bn254", "ecdsa": "ecdsa"}
# Number of the host, tag, profile, and how far the node's ports are from the usual ones.
NODES = ((0, "op1", "mainnet", 0), (0, "op2", "hoodi", 1), (1, "op3", "mainnet", 0))


def store_keys(client: hvac.Client, tag: str) -> None:
    """A key pair and an RPC token for one node, kept where they are already there."""
    for name, kind in KINDS.items():
        password = secrets.token_urlsafe(24)
        keystore, _public_id = make_keystore(kind, password, None, 4096)
        put_once(client, f"avs/{tag}/{name}", {"keystore": keystore, "password": password})
    put_once(client, f"avs/{tag}/rpc", {"token": secrets.token_urlsafe(24)})


def put_once(client: hvac.Client, path: str, secret: dict[str, str]) -> None:
    store = client.secrets.kv.v2
    try:
        store.read_secret_metadata(path=path, mount_point="secret")
    except hvac.exceptions.InvalidPath:
        store.create_or_update_secret(path=path, secret=secret, mount_point="secret")


def node(tag: str, profile: str, number: int) -> dict[str, Any]:
    """An inventory entry; ``number`` spreads the ports of the nodes of one host."""
    return {
        "package": "demo-avs",
        "version": "v1.0.0",
        "profile": profile,
        "tag": tag,
        "options": {
            "main-port": 8080 + number,
            "metrics-port": 9300 + number,
            "gateway-port": 8180 + number,
            "rpc-token": {"source": "vault", "path": f"avs/{tag}/rpc", "field": "token"},
        },
        "keys": [{"name": name, "kind": kind, "source": "vault", "path": f"avs/{tag}/{name}"} for name, kind in KINDS.items()],
    }


def main() -> None:
    facts = yaml.safe_load((LAB / "vars.yml").read_text())
    access = yaml.safe_load((LAB / "vault.json").read_text())
    client = hvac.Client(url=facts["lab_vault_url"], token=access["root_token"])
    folder = Path(sys.argv[1]).resolve()
    # What an earlier lab published under the same addresses is another package.
    shutil.rmtree(LAB / "packages", ignore_errors=True)
    (folder / "host_vars").mkdir(parents=True, exist_ok=True)
    (folder / "group_vars").mkdir(exist_ok=True)
    (folder / "hosts.yml").write_text((LAB / "inventory.yml").read_text())
    hosts = sorted(yaml.safe_load((LAB / "inventory.yml").read_text())["avs_hosts"]["hosts"])
    placed: dict[str, list[dict[str, Any]]] = {}
    for host, tag, profile, number in NODES:
        store_keys(client, tag)
        placed.setdefault(hosts[host], []).append(node(tag, profile, number))
    for host, instances in placed.items():
        path = folder / "host_vars" / f"{host}.yml"
        # Whoever tried something in there wants to find it again.
        if not path.exists():
            path.write_text(yaml.safe_dump({"avs_instances": instances}, sort_keys=False))
    shared = {
        "docker_daemon_options": {"registry-mirrors": [facts["lab_registry_mirror"]]},
        "avs_taps": [{"name": "core", "url": facts["lab_tap_url"]}],
        "avs_cache_dir": str(LAB / "packages"),
        "ansible_hashi_vault_url": facts["lab_vault_url"],
        "ansible_hashi_vault_auth_method": "approle",
        "ansible_hashi_vault_role_id": access["role_id"],
        "ansible_hashi_vault_secret_id": "{{ (lookup('ansible.builtin.file', '%s') | from_json).secret_id }}" % (LAB / "vault.json"),
    }
    (folder / "group_vars" / "avs_hosts.yml").write_text(yaml.safe_dump(shared, sort_keys=False))


def add_keys(tags: list[str]) -> None:
    """Keys for further nodes, under ``avs/<tag>/``."""
    access = yaml.safe_load((LAB / "vault.json").read_text())
    client = hvac.Client(url=access["url"], token=access["root_token"])
    for tag in tags:
        store_keys(client, tag)


if __name__ == "__main__":
    if sys.argv[1] == "keys":
        add_keys(sys.argv[2:])
    else:
        main()
