# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and key files in memory, and what a container sees of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import KeyFile
from ansible_collections.restaking.avs.plugins.module_utils.instance import key_files
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore

ME = f"{os.getuid()}:{os.getgid()}"
VALUES = {"k": "key-one", "p": "pass-one"}
VIEW = {"bls.json": KeyFile(secret="k", owner=ME), "deep/bls.password": KeyFile(secret="p", owner=ME)}


def test_a_view_shows_files_through_one_link(own: InstanceStore) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    assert (root / "bls.json").read_text() == "key-one"
    assert (root / "deep/bls.password").read_text() == "pass-one"
    assert os.readlink(root / "..data") == "..v1"
    assert os.readlink(root / "bls.json") == "..data/bls.json"
    assert stat.S_IMODE((root / "bls.json").stat().st_mode) == 0o400
    assert stat.S_IMODE(Path(own.run).stat().st_mode) == 0o700
    assert key_files.view_in_place(own, "node", VIEW, VALUES)


def test_a_new_version_takes_the_place_of_the_old_at_once(own: InstanceStore) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    before = os.stat(root).st_ino
    fresh = {"k": "key-two", "p": "pass-two"}
    assert not key_files.view_in_place(own, "node", VIEW, fresh)
    key_files.place_view(own, "node", VIEW, fresh)
    assert (root / "bls.json").read_text() == "key-two"
    assert sorted(os.listdir(root)) == ["..data", "..v2", "bls.json", "deep"]
    # A container has mounted this very folder.
    assert os.stat(root).st_ino == before


def test_what_a_killed_run_left_in_a_view_is_swept(own: InstanceStore) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    (root / "..v2").mkdir()
    (root / "..v2" / "half").write_text("x")
    (root / "..v7").mkdir()
    key_files.place_view(own, "node", {"bls.json": VIEW["bls.json"]}, VALUES)
    assert sorted(os.listdir(root)) == ["..data", "..v8", "bls.json"]


@pytest.mark.parametrize("harm", ["content", "mode", "missing", "link"])
def test_a_view_that_was_touched_is_seen(own: InstanceStore, harm: str) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    target = Path(own.keys) / "node" / "..v1" / "bls.json"
    os.chmod(target, 0o600)
    if harm == "content":
        target.write_text("other")
    if harm == "missing":
        target.unlink()
    if harm == "link":
        os.unlink(Path(own.keys) / "node" / "bls.json")
    if harm != "mode" and target.exists():
        os.chmod(target, 0o400)
    assert not key_files.view_in_place(own, "node", VIEW, VALUES)


def test_a_key_that_was_dropped_is_seen_and_goes(own: InstanceStore) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    less = {"bls.json": VIEW["bls.json"]}
    assert not key_files.view_in_place(own, "node", less, VALUES)
    key_files.place_view(own, "node", less, VALUES)
    assert key_files.view_in_place(own, "node", less, VALUES)
    deep = {"deep/a": VIEW["bls.json"], "deep/b": VIEW["deep/bls.password"]}
    key_files.place_view(own, "node", deep, VALUES)
    assert not key_files.view_in_place(own, "node", {"deep/a": VIEW["bls.json"]}, VALUES)


def test_what_a_run_left_that_was_killed_before_it_cleaned_up_is_seen_and_goes(own: InstanceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    fresh = {"k": "key-two", "p": "pass-two"}

    def killed(path: str) -> bool:
        if path.endswith("..v1"):
            raise KeyboardInterrupt
        return remove(path)

    remove = key_files.files.remove
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(key_files.files, "remove", killed)
        key_files.place_view(own, "node", VIEW, fresh)
    assert (root / "..v1/bls.json").read_text() == "key-one"
    assert not key_files.view_in_place(own, "node", VIEW, fresh)
    key_files.place_view(own, "node", VIEW, fresh)
    assert key_files.view_in_place(own, "node", VIEW, fresh)
    assert sorted(os.listdir(root)) == ["..data", "..v3", "bls.json", "deep"]


def test_a_name_that_leads_elsewhere_is_turned_back(own: InstanceStore) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    link = Path(own.keys) / "node" / "bls.json"
    link.unlink()
    link.symlink_to("..v1/bls.json")
    assert not key_files.view_in_place(own, "node", VIEW, VALUES)
    key_files.place_view(own, "node", VIEW, VALUES)
    assert key_files.view_in_place(own, "node", VIEW, VALUES)


def test_secrets_are_in_place_in_their_versions_only(own: InstanceStore) -> None:
    assert key_files.secrets_in_place(own, {}, {}) and key_files.env_in_place(own, {}, {}) and key_files.holds_nothing(own)
    assert not key_files.secrets_in_place(own, {"k": "1"}, {}) and not key_files.env_in_place(own, {}, {"p": "AVS_SECRET_1"})
    key_files.write_secrets(own, VALUES, {"k": "1", "p": "2"}, {"p": "AVS_SECRET_1"})
    assert Path(own.secrets_env).read_text() == 'AVS_SECRET_1="pass-one"\n'
    stored = key_files.stored(own)
    assert stored == VALUES
    assert key_files.secrets_in_place(own, {"k": "1", "p": "2"}, stored)
    assert not key_files.secrets_in_place(own, {"k": "1", "p": "3"}, stored)
    assert not key_files.secrets_in_place(own, {"k": "1"}, stored) and not key_files.holds_nothing(own)
    os.rename(own.secrets_env, f"{own.secrets_env}.away")
    assert not key_files.secrets_in_place(own, {"k": "1", "p": "2"}, stored)
    os.rename(f"{own.secrets_env}.away", own.secrets_env)
    assert sorted(os.listdir(own.run)) == ["secrets.env", "secrets.json"]
    for name in ("secrets.env", "secrets.json"):
        assert stat.S_IMODE(os.stat(os.path.join(own.run, name)).st_mode) == 0o600


def test_key_folders_of_services_without_keys_go(own: InstanceStore) -> None:
    key_files.place_view(own, "node", VIEW, VALUES)
    key_files.place_view(own, "old", VIEW, VALUES)
    key_files.drop_views(own, {"node": VIEW})
    assert key_files.views_present(own) == ["node"]


@pytest.mark.parametrize(
    ("mounts", "refused"),
    [
        ("/dev/sda / ext4 rw 0 0\ntmpfs {run} tmpfs rw 0 0\n", False),
        ("/dev/sda / ext4 rw 0 0\nramfs {parent} ramfs rw 0 0\n", False),
        ("/dev/sda / ext4 rw 0 0\n", True),
        ("/dev/sda / ext4 rw 0 0\ntmpfs {run}x tmpfs rw 0 0\n", True),
        ("tmpfs {parent} tmpfs rw 0 0\n/dev/sda {run} ext4 rw 0 0\n", True),
    ],
)
def test_keys_only_ever_lie_in_memory(tmp_path: Path, mounts: str, refused: bool) -> None:
    run = tmp_path / "run"
    run.mkdir()
    listing = tmp_path / "mounts"
    listing.write_text(mounts.format(run=run, parent=tmp_path))
    if refused:
        with pytest.raises(HostError, match="not in memory"):
            key_files.require_memory(str(run / "demo-avs-op1"), str(listing))
    else:
        key_files.require_memory(str(run / "demo-avs-op1"), str(listing))


@pytest.mark.parametrize("write", range(2))
def test_no_cut_leaves_a_new_value_under_the_old_identity(own: InstanceStore, monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    """The next run would take it for the value that runs, and leave the node with the one before."""
    key_files.write_secrets(own, {"k": "old", "p": "same"}, {"k": "v#1", "p": "p#1"}, {})
    begun: list[str] = []
    rename = os.rename

    def cut(source: str, target: str) -> None:
        begun.append(target)
        if len(begun) > write:
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", cut)
    with pytest.raises(KeyboardInterrupt):
        key_files.write_secrets(own, {"k": "new", "p": "same"}, {"k": "v#2", "p": "p#1"}, {})
    assert len(begun) == write + 1
    believed = {name: (key_files.stored(own).get(name), identity) for name, identity in key_files.stored_identities(own).items()}
    assert believed.pop("p") == ("same", "p#1")
    assert believed in ({}, {"k": ("old", "v#1")})
