# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository of which any part is damaged, and a backup that is killed at many moments: nothing is reported as good that is not."""

from __future__ import annotations

import multiprocessing
import os
import random
import secrets
import shutil
import signal
import time
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import kept, snapshot
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

from tests.integration.host.test_restic import ID, Repository, damaged

PARTS = ("config", "keys", "index", "snapshots", "data")
MOMENTS = 20


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with a backup."""
    folder = tmp_path_factory.mktemp("whole")
    Repository(folder).take()
    return folder


def cut(path: Path) -> None:
    path.chmod(0o600)
    os.truncate(path, path.stat().st_size - 7)


@pytest.mark.parametrize("harm", [damaged, cut])
def test_whatever_of_it_is_damaged_no_backup_is_made_there_and_none_is_proven(whole: Path, tmp_path: Path, harm: object) -> None:
    for part in PARTS:
        place = tmp_path / part
        shutil.copytree(whole, place)
        repository = Repository(place)
        found = repository.backups()
        assert len(found) == 1
        parts = Path(repository.restic.repository) / part
        # Of more than one it is the largest: the pack with the files, and the list of files.
        harm(max(parts.rglob("*") if parts.is_dir() else [parts], key=lambda path: path.is_file() and path.stat().st_size))  # type: ignore[operator]
        if (harm, part) != (damaged, "data"):
            # That a bit of a pack is another one only a proof sees.
            with pytest.raises(HostError):
                repository.take()
        with pytest.raises(HostError):
            repository.prove(found[0])
        try:
            assert [item.verified for item in repository.backups()] in ([""], []), part
        except HostError:
            assert part in ("config", "keys", "index", "snapshots")


def back_up(folder: str) -> None:
    os.setsid()
    Repository(Path(folder)).take()


def at_work(place: str) -> list[int]:
    """Processes of restic with a repository."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if place.encode() in words and words[0].endswith(b"/restic"):
            found.append(int(path.parent.name))
    return found


def test_killed_at_many_moments_what_is_listed_is_whole_and_the_next_one_works(tmp_path: Path) -> None:
    seed = os.environ.get("AVS_SEED") or secrets.token_hex(4)
    print(f"AVS_SEED={seed}")
    chance, context = random.Random(seed), multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.host.test_restic"])
    repository = Repository(tmp_path)
    started = time.monotonic()
    repository.take()
    length, killed, known = time.monotonic() - started, 0, repository.backups()
    for number in range(MOMENTS):
        (repository.folder / "more").write_bytes(chance.randbytes(6 << 20))
        child = context.Process(target=back_up, args=(str(tmp_path),))
        child.start()
        time.sleep(chance.uniform(0.02, length))
        if chance.random() < 0.5 and child.is_alive():
            # With all it has started; else what it has started goes on by itself.
            try:
                os.killpg(child.pid or 0, signal.SIGKILL)
            except ProcessLookupError:
                child.kill()
        child.kill()
        child.join(30)
        killed += child.exitcode == -signal.SIGKILL
        # The first one may have been slow by others' work.
        length *= 1 if child.exitcode else 0.8
        until = time.monotonic() + 60
        while at_work(repository.restic.repository) and time.monotonic() < until:
            time.sleep(0.02)
        # As the next run does first. One that has ended and was not asked how yet is there for restic.
        locks = Path(repository.restic.repository, "locks")
        while any(len(path.name) == 64 for path in locks.iterdir()) and time.monotonic() < until:
            repository.restic.clear_locks()
        now = repository.backups()
        assert now[: len(known)] == known and len(now) <= len(known) + 1, (seed, number)
        known = now
    snapshot.sweep(repository.own)
    repository.take()
    now = repository.backups()
    assert len(now) == len(known) + 1 and kept.unsealed(repository.restic.snapshots(), ID) == []
    # Each of those that were left counts: all of it can be had back.
    for backup in (*chance.sample(known, min(3, len(known))), now[-1]):
        repository.prove(backup)
    assert killed >= MOMENTS // 2, (seed, killed)
