# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup is made: a pass while the node runs, a short one while it is down, and the seal once it runs again."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..instance.state import State
from ..instance.store import InstanceStore
from ..system import clock, files
from ..system.clock import is_ahead, moment_of, now
from ..system.prefetch import Ahead
from . import again, changes, claims, cloned, contents, kept, listing, patience, progress, settings
from .again import TICK
from .beside import Beside
from .contents import Copied
from .kept import Parent
from .listing import Summary, Tree
from .opened import Opened
from .remembered import Remembered
from .restic import How, Restic, ResticError, Saved, Snapshot
from .volumes import Item, Plan, require_folders

# Characters of a snapshot's whole id.
_WHOLE = 64
MANIFEST, LIST, _GO = "manifest.json", "files.jsonl.gz", "go"
_STAGE = "making-"
# Bytes that stay free in any case, less on a small file system.
FLOOR = 1 << 30


@dataclass(frozen=True)
class Terms:
    """``version`` of the package, ``bound``: seconds the copy may take, ``kind`` of backup; ``parent``: what it is compared with,
    where restic is not to find it; ``risky``: what of it is to be read again in any case, ``None`` where that is to be found; ``until``: seconds
    it may take until the node is down; ``read`` is called as soon as nothing of it is read any more; ``brief``: as of ``How``."""

    version: str | None
    bound: float | None
    kind: str = kept.STOPPED
    parent: Parent = field(default_factory=Parent)
    risky: Sequence[str] | None = None
    until: float = 0.0
    read: Callable[[], object] = bool
    brief: bool = False


def trees(items: Sequence[Item], root: str = "") -> list[Tree]:
    """``root``: a folder below which the items lie by their own paths. What a package left in a volume lies where its node can write."""
    return [Tree(item.name, root + item.path, item.spared, item.live, bool(item.volume_path)) for item in items]


def require(instance: str, items: Sequence[Item]) -> None:
    """Whether all that is to be saved is there: restic leaves out what is not. Raises ``HostError`` (BAK-002, BAK-003)."""
    for item in items:
        require_folders(instance, item, {})
    missing = [item.path for item in items if not files.is_folder(item.path)]
    if missing:
        raise unsound(instance, f"{', '.join(missing)} is no folder")


def room(restic: Restic, own: InstanceStore, planned: Plan, version: str | None, known: Sequence[Snapshot] | None = None) -> Parent:
    """Whether what is to be saved has room where the repository is, and leaves some; from now on it is claimed. ``known``: what it has, where
    that was asked just now. Raises ``ResticError``. Returns what a live pass is compared with."""
    disk = shutil.disk_usage(restic.repository)
    spare = disk.free - min(disk.total // 20, FLOOR)
    known = restic.snapshots() if known is None else known
    # One that was made while the clock was wrong says nothing of what changed since.
    backups = [item for item in kept.backups(known, own.id) if not is_ahead(item.time)]
    since = int((moment_of(backups[-1].time) or 0) * 1e9) if backups else 0
    needed = changes.changed_since(trees(planned.items), since)
    usable = claims.claim(own, restic.repository, needed, spare)
    if needed > usable and restic.abilities().dry:
        # Of a large file little may have changed; to know takes reading it.
        label = kept.label(own.id, kept.FILES, "none", version, kind=kept.LIVE)
        bound = patience.needed(*patience.looked(trees(planned.items), 0))
        with patience.bounded(own.id):
            how = How(_spared(planned.items), bound, live=True, dry=True, open_to=_tops(planned.items))
            needed = restic.backup([item.path for item in planned.items], label, how).added
        usable = claims.claim(own, restic.repository, needed, spare)
    if needed > usable:
        said = f"{needed >> 20} MiB are to be saved, and {max(usable, 0) >> 20} MiB may be used of the file system of {restic.repository}"
        said += "; other backups are on their way, which may need the rest" if usable < spare else ""
        raise ResticError(f"{own.id} was not touched", "full", said, restic.repository)
    return kept.parent(known, own.id)


def live(restic: Restic, instance: str, planned: Plan, terms: Terms, parent: Parent | None = None) -> Saved:
    """Save what can be while the node runs, so that little is left to do while it is down. Never a backup. ``parent``: what it is compared
    with, and since when what changed is still to be read again, where that is not since now."""
    restic.progress.phase(progress.LIVE)
    since = parent.since if parent is not None and parent.live else time.time_ns()
    again.flush(restic.run, planned.items)
    label = kept.label(instance, kept.FILES, "live", terms.version, kind=kept.LIVE, begun=str(since))
    named = parent.snapshot if parent is not None else ""
    how = How(_spared(planned.items), terms.bound, live=True, parent=named, open_to=_tops(planned.items))
    with patience.bounded(instance):
        return restic.backup([item.path for item in planned.items], label, how)


def begin(restic: Restic, own: InstanceStore, items: Sequence[Item], transaction: str, terms: Terms) -> Opened:
    """Have all ready for ``copy``: of a node that is to be down for it nothing is read before. Raises as ``copy`` does."""
    require(own.id, items)
    risky, kind, since = terms.risky, terms.kind, time.time_ns()
    if risky is None:
        risky = again.risky(trees(items), terms.parent.since) if terms.parent.live else ()
    whole = not again.marked(items, risky)
    down = kind == kept.STOPPED
    label = kept.label(own.id, kept.FILES, transaction, terms.version, kind=kind, **({} if down else {"begun": str(since)}))
    parent = "" if whole else terms.parent.snapshot
    how = How(
        _spared(items), terms.bound, parent=parent, whole=whole, open_to=() if down else _tops(items), brief=terms.brief and not whole
    )
    what = [item.path for item in items], label, how
    seen = Ahead(lambda: Remembered(trees(items))) if down and terms.until else None
    begun = Opened(restic, what, os.path.join(stage_of(own, transaction), _GO), terms.until if down else None)
    begun.known = seen.answer().entry if seen is not None else None
    return begun


def copy(restic: Restic, own: InstanceStore, items: Sequence[Item], transaction: str, terms: Terms) -> Copied:
    """Save a node that is down, or one that may be copied while it runs. Raises ``ResticError``, ``HostError`` (BAK-003) where something is
    missing, or was written meanwhile that is to be still, and ``OSError``."""
    with begin(restic, own, items, transaction, terms) as begun:
        return go_on(begun, restic, own, items, (transaction, terms))


def begin_seal(restic: Restic, own: InstanceStore, transaction: str, terms: Terms) -> Opened:
    """The same for the seal of what ``copy`` is going to save, so that nobody waits for restic to open the repository once more. Which snapshot that
    will be is not known yet: its manifest says so, and nothing else. Raises ``ResticError``."""
    stage = stage_of(own, transaction)
    label = kept.label(own.id, kept.SEAL, transaction, terms.version, kind=terms.kind)
    return Opened(restic, ([stage], label, How()), f"{stage}.{_GO}", terms.until)


def go_on(begun: Opened, restic: Restic, own: InstanceStore, items: Sequence[Item], what: tuple[str, Terms]) -> Copied:
    """Do what was begun, and look at all files. ``what``: as it was begun with."""
    transaction, terms = what
    restic.progress.phase(progress.COPY)
    require(own.id, items)
    started = time.monotonic()
    again.settle(restic.run, items)
    mark, at, since = clock.mark(), now(), time.time_ns()
    time.sleep(TICK)
    down = terms.kind == kept.STOPPED
    if not down:
        again.flush(restic.run, items)
    path = os.path.join(stage_of(own, transaction), LIST)
    # Of a node that is down all of it is still.
    listed = trees(items) if not down else [Tree(tree.name, tree.path, tree.spared, known=begun.known) for tree in trees(items)]
    with Beside(path, listed, since, terms.bound) as beside:
        saved = begun.go()
        terms.read()
    try:
        tree = beside.summary()
    except TimeoutError as error:
        raise unsound(own.id, str(error)) from None
    require_still(own.id, tree, mark)
    if down:
        items = [replace(item, live=False) for item in items]
    return Copied(transaction, saved, tree, items, path, at, time.monotonic() - started, terms.kind)


def stage_of(own: InstanceStore, transaction: str) -> str:
    """A folder for what a seal has."""
    stage = os.path.join(settings.folder(own), f"{_STAGE}{transaction}")
    files.folder(stage, 0o700)
    return stage


def require_still(instance: str, tree: Summary, mark: int) -> None:
    """``mark`` of the clock by which files say that nobody wrote meanwhile. Raises ``HostError`` (BAK-003)."""
    if tree.written:
        raise unsound(instance, f"written while it was copied: {', '.join(tree.written)}; something beside the node uses it")
    back = clock.set_back(mark) / 1e9
    if back > TICK:
        raise unsound(
            instance, f"the host's clock was set back by {back:.1f} s while it was copied, so nobody can tell what was written then"
        )


def seal(restic: Restic, own: InstanceStore, state: State, copied: Copied, planned: Plan) -> dict[str, Any]:
    """Make a backup of what was copied, if the repository has all of it. Returns the manifest. Raises ``ResticError``, ``HostError``."""
    check(restic)
    known, snapshot = _listed(restic, own, copied)
    told = contents.manifest(own, state, copied, planned)
    version = (told["package"] or {}).get("version")
    with _sealing(restic, own, snapshot, copied, told) as (manifest, stage):
        restic.backup([stage], kept.label(own.id, kept.SEAL, copied.transaction, version, kind=copied.kind, of=snapshot), How())
    _let_go(restic, own, manifest, known)
    return manifest


def seal_checked(restic: Restic, own: InstanceStore, begun: Opened, copied: Copied, told: Mapping[str, Any]) -> dict[str, Any]:
    """``seal``, of a repository that was checked a moment ago: what is new since restic has just written. ``begun`` with ``begin_seal``; ``told`` as of
    ``contents.manifest``. ``tidy`` it later."""
    snapshot = copied.saved.snapshot
    if len(snapshot) != _WHOLE or not os.path.isfile(os.path.join(restic.repository, "snapshots", snapshot)):
        # Newer versions of restic say the whole of it: to have it listed takes time, in which a node is down.
        snapshot = _listed(restic, own, copied)[1]
    with _sealing(restic, own, snapshot, copied, told) as (manifest, _stage):
        begun.go()
    return manifest


def tidy(restic: Restic, own: InstanceStore, manifest: Mapping[str, Any]) -> None:
    """What a seal leaves that no backup needs goes."""
    with suppress(ResticError):
        _let_go(restic, own, manifest, restic.snapshots(recent=True))


def check(restic: Restic) -> None:
    """Whether the repository has all that its snapshots are made of. Raises ``ResticError``."""
    restic.progress.phase(progress.CHECK)
    restic.check(everything=False)


def _listed(restic: Restic, own: InstanceStore, copied: Copied) -> tuple[Sequence[Snapshot], str]:
    """What the repository has by then, and the id of what was copied."""
    known = restic.snapshots()
    snapshot = kept.whole_id(known, copied.saved.snapshot, copied.transaction)
    if snapshot is None or sorted(snapshot.paths) != sorted(item.path for item in copied.items):
        raise unsound(own.id, "the repository does not list what was saved")
    return known, snapshot.id


@contextmanager
def _sealing(
    restic: Restic, own: InstanceStore, snapshot: str, copied: Copied, told: Mapping[str, Any]
) -> Iterator[tuple[dict[str, Any], str]]:
    """The manifest, and the folder that a seal is made of. ``told``: all of the manifest but what restic says of it."""
    restic.progress.phase(progress.SEAL)
    _require_restorable(restic, own, copied, snapshot)
    manifest = {**told, "snapshot": snapshot, "restic": restic.abilities().version}
    stage = os.path.dirname(copied.listing)
    files.write_json(os.path.join(stage, MANIFEST), manifest)
    yield manifest, stage
    files.remove(stage)


def _let_go(restic: Restic, own: InstanceStore, manifest: Mapping[str, Any], known: Sequence[Snapshot]) -> None:
    if restic.unread:
        return
    made = [item for item in known if item.id == manifest["snapshot"]]
    with suppress(ResticError):
        # A repository may take no change of what it has; nothing of these is ever taken for a backup.
        restic.forget([item.id for one in made for item in kept.needless_after(known, own.id, one)])


def _require_restorable(restic: Restic, own: InstanceStore, copied: Copied, snapshot: str) -> None:
    """What a version of restic may save and not put back is tried: found out at a restore, it would be too late. Raises ``ResticError``,
    ``HostError`` (BAK-003), ``OSError``."""
    paths = {item.name: item.path for item in copied.items}
    scratch = os.path.join(os.path.dirname(copied.listing), "tried")
    problems = []
    for entry in copied.tree.doubtful:
        path = os.path.join(paths[entry["in"]], entry["path"])
        if entry["kind"] == "link":
            files.folder(scratch, 0o700)
            restic.restore(snapshot, scratch, path)
        problems.append(listing.restored(entry, scratch + path))
        files.remove(scratch)
    told = "; ".join(filter(None, problems))
    if told:
        raise unsound(own.id, f"restic would not put back what is there: {told}; remove such, or have it lie in a folder of class cache")


def sweep(own: InstanceStore) -> None:
    """Remove what a backup left that was cut."""
    cloned.settle(own)
    try:
        names = os.listdir(settings.folder(own))
    except OSError:
        return
    for name in names:
        if name.startswith(_STAGE):
            files.remove(os.path.join(settings.folder(own), name))


def _spared(items: Sequence[Item]) -> list[str]:
    return [os.path.join(item.path, part) for item in items for part in item.spared]


def _tops(items: Sequence[Item]) -> list[str]:
    return [item.top for item in items]


def unsound(instance: str, problem: str) -> HostError:
    return HostError(f"{instance}: the backup does not count: {problem}", [_finding(instance, problem)])


def _finding(instance: str, problem: str) -> Finding:
    return finding("BAK-003", instance, problem, "Look at what it names, and back up again.")
