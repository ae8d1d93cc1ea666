# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's own restic, and everything that may be wrong with a repository or with what is saved: never reported as good when it is not."""

from __future__ import annotations

import mmap
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import kept, retention, settings, snapshot, spare, verify
from ansible_collections.restaking.avs.plugins.module_utils.backup.contents import Copied
from ansible_collections.restaking.avs.plugins.module_utils.backup.kept import Backup
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Restic, ResticError
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import Item, Plan
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import read_state
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host import quick_key
from tests.integration.host.test_backup import odd_things

ID = "restic-a"
STATE = read_state({"phase": "applying", "package": {"name": "restic", "version": "v1.0.0"}})
COUNT = iter(range(1, 10_000))


class Repository:
    """An instance without a node: what it stored, and its repository."""

    def __init__(self, root: Path, repository: Path | None = None) -> None:
        self.own: InstanceStore = Store(str(root / "lib"), str(root / "run"), str(root / "locks")).instance(ID)
        self.folder = root / "stored"
        if not self.folder.exists():
            self.folder.mkdir()
            (self.folder / "first").write_bytes(random.Random(1).randbytes(3 << 20))
        self.items = [Item("data", str(self.folder), "data")]
        self.plan = Plan(self.items, {}, {}, [])
        settings.keep_password(self.own, settings.offer_password(self.own, quick_key.PASSWORD))
        self.restic = Restic(run_command, str(repository or root / "repository"), settings.password_file(self.own))
        if not self.restic.exists():
            quick_key.make(Path(self.restic.repository))

    def copy(self) -> Copied:
        return snapshot.copy(self.restic, self.own, self.items, f"t{next(COUNT)}-{os.getpid()}", snapshot.Terms("v1.0.0", 300))

    def take(self) -> Copied:
        copied = self.copy()
        snapshot.seal(self.restic, self.own, STATE, copied, self.plan)
        return copied

    def backups(self) -> list[Backup]:
        return kept.backups(self.restic.snapshots(), ID)

    def prove(self, backup: Backup) -> dict[str, Any]:
        return verify.prove(self.restic, run_command, self.own, backup)

    def packs(self) -> list[Path]:
        return sorted(Path(self.restic.repository, "data").glob("*/*"), key=lambda path: path.stat().st_size)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def damaged(path: Path) -> None:
    path.chmod(0o600)
    with open(path, "r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 4]))


def test_odd_things_come_back_as_they_were(repository: Repository) -> None:
    odd_things(repository.folder)
    copied = repository.take()
    assert copied.tree.sockets == 1
    [backup] = repository.backups()
    manifest = repository.prove(backup)
    assert (manifest["files"], manifest["sockets"]) == (copied.tree.entries, 1)
    assert repository.backups()[0].verified


def test_a_second_backup_of_what_did_not_change_adds_next_to_nothing(repository: Repository) -> None:
    first, second = repository.take(), repository.take()
    assert first.saved.added > 3 << 20 and second.saved.added < 20_000
    (repository.folder / "first").write_bytes(b"changed")
    assert repository.take().saved.added < 30_000
    assert len(repository.backups()) == 3
    for backup in repository.backups():
        repository.prove(backup)


@pytest.mark.parametrize("meanwhile", [False, True])
def test_what_a_node_writes_through_a_mapping_is_in_its_backup(repository: Repository, tmp_path: Path, meanwhile: bool) -> None:
    file = repository.folder / "mapped"
    file.write_bytes(b"0" * (1 << 20))
    plain, written = repository.restic, [b"height 1"]

    def run(args: list[str], **options: Any) -> tuple[int, bytes, bytes]:
        if meanwhile and "backup" in args and written:
            # Its page is on the disk by now, and gets one time for this and all that follows.
            view[:8] = written.pop()
        return run_command(args, **options)

    with file.open("r+b") as handle, mmap.mmap(handle.fileno(), 0) as view:
        view[:8] = b"height 0"
        time.sleep(0.1)
        begun = time.time_ns()
        snapshot.live(
            Restic(run, plain.repository, settings.password_file(repository.own)), ID, repository.plan, snapshot.Terms("v1.0.0", 300)
        )
        seen = file.stat()
        view[:8] = b"height 2"
    assert meanwhile or file.stat().st_mtime_ns != seen.st_mtime_ns
    terms = snapshot.Terms("v1.0.0", 300, parent=kept.Parent("", begun, live=True))
    copied = snapshot.copy(plain, repository.own, repository.items, f"t{next(COUNT)}-{os.getpid()}", terms)
    snapshot.seal(plain, repository.own, STATE, copied, repository.plan)
    repository.prove(repository.backups()[-1])
    plain.restore(repository.backups()[-1].files, str(tmp_path / "back"))
    assert Path(f"{tmp_path / 'back'}{file}").read_bytes()[:8] == b"height 2"


def test_what_a_policy_does_not_keep_goes_and_its_room_with_it(repository: Repository) -> None:
    for number in range(4):
        (repository.folder / "first").write_bytes(random.Random(number).randbytes(2 << 20))
        repository.take()
        if number == 1:
            repository.prove(repository.backups()[-1])
    before, size = repository.backups(), sum(path.stat().st_size for path in repository.packs())
    assert retention.apply(repository.restic, ID, {}) == [] and retention.apply(repository.restic, "somebody-else", {"last": 1}) == []
    assert [item.id for item in retention.apply(repository.restic, ID, {"last": 1})] == [before[0].id, before[2].id]
    # The second was proven, the last one is the newest.
    assert repository.backups() == [before[1], before[3]]
    assert sum(path.stat().st_size for path in repository.packs()) < size - (3 << 20)
    assert len(repository.restic.snapshots()) == 5
    for backup in repository.backups():
        repository.prove(backup)


def test_one_bit_that_flipped_is_found_by_the_proof_and_nothing_is_called_proven(repository: Repository) -> None:
    repository.take()
    damaged(repository.packs()[-1])
    with pytest.raises(ResticError) as error:
        repository.prove(repository.backups()[0])
    assert error.value.kind == "damaged"
    assert not repository.backups()[0].verified
    # Nor is it restored, whatever the check says.
    with pytest.raises(ResticError):
        repository.restic.restore(repository.backups()[0].files, str(repository.folder.parent / "restored"))


@pytest.mark.parametrize("gone", [False, True])
def test_onto_a_repository_that_lost_something_no_backup_is_made(repository: Repository, gone: bool) -> None:
    repository.take()
    pack = repository.packs()[-1]
    pack.chmod(0o600)
    if gone:
        pack.unlink()
    else:
        os.truncate(pack, pack.stat().st_size - 7)
    # Nothing changed, so restic itself has nothing to read there.
    with pytest.raises(ResticError) as error:
        repository.take()
    assert error.value.kind == "damaged"
    assert len(repository.backups()) == 1
    if not gone:
        # For what is gone it would look again and again, and for a long time.
        with pytest.raises(ResticError):
            repository.prove(repository.backups()[0])
    assert [item.verified for item in repository.backups()] == [""]


def test_an_index_that_is_damaged_is_no_repository(repository: Repository) -> None:
    repository.take()
    damaged(next(Path(repository.restic.repository, "index").iterdir()))
    with pytest.raises(ResticError):
        repository.take()


def test_a_full_disk_leaves_no_backup_and_the_ones_before(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", str(small)], check=True)
    try:
        repository = Repository(tmp_path, small / "r")
        repository.take()
        (repository.folder / "large").write_bytes(random.Random(2).randbytes(40 << 20))
        with pytest.raises(ResticError) as error:
            snapshot.room(repository.restic, repository.own, repository.plan, "v1.0.0")
        assert error.value.kind == "full" and "40 MiB are to be saved" in error.value.message
        with pytest.raises(ResticError) as error:
            repository.copy()
        assert error.value.kind == "full"
        assert len(repository.backups()) == 1
        (repository.folder / "large").unlink()
        subprocess.run(["mount", "-o", "remount,size=90m", str(small)], check=True)
        repository.take()
        for backup in repository.backups():
            repository.prove(backup)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_on_a_disk_that_is_full_to_the_last_byte_room_can_be_made(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "none", str(small)], check=True)
    try:
        repository = Repository(tmp_path, small / "r")
        place = repository.restic.repository
        for number in range(3):
            (repository.folder / "first").write_bytes(random.Random(number).randbytes(5 << 20))
            repository.take()
        spare.keep(place)
        with pytest.raises(OSError), open(small / "others", "wb", buffering=0) as others:
            while True:
                others.write(b"x" * 4096)
        with pytest.raises(ResticError) as error:
            retention.make_room(repository.restic, ID, {"free": 8 << 20})
        assert error.value.kind == "full"
        spare.give(place)
        assert [len(found) for found in (retention.make_room(repository.restic, ID, {"free": 8 << 20})[0], repository.backups())] == [1, 2]
        repository.prove(repository.backups()[-1])
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_of_a_large_file_in_which_little_changed_little_room_is_needed(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(small)], check=True)
    try:
        repository = Repository(tmp_path, small / "r")
        (repository.folder / "large").write_bytes(random.Random(3).randbytes(40 << 20))
        repository.take()
        with open(repository.folder / "large", "r+b") as file:
            file.write(b"x")
        snapshot.room(repository.restic, repository.own, repository.plan, "v1.0.0")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_password_that_is_wrong_or_a_repository_that_is_gone(repository: Repository) -> None:
    repository.take()
    Path(settings.password_file(repository.own)).write_text("other")
    with pytest.raises(ResticError) as error:
        repository.backups()
    assert error.value.kind == "password" and "other" not in str(error.value)
    os.rename(repository.restic.repository, f"{repository.restic.repository}.away")
    with pytest.raises(ResticError) as error:
        repository.backups()
    assert error.value.kind == "missing"


@pytest.fixture
def unreadable(repository: Repository) -> Iterator[Path]:
    """A file that cannot be read, not even by root."""
    path = repository.folder / "bad sector"
    path.write_text("")
    subprocess.run(["mount", "--bind", "/proc/1/mem", str(path)], check=True)
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_file_that_cannot_be_read_is_a_failure(repository: Repository, unreadable: Path) -> None:
    with pytest.raises(ResticError) as error:
        repository.copy()
    assert error.value.kind == "incomplete" and unreadable.name in error.value.message
    assert repository.backups() == [] and len(kept.unsealed(repository.restic.snapshots(), ID)) == 1


def test_a_source_that_is_gone_is_a_failure(repository: Repository) -> None:
    repository.items.append(Item("volumes/x", str(repository.folder.parent / "none"), "data"))
    with pytest.raises(HostError, match="is no folder"):
        repository.copy()


def test_one_that_takes_too_long_is_ended(repository: Repository) -> None:
    (repository.folder / "large").write_bytes(os.urandom(400 << 20))
    with pytest.raises(ResticError) as error:
        snapshot.copy(repository.restic, repository.own, repository.items, "slow", snapshot.Terms("v1.0.0", 0.7))
    assert error.value.kind == "time" and repository.backups() == []
    repository.restic.clear_locks()
    (repository.folder / "large").unlink()
    repository.take()


def test_a_lock_of_somebody_elsewhere_stays_and_is_told(repository: Repository) -> None:
    repository.take()
    with _holding(repository, "elsewhere"):
        repository.restic.clear_locks()
        with pytest.raises(ResticError) as error:
            repository.restic.check(everything=False)
        assert error.value.kind == "locked"
        # It is seen before a node is stopped for a backup that cannot be sealed, and the remedy is one.
        with pytest.raises(ResticError, match=r"locked by process [0-9]+ of elsewhere since") as error:
            repository.restic.require_unlocked("not stopped")
        assert error.value.kind == "locked" and f"restic -r {repository.restic.repository} unlock" in error.value.findings[0].remedy
        place, secret = repository.restic.repository, settings.password_file(repository.own)
        # As restic would do by itself once it was not renewed for half an hour.
        subprocess.run(["restic", "--no-cache", "-r", place, "--password-file", secret, "unlock", "--remove-all"], check=True)
        repository.restic.require_unlocked("not stopped")
        repository.take()


class _holding:
    """A lock of a process that was killed, of a host with another name."""

    def __init__(self, repository: Repository, host: str) -> None:
        line = ["unshare", "--uts", "sh", "-c", f'hostname {host}; exec restic --no-cache -r "$1" --password-file "$2" backup --stdin', "-"]
        self.process = subprocess.Popen(
            [*line, repository.restic.repository, settings.password_file(repository.own)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self.locks = Path(repository.restic.repository, "locks")

    def __enter__(self) -> None:
        until = time.monotonic() + 20
        while not self._written() and time.monotonic() < until:
            time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        assert self._written()

    def _written(self) -> bool:
        return any(len(path.name) == 64 for path in self.locks.iterdir())

    def __exit__(self, *_error: object) -> None:
        pass
