# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of an upgrade or a rollback, and what one would bring: a line an instance, and below it what is worth knowing before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_INDENT = "    "


def lines_of(host: str, entry: Mapping[str, Any], check: bool = False) -> list[str]:
    """The first of them is about all of it. ``entry``: of instance_upgrade."""
    told = entry.get("upgrade")
    label = f"{host} {entry.get('id')}"
    if not isinstance(told, Mapping):
        error = _first(entry.get("error"))
        return [f"{label}: failed: {error}" if error else f"{label}: has {entry.get('version') or 'its version'} already, nothing to do"]
    versions = " -> ".join(str(version) for version in (told.get("from"), *(told.get("way") or (told.get("to"),))))
    if entry.get("error"):
        step = f" at {told['step']}" if told.get("step") else ""
        first = f"{label}: {versions} failed{step}: {_first(entry['error'])}; {_now(entry, told)}"
    elif check:
        first = f"{label}: would go {versions}"
    else:
        first = ", ".join([f"{label}: {versions}", *_cost(told)])
    if entry.get("error"):
        return [first]
    if told.get("discards"):
        return [first, f"{_INDENT}{told['discards']}" if check else f"{_INDENT}what was stored since {told.get('since')} is put aside"]
    return [first, *(f"{_INDENT}{line}" for line in _brings(told))] if check else [first]


def _cost(told: Mapping[str, Any]) -> Iterable[str]:
    if told.get("backup"):
        yield f"backup {told['backup']}"
    if isinstance(told.get("stopped"), (int, float)):
        yield f"down for {told['stopped']:.1f} s"


def _now(entry: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """What is there after a failure."""
    if told.get("quarantined"):
        return "neither version is well: it is down, and held"
    version, health = entry.get("version") or told.get("from"), entry.get("health") or {}
    place = f"{version} is back in its place, and" if told.get("rolled_back") else "it"
    if health.get("detail") == "stopped":
        return f"{place} is down"
    if health.get("status") == "unhealthy":
        return f"{place} is not well"
    return f"{version} runs again" if told.get("rolled_back") else f"{version} runs"


def _brings(told: Mapping[str, Any]) -> Iterable[str]:
    """What is worth knowing before: as the packages say it, and as the host does."""
    for line in told.get("changes") or ():
        yield str(line)
    for line in told.get("package_migrations") or ():
        yield str(line)
    for service, pair in (told.get("images") or {}).items():
        old, new = [*pair, None, None][:2]
        yield f"image of {service} on the host: {old or 'none'} -> {new or 'none'}"
    ports = told.get("ports") or {}
    for word in ("added", "removed"):
        for port in ports.get(word) or ():
            yield f"port {word}: {port}"
    for version, lines in (told.get("notes") or {}).items():
        yield f"release notes of {version}:"
        for line in lines:
            yield f"  {line}"


def _first(text: Any) -> str:
    return str(text or "").partition("\n")[0]
