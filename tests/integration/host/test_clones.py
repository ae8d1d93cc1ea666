# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files set aside on a file system that can share blocks: read by restic where the files are, and told from what is saved."""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import again, aside, cloned, kept, settings, snapshot
from ansible_collections.restaking.avs.plugins.module_utils.backup.cloned import Run
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Restic
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic_answers import documents
from ansible_collections.restaking.avs.plugins.module_utils.backup.span import Span
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import Item, Plan
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host.test_backup import odd_things
from tests.integration.host.test_restic import ID, STATE, Repository
from tests.integration.host.xfs import mounted

RUN = Run(run_command, bound=60)


@pytest.fixture(scope="module")
def xfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with mounted(tmp_path_factory.mktemp("clones")) as place:
        yield place


@pytest.fixture
def repository(xfs: Path, tmp_path: Path) -> Repository:
    """Of files on that file system; all else is on another."""
    found = Repository(tmp_path)
    found.folder = xfs / tmp_path.name / "stored"
    shutil.copytree(tmp_path / "stored", found.folder)
    found.items = [Item("data", str(found.folder), "data")]
    found.plan = Plan(found.items, {}, {}, [])
    return found


def live(repository: Repository) -> Span:
    return live_with(repository, lambda: None)


def live_with(repository: Repository, written: Callable[[], None]) -> Span:
    """A live pass; ``written``: what somebody writes once it was begun, before restic reads."""

    def run(args: list[str], **options: Any) -> tuple[int, bytes, bytes]:
        if "backup" in args:
            written()
        return run_command(args, **options)

    mine = Restic(run, repository.restic.repository, settings.password_file(repository.own))
    parent = snapshot.room(mine, repository.own, repository.plan, "v1.0.0")
    begun = time.time_ns()
    saved = snapshot.live(mine, ID, repository.plan, snapshot.Terms("v1.0.0", 300), parent)
    ended = time.time_ns()
    return Span(begun, ended, saved.snapshot, again.risky(snapshot.trees(repository.items), begun, ended))


def save(repository: Repository, found: aside.Aside) -> None:
    copied = aside.save(repository.restic, repository.own, found, "v1.0.0")
    snapshot.seal(repository.restic, repository.own, STATE, copied, repository.plan)
    cloned.settle(repository.own)


def left(repository: Repository) -> list[str]:
    return [name for name in os.listdir(repository.folder.parent) if "cloned" in name]


def test_what_was_set_aside_is_saved_as_it_was(repository: Repository, tmp_path: Path) -> None:
    folder = repository.folder
    odd_things(folder)
    (folder / "large").write_bytes(os.urandom(16 << 20))
    assert cloned.possible(repository.items, RUN) and left(repository) == []
    passed = live(repository)
    (folder / "plain").write_text("while it ran")
    with open(folder / "large", "r+b") as large:
        large.write(b"changed")
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    found = aside.set_aside(repository.own, repository.items, "t-one", passed, RUN)
    assert found is not None and left(repository) != []
    # Its blocks are the files' own.
    assert free - os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize < 8 << 20
    # The node runs again.
    (folder / "plain").write_text("later")
    (folder / "first").unlink()
    (folder / "new").write_text("later")
    save(repository, found)
    [backup] = repository.backups()
    assert left(repository) == [] and repository.prove(backup)["files"] == found.tree.entries
    where = tmp_path / "restored"
    repository.restic.restore(backup.files, str(where))
    restored = Path(f"{where}{folder}")
    assert (restored / "plain").read_text() == "while it ran" and (restored / "first").exists() and not (restored / "new").exists()
    # The next pass reads what changed, though no clone is like the files.
    (folder / "more").write_bytes(os.urandom(1 << 20))
    before = repository.restic.snapshots()
    assert kept.parent(before, ID).snapshot and len(kept.unsealed(before, ID)) == 1
    assert unmodified(repository) > 5


def unmodified(repository: Repository) -> int:
    """Files restic does not read in a live pass."""
    said: list[bytes] = []

    def heard(args: list[str], **options: Any) -> tuple[int, bytes, bytes]:
        code, out, err = run_command(args, **options)
        said.append(out)
        return code, out, err

    mine = Restic(heard, repository.restic.repository, settings.password_file(repository.own))
    parent = snapshot.room(mine, repository.own, repository.plan, "v1.0.0")
    snapshot.live(mine, ID, repository.plan, snapshot.Terms("v1.0.0", 300), parent)
    return int(documents(said[-1].decode())[-1]["files_unmodified"])


@pytest.mark.parametrize("how", ["old", "future", "mapping", "mapping meanwhile"])
def test_a_file_that_changed_and_does_not_look_so_is_read_again(repository: Repository, tmp_path: Path, how: str) -> None:
    file = repository.folder / "odd"
    file.write_bytes(b"height 1" + b"0" * (1 << 20))
    moment = {"old": file.stat().st_mtime_ns, "future": 4_102_444_800 * 10**9}.get(how)
    if moment:
        os.utime(file, ns=(moment, moment))
    with file.open("r+b") as handle, mmap.mmap(handle.fileno(), 0) as view:
        view[:8] = b"height 0"
        passed = live_with(repository, lambda: view.__setitem__(slice(8), b"height 1") if how == "mapping meanwhile" else None)
        seen = file.stat().st_mtime_ns
        time.sleep(0.1)
        if moment:
            os.write(handle.fileno(), b"height 2")
            os.utime(file, ns=(moment, moment))
        else:
            view[:8] = b"height 2"
    found = aside.set_aside(repository.own, repository.items, f"t-{how[-4:]}", passed, RUN)
    # Meanwhile anybody may have brought its page to the disk.
    looks_so = how == "mapping" or (how == "mapping meanwhile" and file.stat().st_mtime_ns != seen)
    assert found is not None and ("odd" in [path for _name, path, _time in found.tree.odd]) is not looks_so
    save(repository, found)
    repository.prove(repository.backups()[-1])
    where = tmp_path / "back"
    repository.restic.restore(repository.backups()[-1].files, str(where))
    assert Path(f"{where}{file}").read_bytes()[:8] == b"height 2"
    assert file.stat().st_mtime_ns == Path(f"{where}{file}").stat().st_mtime_ns
    # The next live pass is compared with the one before, which has what was there then.
    live(repository)
    repository.restic.restore(repository.restic.snapshots()[-1].id, str(tmp_path / "again"))
    assert Path(f"{tmp_path / 'again'}{file}").read_bytes()[:8] == b"height 2"


def test_a_clone_that_is_not_what_was_there_is_no_backup(repository: Repository) -> None:
    found = aside.set_aside(repository.own, repository.items, "t-bad", live(repository), RUN)
    assert found is not None
    Path(found.view[str(repository.folder)], "first").chmod(0o600 if (repository.folder / "first").stat().st_mode & 0o77 else 0o644)
    with pytest.raises(HostError, match="is not what was there: data/first differs in mode"):
        aside.save(repository.restic, repository.own, found, "v1.0.0")
    cloned.settle(repository.own)
    assert left(repository) == [] and repository.backups() == []


def test_where_blocks_cannot_be_shared_nothing_is_tried(repository: Repository, tmp_path: Path) -> None:
    place = tmp_path / "memory"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(place)], check=True)
    try:
        (place / "x").mkdir()
        assert not cloned.possible([Item("data", str(place / "x"), "data")], RUN) and os.listdir(place) == ["x"]
        # All of it, or nothing; and not where something mounted is the whole of an item, or a part is not saved.
        assert not cloned.possible([*repository.items, Item("more", str(place / "x"), "data")], RUN)
        assert not cloned.possible([Item("data", str(place), "data")], RUN) and not cloned.possible([], RUN)
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_what_a_package_saved_itself_is_seen_though_its_place_is_exchanged(repository: Repository, tmp_path: Path) -> None:
    volume = repository.folder
    (volume / ".avs-backup").mkdir()
    (volume / ".avs-backup" / "rows").write_text("then")
    repository.items[:] = [Item("volumes/v", str(volume / ".avs-backup"), "data", "v", volume_path=str(volume))]
    assert cloned.possible(repository.items, RUN)
    found = aside.set_aside(repository.own, repository.items, "t-dump", live(repository), RUN)
    assert found is not None and os.listdir(volume.parent) != ["stored"]
    # The node runs again, and has a link to the host's in its place.
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts" / "secret").write_text("the host's")
    (volume / ".avs-backup").rename(volume / "moved")
    (volume / ".avs-backup").symlink_to(tmp_path / "hosts")
    save(repository, found)
    where = tmp_path / "restored"
    repository.restic.restore(repository.backups()[-1].files, str(where))
    assert [path.name for path in where.rglob("*") if path.is_file()] == ["rows"] and left(repository) == []
