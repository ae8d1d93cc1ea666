# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies in other repositories by the host's own restic: what counts there, what is found to be damaged, and what nobody sees."""

from __future__ import annotations

import gzip
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import bringing, copies, kept, remote, retention, verify
from ansible_collections.restaking.avs.plugins.module_utils.backup.copies import Copy
from ansible_collections.restaking.avs.plugins.module_utils.backup.kept import Backup
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Restic, ResticError
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

from tests.integration.host import quick_key
from tests.integration.host.remote_places import REGION, USER, AppendOnly, s3
from tests.integration.host.test_restic import ID, Repository

CANARY = "canary/of-a login@server"
S3_CANARY = "canary-of-a-key"
OWN = "canary of the copy's password"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def elsewhere(repository: Repository, address: str, **entry: str) -> tuple[Copy, Restic]:
    given = copies.given([{"name": "off", "repository": address, **entry}])
    assert given is not None
    copies.keep(repository.own, given)
    return given[0].copy, remote.opened(run_command, repository.own, given[0].copy)


def bring(repository: Repository, copy: Copy, target: Restic) -> list[str]:
    return [item.id for item in bringing.bring(repository.restic, target, copy, repository.backups()[-1])]


def there(target: Restic) -> list[Backup]:
    return kept.backups(target.snapshots(), ID)


@contextmanager
def watched(*secrets: str) -> Iterator[None]:
    """Nobody who may see all processes of the host sees one of these."""
    seen: list[str] = []
    looks, over = [0], threading.Event()

    def look() -> None:
        while not over.is_set():
            for name in filter(str.isdecimal, os.listdir("/proc")):
                with suppress(OSError):
                    comm = Path("/proc", name, "comm").read_text().strip()
                    if comm in ("restic", "ssh", "timeout", "env"):
                        looks[0] += comm == "restic"
                        text = b"".join(Path("/proc", name, what).read_bytes() for what in ("cmdline", "environ"))
                        seen.extend(secret for secret in secrets if secret.encode() in text)
            time.sleep(0.05)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert looks[0] > 0 and seen == []


def unseen(repository: Repository, target: Restic, *secrets: str) -> None:
    """None of these is in what a snapshot has, in what the host keeps, or in what the repository is: in memory alone."""
    place = repository.folder.parent / "all"
    for item in target.snapshots():
        target.restore(item.id, str(place / item.id))
    for path in (path for root in (place, repository.folder.parent / "lib") for path in root.rglob("*") if path.is_file()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path


@pytest.mark.parametrize("user", ["AK#I;'A\\", '"AKIA"'])
def test_keys_of_s3_are_read_as_they_were_given(repository: Repository, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Place(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization") or "")
            self.send_error(403)

        do_HEAD = do_GET

        def log_message(self, *_words: object) -> None:
            pass

    monkeypatch.setattr(remote, "_FIRST", 6.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), Place) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _copy, target = elsewhere(repository, f"s3:http://127.0.0.1:{server.server_port}/bucket/x", user=user, secret="x", region=REGION)
        with suppress(ResticError):
            target.exists()
        server.shutdown()
    assert seen and all(f"Credential={user}/" in line for line in seen)


def test_by_s3_it_counts_is_proven_and_pruned_as_here_and_nobody_sees_a_key(repository: Repository) -> None:
    with s3() as place:
        copy, target = elsewhere(repository, place.address, user="AKIA", secret=S3_CANARY, region=REGION, password=OWN)
        assert not target.exists()
        target.make()
        place.quicken(ID, OWN)
        made = [repository.take().transaction]
        with watched(S3_CANARY, OWN):
            assert target.exists() and bring(repository, copy, target) == made
        verify.prove(target, run_command, repository.own, there(target)[0])
        made += [repository.take().transaction for _number in range(2)]
        assert bring(repository, copy, target) == made[1:]
        assert [(item.id, bool(item.verified)) for item in there(target)] == [(made[0], True), (made[1], False), (made[2], False)]
        assert there(target)[0].files != repository.backups()[0].files
        # The first was proven there, and no other; what is not to be kept there is not brought again.
        assert [item.id for item in retention.apply(target, ID, {"last": 1})] == [made[1]]
        assert bring(repository, copy, target) == [] and [item.id for item in there(target)] == [made[0], made[2]]
        unseen(repository, target, S3_CANARY, OWN)


def test_where_nothing_can_be_removed_nothing_is_and_it_counts_all_the_same(repository: Repository, tmp_path: Path) -> None:
    server = AppendOnly(tmp_path / "served", CANARY)
    try:
        with watched(CANARY, "canary%2Fof-a"):
            copy, target = elsewhere(repository, server.address, user=USER, secret=CANARY, prune="elsewhere")
            assert not target.exists()
            quick_key.make(tmp_path / "served" / "avs" / ID)
            made = [repository.take().transaction]
            bring(repository, copy, target)
            made += [repository.take().transaction]
            assert bring(repository, copy, target) == made[1:] and [item.id for item in there(target)] == made
        assert server.refused == []
        verify.prove(target, run_command, repository.own, there(target)[1])
        assert bool(there(target)[1].verified) and server.refused == []
        # A pack that was cut short there: what did not change would not be sent again.
        pack = max((tmp_path / "served").glob("**/data/*"), key=lambda path: path.stat().st_size)
        os.truncate(pack, pack.stat().st_size - 7)
        repository.take()
        with pytest.raises(ResticError) as error:
            bring(repository, copy, target)
        assert error.value.kind == "damaged" and [item.id for item in there(target)] == made
        # Who is not let in, and who finds nobody.
        copy, target = elsewhere(repository, server.address, user=USER, secret="canary of another")
        with pytest.raises(ResticError) as error:
            target.exists()
        assert error.value.kind == "away" and "canary" not in str(error.value)
    finally:
        server.stop()
    copy, target = elsewhere(repository, "rest:https://127.0.0.1:1/", user=USER, secret=CANARY)
    with pytest.raises(ResticError) as error:
        target.exists()
    assert error.value.kind == "away" and "canary" not in str(error.value)


def test_on_another_disk_it_is_restored_from_when_all_else_is_lost(repository: Repository, tmp_path: Path) -> None:
    (repository.folder / "more").write_bytes(random.Random(4).randbytes(1 << 20))
    copy, target = elsewhere(repository, str(tmp_path / "disk"))
    quick_key.make(tmp_path / "disk" / ID)
    repository.take()
    bring(repository, copy, target)
    os.rename(repository.restic.repository, tmp_path / "lost")
    verify.prove(target, run_command, repository.own, there(target)[0])
    # Begun anew, the repository is another one; what was copied stays, what is new is added.
    quick_key.make(Path(repository.restic.repository))
    second = repository.take().transaction
    assert bring(repository, copy, target) == [second] and len(there(target)) == 2
