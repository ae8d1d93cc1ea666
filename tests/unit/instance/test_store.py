# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store, host_store
from ansible_collections.restaking.avs.plugins.module_utils.system import files


def tree(root: Path, **contents: str) -> str:
    for name, text in contents.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_write_replaces_whole_files_with_their_mode(tmp_path: Path) -> None:
    path = tmp_path / "f"
    (tmp_path / ".f.tmp").write_text("left by a killed run, longer than the new text")
    files.write(str(path), b"one", 0o640)
    files.write(str(path), b"two", 0o400)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("two", 0o400)
    assert os.listdir(tmp_path) == ["f"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    files.write(str(path), b"old")

    def fail(*_arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files.os, "rename", fail)
    with pytest.raises(OSError, match="no space"):
        files.write(str(path), b"new")
    assert path.read_text() == "old"


def test_link_is_moved_in_one_step(tmp_path: Path) -> None:
    link = str(tmp_path / "current")
    files.link(link, "a")
    os.symlink("junk", tmp_path / ".current.tmp")
    files.link(link, "b")
    assert os.readlink(link) == "b"
    assert os.listdir(tmp_path) == ["current"]


def test_copy_tree_links_what_is_the_same(tmp_path: Path) -> None:
    old = tree(tmp_path / "old", a="1", b="2", sub__c="3")
    new = tree(tmp_path / "new", a="1", b="changed", sub__c="3", sub__d="4")
    os.chmod(tmp_path / "new" / "sub" / "d", 0o700)
    os.symlink("/etc/passwd", tmp_path / "old" / "evil")
    copy = tmp_path / "copy"
    files.copy_tree(new, str(copy), old)
    assert {str(path.relative_to(copy)): path.read_text() for path in copy.rglob("*") if path.is_file()} == {
        "a": "1",
        "b": "changed",
        "sub/c": "3",
        "sub/d": "4",
    }
    assert (copy / "a").samefile(tmp_path / "old" / "a")
    assert not (copy / "b").samefile(tmp_path / "old" / "b")
    assert stat.S_IMODE((copy / "sub" / "d").stat().st_mode) == 0o755
    assert stat.S_IMODE((copy / "b").stat().st_mode) == 0o644


def test_ids_that_are_paths_are_refused(store: Store) -> None:
    for name in ("..", "a/b", "", "A", "-a"):
        with pytest.raises(HostError):
            store.instance(name)


def test_releases_are_numbered_and_pruned(tmp_path: Path, own: InstanceStore) -> None:
    package = tree(tmp_path / "package", pkg__x="1")
    own.make()
    first = own.stage(package, "{}", {}, "v1.0.0")
    own.switch(first)
    (tmp_path / "lib/instances/demo-avs-op1/releases/.staging").mkdir()
    second = own.stage(package, '{"a": 1}', {"conf/a.json": "{}"}, None)
    assert (first, second) == ("1-v1.0.0", "2-path")
    assert own.compose_file() == "{}"
    own.switch(second)
    assert (own.release(), own.compose_file()) == (second, '{"a": 1}')
    releases = Path(own.releases)
    assert (releases / second / "configs/conf/a.json").read_text() == "{}"
    assert (releases / second / "tree/pkg/x").samefile(releases / first / "tree/pkg/x")
    assert stat.S_IMODE((releases / second / "compose.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(own.root).stat().st_mode) == 0o750
    own.prune({second})
    assert os.listdir(releases) == [second]
    assert own.stage(package, "{}", {}, "v2.0.0") == "3-v2.0.0"


def test_state_is_read_back_or_said_to_be_broken(own: InstanceStore) -> None:
    assert own.state() is None
    own.write_state(State(phase="absent"))
    assert own.state() == State(phase="absent")
    Path(own.state_file).write_text("{")
    with pytest.raises(HostError, match="demo-avs-op1"):
        own.state()


def test_the_host_key_is_made_once(store: Store) -> None:
    assert store.host_key() is None
    store.keep_host_key(b"a" * 32)
    store.keep_host_key(b"b" * 32)
    assert store.host_key() == b"a" * 32
    assert stat.S_IMODE(os.stat(os.path.join(store.root, "host.key")).st_mode) == 0o600


def test_folders_below_data_are_made_step_by_step(tmp_path: Path) -> None:
    root = tmp_path / "data"
    handle = files.inside(str(root), "a/./b/c", 0o750)
    assert os.path.samestat(os.fstat(handle), os.stat(root / "a" / "b" / "c"))
    os.close(handle)
    os.close(files.inside(str(root), "."))
    assert stat.S_IMODE((root / "a" / "b").stat().st_mode) == 0o750
    assert not files.has_link(str(root), "a/b/c")


@pytest.mark.parametrize("target", ["{outside}", "nowhere", "/etc/passwd"])
def test_a_link_below_data_leads_nowhere(tmp_path: Path, target: str) -> None:
    root, outside = tmp_path / "data", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    os.symlink(target.format(outside=outside), root / "db")
    assert files.has_link(str(root), "db/x")
    with pytest.raises(HostError, match="not a folder"):
        files.inside(str(root), "db/x")
    assert os.listdir(outside) == []


def test_folders_may_be_made_at_the_same_time(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def make(number: int) -> None:
        try:
            for round_ in range(30):
                files.folder(str(tmp_path / f"{round_}" / "shared" / f"{number}"))
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_only_root_has_the_hosts_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(HostError, match="Become root"):
        host_store()
