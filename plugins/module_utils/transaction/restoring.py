# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upgrade touched is put back as it was when the node was stopped; what it is now is kept aside."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..backup import restore as swaps
from ..backup import snapshot, verify
from ..backup.restore import Place, Swap
from ..backup.settings import folder
from ..backup.verify import Seal
from ..backup.volumes import DATA, SAVED, Item
from ..common.errors import HostError
from ..common.records import Record, item, many, table, text, whole
from ..instance.state import State
from ..instance.store import InstanceStore
from ..instance.transaction import Transaction
from ..reconcile.choosing import chosen_of
from ..reconcile.repositories import Asked, Host, ready, wanted_settings
from ..system import deep, files
from ..system.command import await_the_end, invocation

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
    restic = ready(host, own, wanted_settings(host.store, own, asked), asked, make=False)
    chosen = chosen_of(restic, own.id, str(known.backup))
    stage = os.path.join(folder(own), f"{verify.SCRATCH}{chosen.id}")
    files.remove(stage)
    files.folder(stage, 0o700)
    places: Sequence[Place] = ()
    try:
        seal = verify.read_seal(restic, chosen, stage)
        here = snapshot.planned(host.engine, own, state, wanted_settings(host.store, own, asked)).items
        wanted = [one for one in seal.items if one.cls == DATA]
        places = swaps.places(own, here, wanted, known.name)
        swaps.require_room(own, seal, places)
        swaps.bring(restic, host.run_command, chosen, seal, places)
        _carry_over(host, seal, places)
        begun = Swap(known.name, chosen.id, swaps.SWAPPING, places)
        swaps.note(own, begun)
        try:
            done = swaps.swap(own, begun)
        except OSError:
            swaps.undo(own, begun)
            raise
        return _aside(done)
    finally:
        files.remove(stage)
        if swaps.begun(own) is None:
            swaps.sweep(places)


def _carry_over(host: Host, seal: Seal, places: Sequence[Place]) -> None:
    """Folders that have a class of their own, and must not go back or are in no backup: as they are now. Raises ``HostError``."""
    inner = {one.name: one.inner for one in seal.items}
    for place in places:
        for name, cls in sorted(inner[place.name].items()):
            source, target = os.path.join(place.path, name), os.path.join(place.fresh, name)
            if cls == DATA or not files.is_folder(source) or files.has_link(place.path, name):
                continue
            files.remove(target)
            if files.has_link(place.fresh, os.path.dirname(name) or "."):
                continue
            files.folder(os.path.dirname(target))
            line = [_COPY, "-a", "--reflink=auto", "--", source, target]
            code, _out, err = host.run_command(
                invocation(line, _ENVIRONMENT, _LIMIT), cwd="/", encoding=None, expand_user_and_vars=False, handle_exceptions=False, pass_fds=(),
                before_communicate_callback=await_the_end,
            )  # fmt: skip
            if code:
                raise HostError(f"{place.name}/{name} could not be carried over: {err.decode(errors='replace').strip()[-300:]}")


def let_go(own: InstanceStore, known: Transaction) -> None:
    """Once it is noted where what was replaced lies, nobody else is to put it back. Raises ``OSError``, ``HostError``."""
    cut = swaps.begun(own)
    if cut is not None and cut.transaction == known.name:
        swaps.let_go(own, cut)


def _aside(done: Swap) -> dict[str, str]:
    return {place.name: place.replaced for place in done.places if os.path.lexists(place.replaced)}


def require_room(own: InstanceStore, items: Sequence[Item]) -> list[str]:
    """Where the way back would have no room: what is stored is put back beside what is there. Empty where it has; bytes of what lies there
    now are counted, as it is the backup that is still to be made."""
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
    return [
        f"{size >> 20} MiB are needed beside {', '.join(names[device])} for the way back, {free[device] >> 20} are free there"
        for device, size in needed.items()
        if size > free[device]
    ]


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


class Discarded(Record, loose=True):
    """``places``: where copies lie that ways back put aside, until the next version is committed."""

    schema: int = item(whole, default=1)
    places: Sequence[str] = item(many(text), default=())
    of: dict[str, str] = item(table(text), default={})


def keep_discarded(own: InstanceStore, known: Transaction) -> None:
    found = discarded(own)
    files.write_json(
        own.path("discarded.json"), {"schema": 1, "places": sorted({*found, *known.discarded.values()}), "of": {known.name: str(known.new)}}
    )


def discarded(own: InstanceStore) -> list[str]:
    """What cannot be read tells of nothing that may be removed."""
    try:
        return list(Discarded.read(files.read_json(own.path("discarded.json"))).places)
    except (OSError, ValueError):
        return []


def drop_discarded(own: InstanceStore) -> None:
    """Another version is committed: nobody asks for these any more. Only what looks like ours is removed. Raises ``OSError``."""
    for path in discarded(own):
        if ".replaced-" in os.path.basename(path) and os.path.isabs(path):
            files.remove(path)
    files.remove(own.path("discarded.json"))
