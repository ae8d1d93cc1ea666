# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages tell a reader to write and to run: their entries installed, their commands run. What needs no host is in tests/unit/tools."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hvac
import pytest
import yaml

from tests.integration.conftest import Keys
from tests.integration.controller.openbao import OpenBao, binary
from tests.integration.support import Fleet, wipe
from tests.lab.keystores import make_keystore
from tests.tools.blocks import Block, all_blocks


def marked(kind: str) -> Any:
    found = all_blocks(kind)
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


def entries_of(block: Block, keys: Keys) -> list[dict[str, Any]]:
    """The entries of a block, all they refer to put into the store."""
    entries: list[dict[str, Any]] = yaml.safe_load(block.text)["avs_instances"]
    for entry in entries:
        for key in entry["keys"]:
            keys.put(key["path"], key["kind"])
        for value in entry["options"].values():
            if isinstance(value, dict):
                secret = {value["field"]: secrets.token_urlsafe(24)}
                keys.client.secrets.kv.v2.create_or_update_secret(path=value["path"], secret=secret, mount_point="secret")
    return entries


@marked("inventory install")
def test_what_a_page_shows_first_works(block: Block, fleet: Fleet, keys: Keys) -> None:
    host = fleet.first
    wipe(host)
    entries = entries_of(block, keys)
    result = fleet.play("site", {host.name: entries})
    assert result.code == 0, result.output[-4000:]
    told = result.reconcile(host.name)["instances"]
    assert [entry["health"]["status"] for entry in told] == ["healthy"] * len(entries)
    again = fleet.play("site", {host.name: entries})
    assert again.code == 0 and again.stats[host.name]["changed"] == 0, again.output[-4000:]


@pytest.fixture(scope="module")
def reader(fleet: Fleet, keys: Keys) -> Path:
    """The folder of a reader with README's entry on a host called host7."""
    block = next(block for block in all_blocks("inventory install") if block.page == "README.md")
    entries = entries_of(block, keys)
    result = fleet.play("install", {fleet.first.name: entries})
    assert result.code == 0, result.output[-4000:]
    folder = fleet.folder / "reader"
    (folder / "inventory").mkdir(parents=True)
    hosts = {"host7": {**fleet.first.variables, "avs_instances": entries}}
    (folder / "inventory" / "hosts.yml").write_text(yaml.safe_dump({"avs_hosts": {"hosts": hosts, "vars": fleet.variables}}))
    return folder


@marked("commands controller")
def test_commands_on_the_controller(block: Block, reader: Path, fleet: Fleet) -> None:
    assert run(block.text, reader, fleet.environment())


@marked("commands host")
def test_commands_on_a_host(block: Block, reader: Path, fleet: Fleet) -> None:
    assert reader.is_dir()
    assert fleet.first.run("set -e\n" + block.text.replace("<id>", "demo-avs-op1"))


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """What the commands print; each of them has to end well."""
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """A store as it is when it was just set up: with nothing in it."""
    server = OpenBao(tmp_path_factory.mktemp("openbao"))
    server.start()
    server.wait_for_kv()
    server.client().sys.disable_secrets_engine("secret")
    server.client().sys.disable_auth_method("approle")
    yield server
    server.stop()


def test_a_store_set_up_by_the_page(bao: OpenBao, tmp_path: Path) -> None:
    environment = with_client(bao, tmp_path)
    (tmp_path / "rpc.token").write_text(secrets.token_urlsafe(24))
    (tmp_path / "bls.json").write_text(make_keystore("bn254", "a password", None, 4096)[0])
    (tmp_path / "bls.password").write_text("a password")
    setup, store = all_blocks("commands store")
    printed = run(setup.text, tmp_path, environment)
    bao.wait_for_kv()
    run(store.text, tmp_path, environment)

    # Where nobody reads along, the client ends no line.
    role_id, secret_id = re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", printed)
    assert_reads_what_it_may(bao, role_id, secret_id)
    for block in all_blocks("policy"):
        bao.client().sys.delete_policy("avs")
        bao.client().sys.create_or_update_policy("avs", block.text)
        assert_reads_what_it_may(bao, role_id, secret_id)


def with_client(bao: OpenBao, folder: Path) -> dict[str, str]:
    """An environment in which ``vault`` is OpenBao's client, logged in as root."""
    (folder / "bin").mkdir()
    (folder / "bin" / "vault").symlink_to(binary())
    login = {f"{product}_{name}": value for product in ("BAO", "VAULT") for name, value in (("ADDR", bao.url), ("TOKEN", bao.root))}
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), **login}


def assert_reads_what_it_may(bao: OpenBao, role_id: str, secret_id: str) -> None:
    client = hvac.Client(url=bao.url)
    client.auth.approle.login(role_id, secret_id)
    read = client.secrets.kv.v2
    assert set(read.read_secret_version(path="avs/op1/bls", mount_point="secret")["data"]["data"]) == {"keystore", "password"}
    assert read.read_secret_metadata(path="avs/op1/rpc", mount_point="secret")["data"]["current_version"] == 1
    with pytest.raises(hvac.exceptions.Forbidden):
        read.read_secret_version(path="else/op1/bls", mount_point="secret")
