# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is there is put aside, and what a backup has is put in its place: renames alone, of which any cut is undone.

All that takes long happens before, beside what is to be replaced, while the node runs: restored, compared, with its holes.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..instance import hold
from ..instance.store import InstanceStore
from ..policy.mounts import below
from ..system import files
from ..system.command import RunCommand
from . import listing, owners, progress, settings
from .kept import Backup
from .listing import Tree
from .restic import Restic
from .verify import Seal, make_holes
from .volumes import CACHE, DATA, SAVED, Item

SWAPPING, SWAPPED = "swapping", "swapped"
_FRESH = ".avs-restoring-"
_ESCAPED = re.compile(rb"\\([0-3][0-7]{2})")


@dataclass(frozen=True)
class Place:
    """``path`` is where a node has it, ``fresh`` what it is to get, ``replaced`` where that puts what is there now; all on one file
    system. ``scratch`` is the folder ``fresh`` lies in."""

    name: str
    path: str
    fresh: str
    replaced: str
    scratch: str


@dataclass(frozen=True)
class Swap:
    """A restore that was begun."""

    transaction: str
    backup: str
    phase: str
    places: Sequence[Place]


def places(own: InstanceStore, here: Sequence[Item], wanted: Sequence[Item], transaction: str) -> list[Place]:
    """Where the items of a backup go on this host. Raises ``HostError`` (BAK-003) where one cannot be put in its place."""
    known = {item.name: item.path for item in here}
    found, problems = [], []
    for item in wanted:
        path = known.get(item.name, "")
        scratch = os.path.join(os.path.dirname(path), f"{_FRESH}{transaction}")
        place = Place(item.name, path, scratch + item.path, f"{path}.replaced-{transaction}", scratch)
        others = [known[other.name] for other in wanted if other is not item and other.name in known]
        why = "is in the backup, and this host has no such thing" if not path else _within(path, others) or unmovable(path)
        if why:
            problems.append(
                finding("BAK-003", f"{own.id}: {item.name}", f"{item.name} {why}", "Install the instance as it was, or restore by hand.")
            )
        found.append(place)
    if problems:
        raise HostError(f"{own.id} cannot be restored", problems)
    return found


def _within(path: str, others: Sequence[str]) -> str:
    """Why a folder cannot be renamed for itself; empty where it can."""
    around = next((other for other in others if below(path, other) is not None), None)
    return f"lies in {around}, which is restored, too" if around is not None else ""


def _plain(escaped: re.Match[bytes]) -> bytes:
    """A byte as the kernel writes it where it would end a word."""
    return bytes([int(escaped[1], 8)])


def unmovable(path: str, mounts: str = "/proc/self/mountinfo") -> str:
    """Why a folder cannot be renamed with all that is in it; empty where it can."""
    with open(mounts, "rb") as handle:
        mounted = [os.fsdecode(_ESCAPED.sub(_plain, line.split(b" ")[4])) for line in handle]
    inside = [place for place in mounted if place == path or place.startswith(f"{path}/")]
    return f"has file systems mounted on it or below ({', '.join(inside[:3])})" if inside else ""


def require_room(own: InstanceStore, seal: Seal, wanted: Sequence[Place]) -> None:
    """Each file system has room for all that goes there, restored without holes. Raises ``HostError`` (BAK-003)."""
    sizes: dict[str, int] = {}
    for entry in listing.read(seal.listing):
        sizes[entry["in"]] = sizes.get(entry["in"], 0) + int(entry.get("size", 0))
    needed: dict[int, int] = {}
    free: dict[int, int] = {}
    # Where it is restored to; a cut may have left nothing in the place itself.
    beside = {place.name: os.path.dirname(place.path) for place in wanted}
    devices = {name: os.stat(folder).st_dev for name, folder in beside.items()}
    for name, device in devices.items():
        needed[device] = needed.get(device, 0) + sizes.get(name, 0)
        free[device] = shutil.disk_usage(beside[name]).free
    short = [device for device, size in needed.items() if size > free[device]]
    if short:
        names = ", ".join(name for name, device in devices.items() if device in short)
        message = f"{needed[short[0]] >> 20} MiB are needed beside {names}, {free[short[0]] >> 20} are free there"
        raise HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, "Make room there, and try again.")])


def bring(restic: Restic, run_command: RunCommand, backup: Backup, seal: Seal, wanted: Sequence[Place]) -> None:
    """Restore each item beside what it is to replace, and compare it with what was saved. Raises ``ResticError``, ``HostError``."""
    items = {item.name: item for item in seal.items}
    restic.progress.phase(progress.RESTORE)
    # Items that lie in one folder have one scratch.
    for scratch in dict.fromkeys(place.scratch for place in wanted):
        files.remove(scratch)
        os.mkdir(scratch, 0o700)
    for place in wanted:
        item = items[place.name]
        restic.restore(backup.files, place.scratch, item.path)
        mine = [entry for entry in listing.read(seal.listing) if entry["in"] == place.name]
        for entry in mine:
            if entry.get("sparse") and not entry.get("loose"):
                make_holes(run_command, place.fresh, entry["path"], int(entry["time"]))
        # What takes the place of a folder is one, and lies where it is said to: a link in its place would have the node in a folder of the host.
        whole = files.is_folder(place.fresh) and not files.has_link(place.scratch, item.path[1:])
        tree = Tree(place.name, place.fresh, item.spared, item.live)
        problems = listing.differences(mine, [tree]) if whole else [f"{place.name} is no folder"]
        if seal.owners and not problems:
            owners.give(place.fresh, seal.owners)
            problems = listing.differences(owners.mapped(mine, seal.owners), [tree])
        if problems:
            message = f"the backup {backup.id} cannot be relied on: restored, it is not what was saved: {'; '.join(problems)}"
            raise HostError(f"{backup.instance}: {message}", [finding("BAK-003", backup.instance, message)])
    os.sync()


def note(own: InstanceStore, swapped: Swap) -> None:
    """Before anything of it is done: what a cut leaves is told by this. Raises ``OSError``."""
    document: Mapping[str, Any] = asdict(swapped)
    files.write_json(_record(own), {"schema": 1, **document, "places": [asdict(place) for place in swapped.places]})


def swap(own: InstanceStore, swapped: Swap, between: Callable[[], None] | None = None) -> Swap:
    """Under the instance's lock, of a node that is down, once it was noted. ``between``: what is still to be done to what took its place.
    Raises ``OSError``, and what that raises; whatever stops it, ``undo`` puts back."""
    for place in swapped.places:
        _move(place.path, place.replaced)
        _move(place.fresh, place.path)
    if between is not None:
        between()
    done = Swap(swapped.transaction, swapped.backup, SWAPPED, swapped.places)
    note(own, done)
    return done


def undo(own: InstanceStore, swapped: Swap) -> None:
    """Put back what was put aside, however far the renames came."""
    for place in swapped.places:
        if os.path.lexists(place.replaced):
            if os.path.lexists(place.path):
                _move(place.path, place.fresh)
            _move(place.replaced, place.path)
    sweep(swapped.places)
    files.remove(_record(own))


def settle(own: InstanceStore) -> None:
    """After a cut, under the instance's lock: put back what was half replaced, and hold nobody for it any more. Raises ``HostError`` as
    ``begun``, and ``OSError``."""
    found = begun(own)
    if found is None:
        return
    known = hold.hold_of(own)
    if found.phase == SWAPPING:
        undo(own, found)
    if known is not None and known.passing:
        hold.lift(own)


def finish(own: InstanceStore, swapped: Swap) -> None:
    """Nobody needs what was replaced any more. Raises ``OSError`` where not all of it can be removed; what can be is, and the rest noted."""
    problems: list[OSError] = []
    for path in (*(place.scratch for place in swapped.places), *(place.replaced for place in swapped.places)):
        try:
            files.remove(path)
        except OSError as error:
            problems.append(error)
    if problems:
        raise problems[0]
    files.remove(_record(own))


def let_go(own: InstanceStore, swapped: Swap) -> None:
    """What was replaced is somebody else's to keep. Raises ``OSError``."""
    sweep(swapped.places)
    files.remove(_record(own))


def sweep(wanted: Sequence[Place]) -> None:
    for place in wanted:
        files.remove(place.scratch)


def begun(own: InstanceStore) -> Swap | None:
    """A restore of which something is left. Raises ``HostError`` (OPS-010) for a record that cannot be used: nobody knows then what a
    node would find."""
    try:
        found = files.read_json(_record(own))
        if found is None:
            return None
        return Swap(str(found["transaction"]), str(found["backup"]), str(found["phase"]), [Place(**item) for item in found["places"]])
    except (OSError, ValueError, KeyError, TypeError):
        message = f"{_record(own)} cannot be used, and tells of a restore that was cut"
        remedy = "Look for folders called .replaced-* beside its volumes and data, put them back by hand, then remove the file."
        raise HostError(f"{own.id}: {message}", [finding("OPS-010", own.id, message, remedy)]) from None


def half(own: InstanceStore) -> Swap | None:
    """One that was cut between its renames. Raises as ``begun``."""
    found = begun(own)
    return found if found is not None and found.phase == SWAPPING else None


def going_back(here: Sequence[Item], wanted: Sequence[Item]) -> dict[str, str]:
    """Name -> class, of what does not simply take the place of what is there: a volume that must not go back by what the package or the
    operator says now, or said then, and folders of a class of their own, unless nothing is lost with them."""
    now = {item.name: item for item in here}
    found: dict[str, str] = {}
    for item in wanted:
        there = now.get(item.name, item)
        for one in (item, there):
            if one.cls != DATA:
                found[item.name] = one.cls
            found.update({f"{item.name}/{name}": cls for name, cls in one.inner.items() if cls != DATA and not _no_loss(there, name, cls)})
    return found


def _no_loss(there: Item, name: str, cls: str) -> bool:
    """Whether what lies in a folder now may go: the node makes it again, or there is nothing. What was signed is no such thing."""
    return cls not in SAVED and (there.inner.get(name) == CACHE or _is_empty(os.path.join(there.path, name)))


def _is_empty(path: str) -> bool:
    """Whether there is nothing in a folder, or none. What cannot be looked into is not known to be empty."""
    try:
        return not os.listdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _move(source: str, target: str) -> None:
    os.rename(source, target)
    for folder in dict.fromkeys((os.path.dirname(source), os.path.dirname(target))):
        files.sync_folder(folder)


def _record(own: InstanceStore) -> str:
    return os.path.join(settings.folder(own), "restore.json")
