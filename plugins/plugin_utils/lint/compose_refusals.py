# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What compose itself refuses of files as they are written: the form of YAML, of sections and of texts. In compose's own words, as far as
they are known; what compose takes is refused nowhere here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..parsing.env_file import closing_brace
from .compose_fields import mapping

# What a setting is that must not be empty; all others are texts or numbers. Compose takes an empty one of those in _MAY_BE_EMPTY alone.
_LISTS = frozenset(("cap_add", "cap_drop", "configs", "depends_on", "dns_opt", "expose", "external_links", "group_add", "links", "networks",
                    "ports", "post_start", "pre_stop", "profiles", "secrets", "security_opt", "volumes", "volumes_from"))  # fmt: skip
_MAPPINGS = frozenset(("annotations", "blkio_config", "environment", "extra_hosts", "healthcheck", "labels", "logging", "storage_opt",
                       "sysctls", "ulimits"))  # fmt: skip
_MAY_BE_EMPTY = frozenset(("command", "deploy", "develop", "entrypoint"))
_SECTIONS = ("services", "networks", "volumes", "configs", "secrets")
# Keys that YAML makes something else of than a text.
_NO_TEXT = re.compile(r"(?:~|null|Null|NULL|true|True|TRUE|false|False|FALSE|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?|0x[0-9a-fA-F]+|0o[0-7]+|)\Z")
_ENDLESS = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_REFERENCE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)?)")
_OPERATOR = re.compile(r":?[-?+]")


def refused_yaml(text: str) -> Iterator[str]:
    """Of one file: what compose's reader of YAML refuses and others take."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Collections being read: name or None for a list, and whether a key comes next.
    around: list[tuple[str | None, bool]] = []
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.DocumentStartEvent) and event.version not in (None, (1, 1)):
                yield "yaml: found incompatible YAML document"
            elif isinstance(event, yaml.CollectionEndEvent):
                around.pop()
                _turn(around)
            elif isinstance(event, yaml.CollectionStartEvent):
                around.append(("", True) if isinstance(event, yaml.MappingStartEvent) else (None, False))
            elif isinstance(event, yaml.NodeEvent):
                yield from _scalar(event, around)
                _turn(around, getattr(event, "value", ""))
    except (yaml.YAMLError, RecursionError):
        # That it is no YAML was said.
        return


def _scalar(event: yaml.NodeEvent, around: list[tuple[str | None, bool]]) -> Iterator[str]:
    if not isinstance(event, yaml.ScalarEvent) or not event.implicit[0] or event.tag is not None:
        return
    path = ".".join(name for name, _key in around[:-1] if name)
    if around and around[-1][1] and event.value != "<<" and _NO_TEXT.match(event.value):
        yield f"Non-string key in {path}: {event.value}" if path else f"Non-string key at top level: {event.value}"
    elif _ENDLESS.match(event.value) and not (around and around[-1][1]):
        yield f"json: unsupported value: {event.value}"


def _turn(around: list[tuple[str | None, bool]], key: str | None = None) -> None:
    """In a mapping a value follows a key, and a key a value."""
    if around and around[-1][0] is not None:
        name, expects_key = around[-1]
        around[-1] = (key if expects_key and key is not None else name, not expects_key)


def refused_form(document: Any) -> Iterator[str]:
    """Of one document: sections, entries and settings that hold nothing."""
    for section in _SECTIONS:
        entries = mapping(document).get(section, {})
        if entries is None:
            yield f"{section} must be a mapping"
        for name, entry in mapping(entries).items():
            if entry is None and section in ("services", "configs", "secrets"):
                yield f"{section}.{name} must be a mapping"
            for field, value in mapping(entry).items() if section == "services" else ():
                if value is None and field not in _MAY_BE_EMPTY and not str(field).startswith("x-"):
                    what = "a list" if field in _LISTS else "a mapping" if field in _MAPPINGS else "a string"
                    yield f"services.{name}.{field} must be {what}"
                elif field == "oom_score_adj" and re.fullmatch(r"[-+]?\d{1,9}", str(value)) and abs(int(str(value))) > 1000:
                    yield f"services.{name}.oom_score_adj must be within -1000 and 1000"


def refused_texts(value: Any, path: str = "") -> Iterator[str]:
    """Of one document: texts with references that are none."""
    if isinstance(value, str):
        bad = bad_reference(value)
        if bad is not None:
            yield f"invalid interpolation format for {path}: You may need to escape any $ with another $: {bad}"
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from refused_texts(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from refused_texts(item, f"{path}[{number}]")


def bad_reference(text: str, depth: int = 8) -> str | None:
    """The first ``${`` that compose does not understand, with what follows it."""
    position = 0
    while (found := _REFERENCE.search(text, position)) is not None:
        position = found.end()
        if found.group() == "$$":
            continue
        end = closing_brace(text, position)
        if found["name"] is None or end is None:
            return text[found.start() : (end or len(text)) + 1][:40]
        rest = text[position:end]
        operator = _OPERATOR.match(rest)
        if rest and operator is None:
            return text[found.start() : end + 1][:40]
        inner = bad_reference(rest[operator.end() :], depth - 1) if operator and depth > 0 else None
        if inner is not None:
            return inner
        position = end + 1
    return None
