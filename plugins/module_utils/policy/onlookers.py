# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that see another one's secrets because they live with it: its mounts, its processes, its network or memory (rule KEY-004). Pure.

``volumes_from`` hands the mounts of one service on to another, key folders among them. Who shares a namespace of processes reads
``/proc/<pid>/root``, ``environ`` and ``cmdline`` of everybody in it that runs as the same user, whoever of them joined whom. On the
loopback of a shared network, and in shared memory, lies only what the node puts there itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.findings import ERROR, WARNING, Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.model import Model, secrets_in, services
from .key_mounts import Views

_SHOWN = ("environment", "command", "entrypoint", "healthcheck")
_NEAR = {
    "network_mode": "what it offers on its loopback address, mostly without asking who calls, can be used from here",
    "ipc": "what it keeps in shared memory can be read here",
}


@dataclass(frozen=True)
class _Sight:
    """``who`` sees secrets of ``holder``; ``joiner`` is the service whose setting ``field`` makes it so."""

    who: str
    holder: str
    joiner: str
    field: str


def onlookers(spec: InstanceSpec, model: Model, views: Views, tokens: Mapping[str, str]) -> list[Finding]:
    """An error for each service that could read what is for others by name; a warning where it comes close. A secret that is for
    nobody in particular, and one that names all who see it, is none of it."""
    wanted = _wanted(spec)
    known = services(model)
    found: dict[tuple[_Sight, tuple[str, ...]], set[str]] = {}
    for secret, allowed in wanted.items():
        mounted = {name for name, view in views.items() if secret in {entry.secret for entry in view.values()}}
        shown = {name for name, service in known.items() if secret in secrets_in([service.get(field) for field in _SHOWN], tokens)}
        if mounted or shown:
            for sight in _sights(known, mounted, shown):
                if sight.who not in allowed:
                    found.setdefault((sight, allowed), set()).add(secret)
    return [_told(spec.id, sight, allowed, secrets) for (sight, allowed), secrets in found.items()]


def _wanted(spec: InstanceSpec) -> dict[str, tuple[str, ...]]:
    """Secret -> the services it is for, of those that are not for everybody."""
    wanted = {name: tuple(sorted(secret.services)) for name, secret in spec.secrets.items() if secret.services}
    for key in spec.keys:
        for secret in (key.keystore, key.password):
            if secret and key.services:
                wanted[secret] = tuple(sorted(key.services))
    return wanted


def _sights(known: Mapping[str, Mapping[str, Any]], mounted: set[str], shown: set[str]) -> Iterator[_Sight]:
    """Each service that sees a secret of others, by the first way there is; ``mounted`` have its file, ``shown`` have its text."""
    by_mounts = _handed_on(known, mounted)
    seen = mounted | shown
    for who, holder in sorted(by_mounts.items()):
        if who not in seen:
            yield _Sight(who, holder, who, "volumes_from")
    seen |= set(by_mounts)
    holders = sorted(seen)
    for field in ("pid", *_NEAR):
        room = _rooms(known, field)
        for who in sorted(set(known) - seen):
            near = next((name for name in holders if room[name] == room[who]), None)
            if near is not None:
                yield _Sight(who, near, who if _joined(known[who], field) else near, field)
                if field == "pid":
                    seen.add(who)


def _handed_on(known: Mapping[str, Mapping[str, Any]], mounted: set[str]) -> dict[str, str]:
    """Service -> whose mounts it takes, for all that come to have a file of ``mounted`` so, also through others."""
    found: dict[str, str] = {}
    waiting = sorted(mounted)
    while waiting:
        origin = waiting.pop(0)
        for name, service in known.items():
            taken = [str(item).partition(":")[0] for item in service.get("volumes_from") or ()]
            if origin in taken and name not in found and name not in mounted:
                found[name] = origin
                waiting.append(name)
    return found


def _joined(service: Mapping[str, Any], field: str) -> str | None:
    kind, _colon, name = str(service.get(field) or "").partition(":")
    return name if kind == "service" else None


def _rooms(known: Mapping[str, Mapping[str, Any]], field: str) -> dict[str, str]:
    """Service -> a name of the namespace it lives in, which all have in common that join one another, also through others."""
    rooms = {name: name for name in known}
    for name, service in known.items():
        other = _joined(service, field)
        if other in rooms:
            mine, theirs = rooms[name], rooms[str(other)]
            rooms = {one: theirs if room == mine else room for one, room in rooms.items()}
    return rooms


def _told(instance: str, sight: _Sight, allowed: tuple[str, ...], secrets: set[str]) -> Finding:
    place = f"{instance}: services.{sight.joiner}.{sight.field}"
    what, whom = ", ".join(sorted(secrets)), ", ".join(allowed)
    if sight.field in _NEAR:
        message = f"{sight.who} lives with {sight.holder}, which holds {what} (for {whom}): {_NEAR[sight.field]}"
        return finding(
            "KEY-004", place, message, f"Give {sight.who} a {sight.field} of its own, or name it for them too.", severity=WARNING
        )
    message = f"{sight.who} could read {what} of {sight.holder}: for {whom} alone"
    remedy = f"Remove {sight.field}, or name {sight.who} under keys[].services too, if it is to see them."
    return finding("KEY-004", place, message, remedy, severity=ERROR)
