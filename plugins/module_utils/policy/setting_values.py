# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of values a compose setting may have: each in words, and as a question to the value. Pure."""

from __future__ import annotations

import ipaddress
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from .memory import size

REMOVE = "Remove it from the package."


@dataclass(frozen=True)
class Problem:
    """``grant``: the exception that lifts it, where there is one."""

    message: str
    grant: str | None = None
    rule: str = "PRIV-002"
    remedy: str = REMOVE


@dataclass(frozen=True)
class About:
    """Where a value stands: the whole model, and the service (or network, volume, ...) it is of."""

    model: Mapping[str, Any]
    owner: Mapping[str, Any]
    name: str = ""

    def shared(self) -> list[str]:
        """Networks of the operator that the service joins."""
        known = self.model.get("networks") or {}
        return [network for network in self.owner.get("networks") or () if (known.get(network) or {}).get("external")]


Judge = Callable[[Any, About], Iterator[Problem]]


@dataclass(frozen=True)
class Allowed:
    """``words`` for the page, ``judge`` for the value; ``whole``: whatever lies below is part of the value, not settings of its own."""

    words: str
    judge: Judge = field(repr=False)
    whole: bool = False


def _fine(_value: Any, _about: About) -> Iterator[Problem]:
    yield from ()


ANY = Allowed("any", _fine, whole=True)
INNER = Allowed("see below", _fine)


def elsewhere(words: str) -> Allowed:
    """Judged where it is changed; ``words`` name the rule."""
    return Allowed(words, _fine, whole=True)


def never(what: str, words: str = "none") -> Allowed:
    """``what`` it asks for, as the end of a sentence."""

    def judge(value: Any, _about: About) -> Iterator[Problem]:
        if value not in (None, False, "", [], {}):
            yield Problem(what)

    return Allowed(words, judge, whole=True)


def matching(pattern: str, words: str) -> Allowed:
    """Texts, and lists of texts, of which all match the whole pattern."""
    known = re.compile(f"(?:{pattern})\\Z")

    def judge(value: Any, _about: About) -> Iterator[Problem]:
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, bool) or not isinstance(item, (str, int, float)) or not known.match(str(item)):
                yield Problem(f"{shown(item)} is not {words}")

    return Allowed(words, judge, whole=True)


def one_of(*words: str) -> Allowed:
    return matching("|".join(map(re.escape, ("", *words))), " or ".join(f"`{word}`" for word in words))


def number(low: float, high: float, words: str) -> Allowed:
    def judge(value: Any, _about: About) -> Iterator[Problem]:
        found = numeric(value)
        if found is None or not low <= found <= high:
            yield Problem(f"{shown(value)} is not {words}")

    return Allowed(words, judge, whole=True)


def numeric(value: Any) -> float | None:
    """A number, or one in a text; ``None`` for what is neither, infinite ones included."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value).strip()
    return float(text) if re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?", text) else None


def _mac(value: Any, about: About) -> Iterator[Problem]:
    if not re.fullmatch(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}", str(value)):
        yield Problem(f"{shown(value)} is not a hardware address")
    for network in about.shared():
        yield Problem(f"takes the address {value} on the network {network}, which is not the package's")


def _truth(value: Any, _about: About) -> Iterator[Problem]:
    if str(value).lower() not in ("true", "false", "yes", "no", "on", "off", "y", "n", "1", "0"):
        yield Problem(f"{shown(value)} is neither true nor false")


def _size(value: Any, _about: About) -> Iterator[Problem]:
    if size(value) is None:
        yield Problem(f"{shown(value)} is not a size; without one it has no bound")


def _addresses(value: Any, _about: About) -> Iterator[Problem]:
    for item in value if isinstance(value, (list, tuple)) else [value]:
        if not is_address(str(item)):
            yield Problem(f"{shown(item)} is not an address")


def _inside(value: Any, _about: About) -> Iterator[Problem]:
    path = str(value)
    if path.startswith("/") or ".." in path.split("/") or posixpath.normpath(path).startswith(".."):
        yield Problem(f"{shown(value)} is not a path inside the volume")


BOOLEAN = Allowed("true or false", _truth, whole=True)
NUMBER = number(-(2**63), 2**63, "a number")
NATURAL = number(0, 2**63, "a number, not below 0")
SIZE = Allowed("a size", _size, whole=True)
SIZE_OR_NONE = matching(r"-?[0-9]+(?:\.[0-9]+)? ?[kmgtpKMGTP]?(?:i?[bB])?|", "a size")
DURATION = matching(r"-?(?:[0-9]+(?:\.[0-9]*)?(?:h|m|s|ms|us|ns|µs|d|w))*(?:[0-9]+(?:\.[0-9]*)?)?", "a time")
ADDRESS = Allowed("an IP address", _addresses, whole=True)
NAME = matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", "a name: letters, digits and `._-`, not beginning with `-` or `.`")
PORT = matching(r"[0-9]{1,5}(?:-[0-9]{1,5})?(?:/(?:tcp|udp|sctp))?|", "a port or a range of ports")
TEXT = matching(r"[^\x00-\x1f\x7f]*", "a text on one line")
PATH_INSIDE = Allowed("a path inside the volume", _inside, whole=True)
DEVICE_PATH = matching(r"/dev/(?!.*\.\.)[A-Za-z0-9._/-]+", "a path below `/dev`")
MAC = Allowed("a hardware address; none where the service joins a network of the operator", _mac, whole=True)


def is_address(text: str) -> bool:
    """Of IPv4 or IPv6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def shown(value: Any) -> str:
    """A value in a message: short, on one line."""
    text = str(value) if isinstance(value, (str, int, float)) else type(value).__name__
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def pairs(value: Any) -> dict[str, Any]:
    """``{name: value}`` of a mapping, of a list of ``name=value``, or of a list of names."""
    if isinstance(value, Mapping):
        return {str(name): item for name, item in value.items()}
    items = value if isinstance(value, (list, tuple)) else ()
    split = (str(item).partition("=") for item in items if isinstance(item, (str, int, float)))
    return {name: text if equals else None for name, equals, text in split}
