# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one worker has to know of the other hosts: their keys, and what those of the play want of the sources of secrets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..parsing.plain import plain
from ..secrets.run_folder import RunFolder
from ..secrets.source import Variable, Wishes
from ..secrets.sources import merged_wishes, wishes_of
from .entries import INSTANCES, Entry, parse_instances
from .key_use import Use, claimed_uses, kinds_of, new_keys, public_uses, shared_keys, uses_of
from .roll_call import Answer, RollCall, Turn
from .wording import listed

_TO_ALL = (
    f"{INSTANCES} is an extra variable (-e) here, which every host of the inventory gets: write it where it is meant for one host, or one "
    "group, alone (host_vars, group_vars)."
)
Find = Callable[[str], "str | None"]


class Fleet:
    """All hosts of the inventory, as the worker of one of them has to know them. ``record``: a ``survey``, with ``extra`` where the list
    of instances was given on the command line; ``find`` turns the name of a file of the controller into its path; ``turn``: who is worked
    on beside it."""

    def __init__(
        self, folder: RunFolder, host: str, record: Mapping[str, Any], find: Find = lambda _name: None, turn: Turn | None = None
    ) -> None:
        self._host, self._record, self._find = host, record, find
        self._turn = turn or Turn()
        # What runs, runs where the task was sent to, whoever's variables it has.
        self._target = self._turn.target or host
        self._roll = RollCall(folder, host, self._turn)
        self._answer: Answer | None = None
        self._given = False

    def shared(self, entries: Iterable[Entry]) -> list[Finding]:
        """Keys of this host's entries that the inventory gives to somebody else as well, by where they lie."""
        others = [Use(**use) for use in self._record["uses"] if use["host"] != self._host]
        mine = uses_of(self._host, entries, self._find)
        return self._advised(mine, shared_keys(mine, others))

    def _advised(self, mine: Collection[Use], found: list[Finding]) -> list[Finding]:
        """What to do about keys used twice: nobody gave other hosts one by hand where every host has the same list."""
        if not found or not self._record.get("extra"):
            return found
        within = {item.place for item in shared_keys(mine, ())}
        return [item if item.place in within else replace(item, remedy=_TO_ALL) for item in found]

    def wishes(self, entries: Iterable[Entry], variable: Variable) -> dict[str, Wishes]:
        """What the play's hosts want of each source of secrets. A host whose variables could not be had when the play was surveyed has its
        own wishes all the same: ``entries`` and ``variable`` are this host's."""
        if self._host in self._record["wished"]:
            return dict(self._record["wishes"])
        return merged_wishes(self._record["wishes"], wishes_of(references_of(entries), variable))

    def answered(self, first: Mapping[str, Any]) -> None:
        """Take note of the host's first answer: a node nobody lists any more still signs, and so does one that is about to be changed."""
        held = first.get("held") or ()
        if "held" in first or not first.get("failed"):
            unknown = frozenset(str(entry["id"]) for entry in held if entry.get("unknown"))
            runs = public_uses(self._target, [*(first.get("instances") or ()), *held])
            self._answer = Answer(frozenset(runs), unknown=unknown, task=self._turn.task)

    def leave(self) -> None:
        """Nothing more is going to be said of this host in this task: nobody has to wait for it."""
        if not self._given:
            self._given = True
            self._roll.give(self._answer or Answer(heard=False, task=self._turn.task))

    def review(self, specs: Iterable[Mapping[str, Any]], values: Mapping[str, Mapping[str, str]], sending: bool = True) -> list[Finding]:
        """Compare what tells keys apart (public id, content) of running keys and of those about to be sent with what the hosts of this
        run answered; a new key waits for their answers. ``values``: instance -> secret -> value; ``sending``: they are going to be sent.

        Returns what is to be told of it. Raises ``InputError`` where a key would run twice.
        """
        own = replace(self._answer or Answer(task=self._turn.task), claims=frozenset(claimed_uses(self._target, values, kinds_of(specs))))
        new = new_keys(own.claims, own.runs)
        self._given = True
        if new:
            self._roll.give(own)
            self._roll.wait()
        with self._roll.answering(own) as (read, give):
            others = read() if own.runs or own.claims else {}
            problems = [*self._advised(own.claims, _clashes(own, others.values())), *_incomparable(own, new)]
            if problems:
                raise InputError("a key would run twice", problems)
            if sending and own.claims:
                give(replace(own, sent=own.claims))
        return self._unasked(new, others)

    def _unasked(self, new: Collection[Use], others: Mapping[str, Answer]) -> list[Finding]:
        """The one finding on those a new key could not be compared with."""
        heard = {host for host, answer in others.items() if answer.heard}
        silent = sorted({*self._record.get("hosts", ()), *self._turn.hosts} - heard - {self._host, *self._turn.gone})
        dark = sorted(f"{instance} on {host}" for host, answer in others.items() for instance in answer.unknown)
        if not new or not (silent or dark):
            return []
        places = sorted({use.place for use in new})
        parts = [f"the keys of {listed(silent)}, not asked in this run or without an answer"] if silent else []
        parts += [f"those of {listed(dark)}, whose record and keys cannot be read"] if dark else []
        return [finding("KEY-012", places[0], f"{listed(places)}: new here, and compared with all that is known but {'; '.join(parts)}")]


def _clashes(own: Answer, others: Iterable[Answer]) -> list[Finding]:
    """What runs is compared with what runs. What is about to be sent gives way to both that and to what others are about to send."""
    others = list(others)
    there = {use for answer in others for use in (*answer.runs, *answer.sent)}
    running = shared_keys(own.runs, there)
    told = {item.place for item in running}
    claimed = {use for answer in others for use in answer.claims}
    return [*running, *(item for item in shared_keys(own.claims, claimed, {*there, *own.runs}) if item.place not in told)]


def _incomparable(own: Answer, new: Iterable[Use]) -> list[Finding]:
    """New keys on a host where somebody else runs with keys nobody can tell."""
    found = []
    for instance, place in sorted({(use.instance, use.place) for use in new}):
        dark = sorted(set(own.unknown) - {instance})
        if dark:
            message = f"cannot be compared with the keys of {listed(dark)} on this host: it runs, and neither its record nor its keys in memory can be read"
            found.append(
                finding("KEY-006", place, message, "Mend its record first (OPS-010 says how), or stop its containers; then run again.")
            )
    return found


def references_of(entries: Iterable[Entry]) -> list[Mapping[str, Any]]:
    """Every secret reference of started instances: keys, their passwords, options."""
    found: list[Mapping[str, Any]] = []
    for entry in entries:
        if entry.state == "started":
            found += [reference for key in entry.keys for reference in key.references]
            found += [value for value in entry.options.values() if isinstance(value, Mapping)]
    return found


def survey(
    hosts: Iterable[str], play: Container[str], variables: Callable[[str], Mapping[str, Any]], find: Find = lambda _name: None
) -> dict[str, Any]:
    """``uses``: the keys of all hosts, also of those a limit leaves out; ``wishes``: what the play's hosts want of each source of secrets
    (``Source.wishes``), ``wished``: whose wishes these are; ``hosts``: those that may run instances: of the play, with a list of instances,
    or with variables that cannot be had.

    Plain JSON, to be shared by the workers.

    ``variables`` gives a host's variables, templated on access. A host whose variables cannot be had yet (they need its facts) is left
    out: it finds its own problems when its turn comes.
    """
    uses: list[dict[str, str]] = []
    wishes: dict[str, Wishes] = {}
    wished: list[str] = []
    asked = set()
    for host in hosts:
        if host in play:
            asked.add(host)
        try:
            own = variables(host)
            entries, _findings = parse_instances(plain(own[INSTANCES]) if INSTANCES in own else [])
        except Exception:
            asked.add(host)
            continue
        if INSTANCES in own:
            asked.add(host)
        uses += [use.as_dict() for use in uses_of(host, entries, find)]
        with contextlib.suppress(Exception):
            wishes = merged_wishes(wishes, wishes_of(references_of(entries), _reader(own))) if host in play else wishes
            wished.append(host)
    return {"uses": uses, "wishes": wishes, "wished": wished, "hosts": sorted(asked)}


def _reader(variables: Mapping[str, Any]) -> Callable[[str], Any]:
    """One variable's plain value, ``None`` where it is not set."""
    return lambda name: plain(variables[name]) if name in variables else None
