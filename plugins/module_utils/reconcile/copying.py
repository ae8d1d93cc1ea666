# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each backup that was made goes to its copies, once the node runs again. One that fails takes nothing from the backup itself, and
nothing from the other copies; the run fails all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backup import anew, bringing, kept, remote, retention, settings, whose
from ..backup.copies import Copy, with_made
from ..backup.kept import Backup
from ..backup.restic import Restic
from ..backup.settings import Settings
from ..common.actions import Action
from ..common.errors import HostError
from ..common.findings import WARNING
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..status.entry import tell
from .by_record import WaitingError
from .control import acted
from .repositories import Host, require_files
from .work import of_the_system


def copy_all(host: Host, own: InstanceStore, restic: Restic, wanted: Settings, entry: dict[str, Any]) -> None:
    """``brought``, and ``entry`` gets an ``error`` of those that failed."""
    errors = brought(host, own, restic, wanted, entry)
    if errors:
        entry["waiting"] = not entry["error"] and all(isinstance(error, WaitingError) for error in errors)
        entry["error"] = "\n".join(filter(None, (entry["error"], *map(str, errors))))
        tell(entry, (item for error in errors for item in error.findings))


def brought(host: Host, own: InstanceStore, restic: Restic, wanted: Settings, entry: dict[str, Any]) -> list[HostError]:
    """``entry`` gets ``copies`` in its ``backup``: name -> ids of backups that were brought there. Returns what failed, an error a copy."""
    done: dict[str, list[str]] = {}
    errors: list[HostError] = []
    for copy in wanted.copies:
        try:
            new = _copy(host, own, restic, (wanted, copy), entry)
        except OSError as error:
            errors.append(of_the_system(own.id, error, host.store.root))
            continue
        except HostError as error:
            errors.append(_named(own, copy, error))
            continue
        done[copy.name] = [item.id for item in new]
        acted(entry, *([Action("copy", copy.name, "create")] if new else []))
    entry["backup"]["copies"] = done
    return errors


def _copy(host: Host, own: InstanceStore, restic: Restic, what: tuple[Settings, Copy], entry: dict[str, Any]) -> Sequence[Backup]:
    wanted, copy = what
    require_files(own, copy)
    target = remote.opened(host.run_command, own, copy).holding(*restic.hold)
    target.abilities()
    if not target.exists():
        if copy.made:
            raise anew.copy_is_gone(own, copy, target.repository)
        target.make()
    whose.require_own(own.id, kept.backups(target.snapshots(), own.id), wanted, target.repository)
    _remember(own, copy)
    made = next((item for item in kept.backups(restic.snapshots(), own.id) if item.id == entry["backup"]["id"]), None)
    if made is None:
        message = f"{entry['backup']['id']} is not in the repository any more: something else removes backups there"
        raise HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, "Find out what does, and back up again.")])
    new = bringing.bring(restic, target, copy, made)
    if target.removes:
        _retain(own, target, wanted, copy, entry)
    return new


def _retain(own: InstanceStore, target: Restic, wanted: Settings, copy: Copy, entry: dict[str, Any]) -> None:
    try:
        retention.apply(target, own.id, wanted.keep, {*retention.needed(own), str(entry["backup"]["id"])})
    except HostError as error:
        message = f"older backups could not be removed from the copy {copy.name}: {error.message}"
        tell(entry, [finding("BAK-003", own.id, message, "Look at what restic says on the host.", severity=WARNING)])


def _remember(own: InstanceStore, copy: Copy) -> None:
    known = settings.read(own)
    if known is not None and not copy.made:
        settings.keep(own, known.but(copies=with_made(known.copies, copy.name)))


def _named(own: InstanceStore, copy: Copy, error: HostError) -> HostError:
    """Which copy it is of, of an error that says what restic did."""
    named = WaitingError if isinstance(error, WaitingError) else HostError
    return named(f"{own.id}: the backup was made, and not copied to {copy.name}", error.findings)
