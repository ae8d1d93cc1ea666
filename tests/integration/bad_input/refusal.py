# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that was refused: exactly which problems it has to tell, and how a person reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from tests.integration.support import Fleet, Host

Entry = dict[str, Any]
Problem = tuple[str, str]

# The bad instance. No path, package or option has anything like it, so where it stands in a message, the instance is meant.
TAG = "zz9"
ID = f"demo-avs-{TAG}"
# Its place in the inventory: it comes after the instance that is as it should be.
BAD = "avs_instances[1]"


def tag_of(number: int) -> str:
    """The bad instances of a run are told apart by it; the first of them is the one that most runs have."""
    return TAG if number == 1 else f"{TAG}{number}"


def at(number: int, place: str) -> str:
    """A place of the first bad instance as one of the bad instance at another position."""
    if place.startswith(BAD):
        return f"avs_instances[{number}]{place.removeprefix(BAD)}"
    return f"demo-avs-{tag_of(number)}{place.removeprefix(ID)}"


_HEADER = re.compile(r"(?:(?P<who>.+): )?(?P<count>\d+) problems?")
_ENTRY = re.compile(r"(?P<place>avs_instances\[\d+\])[.: ]*(?P<field>.*)")
_NODE = re.compile(r"(?P<id>demo-avs-[a-z0-9]+)(?:: |\.)(?P<field>.+)")


@dataclass(frozen=True)
class Refusal:
    """``findings`` of severity error as in the task's result; ``names``: place of an entry -> what the message calls it."""

    message: str
    findings: tuple[Mapping[str, str], ...]
    names: Mapping[str, str]

    def told(self) -> dict[str, list[str]]:
        """Who has the problems -> lines of the message."""
        found: dict[str, list[str]] = {}
        lines: list[str] = []
        for line in self.message.splitlines():
            header = _HEADER.fullmatch(line)
            if header:
                lines = found.setdefault(header["who"] or "", [])
            elif line.startswith("  "):
                lines.append(line)
        return found

    def lines(self, number: int) -> str:
        """What the message says of the bad instance at a position."""
        who = re.compile(rf"(?<![\w-])({re.escape(self.names[f'avs_instances[{number}]'])}|demo-avs-{tag_of(number)})(?![\w-])")
        return "\n".join(line for name, group in self.told().items() if who.search(name) for line in group)

    def owner(self, place: str) -> tuple[str, str]:
        """How the message has to call the instance a problem is of, and the field that is left of the place."""
        entry = _ENTRY.fullmatch(place)
        if entry:
            return self.names[entry["place"]], entry["field"]
        node = _NODE.fullmatch(place)
        # What is of no instance, the host's engine, is in the way of all.
        return (node["id"], node["field"]) if node else (", ".join(self.names.values()), place)


def refused(
    fleet: Fleet,
    host: Host,
    entries: Sequence[Entry],
    variables: Mapping[str, Any] | None = None,
    during: AbstractContextManager[None] | None = None,
) -> Refusal:
    """Run an install that has to be refused, on a host that has to be as before.

    ``during`` is a state of the host in which it could not even be asked what is on it.
    """
    before = host.snapshot()
    with during or nullcontext():
        result = fleet.play("install", {host.name: list(entries)}, variables=variables)
    assert result.code != 0, result.output[-3000:]
    failure = result.failure(host.name)
    message = str(failure["msg"])
    assert host.snapshot() == before, message
    assert "findings" in failure, message
    assert failure["changed"] is False and message.endswith(f"\nnothing was changed on {host.name}"), message
    return Refusal(
        message,
        tuple(item for item in failure["findings"] if item["severity"] == "error"),
        {place: called(entry, place) for place, entry in ((f"avs_instances[{n}]", each) for n, each in enumerate(entries))},
    )


def called(entry: Mapping[str, Any], place: str) -> str:
    """An instance's id; its tag where the name of its package is to be found in the package only, which may be what is wrong."""
    package, tag = entry.get("package"), str(entry["tag"])
    if "/" in tag:
        return place
    return f"{package.rsplit('/')[-1]}-{tag}" if isinstance(package, str) else f"tag {tag}"


def assert_problems(refusal: Refusal, *expected: Problem) -> None:
    """These problems and no others, and for each the message names instance, field, what is wrong and what to do."""
    found = sorted((item["id"], item["place"]) for item in refusal.findings)
    assert found == sorted(expected), f"{found}\n{refusal.message}"
    told = refusal.told()
    for item in refusal.findings:
        who, field = refusal.owner(item["place"])
        assert who and field and item["message"] and item["remedy"], item
        named = re.compile(rf"(?<![\w-]){re.escape(who)}(?![\w-])")
        lines = [line for name, group in told.items() if named.search(name) for line in group]
        assert any(_tells(line, field, item) for line in lines), f"{who}, {field}: {item}\nnot in:\n{refusal.message}"
    assert "Traceback" not in refusal.message


def _tells(line: str, field: str, item: Mapping[str, str]) -> bool:
    """``fields: message  remedy``; problems that differ in their field only share a line."""
    fields, message, remedy = line.strip().partition(item["message"])
    return bool(message) and field in fields.removesuffix(": ").split(", ") and remedy.strip() == item["remedy"]
