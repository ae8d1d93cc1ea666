# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person's wish that a command of a package be run: judged, run under its own lock, noted, told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..backup.restore import half
from ..common.actions import Action, ordered
from ..common.errors import AvsError, HostError, LockedError
from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..common.words import COMMITTED, GONE
from ..docker.engine import Engine
from ..instance import hold, journal, transaction
from ..instance.state import State
from ..instance.store import InstanceStore, Store
from ..system.full import os_error_text
from ..system.lock import Lock
from . import images, one_off
from .declared import Named, commands_of, settled, shown
from .one_off import Ended, OneOff

# Characters of its output that stand in the message of a failure; the result has all of it.
_TOLD = 2000


@dataclass(frozen=True)
class Wish:
    """``command`` with ``args`` behind its own; ``confirmed``: its name once more, for one that acts on the chain. ``holder`` and
    ``lock_timeout`` (seconds) are of its lock; ``check``: say what would be run, do nothing."""

    command: str
    args: Sequence[str] = ()
    confirmed: str = ""
    holder: str = ""
    lock_timeout: float = 60.0
    check: bool = False


def perform(store: Store, engine: Engine, ids: Sequence[str], wish: Wish) -> list[dict[str, Any]]:
    """An entry for each instance, run one after the other; one that fails keeps no other."""
    return [_entry_of(store.instance(name), engine, wish) for name in ids]


def offered(store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    """What each instance's package offers, without asking the engine."""
    entries = []
    for name in ids:
        own = store.instance(name)
        entry = _entry(own)
        try:
            spec = _installed(own)[0]
            found = commands_of(spec)
            entry["commands"] = [{"name": one, **shown(spec, command)} for one, command in found.items()]
        except HostError as error:
            _failed(entry, error)
        entries.append(entry)
    return entries


def _entry(own: InstanceStore) -> dict[str, Any]:
    state = own.known()
    package = state.package if state is not None else None
    known: dict[str, Any] = (
        {"package": package.name, "version": package.version} if package is not None else {"package": None, "version": None}
    )
    known["state"] = GONE if state is None or not state.installed else state.desired
    return {"id": own.id, **known, "changed": False, "actions": [], "findings": [], "error": None}


def _failed(entry: dict[str, Any], error: AvsError) -> None:
    entry["error"] = str(error)
    if isinstance(error, LockedError):
        entry["locked"] = True
    entry["findings"] = [*entry["findings"], *(one.as_dict() for one in error.findings)]


def _entry_of(own: InstanceStore, engine: Engine, wish: Wish) -> dict[str, Any]:
    entry = {**_entry(own), "command": wish.command}
    try:
        if wish.check:
            if _is_being_made(own):
                _await(own, wish)
            _announce(entry, own, engine, wish)
        elif not _acted(entry, own, engine, wish):
            _await(own, wish)
            _acted(entry, own, engine, wish, last=True)
    except AvsError as error:
        _failed(entry, error)
    except OSError as error:
        _failed(entry, HostError(f"{own.id}: {os_error_text(error, own.root)}"))
    return entry


def _acted(entry: dict[str, Any], own: InstanceStore, engine: Engine, wish: Wish, last: bool = False) -> bool:
    """``False`` of what is just being made, unless it is the ``last`` try; nothing was done then."""
    with one_off.alone(own, wish.holder, wish.lock_timeout) as hold_open:
        if not last and _is_being_made(own):
            return False
        _act(entry, own, engine, wish, hold_open)
        return True


def _is_being_made(own: InstanceStore) -> bool:
    state = own.known()
    return state is not None and state.installed and state.phase != COMMITTED


def _await(own: InstanceStore, wish: Wish) -> None:
    """Whoever is at work with it, as a backup that starts it again; where that is nobody, a run was cut, as is found then. Raises ``LockedError``."""
    with Lock(own.lock, wish.holder, wish.lock_timeout):
        pass


def _announce(entry: dict[str, Any], own: InstanceStore, engine: Engine, wish: Wish) -> None:
    spec, command = _judged(own, wish)
    pulls = command.get("run") == "plugin" and images.would_pull(engine, own, spec)
    what = settled(engine, own, spec, Named(wish.command, wish.args, pulls))
    entry["would"] = told_of(what, command)
    _did(entry, wish.command, images.plugin_of(spec) if pulls else "")
    _require_confirmed(own, wish, command)


def _act(entry: dict[str, Any], own: InstanceStore, engine: Engine, wish: Wish, hold_open: tuple[int, ...]) -> None:
    spec, command = _judged(own, wish)
    _require_confirmed(own, wish, command)
    pulled = ""
    if command.get("run") == "plugin":
        pulled = images.plugin_of(spec) if images.would_pull(engine, own, spec) else ""
        images.ensure(engine, own, spec)
    what = settled(engine, own, spec, Named(wish.command, wish.args))
    note = {"command": wish.command, "chain": bool(command.get("chain"))}
    begun = journal.begin(own, "command", wish.holder, **note)
    outcome, details = journal.FAILED, dict[str, Any](error="it was cut")
    try:
        ended = one_off.run(engine, own, what, hold_open)
        outcome = journal.FAILED if ended.failed else journal.DONE
        details = {"code": ended.code, "seconds": ended.seconds, **({"error": "its time was over"} if ended.timed_out else {})}
    except AvsError as error:
        details = {"error": error.message}
        raise
    finally:
        journal.end(own, begun, outcome, **details)
    _did(entry, wish.command, pulled)
    entry.update(code=ended.code, output=ended.output, cut=ended.cut, timed_out=ended.timed_out, seconds=ended.seconds)
    if ended.failed:
        raise _ended_badly(own, wish, what, ended)


def _did(entry: dict[str, Any], command: str, pulled: str) -> None:
    actions = [Action("command", command, "run"), *([Action("image", pulled, "pull")] if pulled else [])]
    entry["actions"] = [one.as_dict() for one in ordered(actions)]
    # What a command does to a node is its own affair: that it was run counts as a change.
    entry["changed"] = True


def _ended_badly(own: InstanceStore, wish: Wish, what: OneOff, ended: Ended) -> HostError:
    how = f"was ended because its {what.timeout:g} s were over" if ended.timed_out else f"ended with {ended.code}"
    said = ended.output.strip()[-_TOLD:]
    text = f"{own.id}: {wish.command} {how}"
    problem = finding("CMD-003", f"{own.id}: commands.{wish.command}", how)
    return HostError(f"{text}; it wrote:\n{said}" if said else f"{text}; it wrote nothing", [problem])


def _judged(own: InstanceStore, wish: Wish) -> tuple[InstanceSpec, Mapping[str, Any]]:
    """Raises ``HostError`` for what is not to be run, whatever the engine says."""
    spec, _state = _installed(own)
    command = commands_of(spec).get(wish.command)
    if command is None:
        names = ", ".join(commands_of(spec)) or "none"
        problem = finding("CMD-001", f"{own.id}: {wish.command}", "the package has no such command", f"It has: {names}.")
        raise HostError(f"{own.id}: there is no command {wish.command}", [problem])
    held = hold.hold_of(own)
    if held is not None and hold.elsewhere(held) and command.get("needs"):
        raise HostError(f"{own.id}: {wish.command} needs keys, and they are another host's now", [hold.told(own.id, held)])
    return spec, command


def _installed(own: InstanceStore) -> tuple[InstanceSpec, State]:
    """What is committed. Raises ``HostError`` where nothing is, or something was begun and is not done."""
    state, spec = own.state(), own.spec()
    if state is None or not state.installed:
        raise HostError(f"{own.id} is not installed", [finding("INV-001", own.id, "is not installed on this host", "See avsctl ls.")])
    if state.phase != COMMITTED or spec is None or half(own) is not None:
        problem = "a run was cut, or is at work: what is there is not all of one version"
        raise HostError(
            f"{own.id}: no command can be run", [finding("CMD-001", own.id, problem, "Run restaking.avs.install, which completes it.")]
        )
    transaction.require_whole(own, state, "given a command")
    return spec, state


def _require_confirmed(own: InstanceStore, wish: Wish, command: Mapping[str, Any]) -> None:
    if command.get("chain") and wish.confirmed != wish.command:
        place = f"{own.id}: commands.{wish.command}"
        problem: Finding = finding("CMD-002", place, "it acts on the chain, and was not confirmed")
        raise HostError(f"{own.id}: {wish.command} was not run", [problem])


def told_of(what: OneOff, command: Mapping[str, Any]) -> dict[str, Any]:
    """What is run, for a person: no secret is in it."""
    return {
        "run": command.get("run"),
        "chain": bool(command.get("chain")),
        "args": list(what.args),
        "image": what.image or None,
        "container": what.container,
        "networks": list(what.networks),
        "mounts": [f"{one.source}:{one.target}{':ro' if one.read_only else ''}" for one in what.mounts],
        "keys": [f"{one.folder}/{one.name}" for one in what.keys],
        "user": what.user,
        "timeout": what.timeout,
    }
