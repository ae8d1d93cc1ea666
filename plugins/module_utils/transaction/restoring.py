# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upgrade touched is put back as it was when the node was stopped; what it is now is kept aside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..backup import changes, last, listing, verify
from ..backup import restore as swaps
from ..backup.kept import Backup
from ..backup.restic import Restic
from ..backup.restore import Place, Swap
from ..backup.settings import folder
from ..backup.snapshot import trees
from ..backup.verify import Seal
from ..backup.volumes import DATA, SAVED, Item, There, plan
from ..common.errors import HostError
from ..common.rules import finding
from ..docker.model import map_texts
from ..instance import discarded, transaction
from ..instance.state import State
from ..instance.store import InstanceStore
from ..instance.transaction import Transaction
from ..reconcile.choosing import chosen_of
from ..reconcile.repositories import Asked, Host, ready, wanted_settings
from ..system import deep, files
from ..system.clock import is_ahead, moment_of
from ..system.command import await_the_end, invocation
from . import staying

_COPY = "/usr/bin/cp"
_LIMIT = 86_400
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


def restore(host: Host, own: InstanceStore, asked: Asked, known: Transaction, state: State) -> dict[str, str]:
    """Under the instance's lock, of a node that is down and whose record of the version before is in its place. Returns where what was there
    lies: name -> path. What must not go back (``monotonic``) stays as it is. Raises ``HostError``, ``WaitingError`` without the repository's
    password, and ``OSError``."""
    cut = swaps.begun(own)
    if cut is not None and cut.transaction == known.name and cut.phase == swaps.SWAPPED:
        return _aside(cut)
    if cut is not None and cut.phase == swaps.SWAPPING:
        swaps.undo(own, cut)
    with sealed(host, own, asked, str(known.backup)) as (restic, chosen, seal):
        stays = stays_of(host, own, asked, known)
        places = checked(host, own, seal, (state, known.name, stays))
        try:
            swaps.bring(restic, host.run_command, chosen, seal, places)
            _carry_over(host, seal, places, stays)
            begun = Swap(known.name, chosen.id, swaps.SWAPPING, places)
            swaps.note(own, begun)
            try:
                done = swaps.swap(own, begun)
            except OSError:
                swaps.undo(own, begun)
                raise
            return _aside(done)
        finally:
            if swaps.begun(own) is None:
                swaps.sweep(places)


@contextmanager
def sealed(host: Host, own: InstanceStore, asked: Asked, backup: str) -> Iterator[tuple[Restic, Backup, Seal]]:
    """A backup in the instance's repository, and what tells of it. Raises ``HostError``, ``WaitingError`` without the password, ``OSError``."""
    restic = ready(host, own, wanted_settings(host.store, own, asked), asked, make=False)
    chosen = chosen_of(restic, own.id, backup)
    stage = os.path.join(folder(own), f"{verify.SCRATCH}{chosen.id}")
    files.remove(stage)
    files.folder(stage, 0o700)
    try:
        yield restic, chosen, verify.read_seal(restic, chosen, stage)
    finally:
        files.remove(stage)


def stays_of(host: Host, own: InstanceStore, asked: Asked, known: Transaction) -> set[str]:
    return {*known.stays, *staying.said(wanted_settings(host.store, own, asked).classes)}


def checked(host: Host, own: InstanceStore, seal: Seal, what: tuple[State, str, set[str]]) -> list[Place]:
    """``places_of``, where all of it can be put there. Raises ``HostError`` (BAK-003)."""
    places = places_of(host, own, seal, what)
    require_folders(own, seal, places, what[2])
    swaps.require_room(own, seal, places)
    return places


def nothing_replaced(own: InstanceStore) -> bool:
    """Of a way back that came to nothing. Raises ``HostError``."""
    known = transaction.begun(own)
    return (known is None or not known.restored) and swaps.begun(own) is None


def places_of(host: Host, own: InstanceStore, seal: Seal, what: tuple[State, str, set[str]]) -> list[Place]:
    """Where what goes back lies. ``what``: the record of the version before, the transaction's name, and what stays. What is said of the
    node by now, its classes and acknowledgements, is of the version that is left; of the one before its compose file tells what it has."""
    state, name, stays = what
    goes = [one for one in seal.items if one.cls == DATA and one.name not in stays]
    return swaps.places(own, _here(host, own, state), goes, name)


def _here(host: Host, own: InstanceStore, state: State) -> Sequence[Item]:
    try:
        model = json.loads(files.read(os.path.join(own.releases, str(state.release), "compose.json")))
    except (OSError, ValueError):
        model = {}
    volumes = (map_texts(model, lambda text: text.replace("$$", "$")).get("volumes") or {}) if isinstance(model, dict) else {}
    names = sorted({str((entry or {}).get("name") or key) for key, entry in volumes.items()} & set(host.engine.volumes()))
    described = [{**one, "Mountpoint": os.path.realpath(str(one.get("Mountpoint") or ""))} for one in host.engine.inspect_volumes(names)]
    data = os.path.realpath(own.data) if os.path.isdir(own.data) else ""
    return plan(There(own.id, {"volumes": volumes}, described, data, (own.root, own.run)), {}, {}, volumes).items


def require_folders(own: InstanceStore, seal: Seal, places: Sequence[Place], stays: set[str]) -> None:
    """Whether what must not go back is there to be carried over: where it is not, what the backup has of it would be put in its place. Raises
    ``HostError`` (BAK-003)."""
    items, problems = {one.name: one for one in seal.items}, []
    for place in places:
        kept = [name for name, kept in staying.inside(items[place.name], stays).items() if kept]
        for name in kept:
            why = ""
            if files.has_link(place.path, name):
                why = "is a link by now, or lies behind one"
            elif not files.is_folder(os.path.join(place.path, name)) and _has(seal, place.name, name):
                why = "is not there any more"
            if why:
                remedy = "Put it where the version before has it, as a folder."
                message = f"{place.name}/{name} must not go back, and {why}"
                problems.append(finding("BAK-003", f"{own.id}: {place.name}/{name}", message, remedy))
    if problems:
        raise HostError(f"{own.id}: {'; '.join(one.message for one in problems)}", problems)


def _has(seal: Seal, name: str, folder_: str) -> bool:
    """Whether a backup has something of a folder."""
    mine = (str(entry.get("path")) for entry in listing.read(seal.listing) if entry["in"] == name)
    return any(path == folder_ or path.startswith(f"{folder_}/") for path in mine)


def _carry_over(host: Host, seal: Seal, places: Sequence[Place], stays: set[str]) -> None:
    """Folders that have a class of their own, and must not go back or are in no backup: as they are now. Raises ``HostError``."""
    items = {one.name: one for one in seal.items}
    for place in places:
        for name in staying.inside(items[place.name], stays):
            source, target = os.path.join(place.path, name), os.path.join(place.fresh, name)
            if not files.is_folder(source) or files.has_link(place.path, name):
                continue
            files.remove(target)
            if files.has_link(place.fresh, os.path.dirname(name) or "."):
                raise HostError(f"{place.name}/{name} could not be carried over: where it lay before, it lies behind a link")
            _copy(host, f"{place.name}/{name}", source, target)


def _copy(host: Host, name: str, source: str, target: str) -> None:
    files.folder(os.path.dirname(target))
    line = [_COPY, "-a", "--reflink=auto", "--", source, target]
    code, _out, err = host.run_command(
        invocation(line, _ENVIRONMENT, _LIMIT), cwd="/", encoding=None, expand_user_and_vars=False, handle_exceptions=False, pass_fds=(),
        before_communicate_callback=await_the_end,
    )  # fmt: skip
    if code:
        raise HostError(f"{name} could not be carried over: {err.decode(errors='replace').strip()[-300:]}")


def let_go(own: InstanceStore, known: Transaction) -> None:
    """Once it is noted where what was replaced lies, nobody else is to put it back. Raises ``OSError``, ``HostError``."""
    cut = swaps.begun(own)
    if cut is not None and cut.transaction == known.name:
        swaps.let_go(own, cut)


def _aside(done: Swap) -> dict[str, str]:
    return {place.name: place.replaced for place in done.places if os.path.lexists(place.replaced)}


def require_room(own: InstanceStore, items: Sequence[Item], repository: str) -> list[str]:
    """Where the way back would have no room: what is stored is put back beside what is there. Empty where it has; bytes of what lies there
    now are counted, as it is the backup that is still to be made, which takes some of the room where the repository lies beside them."""
    needed: dict[int, int] = {}
    free: dict[int, int] = {}
    names: dict[int, list[str]] = {}
    for one in items:
        if one.cls not in SAVED:
            continue
        device = os.stat(one.path).st_dev
        needed[device] = needed.get(device, 0) + size_of(one.path)
        room = os.statvfs(one.path)
        free[device] = room.f_bavail * room.f_frsize
        names.setdefault(device, []).append(one.name)
    beside = os.stat(_existing(repository)).st_dev
    if beside in needed:
        needed[beside] += _to_be_saved(own, [one for one in items if one.cls in SAVED])
    return [
        f"{size >> 20} MiB are needed beside {', '.join(names[device])} for the way back, {free[device] >> 20} are free there"
        for device, size in needed.items()
        if size > free[device]
    ]


def _existing(path: str) -> str:
    """The folder that is there already, in which one is or will be."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _to_be_saved(own: InstanceStore, items: Sequence[Item]) -> int:
    """Bytes: what changed since the last backup, or all of it. The live pass before the stop takes them, and so does what is copied then."""
    known = last.read(own)
    since = moment_of(known.time) if known is not None and known.time and not is_ahead(known.time) else None
    return changes.changed_since(trees(items), int((since or 0) * 1e9))


def size_of(path: str) -> int:
    """Bytes of the files below a folder, each hard link once; what vanishes meanwhile counts for nothing."""
    total, seen = 0, set()
    for folder_, _folders, names in deep.walk(path):
        for name in names:
            try:
                status = os.lstat(os.path.join(folder_, name))
            except OSError:
                continue
            if status.st_nlink > 1 and (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total


def keep_discarded(own: InstanceStore, known: Transaction) -> None:
    discarded.keep(own, known.discarded.values(), {known.name: str(known.new)})


def drop_discarded(own: InstanceStore) -> None:
    """Another version is committed. Raises ``OSError``."""
    discarded.drop(own)
