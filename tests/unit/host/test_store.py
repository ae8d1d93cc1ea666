# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils import files, keyfiles
from ansible_collections.restaking.avs.plugins.module_utils.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.lock import Lock
from ansible_collections.restaking.avs.plugins.module_utils.store import InstanceStore, Store, host_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))


@pytest.fixture
def own(store: Store) -> InstanceStore:
    return store.instance("demo-avs-op1")


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
    own.write_state({"phase": "committed"})
    assert own.state() == {"phase": "committed"}
    Path(own.state_file).write_text("{")
    with pytest.raises(HostError, match="demo-avs-op1"):
        own.state()


def test_the_host_key_is_made_once(store: Store) -> None:
    assert store.host_key() is None
    store.keep_host_key(b"a" * 32)
    store.keep_host_key(b"b" * 32)
    assert store.host_key() == b"a" * 32
    assert stat.S_IMODE(os.stat(os.path.join(store.root, "host.key")).st_mode) == 0o600


def test_a_long_journal_loses_its_older_half(own: InstanceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.restaking.avs.plugins.module_utils.store._JOURNAL_BYTES", 2000)
    own.make()
    for number in range(60):
        own.note("apply", number=number)
    lines = [json.loads(line) for line in Path(own.path("journal.jsonl")).read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(lines[0]["number"], 60))
    assert lines[0]["number"] > 20


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "locks" / "demo-avs-op1.lock")
    now = [0.0]
    with Lock(path, "ann@controller:7", 1), pytest.raises(LockedError) as caught:
        Lock(path, "bob", 2, lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds)).__enter__()
    assert "demo-avs-op1 is locked by ann@controller:7" in str(caught.value)
    assert "since 20" in str(caught.value)
    assert now[0] >= 2
    with Lock(path, "bob", 0):
        pass


def test_a_lock_without_a_name(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    with Lock(path, "x", 0):
        os.truncate(path, 0)
        with pytest.raises(LockedError, match="left no name"):
            Lock(path, "y", 0).__enter__()


def test_a_lock_waits_for_its_turn(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    first = Lock(path, "x", 0).__enter__()
    timer = threading.Timer(0.3, lambda: first.__exit__(None, None, None))
    timer.start()
    with Lock(path, "y", 10):
        timer.join()
        assert json.loads(Path(path).read_text())["holder"] == "y"


@pytest.mark.parametrize("known", [True, False])
def test_a_lock_made_for_a_run_that_was_refused_goes_with_it(tmp_path: Path, known: bool) -> None:
    path = tmp_path / "a.lock"
    if known:
        path.touch()
    with pytest.raises(HostError), Lock(str(path), "x", 0):
        raise HostError("refused")
    assert path.exists() is known


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(tmp_path: Path) -> None:
    path = str(tmp_path / "a.lock")
    first = Lock(path, "x", 0).__enter__()

    def purge() -> None:
        os.unlink(path)
        first.__exit__(None, None, None)

    timer = threading.Timer(0.3, purge)
    timer.start()
    with Lock(path, "y", 10):
        timer.join()
        assert json.loads(Path(path).read_text())["holder"] == "y"
        with pytest.raises(LockedError, match="locked by y"):
            Lock(path, "z", 0).__enter__()


@pytest.mark.parametrize("broken_off", [False, True])
def test_a_command_that_holds_the_lock_outlives_its_run(tmp_path: Path, broken_off: bool) -> None:
    path = str(tmp_path / "a.lock")
    with contextlib.suppress(KeyboardInterrupt), Lock(path, "x", 0) as lock:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(lock.fd,))
        if broken_off:
            raise KeyboardInterrupt
    try:
        with pytest.raises(LockedError):
            Lock(path, "y", 0).__enter__()
    finally:
        child.kill()
        child.wait()
    with Lock(path, "y", 0):
        pass


ME = f"{os.getuid()}:{os.getgid()}"
VALUES = {"k": "key-one", "p": "pass-one"}
VIEW = {"bls.json": {"secret": "k", "owner": ME}, "deep/bls.password": {"secret": "p", "owner": ME}}


def test_a_view_shows_files_through_one_link(own: InstanceStore) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    assert (root / "bls.json").read_text() == "key-one"
    assert (root / "deep/bls.password").read_text() == "pass-one"
    assert os.readlink(root / "..data") == "..v1"
    assert os.readlink(root / "bls.json") == "..data/bls.json"
    assert stat.S_IMODE((root / "bls.json").stat().st_mode) == 0o400
    assert stat.S_IMODE(Path(own.run).stat().st_mode) == 0o700
    assert keyfiles.view_in_place(own, "node", VIEW, VALUES)


def test_a_new_version_takes_the_place_of_the_old_at_once(own: InstanceStore) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    before = os.stat(root).st_ino
    fresh = {"k": "key-two", "p": "pass-two"}
    assert not keyfiles.view_in_place(own, "node", VIEW, fresh)
    keyfiles.place_view(own, "node", VIEW, fresh)
    assert (root / "bls.json").read_text() == "key-two"
    assert sorted(os.listdir(root)) == ["..data", "..v2", "bls.json", "deep"]
    # A container has mounted this very folder.
    assert os.stat(root).st_ino == before


def test_what_a_killed_run_left_in_a_view_is_swept(own: InstanceStore) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    (root / "..v2").mkdir()
    (root / "..v2" / "half").write_text("x")
    (root / "..v7").mkdir()
    keyfiles.place_view(own, "node", {"bls.json": VIEW["bls.json"]}, VALUES)
    assert sorted(os.listdir(root)) == ["..data", "..v8", "bls.json"]


@pytest.mark.parametrize("harm", ["content", "mode", "missing", "link"])
def test_a_view_that_was_touched_is_seen(own: InstanceStore, harm: str) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
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
    assert not keyfiles.view_in_place(own, "node", VIEW, VALUES)


def test_a_key_that_was_dropped_is_seen_and_goes(own: InstanceStore) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
    less = {"bls.json": VIEW["bls.json"]}
    assert not keyfiles.view_in_place(own, "node", less, VALUES)
    keyfiles.place_view(own, "node", less, VALUES)
    assert keyfiles.view_in_place(own, "node", less, VALUES)
    deep = {"deep/a": VIEW["bls.json"], "deep/b": VIEW["deep/bls.password"]}
    keyfiles.place_view(own, "node", deep, VALUES)
    assert not keyfiles.view_in_place(own, "node", {"deep/a": VIEW["bls.json"]}, VALUES)


def test_what_a_run_left_that_was_killed_before_it_cleaned_up_is_seen_and_goes(
    own: InstanceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
    root = Path(own.keys) / "node"
    fresh = {"k": "key-two", "p": "pass-two"}

    def killed(path: str) -> bool:
        if path.endswith("..v1"):
            raise KeyboardInterrupt
        return remove(path)

    remove = keyfiles.files.remove
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(keyfiles.files, "remove", killed)
        keyfiles.place_view(own, "node", VIEW, fresh)
    assert (root / "..v1/bls.json").read_text() == "key-one"
    assert not keyfiles.view_in_place(own, "node", VIEW, fresh)
    keyfiles.place_view(own, "node", VIEW, fresh)
    assert keyfiles.view_in_place(own, "node", VIEW, fresh)
    assert sorted(os.listdir(root)) == ["..data", "..v3", "bls.json", "deep"]


def test_a_name_that_leads_elsewhere_is_turned_back(own: InstanceStore) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
    link = Path(own.keys) / "node" / "bls.json"
    link.unlink()
    link.symlink_to("..v1/bls.json")
    assert not keyfiles.view_in_place(own, "node", VIEW, VALUES)
    keyfiles.place_view(own, "node", VIEW, VALUES)
    assert keyfiles.view_in_place(own, "node", VIEW, VALUES)


def test_secrets_are_in_place_in_their_versions_only(own: InstanceStore) -> None:
    assert not keyfiles.secrets_in_place(own, {}, {})
    keyfiles.write_secrets(own, VALUES, {"k": "1", "p": "2"}, {"p": "AVS_SECRET_1"})
    assert Path(own.secrets_env).read_text() == 'AVS_SECRET_1="pass-one"\n'
    stored = keyfiles.stored(own)
    assert stored == VALUES
    assert keyfiles.secrets_in_place(own, {"k": "1", "p": "2"}, stored)
    assert not keyfiles.secrets_in_place(own, {"k": "1", "p": "3"}, stored)
    assert not keyfiles.secrets_in_place(own, {"k": "1"}, stored)
    for name in ("secrets.env", "secrets.json", "identities.json"):
        assert stat.S_IMODE(os.stat(os.path.join(own.run, name)).st_mode) == 0o600


def test_key_folders_of_services_without_keys_go(own: InstanceStore) -> None:
    keyfiles.place_view(own, "node", VIEW, VALUES)
    keyfiles.place_view(own, "old", VIEW, VALUES)
    keyfiles.drop_views(own, {"node": VIEW})
    assert keyfiles.views_present(own) == ["node"]


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
            keyfiles.require_memory(str(run / "demo-avs-op1"), str(listing))
    else:
        keyfiles.require_memory(str(run / "demo-avs-op1"), str(listing))


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
