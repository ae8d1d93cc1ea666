# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of a service in the forms compose prints them in: long, typed, one notation each. What compose refuses is left out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

_TRUE = frozenset(("true", "yes", "y", "on", "1"))
_PORT = re.compile(
    r"(?:(?P<address>\[[0-9A-Fa-f:.]+\]|[0-9]+(?:\.[0-9]+){3})?:)?(?:(?P<published>\d{1,5}(?:-\d{1,5})?)?:)?(?P<target>\d{1,5}(?:-\d{1,5})?)"
    r"(?:/(?P<protocol>[a-z]+))?\Z"
)
# More ports than anybody means; compose makes an entry of each.
_MANY = 2000


def mount(item: Any, folder: str) -> dict[str, Any] | None:
    """A mount in long form; ``None`` for one that cannot be known, or that compose itself refuses."""
    if isinstance(item, str):
        source, colon, rest = item.partition(":")
        # What may be a drive is one for compose, wherever it runs.
        if not colon or (len(source) == 1 and source.isalpha() and rest.startswith(("/", "\\"))):
            return {"type": "volume", "target": item}
        target, _colon, mode = rest.partition(":")
        kind = "bind" if source.startswith((".", "/", "~")) else "volume"
        found: dict[str, Any] = {"type": kind, "source": source, "target": target, "read_only": "ro" in mode.split(",")}
    else:
        given = mapping(item)
        found = {name: scalar(given.get(name)) for name in ("type", "target")}
        found |= {"source": scalar(given.get("source", given.get("src"))), "read_only": is_true(given.get("read_only"))}
        found["target"] = found["target"] or scalar(given.get("destination", given.get("dst")))
    if not found["type"] or not found["target"]:
        return None
    found["target"] = posixpath.normpath(found["target"])
    if found["type"] == "bind":
        # What ~ is, is the host's to say.
        if not found["source"] or found["source"].startswith("~"):
            return None
        found["source"] = posixpath.normpath(posixpath.join(folder, found["source"]))
    return found


def ports(item: Any) -> list[dict[str, Any]]:
    """The published ports an entry of ``ports`` stands for; a range of the container's is one entry a port."""
    if isinstance(item, Mapping):
        target, published = scalar(item.get("target")) or "", scalar(item.get("published")) or ""
        address, protocol = scalar(item.get("host_ip")) or "", scalar(item.get("protocol")) or "tcp"
    else:
        found = _PORT.match(scalar(item) or "")
        if found is None:
            return []
        target, published = found["target"], found["published"] or ""
        address, protocol = (found["address"] or "").strip("[]"), found["protocol"] or "tcp"
    inner, outer = numbers(target), numbers(published)
    if not inner or (published and not outer):
        return []
    if len(inner) == 1 or not outer:
        pairs = [(number, published) for number in inner]
    elif len(inner) == len(outer):
        pairs = [(number, str(other)) for number, other in zip(inner, outer)]
    else:
        return []
    return [
        {"target": number, "protocol": protocol, **({"published": other} if other else {}), **({"host_ip": address} if address else {})}
        for number, other in pairs
    ]


def numbers(text: str) -> list[int]:
    """The ports of ``8080`` or ``7000-7010``; none of anything else."""
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    return list(range(low, high + 1)) if low <= high < 65536 and high - low < _MANY else []


def pairs(value: Any, sign: str = "=") -> dict[str, str]:
    """A mapping, or a list of ``name=value``."""
    if isinstance(value, Mapping):
        return {str(name): text for name, item in value.items() if (text := scalar(item)) is not None}
    found = (str(item).partition(sign) for item in as_list(value) if isinstance(item, str))
    return {name: text for name, equals, text in found if equals}


def dependencies(value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(value, Mapping):
        return {str(name): {"condition": "service_started", "required": True, **mapping(how)} for name, how in value.items()}
    return {item: {"condition": "service_started", "required": True} for item in as_list(value) if isinstance(item, str)}


def healthcheck(value: Any) -> dict[str, Any]:
    given = mapping(value)
    test = given.get("test")
    times = ("interval", "timeout", "start_period", "start_interval")
    found = {str(name): value for name, value in given.items() if name not in (*times, "test")}
    found |= {name: text for name in times if (text := scalar(given.get(name)))}
    if isinstance(test, str):
        return {**found, "test": ["CMD-SHELL", test]}
    return {**found, "test": [str(item) for item in test]} if isinstance(test, list) else found


def ulimits(value: Any) -> dict[str, Any]:
    return {
        str(name): {part: scalar(limit.get(part)) for part in ("soft", "hard")} if isinstance(limit, Mapping) else scalar(limit)
        for name, limit in mapping(value).items()
    }


def networks(value: Any) -> dict[str, dict[str, Any]]:
    """Name -> how the service joins it."""
    if isinstance(value, Mapping):
        return {str(name): dict(mapping(use)) for name, use in value.items()}
    return {item: {} for item in as_list(value) if isinstance(item, str)}


def texts(value: Any) -> list[str]:
    return [text for item in (value if isinstance(value, list) else [value]) if (text := scalar(item)) is not None]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def scalar(value: Any) -> str | None:
    """A text or number as text; ``None`` of what is neither, and of nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int, float)) and value != "" else None


def is_true(value: Any) -> bool:
    return value is True or (isinstance(value, (str, int)) and str(value).lower() in _TRUE)


def whole(value: Any) -> int | None:
    text = scalar(value) or ""
    return int(text) if text.isdecimal() and len(text) < 10 else None
