# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Problems as an operator reads them: grouped by instance, each with its place and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...module_utils.common.findings import WARNING, Finding, by_severity
from ...module_utils.common.harmless import harmless, harmless_deep, shown_entry, shown_findings

_BETWEEN = ".: "
# What a task returns. Ansible acts on some other names, and a host is not to say them.
_RESULT = ("failed", "unlisted", "ansible_facts")
# A node that the inventory does not list, and whose key somebody else is to get.
_UNLISTED = re.compile(r"(?P<entry>[a-z0-9][a-z0-9-]{0,62})\.(?P<rest>keys\..+)\Z", re.DOTALL)
_ENTRY = re.compile(r"(?P<entry>\w+\[\d+\])(?P<rest>.*)\Z", re.DOTALL)


def problems_text(labels: Mapping[str, str], findings: Iterable[Finding], host: str, changed: bool = False) -> str:
    """One paragraph an instance, problems of no instance last.

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
    for entry in sorted(groups, key=lambda name: (not name, _position(name))):
        lines += _paragraph(labels.get(entry, entry) or everyone, groups[entry])
    if not changed:
        lines.append(f"nothing was changed on {host}")
    return "\n".join(lines)


def outcome(answer: Mapping[str, Any], with_steps: bool = False) -> dict[str, Any]:
    """A task's result: the fields of an answer that a result has, their texts harmless; ``with_steps``: for ``--diff``."""
    result = {name: answer[name] for name in _RESULT if name in answer}
    result["changed"] = bool(answer.get("changed"))
    if answer.get("failed"):
        result["msg"] = harmless(str(answer.get("msg") or "it failed, and nothing is known of why"))
    if "instances" in answer:
        result["instances"] = [shown_entry(item) for item in answer["instances"] or ()]
    if "findings" in answer:
        result["findings"] = shown_findings(answer["findings"])
    if answer.get("diff") or with_steps:
        parts = [*(answer.get("diff") or ()), *(steps(answer.get("instances") or ()) if with_steps else ())]
        result["diff"] = harmless_deep(parts)
    return result


# Said in every run: what is forgotten, what lies open, what is not as it should be just now. The rest is said when something changes,
# so that a quiet run is quiet.
_ALWAYS = ("INV-003", "SEC-004", "OPS-010", "OPS-012")


def told(result: Mapping[str, Any]) -> list[str]:
    """Warnings of a module's result that a person should see without asking for details."""
    found = (Finding.from_dict(dict(item)) for item in result.get("findings") or ())
    quiet = tuple(f"{item['id']}:" for item in result.get("instances") or () if not item.get("changed"))
    return [
        f"{item.as_line()} ({item.id})"
        for item in by_severity(found)
        if item.severity == WARNING and (item.id in _ALWAYS or (result.get("changed") and not item.place.startswith(quiet)))
    ]


def steps(instances: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What is done to each instance, one line a step, as a part of ``--diff``: a stop or a removal changes no file to compare."""
    parts = []
    for instance in instances:
        lines = [f"{step['action']} {step['kind']} {step['name']}" for step in instance.get("actions") or ()]
        if lines:
            kept = instance.get("kept") or {}
            lines += [f"keep volume {name}" for name in kept.get("volumes") or ()]
            header = f"{instance.get('id')}: steps"
            text = "".join(f"{line}\n" for line in lines)
            parts.append({"before_header": header, "after_header": header, "before": "", "after": text})
    return parts


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


def _paragraph(label: str, items: Sequence[tuple[str, Finding]]) -> list[str]:
    # One cause with many effects (a sealed store) is one problem.
    places: dict[tuple[str, str], list[str]] = {}
    for place, item in items:
        places.setdefault((item.message, item.remedy), []).append(place)
    texts = [": ".join(part for part in (", ".join(filter(None, where)), cause[0]) if part) for cause, where in places.items()]
    count = f"{len(texts)} problem{'s' if len(texts) > 1 else ''}"
    # A column for the remedies is easier to read, as long as the problems beside it are short.
    width = max((len(text) for text in texts if len(text) <= 80), default=0)
    remedies = [remedy for _message, remedy in places]
    return [
        f"{label}: {count}" if label else count,
        *(f"  {text.ljust(width)}  {remedy}".rstrip() for text, remedy in zip(texts, remedies, strict=True)),
    ]
