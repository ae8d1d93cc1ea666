# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that show at different moments of a run, on the controller, in the store and on the host, are told in one answer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import hvac
import pytest
import yaml

from tests.integration.support import ROOT, Fleet, Host, Result

Entry = dict[str, Any]


def package(fleet: Fleet, tree: Path, **changes: Any) -> Entry:
    """A copy of demo-avs whose node service is changed, as an entry names it."""
    shutil.copytree(ROOT / "examples" / "packages" / "demo-avs" / "v1.0.0", tree)
    (tree / "checksum.txt").unlink()
    for path in tree.rglob("*.yml"):
        path.write_text(path.read_text().replace("registry.example.org", fleet.facts["lab_registry"]))
    path = tree / "pkg/hoodi/docker-compose.yml"
    model = yaml.safe_load(path.read_text())
    model["services"]["node"].update(changes)
    path.write_text(yaml.safe_dump(model, sort_keys=False))
    return {"package": {"path": str(tree)}, "version": None}


def errors(result: Result, host: Host) -> list[tuple[str, str]]:
    """Rule and place of every error the run told."""
    found = [item for item in result.reconcile(host.name)["findings"] if item["severity"] == "error"]
    assert all(item["remedy"] for item in found), found
    message = result.message(host.name)
    assert all(item["remedy"] in message for item in found), message
    assert f"nothing was changed on {host.name}" in message
    return sorted((item["id"], item["place"]) for item in found)


def without(entry: Entry) -> Entry:
    return {name: value for name, value in entry.items() if value is not None}


@pytest.fixture
def faulty(fleet: Fleet, demo: Any, tmp_path: Path) -> list[Entry]:
    """One fault of the host's kind each: the policy, an image that does not exist, a host that is too small."""
    missing = f"{fleet.facts['lab_registry']}/demo-avs:9.9.9"
    small = demo("zz4", 64, **package(fleet, tmp_path / "c"))
    manifest = tmp_path / "c" / "pkg" / "manifest.yml"
    needs = {"min_cpu_cores": 4096, "stop_if_requirements_are_not_met": True}
    manifest.write_text(yaml.safe_dump({**yaml.safe_load(manifest.read_text()), "hardware_requirements": needs}))
    return [
        demo("zz1", 61),
        demo("zz2", 62, **package(fleet, tmp_path / "a", privileged=True)),
        demo("zz3", 63, **package(fleet, tmp_path / "b", image=missing)),
        without(small),
    ]


HOSTS = [
    ("IMG-006", "demo-avs-zz3: images.{registry}/demo-avs:9.9.9"),
    ("OPS-002", "demo-avs-zz4: requirements.min_cpu_cores"),
    ("PRIV-002", "demo-avs-zz2: services.node.privileged"),
]


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["run", "check"])
def test_a_wrong_option_beside_faults_only_the_host_knows(fleet: Fleet, demo: Any, faulty: list[Entry], arguments: tuple[str, ...]) -> None:
    host = fleet.first
    misspelt = demo("zz5", 65, options={"main-prot": 8080})
    before = host.snapshot()
    result = fleet.play("install", {host.name: [*faulty, misspelt]}, *arguments)
    assert result.code != 0
    hosts = [(rule, place.format(registry=fleet.facts["lab_registry"])) for rule, place in HOSTS]
    assert errors(result, host) == [*hosts[:1], hosts[1], ("OPT-003", "avs_instances[4].options.main-prot"), hosts[2]]
    assert host.snapshot() == before


def test_a_value_in_the_store_beside_faults_only_the_host_knows(fleet: Fleet, demo: Any, faulty: list[Entry], vault: hvac.Client) -> None:
    host = fleet.first
    empty, unfit = demo("zz6", 66), demo("zz7", 67)
    vault.secrets.kv.v2.create_or_update_secret(path="avs/zz6/rpc", secret={"other": "x"}, mount_point="secret")
    vault.secrets.kv.v2.create_or_update_secret(path="avs/zz7/rpc", secret={"token": "a\nb"}, mount_point="secret")
    before = host.snapshot()
    result = fleet.play("install", {host.name: [*faulty, empty, unfit]})
    assert result.code != 0
    hosts = [(rule, place.format(registry=fleet.facts["lab_registry"])) for rule, place in HOSTS]
    stored = [("SEC-003", "avs_instances[4].options.rpc-token"), ("OPT-001", "avs_instances[5].options.rpc-token")]
    assert errors(result, host) == sorted([*hosts, *stored])
    assert "a\\nb" not in result.output
    assert host.snapshot() == before


def test_a_host_that_cannot_be_asked_does_not_hide_what_is_known(fleet: Fleet, demo: Any) -> None:
    host = fleet.first
    wrong = [demo("zz1", 61), demo("zz5", 65, options={"main-prot": 8080})]
    result = fleet.play("install", {host.name: wrong}, variables={"ansible_port": 1})
    assert result.code != 0
    message = result.message(host.name)
    assert "main-prot" in message and "the host could not be asked" in message
