# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The old host of a node gives it up: stopped, held for good, its keys out of memory; and it says so, to one new host alone."""

from __future__ import annotations

import os
from typing import Any

from ..backup import origin
from ..backup.origin import Origin
from ..common.actions import Action
from ..common.errors import AvsError, HostError
from ..common.rules import finding
from ..docker.containers import running
from ..instance import hold, key_files
from ..instance.hold import Hold
from ..instance.store import InstanceStore
from ..system.lock import Lock
from .control import acted, stop
from .moving import Wanted
from .own import Way, refused, result_of
from .repositories import Asked, Host


def given_up(host: Host, name: str, way: Way, asked: Asked, wanted: Wanted) -> dict[str, Any]:
    """On its old host. ``move`` of the entry is what the new host is told; in check mode, what it would be."""
    own = host.store.instance(name)
    who = origin.here(own, asked.host)
    if wanted.machine and wanted.machine != who.machine:
        message = f"is another machine than the one {name} was backed up on"
        entry = refused(name, own, HostError(f"{who.name} {message}", [finding("KEY-013", who.name, message)]), host.engine)
        entry["move"] = {**who.as_dict(), "problem": f"{who.name} {message}"}
        return result_of([entry])
    try:
        before, since = _bound(host, own, way, who, wanted)
    except HostError as error:
        return result_of([refused(name, own, error, host.engine)])
    result = stop(host.store, host.engine, [name], way)
    entry = result["instances"][0]
    wiped = [] if key_files.is_wiped(own) else [Action("keys", "secrets", "remove")]
    if entry["error"] is None and not way.check:
        try:
            with Lock(own.lock, way.holder, way.lock_timeout):
                _wipe(host, own, wanted.to)
        except (AvsError, OSError) as error:
            entry["error"] = f"{name} was stopped and is held, and its keys may still be there: {error}"
            return {**result, "changed": True, "failed": True, "msg": entry["error"]}
    if entry["error"] is None:
        changed = before is not None and (before.kind, before.host) != (hold.MOVED, wanted.to)
        fresh = [Action("hold", name, "create")] if before is None else [Action("hold", name, "update")] if changed else []
        acted(entry, *fresh, *wiped)
        more = {"elsewhere": hold.elsewhere(before, wanted.to), "since": since}
        entry["move"] = {**who.as_dict(), "down": True, "trial": way.check, **more}
    return {**result, "changed": entry["changed"]}


def _bound(host: Host, own: InstanceStore, way: Way, who: Origin, wanted: Wanted) -> tuple[Hold | None, str]:
    """What held it before, and since when it is held now. Of two new hosts that ask at once, one is given it. Raises ``HostError`` (KEY-013)
    where another host may run it."""
    if way.check:
        before = hold.hold_of(own)
        _require_here(own, before, who, wanted)
        return before, hold.since(before, hold.MOVED, wanted.to)
    # Not the instance's own, which a backup holds for as long as the node is down for it: a stop waits for nobody.
    with Lock(os.path.join(host.store.locks, f"{own.id}.moving.lock"), way.holder, way.lock_timeout):
        before = hold.hold_of(own)
        _require_here(own, before, who, wanted)
        since = hold.bind(own, hold.MOVED, wanted.to, way.holder).since
    own.note("moved", holder=way.holder, to=wanted.to)
    return before, since


def _require_here(own: InstanceStore, known: Hold | None, who: Origin, wanted: Wanted) -> None:
    """Nobody else may run it, and it is held since when it was said to be."""
    other = hold.elsewhere(known, wanted.to)
    if known is not None and other and other not in wanted.dead:
        message = f"{who.name} has it held because of {other}, which may run it: {known.reason or 'its hold cannot be read'}"
        remedy = f"Restore a backup of {other} with that host at hand; or see that it is off for good, and name it in avs_ack_old_host_dead, too."
        unread = f"Look at {own.hold_file} there. If no other host has the node, remove it, and stop the node again."
        raise HostError(f"{own.id}: {message}", [finding("KEY-013", own.id, message, remedy if known.kind else unread)])
    if wanted.since and hold.since(known, hold.MOVED, wanted.to) != wanted.since:
        message = f"was started on {who.name} while it was restored; it goes on there, and what was restored is outdated"
        remedy = (
            "Stop it, back it up again, remove what was restored (restaking.avs.uninstall on the new host, purge), and restore that backup."
        )
        raise HostError(f"{own.id} {message}", [finding("BAK-005", own.id, message, remedy)])


def _wipe(host: Host, own: InstanceStore, to: str) -> None:
    """Raises ``HostError`` where anything of it still runs: what is open stays readable."""
    alive = [item.name for item in host.engine.containers(own.id) if running(item)]
    known = hold.hold_of(own)
    if alive or known is None or (known.kind, known.host) != (hold.MOVED, to):
        raise HostError(f"{', '.join(alive) or 'it'} was started meanwhile")
    key_files.wipe(own)
    if not key_files.is_wiped(own):
        raise HostError("somebody put some there meanwhile")
