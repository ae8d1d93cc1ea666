# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of nested data, put together from small ones; every problem is reported, none stops the rest.

A check takes a value, its field path and a report, and returns the value in its final form; a value it reports becomes ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...module_utils.common.names import is_inside, is_part, is_version
from ...module_utils.docker.references import is_reference
from ...module_utils.policy.setting_values import is_address
from . import corrections
from .corrections import Remedy
from .report import Report, path_of, shown
from .spelling import Respelled
from .yaml_file import Plain

Check = Callable[[Any, str, Report], Any]

_OWNER = re.compile(r"[0-9]{1,10}(?::[0-9]{1,10})?\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?\Z")
_MODE = re.compile(r"0?[0-7]{3}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_CAPABILITY = re.compile(r"(?:CAP_)?[A-Z][A-Z_]{1,30}\Z")


@dataclass(frozen=True)
class Field:
    """A field of a ``record``; ``default`` is called where the field is absent or null."""

    check: Check
    required: bool = False
    default: Callable[[], Any] = lambda: None


def text(accepts: Callable[[str], bool], what: str, remedy: Remedy = corrections.nothing) -> Check:
    """``remedy`` makes one out of the text that was given, where what is wrong with it is plain."""

    def check(value: Any, path: str, report: Report) -> Any:
        if is_text(value) and accepts(value):
            return str(value)
        spelled = value if isinstance(value, str) else str(value) if isinstance(value, (int, float)) else ""
        if not is_text(value) and spelled and accepts(spelled):
            report.add(report.rules.type, path, f"{shown(value)} is not {what}", "Write it in quotes.")
        else:
            report.add(report.rules.type, path, f"{shown(value)} is not {what}", remedy(spelled))
        return None

    return check


def is_text(value: Any) -> bool:
    """A text, and none that its author wrote as a boolean: under a verbatim key both arrive as text."""
    return isinstance(value, str) and not (isinstance(value, Plain) and isinstance(value.value, bool))


def integer(low: int, high: int, what: str, remedy: Remedy = corrections.nothing) -> Check:
    def check(value: Any, path: str, report: Report) -> Any:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, Respelled) and value.misread:
            wanted = f"Write {int(value)} if that is meant, else the decimal number."
            report.add(report.rules.type, path, f"{shown(value)} is the number {int(value)} to YAML", wanted)
            return None
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return int(value)
        report.add(report.rules.type, path, f"{shown(value)} is not {what}", remedy(str(value)))
        return None

    return check


def seconds(low: int, high: int) -> Check:
    return integer(low, high, f"a number of seconds ({low}-{high})", corrections.seconds(low, high))


def boolean(value: Any, path: str, report: Report) -> Any:
    if isinstance(value, bool):
        return value
    report.add(report.rules.type, path, f"{shown(value)} is not true or false", corrections.switch(str(value)))
    return None


def number(value: Any, path: str, report: Report) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    report.add(report.rules.type, path, f"{shown(value)} is not a number")
    return None


def one_of(*words: str) -> Check:
    return text(lambda value: value in words, f"one of {', '.join(words)}", corrections.one_of(*words))


def list_of(item: Check, unique: str | None = None, nonempty: bool = False) -> Check:
    """``unique`` names the field (or, empty, the item itself) that may not repeat."""

    def check(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, list):
            report.add(report.rules.type, path, f"{shown(value)} is not a list")
            return []
        if nonempty and not value:
            report.add(report.rules.type, path, "is empty")
        found, seen = [], set()
        for position, entry in enumerate(value):
            place = path_of(path, position)
            if entry is None:
                report.add(report.rules.type, place, "is empty", "Fill it in, or remove the line.")
                continue
            checked = item(entry, place, report)
            if checked is None:
                continue
            if unique is not None:
                mark = checked.get(unique) if unique else checked
                if mark is not None and mark in seen:
                    report.add(report.rules.type, path_of(place, unique) if unique else place, f"{shown(mark)} stands there twice")
                seen.add(mark)
            found.append(checked)
        return found

    return check


def map_of(key: Check, value_check: Check) -> Check:
    def check(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.add(report.rules.type, path, f"{shown(value)} is not a mapping")
            return {}
        found = {}
        for name, entry in value.items():
            place = path_of(path, str(name))
            checked_name = key(name, place, report)
            checked = value_check(entry, place, report)
            if checked_name is not None and checked is not None:
                found[checked_name] = checked
        return found

    return check


def record(fields: Mapping[str, Field]) -> Check:
    """A mapping of known fields; what comes back holds every field, defaults filled."""

    def check(value: Any, path: str, report: Report) -> Any:
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            report.add(report.rules.type, path, f"{shown(value)} is not a mapping of {', '.join(fields)}")
            return None
        report.unknown_fields(value, fields, path)
        found = {}
        for name, field in fields.items():
            given = value.get(name)
            if given is None:
                if field.required:
                    report.add(report.rules.missing, path_of(path, name), "is missing")
                found[name] = field.default()
                continue
            checked = field.check(given, path_of(path, name), report)
            found[name] = field.default() if checked is None else checked
        return found

    return check


def is_time(value: str) -> bool:
    """An RFC 3339 instant with its offset."""
    try:
        return "T" in value.upper() and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def is_container_path(value: str) -> bool:
    return value.startswith("/") and is_inside(value[1:] or ".") and ":" not in value


def is_commit(value: object) -> bool:
    """A full commit id of git, small hex."""
    return isinstance(value, str) and _COMMIT.match(value) is not None


line = text(lambda value: bool(value) and value.isprintable() and len(value) <= 500, "a text on one line")
service = text(is_part, "the name of a service")
port = integer(1, 65535, "a port (1-65535)")
url_path = text(lambda value: value.startswith("/") and value.isprintable() and " " not in value, "a path that starts with /")
inside = text(is_inside, "a relative path that stays below its folder")
container_path = text(is_container_path, "an absolute path in the container without `..`")
owner = text(lambda value: _OWNER.match(value) is not None, 'a numeric "uid:gid"')
user = text(lambda value: _USER.match(value) is not None, 'a user like "1000:1000"')
mode = text(lambda value: _MODE.match(value) is not None, 'a mode in quotes like "0700"')
sha256 = text(lambda value: _SHA256.match(value) is not None, "a SHA-256 (64 small hex digits)", corrections.hexadecimal)
commit = text(is_commit, "a commit (40 small hex digits)", corrections.hexadecimal)
version = text(is_version, "a version like v1.2.3", corrections.version)
capability = text(lambda value: _CAPABILITY.match(value) is not None, "a Linux capability like NET_BIND_SERVICE")
image = text(is_reference, "an image reference")
binding = text(lambda value: value in ("loopback", "public") or is_address(value), "loopback, public or an IP address")
instant = text(is_time, "a time with its offset, like 2027-01-15T00:00:00Z")
