# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""YAML from strangers: only plain data, no duplicate keys, no alias bombs, bounded size and depth."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from .report import Report

MAX_BYTES = 1 << 20
MAX_DEPTH = 40
MAX_NODES = 50_000

_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(r"(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)\Z")
# Deliberately without YAML 1.1's octal and base-60 numbers: `user: 1000:1000` and `mode: 0700` must not turn into other numbers.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?\Z")
_CORE = tuple(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))
_COMPOSE_TAGS = ("!", "!reset", "!override")
_BINARY = "tag:yaml.org,2002:binary"
_TRUE = frozenset(("yes", "true", "on"))


class Plain(str):
    """The text of an unquoted scalar as its author wrote it, with what YAML makes of it in ``value``."""

    value: bool | int | float

    def __new__(cls, text: str, value: bool | int | float) -> Plain:
        self = super().__new__(cls, text)
        self.value = value
        return self


class _Refused(Exception):
    def __init__(self, message: str, mark: Any) -> None:
        super().__init__(message)
        self.where = f"line {mark.line + 1}" if mark is not None else ""


class _Builder:
    """Builds plain data from parser events; iterates rather than expands, so that limits hold before memory is used."""

    def __init__(self, events: Iterator[yaml.Event], verbatim: frozenset[str], binary: bool = False) -> None:
        self._events = events
        self._verbatim = verbatim
        self._binary = binary
        self._nodes = 0
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def document(self) -> Any:
        value: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused("holds more than one document", event.start_mark)
                value = self._node(next(self._events), 0, None)
        return value

    def documents(self) -> list[Any]:
        found = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._anchors = {}
                found.append(self._node(next(self._events), 0, None))
        return found

    def _count(self, nodes: int, mark: Any) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _Refused(f"holds more than {MAX_NODES} values, aliases counted", mark)

    def _node(self, event: yaml.Event, depth: int, key: str | None) -> Any:
        mark = event.start_mark
        if depth > MAX_DEPTH:
            raise _Refused(f"is nested deeper than {MAX_DEPTH} levels", mark)
        self._count(1, mark)
        if isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                raise _Refused(f"alias *{event.anchor} points to nothing, or into itself", mark)
            self._count(known[1], mark)
            return known[0]
        tag = getattr(event, "tag", None)
        if tag is not None and not tag.startswith(_CORE) and tag not in _COMPOSE_TAGS and not (self._binary and tag == _BINARY):
            raise _Refused(f"tag {tag} is not allowed", mark)
        anchor = getattr(event, "anchor", None)
        before = self._nodes
        if anchor:
            self._anchors[anchor] = None
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, key)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(depth, key)
        else:
            value = self._mapping(depth)
        if anchor:
            self._anchors[anchor] = (value, self._nodes - before)
        return value

    def _sequence(self, depth: int, key: str | None) -> list[Any]:
        items = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, depth + 1, key))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise _Refused("a key is not a plain text", event.start_mark)
            name = event.value
            value = self._node(next(self._events), depth + 1, name)
            if name == "<<" and event.implicit[0]:
                for source in reversed(value if isinstance(value, list) else [value]):
                    if not isinstance(source, dict):
                        raise _Refused("<<: needs a mapping", event.start_mark)
                    self._count(len(source), event.start_mark)
                    merged.update(source)
            elif name in data:
                raise _Refused(f"key {name!r} stands there twice", event.start_mark)
            else:
                data[name] = value
        return {**merged, **data} if merged else data

    def _scalar(self, event: yaml.ScalarEvent, key: str | None) -> Any:
        text = event.value
        if event.tag == _BINARY:
            return _decoded(text, event.start_mark)
        if event.tag is not None or not event.implicit[0]:
            return text
        value = _resolved(text)
        if value is text or value is None or key not in self._verbatim:
            return value
        return Plain(text, value)


def _resolved(text: str) -> Any:
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() in _TRUE
    if _INT.match(text) and len(text) < 32:
        return int(text)
    if _FLOAT.match(text) and len(text) < 64:
        return float(text)
    return text


def _decoded(text: str, mark: Any) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except ValueError:
        raise _Refused("!!binary holds no base64", mark) from None


def load_documents(data: bytes, report: Report) -> list[Any]:
    """Plain data of every document, for files that compose reads: it lays them over each other, and takes ``!!binary`` for a text. None
    after a finding PKG-001."""
    return _loaded(data, report, lambda events: _Builder(events, frozenset(), True).documents()) or []


def load_yaml(data: bytes, report: Report, verbatim: frozenset[str] = frozenset()) -> Any:
    """Plain data of one YAML document, ``None`` after a finding PKG-001.

    Dates stay text. Under the keys in ``verbatim`` an unquoted number or boolean becomes a ``Plain``, which keeps its spelling.
    """
    return _loaded(data, report, lambda events: _Builder(events, verbatim).document())


def _loaded(data: bytes, report: Report, build: Callable[[Iterator[yaml.Event]], Any]) -> Any:
    if len(data) > MAX_BYTES:
        report.add("PKG-001", "", f"is larger than {MAX_BYTES} bytes")
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return build(yaml.parse(data.decode("utf-8"), Loader=loader))
    except UnicodeDecodeError:
        report.add("PKG-001", "", "is not UTF-8 text")
    except _Refused as error:
        report.add("PKG-001", error.where, str(error))
    except yaml.YAMLError as error:
        _not_yaml(error, report)
    return None


def _not_yaml(error: yaml.YAMLError, report: Report) -> None:
    mark = getattr(error, "problem_mark", None)
    report.add("PKG-001", f"line {mark.line + 1}" if mark else "", str(getattr(error, "problem", None) or "is not YAML"))


def check_limits(data: bytes, report: Report) -> None:
    """A finding PKG-001 for a YAML file that is too large or too deep, or whose aliases multiply; nothing else of it is judged.

    For files that somebody else reads, and that may hold more than one document.
    """
    if len(data) > MAX_BYTES:
        report.add("PKG-001", "", f"is larger than {MAX_BYTES} bytes")
        return
    try:
        _measure(yaml.parse(data.decode("utf-8", "replace"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except _Refused as error:
        report.add("PKG-001", error.where, str(error))
    except yaml.YAMLError as error:
        # What is no YAML has no size; who reads it says so, and where. But the parser's own limit may be met first.
        if "nesting" in str(error):
            _not_yaml(error, report)


def _measure(events: Iterator[yaml.Event]) -> None:
    """Counts what aliases stand for; builds nothing."""
    total, sizes = 0, dict[str, int]()
    # Collections being read: their anchor, and the count when they began.
    around: list[tuple[str | None, int]] = []
    for event in events:
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = around.pop()
            if anchor:
                sizes[anchor] = total - before
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        if len(around) > MAX_DEPTH:
            raise _Refused(f"is nested deeper than {MAX_DEPTH} levels", event.start_mark)
        total += 1
        if isinstance(event, yaml.AliasEvent):
            total += sizes.get(event.anchor or "", 0)
        elif isinstance(event, yaml.CollectionStartEvent):
            around.append((event.anchor, total))
        elif event.anchor:
            sizes[event.anchor] = 1
        if total > MAX_NODES:
            raise _Refused(f"holds more than {MAX_NODES} values, aliases counted", event.start_mark)


def load_mapping(data: bytes, report: Report, verbatim: frozenset[str] = frozenset()) -> dict[str, Any]:
    """As ``load_yaml``, for files whose top is a mapping; anything else is a finding and an empty mapping."""
    before = len(report.findings)
    value = load_yaml(data, report, verbatim)
    if isinstance(value, dict):
        return value
    if len(report.findings) == before:
        report.add("PKG-002", "", "holds no fields" if value is None else "is not a mapping of fields", "Write fields as `name: value`.")
    return {}
