# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After a backup that nobody waits for, the newest one is proven where that is due (``backup/proofs``), in the repository and in each copy.

A proof that fails is an error. One that cannot be begun is put off until the next run, and takes nothing from the backup: there is no room to
restore into, a copy is out of reach (the backup itself said so), or another proof of this host is not at its end. One of a host is made at a
time: each reads all of a repository, and needs the room of a whole node.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from ..backup import claims, last, proofs, settings, snapshot, whose
from ..backup.kept import Backup
from ..backup.proofs import Place
from ..backup.restic import Restic
from ..common.actions import Action
from ..common.errors import AvsError, HostError, LockedError
from ..common.findings import WARNING
from ..common.rules import finding
from ..instance.hold import is_moved
from ..instance.store import InstanceStore
from ..status.entry import tell
from ..system.lock import Lock
from .by_record import WaitingError
from .choosing import backups_of, chosen_of
from .control import acted
from .own import Way, result_of
from .repositories import Asked, Host, ready, wanted_settings
from .saving import each, prove

# No instance has such a name.
_TURN = "@proof.lock"


def prove_due(host: Host, way: Way, saved: Mapping[str, Any]) -> dict[str, Any]:
    """``saved``: the result of the backups before. Returns it with what became of the proofs that were due: ``proofs`` of an entry has, for
    each copy (empty: the repository), the backup that was proven, or ``put_off`` and why."""
    entries = [dict(entry) for entry in saved["instances"]]
    for entry in entries:
        own = host.store.instance(entry["id"])
        for place in _due(own):
            _join(entry, place, _in_turn(host, own, way, place))
    return result_of(entries)


def _in_turn(host: Host, own: InstanceStore, way: Way, place: Place) -> dict[str, Any]:
    """The entry after one proof; where others are at work for longer than locks are waited for, it is put off."""

    def step(name: str, hold: tuple[int, ...]) -> dict[str, Any]:
        return _prove(host, name, place, hold)

    try:
        with Lock(os.path.join(host.store.locks, _TURN), f"{way.holder} for {own.id}", way.lock_timeout):
            done: dict[str, Any] = each(host, [own.id], way, step)["instances"][0]
    except LockedError as error:
        return _put_off(_entry(own.id), own, place, error.message, noted=False)
    return _put_off(done, own, place, done["error"], noted=False) if done.get("locked") else done


def _due(own: InstanceStore) -> Iterable[Place]:
    """Nothing is expected of one that is gone, or another host's, or without a password."""
    try:
        wanted = settings.read(own)
    except HostError:
        # The backup said so.
        return ()
    known = last.read(own)
    if wanted is None or known is None or not known.id or is_moved(own) or not _installed(own) or not settings.has_password(own):
        return ()
    return [place for place in proofs.places(wanted) if proofs.is_due(known, place)]


def _installed(own: InstanceStore) -> bool:
    state = own.known()
    return state is not None and state.installed


def _entry(name: str) -> dict[str, Any]:
    """What becomes of the node is told by the backup before."""
    return {"id": name, "changed": False, "actions": [], "findings": [], "error": None}


def _prove(host: Host, name: str, place: Place, hold: tuple[int, ...]) -> dict[str, Any]:
    own = host.store.instance(name)
    entry = _entry(name)
    try:
        restic, chosen = _opened(host, own, place, hold)
    except AvsError as error:
        if not place.copy:
            raise
        return _put_off(entry, own, place, error.message, noted=not isinstance(error, WaitingError))
    short = _lacks_room(own, chosen)
    if short:
        return _put_off(entry, own, place, short)
    entry["backup"] = prove(host, own, restic, chosen, place.operation)
    acted(entry, Action("backup", name, "update"))
    return entry


def _opened(host: Host, own: InstanceStore, place: Place, hold: tuple[int, ...]) -> tuple[Restic, Backup]:
    asked = Asked(copy=place.copy)
    wanted = wanted_settings(host.store, own, asked)
    restic = ready(host, own, wanted, asked, make=False).holding(*hold)
    found, noted = backups_of(restic, own.id), last.read(own)
    whose.require_own(own.id, found, wanted, restic.repository)
    # The one that was made last, also where a clock that was wrong has another one be the newest.
    made = next((one for one in found if noted is not None and one.id == noted.id), None)
    return restic, made or chosen_of(restic, own.id, "")


def _lacks_room(own: InstanceStore, chosen: Backup) -> str:
    """Why it has none, and empty where it has; then it is claimed. Without reading a repository for nothing: what the host noted of its last
    backup is believed, and of another one the proof itself finds out."""
    noted = last.read(own)
    if noted is None or noted.id != chosen.id:
        return ""
    folder = settings.folder(own)
    disk = shutil.disk_usage(folder)
    usable = claims.claim(own, folder, noted.size, disk.free - min(disk.total // 20, snapshot.FLOOR))
    if noted.size <= usable:
        return ""
    return f"{noted.size >> 20} MiB are needed to restore it, and {max(usable, 0) >> 20} MiB may be used of the file system of {folder}"


def _put_off(entry: dict[str, Any], own: InstanceStore, place: Place, why: str, noted: bool = True) -> dict[str, Any]:
    if noted:
        last.put_off(own, place.operation, why)
    remedy = "The next backup of the timer tries again. Mend what it names."
    tell(entry, [finding("BAK-010", own.id, f"its {place.operation} was put off: {why}", remedy, severity=WARNING)])
    return {**entry, "error": None, "put_off": why}


def _join(entry: dict[str, Any], place: Place, done: Mapping[str, Any]) -> None:
    """What became of a proof is a part of what became of the backup, and takes nothing from it."""
    told = {"put_off": done["put_off"]} if "put_off" in done else done.get("backup")
    entry["proofs"] = {**entry.get("proofs", {}), place.copy: told}
    entry["changed"] = entry["changed"] or done["changed"]
    if done["error"]:
        entry["waiting"] = not entry["error"] and bool(done.get("waiting"))
        entry["locked"] = not entry["error"] and bool(done.get("locked"))
        entry["error"] = "\n".join(filter(None, (entry["error"], done["error"])))
    seen = {(item["id"], item["message"]) for item in entry["findings"]}
    entry["findings"] = [*entry["findings"], *(item for item in done["findings"] if (item["id"], item["message"]) not in seen)]
