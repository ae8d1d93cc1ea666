# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays, whatever a policy says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import kept, retention, settings
from ansible_collections.restaking.avs.plugins.module_utils.backup.kept import Backup
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Snapshot
from ansible_collections.restaking.avs.plugins.module_utils.backup.retention import expired, policy
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from hypothesis import given
from hypothesis import settings as bounds
from hypothesis import strategies as st


def backup(name: str, verified: str = "") -> Backup:
    return Backup(name, "node-a", name, "v1", f"files-{name}", f"seal-{name}", verified)


ALL = ["seal-a", "seal-b", "seal-c", "seal-d"]


@pytest.mark.parametrize(
    ("proven", "dropped", "needed", "gone"),
    [
        ("", ALL, (), "abc"),
        ("b", ALL, (), "ac"),
        ("ab", ALL, (), "ac"),
        ("d", ALL, (), "abc"),
        ("", ALL, ("a",), "bc"),
        ("", ["seal-b", "seal-of-somebody"], (), "b"),
        ("", [], (), ""),
    ],
)
def test_the_newest_and_the_newest_that_was_proven_stay(proven: str, dropped: list[str], needed: tuple[str, ...], gone: str) -> None:
    found = [backup(name, "once" if name in proven else "") for name in "abcd"]
    assert "".join(item.id for item in expired(found, dropped, needed)) == gone


@pytest.mark.parametrize("wanted", [{"last": 3}, {"last": 3, "daily": 0}, {}, {"monthly": 10_000}])
def test_a_policy(wanted: dict[str, int]) -> None:
    assert policy(wanted) == {name: value for name, value in wanted.items() if value}


@pytest.mark.parametrize(("size", "count"), [("20GiB", 20 << 30), ("1 KiB", 1024), ("7MiB", 7 << 20), ("2TiB", 2 << 40)])
def test_a_floor_is_a_size(size: str, count: int) -> None:
    assert policy({"free": size, "last": 1}) == {"free": count, "last": 1} and policy({"free": size}) == {"free": count}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"free": size} for size in (5, "5", "5GB", "0GiB", "-1GiB", "1.5GiB", "GiB", "5GiB\n", True, ["5GiB"])),
        {"last": "3"},
        {"last": True},
        {"last": -1},
        {"yearly": 1},
        {"last": 0},
        [],
        {"last": 10_001},
        {"last": 1.5},
        {1: 1},
    ],
)
def test_what_is_none(wrong: Any) -> None:
    with pytest.raises(HostError) as refused:
        policy(wrong)
    assert refused.value.findings[0].remedy.startswith(("Correct avs_backup_keep", "Name how many"))


class Disk:
    """A repository whose disk gets room as backups of it are pruned, each ``size`` bytes; nothing else of restic is asked."""

    repository = "/r"
    unread: frozenset[str] = frozenset()

    def __init__(self, found: list[Backup], free: int, size: int) -> None:
        self.found, self.free, self.size, self.waste = found, free, size, 0

    def snapshots(self) -> list[Snapshot]:
        made = []
        for item in self.found:
            tags = {kept.TRANSACTION: item.id, kept.VERSION: "v1"}
            made.append(Snapshot(item.files, item.time, "node-a", {**tags, kept.PART: kept.FILES, kept.KIND: kept.STOPPED}, []))
            made.append(Snapshot(item.seal, item.time, "node-a", {**tags, kept.PART: kept.SEAL, kept.OF: item.files}, []))
            if item.verified:
                made.append(Snapshot(f"proof-{item.id}", item.verified, "node-a", {**tags, kept.PART: kept.PROOF, kept.OF: item.files}, []))
        return made

    def forget(self, names: list[str]) -> None:
        gone = [item for item in self.found if item.seal in names]
        # None is left half there, and no proof of one that is gone.
        assert sorted(names) == sorted(
            name for item in gone for name in (item.seal, item.files, *([f"proof-{item.id}"] if item.verified else []))
        )
        self.found = [item for item in self.found if item not in gone]
        self.waste += self.size * len(gone)

    def prune(self) -> None:
        self.free, self.waste = self.free + self.waste, 0


@bounds(max_examples=200, deadline=None)
@given(st.integers(0, 8), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)), st.integers(0, 12), st.integers(0, 12), st.integers(0, 3))
def test_the_oldest_go_until_there_is_room_and_never_what_must_stay(
    count: int, proven: set[int], needed: set[int], free: int, floor: int, size: int
) -> None:
    found = [backup(str(number), "once" if number in proven else "") for number in range(count)]
    disk = Disk(found, free, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": disk.free}))
        gone, short = retention.make_room(disk, "node-a", {"free": floor, "last": 1}, {str(number) for number in needed})  # type: ignore[arg-type]
    left = [item.id for item in disk.found]
    stays = {*map(str, needed), *(item.id for item in found[-1:]), *[item.id for item in found if item.verified][-1:]}
    may_go = [item.id for item in found if item.id not in stays]
    assert [item.id for item in gone] == may_go[: len(gone)] and left == [item.id for item in found if item not in gone]
    assert short == max(0, floor - disk.free) and (not short or len(gone) == len(may_go))
    # None more than had to.
    assert not gone or disk.free - size < floor


def test_what_is_still_needed_is_kept_on_the_host(tmp_path: Path) -> None:
    own = Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks")).instance("a-1")
    assert retention.needed(own) == {}
    retention.need(own, "a", "to go back from v2")
    retention.need(own, "b", "to go back from v3")
    retention.need_no_more(own, "a")
    assert retention.needed(own) == {"b": "to go back from v3"}
    retention.need_no_more(own, "b")
    retention.need_no_more(own, "b")
    path = Path(settings.folder(own), "needed.json")
    assert retention.needed(own) == {} and not path.exists()
    # Where it cannot be read any may be one.
    for text in ("{", "[]", '{"schema": 1}', '{"schema": 2, "backups": {}}', '{"schema": 1, "backups": {"a": 1}}'):
        path.write_text(text)
        with pytest.raises(HostError, match="still needed"):
            retention.needed(own)
