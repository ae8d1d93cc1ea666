# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may take the place of what is there."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import kept, restore, verify
from ansible_collections.restaking.avs.plugins.module_utils.backup.progress import Progress
from ansible_collections.restaking.avs.plugins.module_utils.backup.restore import Place, Swap
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import Item
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store


@pytest.fixture
def own(tmp_path: Path) -> InstanceStore:
    found = Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks")).instance("a-1")
    Path(found.path("backup")).mkdir(parents=True)
    return found


def test_a_class_counts_by_what_is_said_now_and_was_said_then(tmp_path: Path) -> None:
    plain, signed = Item("volumes/x", "/x", "data"), Item("volumes/x", "/x", "monotonic")
    assert restore.going_back([plain], [plain]) == {} and restore.going_back([], [plain]) == {}
    assert restore.going_back([signed], [plain]) == restore.going_back([plain], [signed]) == {"volumes/x": "monotonic"}
    for name in "abcde":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "empty").mkdir()
    where = {"a": "cache", "b": "data", "c": "monotonic", "d": "secret", "nowhere": "secret", "empty": "secret", "never": "monotonic"}
    inner, bare = Item("data", str(tmp_path), "data", inner=where), Item("data", str(tmp_path), "data")
    # What a node makes again is no loss, nor is nothing.
    assert restore.going_back([inner], [bare]) == {"data/c": "monotonic", "data/d": "secret", "data/never": "monotonic"}
    # A cache then is data by now: the backup has nothing of it.
    assert restore.going_back([bare], [Item("data", "/then", "data", inner={"e": "cache", "x": "cache"})]) == {"data/e": "cache"}


def test_where_it_goes_is_beside_where_it_is_on_this_host(own: InstanceStore) -> None:
    [place] = restore.places(own, [Item("data", "/now/data", "data")], [Item("data", "/then/d", "data")], "t")
    assert place == Place("data", "/now/data", "/now/.avs-restoring-t/then/d", "/now/data.replaced-t", "/now/.avs-restoring-t")
    with pytest.raises(HostError) as error:
        restore.places(own, [Item("volumes/p", "/proc", "data")], [Item("volumes/p", "/x", "data"), Item("volumes/q", "/y", "data")], "t")
    told = [item.message for item in error.value.findings]
    assert "file systems mounted" in told[0] and "no such thing" in told[1]


def test_what_lies_in_another_is_not_restored_beside_it(own: InstanceStore) -> None:
    apart = [Item("volumes/a", "/big/a", "data"), Item("volumes/b", "/big/ab", "data")]
    assert len({place.fresh for place in restore.places(own, apart, apart, "t")}) == 2
    for path in ("/big/a", "/big/a/b"):
        items = [apart[0], Item("volumes/b", path, "data")]
        with pytest.raises(HostError) as error:
            restore.places(own, items, items, "t")
        assert "lies in /big/a, which is restored, too" in error.value.findings[-1].message


def test_mounts_of_any_name_are_seen(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    lines = [
        b"1 0 0:1 / / rw - ext4 /dev/a rw",
        b"2 1 0:2 / /mnt/caf\xe9 rw - tmpfs tmpfs rw",
        "3 1 0:3 / /srv/größe\\040a\u2003b/in rw - tmpfs tmpfs rw".encode(),
        b"4 1 0:4 / /back\\134slash/in rw - tmpfs tmpfs rw",
    ]
    mounts.write_bytes(b"".join(line + b"\n" for line in lines))
    assert restore.unmovable("/srv/other", str(mounts)) == ""
    for path in ("/srv/größe a\u2003b", "/back\\slash", "/mnt/caf\udce9"):
        assert "mounted on it or below" in restore.unmovable(path, str(mounts)), path


def test_a_record_that_cannot_be_used_is_an_error_and_not_nothing(own: InstanceStore) -> None:
    path = Path(own.path("backup", "restore.json"))
    restore.settle(own)
    assert restore.begun(own) is None
    restore.note(own, Swap("t", "b", restore.SWAPPING, [Place("data", "/a", "/b", "/c", "/d")]))
    known = restore.half(own)
    assert known is not None and known.places[0].replaced == "/c"
    for text in ("{", "[]", "{}", json.dumps({"transaction": "t", "backup": "b", "phase": "swapping", "places": [{}]})):
        path.write_text(text)
        with pytest.raises(HostError, match="cannot be used"):
            restore.half(own)


class Bringing:
    """What restic put there, of a backup whose list says that all of it may have changed meanwhile."""

    def __init__(self, own: InstanceStore, root: Path, item: Item, restored: Callable[[Path], None]) -> None:
        self.progress, self._item, self._restored = Progress(), item, restored
        manifest = {"items": [item.as_dict()]}
        (root / "now").mkdir()
        listed = root / "list"
        with gzip.open(listed, "wb") as out:
            for path in ("", "../../victim/x"):
                entry = {"in": "data", "path": path, "kind": "file", "loose": not path, "sparse": bool(path), "time": 5}
                out.write((json.dumps(entry) + "\n").encode())
        self.seal = verify.Seal(manifest, str(listed))
        self.places = restore.places(own, [Item("data", str(root / "now"), "data")], [item], "t")
        self.ran: list[list[str]] = []

    def restore(self, _snapshot: str, target: str, path: str) -> None:
        place = Path(f"{target}{path}")
        place.parent.mkdir(parents=True, exist_ok=True)
        self._restored(place)

    def run(self) -> None:
        backup = kept.Backup(*(["x"] * len(fields(kept.Backup))))  # type: ignore[arg-type]
        restore.bring(self, self.command, backup, self.seal, self.places)  # type: ignore[arg-type]

    def command(self, args: list[str], **_options: Any) -> tuple[int, bytes, bytes]:
        self.ran.append(args)
        return 0, b"", b""


def test_no_link_takes_the_place_of_a_folder(own: InstanceStore, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "x").write_bytes(bytes(1 << 20))
    bringing = Bringing(own, tmp_path, Item("data", "/d", "data", live=True), lambda place: place.symlink_to(victim))
    with pytest.raises(HostError, match="data is no folder"):
        bringing.run()
    assert bringing.ran == []


def test_a_list_that_leads_out_touches_nothing_there(own: InstanceStore, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "x").write_bytes(bytes(1 << 20))
    bringing = Bringing(own, tmp_path, Item("data", "/d", "data", live=True), lambda place: place.mkdir())
    with pytest.raises(HostError, match="victim/x is missing"):
        bringing.run()
    assert bringing.ran == []
