# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls of modules about work that takes long: each begins it or asks for it, and none has to last as long as the work (``system/detached``)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from ..backup.progress import at_work
from ..common.masking import Mask
from ..common.records import plain
from ..instance.store import Store, host_store
from ..system.command import RunCommand
from ..system.detached import Detached, Order, same

# What both modules take for it (doc fragment long_work).
ARGUMENTS: Mapping[str, Any] = {
    "poll": {"type": "int", "default": 10},
    "job": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "begin": {"type": "bool", "default": False},
            "wait": {"type": "float", "default": 0.0},
        },
    },
}
# What one who asks for the same may ask otherwise; what an old host said is asked once more when all is done.
_OTHERWISE = ("holder", "lock_timeout", "stop_timeout", "poll", "job", "check", "old")
_MODULES = "ansible_collections.restaking.avs.plugins.modules"
# Seconds one call waits at most, whatever it is told.
_LONGEST = 60.0
Work = Callable[[Mapping[str, Any], RunCommand], dict[str, Any]]


@dataclass(frozen=True)
class Asked:
    """A module's call: its name, what it was given, and which of that is secret."""

    module: str
    given: Mapping[str, Any] = field(repr=False)
    hidden: Sequence[str] = field(default=(), repr=False)


def answer(asked: Asked, run_command: RunCommand, work: Work, store: Store | None = None) -> dict[str, Any]:
    """What came of the work; where it goes on, ``going_on`` with its ``name`` and, by instance, ``steps``. Without ``job`` the call does it
    itself. Raises ``HostError``."""
    job = asked.given.get("job")
    given = {name: value for name, value in asked.given.items() if name not in ("job", "poll")}
    if not job or given.get("check"):
        return work(given, run_command)
    store = store or host_store()
    detached = Detached(os.path.join(store.run, ".work"))
    name = str(job["name"])
    if job["begin"]:
        what = {key: value for key, value in given.items() if key not in _OTHERWISE}
        one = same(asked.module, Mask(asked.hidden).deep(what))
        order = Order(name, f"{_MODULES}.{asked.module}", given, one, asked.hidden, _meant(store, given))
        name = detached.begin(order, run_command)
    result = detached.result(name, min(max(float(job["wait"]), 0.0), _LONGEST))
    if result is not None:
        return result
    return {
        "changed": False,
        "going_on": {"name": name, "joined": name != str(job["name"]), "steps": steps_of(store, _meant(store, given))},
    }


def _meant(store: Store, given: Mapping[str, Any]) -> Sequence[str]:
    return given.get("ids") or [name for name in (given.get("id"),) if name] or store.ids()


def steps_of(store: Store, meant: Sequence[str]) -> dict[str, Any]:
    """Of those that were meant, what is being done."""
    found = {name: at_work(store.instance(name)) for name in store.ids() if name in meant}
    return {name: plain(step) for name, step in found.items() if step is not None}
