# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came from another host and is not installed yet: what it is of, and whether it may start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.rules import finding
from ..instance.store import InstanceStore
from ..system import files
from ..system.clock import moment_of
from . import settings
from .origin import Origin
from .volumes import CACHE, DATA, MONOTONIC, Item


@dataclass(frozen=True)
class Arrival:
    """``package`` and ``version`` the data is of, ``keys``: whether the node signs; ``origin``, as a document: the host that had it last.
    ``time``: when the backup was begun, empty where the node was elsewhere since; ``rests``: name -> class of what is taken to be as its
    old host left it, because nothing was written since; ``other``: the host its own backup is of, where nobody knows whether that one gave the
    node to ``origin``, or has one of its own; ``confirmed``: whether it may start here."""

    backup: str
    package: str
    version: str
    keys: bool
    origin: Mapping[str, str]
    time: str = ""
    rests: Mapping[str, str] = field(default_factory=dict)
    confirmed: bool = False
    other: Mapping[str, str] = field(default_factory=dict)


def of(manifest: Mapping[str, Any]) -> Arrival:
    package = manifest.get("package") or {}
    known = [(manifest.get(part) or {}).get("keys") for part in ("spec", "state") if manifest.get(part) is not None]
    # One of which nothing tells that it has none may have some.
    keys = any(known) or not known
    origin = Origin.of(manifest).as_dict()
    names = str(package.get("name") or ""), str(package.get("version") or "")
    return Arrival(str(manifest["id"]), *names, keys, origin, str(manifest.get("time") or ""))


def with_newest(arrived: Arrival, manifest: Mapping[str, Any], marked: bool) -> Arrival:
    """``manifest``: of the newest backup there is. Where another host made that one, the node is there, and wrote what nobody knows. ``marked``:
    whether both were made where no host writes but who took the node over (``whose``); before, several may have written to one place."""
    newest = of(manifest)
    keys = arrived.keys or newest.keys
    if Origin.of(newest.origin).is_that(Origin.of(arrived.origin)):
        return replace(arrived, keys=keys)
    return replace(arrived, keys=keys, origin=newest.origin, time="", other={} if marked else arrived.origin)


def note(own: InstanceStore, arrived: Arrival) -> None:
    own.make()
    files.folder(settings.folder(own), 0o700)
    files.write_json(own.arrived_file, {"schema": 1, **asdict(arrived)})


def noted(own: InstanceStore) -> Arrival | None:
    """Raises ``HostError`` (OPS-010) where it cannot be used: nobody knows then whether the node may start."""
    try:
        found = files.read_json(own.arrived_file)
        if found is None:
            return None
        words = str(found["backup"]), str(found["package"]), str(found["version"])
        # What is missing was written before any of it counted: nothing rests on it, and nobody confirmed it.
        more = str(found.get("time") or ""), dict(found.get("rests") or {}), found.get("confirmed") is True
        return Arrival(*words, bool(found["keys"]), dict(found["origin"]), *more, dict(found.get("other") or {}))
    except (OSError, ValueError, KeyError, TypeError):
        message = f"{own.arrived_file} cannot be used, and tells what was restored here from another host"
        remedy = "Remove the instance with its data (restaking.avs.uninstall, purge), and restore again."
        raise HostError(f"{own.id}: {message}", [finding("OPS-010", own.id, message, remedy)]) from None


def require_version(instance: str, arrived: Arrival, name: str, version: str) -> None:
    """Data of another version may be nothing the installed one can read. Raises ``HostError`` (BAK-003)."""
    if (arrived.package, arrived.version) != (name, version):
        message = f"the backup is of {arrived.package} {arrived.version or 'without a version'}, the entry is of {name} {version or 'without one'}"
        remedy = f"Write version: {arrived.version} in its entry; upgrade it once it runs." if arrived.version else "Use the same package."
        raise HostError(f"{instance}: {message}", [finding("BAK-003", instance, message, remedy)])


def require_confirmed(instance: str, arrived: Arrival, keys: bool) -> None:
    """``keys``: whether it is to be installed with some. What was restored without has asked nobody. Raises ``HostError`` (KEY-013)."""
    why = "has not confirmed that it is down there" if arrived.keys and not arrived.confirmed else ""
    if keys and not arrived.keys:
        why = "was not asked, as there were no keys"
    if why:
        name = Origin.of(arrived.origin).name
        message = f"was restored here from {name}, which {why}"
        raise HostError(f"{instance} {message}", [finding("KEY-013", instance, message, f"Restore again with {name} at hand.")])


def outdated(items: Sequence[Item], fresh: bool) -> dict[str, str]:
    """Name -> class, of what a node would lack that was written after the backup, or was not in it. ``fresh``: nothing was written after.
    What is a cache it makes again."""
    found = {item.name: item.cls for item in items if item.cls != DATA}
    found.update({f"{item.name}/{name}": cls for item in items for name, cls in item.inner.items() if cls not in (DATA, CACHE)})
    return {name: cls for name, cls in found.items() if not (fresh and cls == MONOTONIC)}


def why_not(arrived: Arrival, own: Origin, old: Mapping[str, Any], dead: object) -> list[Finding]:
    """Why it may not start here. ``own``: this host; ``old``: what its old host said (``down``, and who that is; ``answers``: it was
    reached, and said nothing of the kind); ``dead``: hosts that are named so."""
    origin = Origin.of(arrived.origin)
    if not arrived.keys:
        return []
    found = _unclear(arrived, own, dead)
    return found if origin.is_surely(own) else [*found, *_unconfirmed(origin, old, dead)]


def _unclear(arrived: Arrival, own: Origin, dead: object) -> list[Finding]:
    other = Origin.of(arrived.other)
    if not arrived.other or other.is_surely(own) or other.is_named(dead):
        return []
    message = (
        f"the backup {arrived.backup} is of {other.name}, and the newest one there of {Origin.of(arrived.origin).name}, from before backups "
        f"were of one host: whether {other.name} gave that one the node, or runs one of its own, nobody knows"
    )
    remedy = f"Restore the newest backup; or see that {other.name} runs none, and name it in avs_ack_old_host_dead, too."
    return [finding("KEY-013", other.name, message, remedy)]


def _unconfirmed(origin: Origin, old: Mapping[str, Any], dead: object) -> list[Finding]:
    said = str(old.get("problem") or "")
    if _is_from(old, origin) or old.get("answers"):
        if _is_from(old, origin) and old.get("down"):
            return []
        return [finding("KEY-013", origin.name, f"{origin.name} answers, and did not give it up{f': {said}' if said else ''}")]
    if origin.is_named(dead):
        return []
    message = f"its old host {origin.name} has not confirmed that it is down there and its keys are gone: {said or 'it was not asked'}"
    return [finding("KEY-013", origin.name, message)]


def unwritten(arrived: Arrival, old: Mapping[str, Any]) -> bool:
    """Whether its old host says that it has it held since before the backup was made, so that it wrote nothing after."""
    since, then = moment_of(str(old.get("since") or "")), moment_of(arrived.time)
    return _is_from(old, Origin.of(arrived.origin)) and since is not None and then is not None and since < then


def written_since(arrived: Arrival, old: Mapping[str, Any], acknowledged: Sequence[str]) -> dict[str, str]:
    """Name -> class, of what was brought because nothing would have been written after, which its old host does not say any more."""
    return {} if unwritten(arrived, old) else {name: cls for name, cls in arrived.rests.items() if name not in acknowledged}


def _is_from(old: Mapping[str, Any], origin: Origin) -> bool:
    """Whether it is the word of that host. Where its machine is known, one that has none is another."""
    who = Origin.of(old)
    return origin.is_that(who) and bool(who.machine or not origin.machine)
