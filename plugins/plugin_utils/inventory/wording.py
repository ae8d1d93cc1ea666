# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Problems as an operator reads them: grouped by instance, each with its place and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...module_utils.common.findings import Finding, by_severity, errors_of

_BETWEEN = ".: "
# Hosts and instances a message names one by one.
_NAMED = 10
# A node that the inventory does not list, and whose key somebody else is to get.
_UNLISTED = re.compile(r"(?P<entry>[a-z0-9][a-z0-9-]{0,62})\.(?P<rest>keys\..+)\Z", re.DOTALL)
_ENTRY = re.compile(r"(?P<entry>\w+\[\d+\])(?P<rest>.*)\Z", re.DOTALL)


def problems_text(labels: Mapping[str, str], findings: Iterable[Finding], host: str, changed: bool = False) -> str:
    """One paragraph an instance, or for all that have the very same problems; problems of no instance last.

    ``labels`` maps an entry's place (``avs_instances[0]``) or an instance's id to what a person calls it; ``changed``: something was done
    before the problem showed, so the reassuring last line is left out.
    """
    groups: dict[str, list[tuple[str, Finding]]] = {}
    for item in by_severity(findings):
        entry, rest = _split(item.place, labels)
        groups.setdefault(entry, []).append((rest, item))
    lines: list[str] = []
    # What is wrong with the host itself (its engine) stands in the way of every instance.
    everyone = ", ".join(name for name in labels if not _ENTRY.match(name))
    alike: dict[tuple[bool, tuple[str, ...]], list[str]] = {}
    for entry in sorted(groups, key=lambda name: (not name, _position(name))):
        label = labels.get(entry, entry) or everyone
        alike.setdefault((bool(label), _paragraph(groups[entry])), []).append(label)
    for (labelled, (count, *problems)), names in alike.items():
        lines += [f"{listed(names, '; ')}: {count}" if labelled else count, *problems]
    if not changed:
        lines.append(f"nothing was changed on {host}")
    return "\n".join(lines)


def failures_text(labels: Mapping[str, str], entries: Sequence[Mapping[str, Any]], host: str) -> str:
    """What failed while it was done: the count, a paragraph an instance, and in each the shortest first, what its containers logged last."""
    failed = [entry for entry in entries if entry.get("error")]
    lines = [f"{len(failed)} of {len(entries)} instances failed on {host}"]
    for entry in failed:
        name = str(entry["id"])
        head, *rest = str(entry["error"]).split("\n")
        problems = errors_of(Finding.from_dict(dict(item)) for item in entry.get("findings") or ())
        label = labels.get(name, name)
        lines.append(f"{label}: {head.removeprefix(name).lstrip(_BETWEEN)}")
        lines += _problem_lines([(_split(item.place, {name: label})[1], item) for item in problems]) if problems else rest
    return "\n".join(lines)


def listed(names: Sequence[str], between: str = ", ") -> str:
    """As many of the names as a person reads."""
    return between.join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def once(findings: Iterable[Finding]) -> list[Finding]:
    """What is said alike of several entries of the inventory (their package is one, say), said once: its place names all of them."""
    alike: dict[Finding, list[str]] = {}
    for item in findings:
        match = _ENTRY.match(item.place)
        alike.setdefault(replace(item, place=match["rest"] if match else item.place), []).append(match["entry"] if match else "")
    return [replace(item, place=listed(sorted(entries, key=_position)) + item.place) for item, entries in alike.items()]


def _split(place: str, labels: Mapping[str, str]) -> tuple[str, str]:
    """What the place is in (an entry, an instance, nothing of the kind), and where in there."""
    match = _ENTRY.match(place)
    if match:
        return match["entry"], match["rest"].lstrip(_BETWEEN)
    for name in labels:
        if place == name or place.startswith(tuple(f"{name}{char}" for char in _BETWEEN)):
            return name, place[len(name) :].lstrip(_BETWEEN)
    unlisted = _UNLISTED.match(place)
    return (unlisted["entry"], unlisted["rest"]) if unlisted else ("", place)


def _position(entry: str) -> tuple[str, int]:
    name, _bracket, number = entry.rstrip("]").partition("[")
    return name, int(number or 0)


def _paragraph(items: Sequence[tuple[str, Finding]]) -> tuple[str, ...]:
    """How many problems there are, and each of them."""
    texts = len({(item.message, item.remedy) for _place, item in items})
    return (f"{texts} problem{'s' if texts > 1 else ''}", *_problem_lines(items))


def _problem_lines(items: Sequence[tuple[str, Finding]]) -> list[str]:
    """A line each, problem and remedy; what a message has beyond its first line (a log) stands below all of them."""
    # One cause with many effects (a sealed store) is one problem.
    places: dict[tuple[str, str], list[str]] = {}
    for place, item in items:
        places.setdefault((item.message, item.remedy), []).append(place)
    heads, below = [], []
    for (message, _remedy), where in places.items():
        head, _newline, rest = message.partition("\n")
        heads.append(": ".join(part for part in (", ".join(filter(None, where)), head) if part))
        below += [line for line in rest.split("\n") if rest]
    # A column for the remedies is easier to read, as long as the problems beside it are short.
    width = max((len(head) for head in heads if len(head) <= 80), default=0)
    lines = [f"  {head.ljust(width)}  {remedy}".rstrip() for head, (_message, remedy) in zip(heads, places, strict=True)]
    return [*lines, *below]
