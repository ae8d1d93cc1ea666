# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files Ansible reads by itself, and where a secret may lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.inventory.manager import IGNORED, InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.controller_files import ControllerFiles, Places
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.exposed import exposure

CANARY = "canary-0123456789"


def ignored(name: str) -> bool:
    return IGNORED.search(os.fsencode(name)) is not None


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory/hosts.yml").write_text("all: {hosts: {h1: }}\n")
    return tmp_path


def put(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{CANARY}\n")
    return str(path)


@pytest.mark.parametrize(
    "name",
    ["bls.password", "files/bls.password", "op1/bls.json", "a/b/c/key", "sub/inventory/key", "files/x.ini", ".hidden/key", ".key", "key~", "key.bak", "key.txt",
     "group_vars/all/key.password", "host_vars/h1/key.password", "vars_plugins/key", "files/group_vars/all.password"],
)  # fmt: skip
def test_what_ansible_parses_of_an_inventory_that_is_a_folder(project: Path, name: str) -> None:
    """Refused is just what Ansible itself makes hosts of."""
    path = put(project / "inventory" / name)
    inventory = InventoryManager(DataLoader(), [str(project / "inventory")])
    parsed = CANARY in inventory.hosts
    found = exposure(path, [str(project / "inventory")], [], ignored)
    assert (found is not None) is parsed
    if found is not None:
        assert "host names" in found[0] and str(project / "files") in found[1] and CANARY not in "".join(found)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("group_vars/all.yml", True),
        ("group_vars/all", True),
        ("group_vars/all/key.json", True),
        ("group_vars/all/key", True),
        ("host_vars/h.example.org/deep/key.yaml", True),
        ("group_vars/all/key.password", False),
        ("group_vars/all/.key", False),
        ("group_vars/all/key.json~", False),
        ("group_vars/all/op.1/key.json", False),
        ("files/key.json", False),
    ],
)
def test_what_becomes_variables(project: Path, name: str, read: bool) -> None:
    path = put(project / "inventory" / name)
    for sources, folders in (([str(project / "inventory/hosts.yml")], []), ([], [str(project / "inventory")])):
        assert (exposure(path, sources, folders, ignored) is not None) is read


def test_files_elsewhere_may_hold_secrets(project: Path) -> None:
    sources = [str(project / "inventory"), "h1,h2", "", str(project / "gone")]
    for name in ("files/key", "key", "inventory-files/key", "secrets/op1/key"):
        assert exposure(put(project / name), sources, [str(project)], ignored) is None
    assert exposure(put(project / "inventory/files/key"), [str(project / "inventory/hosts.yml")], [], ignored) is None
    assert exposure(str(project / "inventory/hosts.yml"), [str(project / "inventory/hosts.yml")], [], ignored) is not None


def test_each_of_several_inventories_counts(project: Path) -> None:
    second = put(project / "other/files/key")
    assert exposure(second, [str(project / "inventory/hosts.yml"), "h1,", str(project / "other")], [], ignored) is not None


def test_links_hide_nothing(project: Path) -> None:
    put(project / "safe/key")
    (project / "inventory/link").symlink_to(project / "safe")
    assert exposure(str(project / "inventory/link/key"), [str(project / "inventory")], [], ignored) is not None
    (project / "way").symlink_to(project / "inventory")
    put(project / "inventory/files/key")
    assert exposure(str(project / "way/files/key"), [str(project / "inventory")], [], ignored) is not None
    assert exposure(str(project / "inventory/files/key"), [str(project / "way")], [], ignored) is not None


def finder(project: Path, source: str, base: Path | None = None) -> ControllerFiles:
    def never(_path: str, _data: bytes) -> bytes:
        raise AssertionError("nothing here is encrypted")

    return ControllerFiles(Places(base or project / "inventory", [str(project / source)]), lambda _name: None, never, ignored)


@pytest.mark.parametrize("source", ["inventory", "inventory/hosts.yml"])
def test_files_beside_the_inventorys_folder_are_found(project: Path, source: str) -> None:
    wanted = put(project / "files/op1/key")
    assert finder(project, source).find("op1/key") == wanted
    assert finder(project, source).find("files/op1/key") == wanted
    assert finder(project, source).find("op1/other") is None
    assert finder(project, source).exposed(wanted) is None


def test_a_file_is_looked_for_once(project: Path) -> None:
    asked: list[str] = []
    files = ControllerFiles(Places(project), asked.append, lambda _path, data: data, ignored)
    assert [files.find("op1/key"), files.find("op1/key"), files.find("other")] == [None] * 3 and asked == ["op1/key", "other"]


def test_a_copy_that_was_left_behind_does_not_hide_the_one_that_was_moved(project: Path) -> None:
    left = put(project / "inventory/files/key")
    assert finder(project, "inventory").find("key") == left
    moved = put(project / "files/key")
    assert finder(project, "inventory").find("key") == moved
    assert finder(project, "inventory/hosts.yml").find("key") == left


def test_hosts_of_a_part_of_an_inventory(project: Path) -> None:
    wanted = put(project / "files/key")
    (project / "inventory/region").mkdir()
    assert finder(project, "inventory", project / "inventory/region").find("key") == wanted
