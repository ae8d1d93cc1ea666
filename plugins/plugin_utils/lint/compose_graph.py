# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What compose refuses of how services hang together: those that wait for each other, and names that nothing stands behind."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from . import compose_fields as fields

_SECTIONS = {"networks": "network", "volumes": "volume", "configs": "config", "secrets": "secret"}
_JOINED = ("network_mode", "ipc", "pid")
Services = Mapping[str, Mapping[str, Any]]


def undefined(services: Services, sections: Mapping[str, Mapping[str, Any]], known: Services) -> Iterator[str]:
    """``services`` that are started, with variables filled; ``known``: all of the files. Only of files without ``include``: what those
    bring is not known here."""
    for name, service in services.items():
        for other in _needed(service):
            optional = fields.dependencies(service.get("depends_on")).get(other, {}).get("required") is False
            if other not in services and not (optional and other in known):
                yield f'service "{name}" depends on undefined service "{other}"'
        for section, word in _SECTIONS.items():
            for used in _used(section, service):
                if used not in (sections.get(section) or {}) and (section, used) != ("networks", "default"):
                    yield f'service "{name}" refers to undefined {word} {used}'
        origin = _extended(service)
        if origin is not None and origin not in known:
            yield f'cannot extend service "{name}": service "{origin}" not found'


def cycles(services: Services) -> Iterator[str]:
    """The first one of each kind, as compose names it."""
    found = first_cycle(services, lambda name: [other for other in _needed(services[name]) if other in services])
    if found:
        yield f"dependency cycle detected: {' -> '.join(found)}"
    origins = {name: _extended(service) for name, service in services.items()}
    found = first_cycle(services, lambda name: [origin for origin in [origins.get(name)] if origin in services])
    if found:
        yield f"Circular reference: {' extends '.join(found)}"


def include_cycle(top: str, named: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """``named``: file -> files it includes, all relative to the package."""
    found = first_cycle([top], named)
    if found:
        yield f"include cycle detected: {' include '.join(posixpath.basename(path) for path in found)}"


def first_cycle(starts: Iterable[str], following: Callable[[str], Iterable[str | None]]) -> list[str]:
    """``[a, b, a]``; empty where there is none. No recursion: a package may hold thousands of services."""
    done: set[str] = set()
    for start in starts:
        path: list[str] = [start]
        waiting = [iter(following(start))]
        while waiting and start not in done:
            step = next(waiting[-1], None)
            if step is None:
                waiting.pop()
                done.add(path.pop())
            elif step in path:
                return [*path[path.index(step) :], step]
            elif step not in done:
                path.append(step)
                waiting.append(iter(following(step)))
    return []


def _needed(service: Mapping[str, Any]) -> list[str]:
    """Services that have to be there before this one, each once."""
    joined = [str(service.get(field) or "") for field in _JOINED]
    links = [text.partition(":")[0] for text in fields.texts(fields.as_list(service.get("links")))]
    origins = [
        text.partition(":")[0] for text in fields.texts(fields.as_list(service.get("volumes_from"))) if not text.startswith("container:")
    ]
    found = [
        *fields.dependencies(service.get("depends_on")),
        *links,
        *(place.partition(":")[2] for place in joined if place.startswith("service:")),
        *origins,
    ]
    return list(dict.fromkeys(found))


def _used(section: str, service: Mapping[str, Any]) -> list[str]:
    if section == "networks":
        return list(fields.networks(service.get("networks")))
    items = fields.as_list(service.get(section))
    if section == "volumes":
        mounts = [fields.mount(item, "/") for item in items]
        return [item["source"] for item in mounts if item and item["type"] == "volume" and item.get("source")]
    named = [item if isinstance(item, str) else fields.scalar(fields.mapping(item).get("source")) for item in items]
    return [name for name in named if name]


def _extended(service: Mapping[str, Any]) -> str | None:
    """The service of the same file that this one extends."""
    given = service.get("extends")
    if isinstance(given, str):
        return given
    named = fields.mapping(given)
    return None if named.get("file") or not named else fields.scalar(named.get("service"))
