# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands that do something: ``start``, ``stop``, ``restart``, and ``up``, ``down``, ``recover`` and ``cut``, which are for units."""

from __future__ import annotations

import argparse
import getpass
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...module_utils.common.errors import HostError
from .commands import DONE, FAILED, LOCKED, OFF, UNKNOWN, Command, Outcome, Place, UnknownInstance, WrongUse, require, takes_id
from .known import known, require_known

if TYPE_CHECKING:
    from ...module_utils.instance.store import InstanceStore

_BOOT_PATIENCE = 600.0
# Seconds an engine is waited for as the host starts, and between two looks for it.
_ENGINE_PATIENCE, _PAUSE = 120.0, 2.0
Do = Callable[[Place, Sequence[str], Any, argparse.Namespace], Mapping[str, Any]]


def holder() -> str:
    """Who is at work, for those who wait: the person behind sudo, where there is one."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}:{os.getpid()}"


def several(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", help="instances of this host, as `avsctl ls` shows them")
    parser.add_argument("--all", action="store_true", help="every instance of this host")
    parser.add_argument("--lock-timeout", type=seconds, default=60.0, metavar="SECONDS", help="wait so long for whoever works on one (60)")
    parser.add_argument("--stop-timeout", type=seconds, default=300.0, metavar="SECONDS", help="a node has so long to end in at most (300)")


def _stopping(parser: argparse.ArgumentParser) -> None:
    several(parser)
    parser.add_argument("--reason", default="", help="why, for those who find it stopped")


def _starting(parser: argparse.ArgumentParser) -> None:
    several(parser)
    parser.add_argument("--take-back", default="", metavar="HOST", help="what was moved to that host, or comes from it, is started here")


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds (0-86400)")
    return value


def chosen(arguments: argparse.Namespace, place: Place) -> list[str]:
    if bool(arguments.ids) is bool(arguments.all):
        raise WrongUse("name instances or say --all, not both" if arguments.all else "name instances, or say --all")
    if arguments.ids:
        require_known(arguments.ids, place)
        return list(dict.fromkeys(arguments.ids))
    try:
        there = known(place)
    except HostError:
        # What is on record can be held without an engine; whoever needs one asks again.
        there = place.store.ids()
    states = {name: place.store.instance(name).known() for name in there}
    return [name for name, state in states.items() if state is None or state.installed]


def _acting(do: Do) -> Callable[[argparse.Namespace, Place], Outcome]:
    def run(arguments: argparse.Namespace, place: Place) -> Outcome:
        from ...module_utils.boot.settle import settle
        from ...module_utils.reconcile.own import Way
        from .process import run_command

        ids = chosen(arguments, place)
        with _without_a_terminal():
            result = dict(do(place, ids, Way(holder(), arguments.lock_timeout, arguments.stop_timeout, say=_say), arguments))
            settle(result, run_command, False)
        return _told(result)

    return run


def _stop_what_is_there(arguments: argparse.Namespace, place: Place) -> Outcome:
    """A slip in one id of an emergency stop is told of, and keeps no other one running."""
    stop = _acting(_stop)
    try:
        return stop(arguments, place)
    except UnknownInstance as slip:
        arguments.ids = [name for name in arguments.ids if name in known(place)]
        if not arguments.ids:
            raise
        done = stop(arguments, place)
        _say(slip.message)
        return Outcome(UNKNOWN, {**done.data, "unknown": slip.message}, done.lines)


@contextmanager
def _without_a_terminal() -> Iterator[None]:
    """A login that is lost in the middle of a restart leaves no node down."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def _say(text: str) -> None:
    """While there is no result yet, for a person who waits for one."""
    from ...module_utils.common.harmless import harmless

    with suppress(OSError):
        print(f"avsctl: {harmless(text)}".replace("\n", "\\n"), file=sys.stderr, flush=True)


def _told(result: Mapping[str, Any]) -> Outcome:
    from ...module_utils.common.harmless import harmless_deep

    data = harmless_deep(dict(result))
    lines = [line for entry in data["instances"] for line in lines_of(entry)]
    return Outcome(code_of(data), data, lines)


def code_of(data: Mapping[str, Any]) -> int:
    failed = [entry for entry in data["instances"] if entry["error"]]
    if failed and all(entry.get("waiting") for entry in failed):
        return OFF
    if failed and all(entry.get("locked") for entry in failed):
        return LOCKED
    return FAILED if failed else DONE


def lines_of(entry: Mapping[str, Any]) -> list[str]:
    if entry["error"]:
        return [line if line.startswith(entry["id"]) else f"{entry['id']}: {line}" for line in map(str.strip, entry["error"].splitlines())]
    done = ", ".join(f"{one['action']} {one['kind']} {one['name']}" for one in entry["actions"]) or "nothing to do"
    warned = [f"{entry['id']}: {_news(entry['id'], item)}" for item in entry["findings"] if _is_news(item)]
    word = "held" if entry.get("hold") else entry["state"]
    return [f"{entry['id']}  {word}  {entry['health']['status']}: {done}", *warned]


def _news(instance: str, item: Mapping[str, Any]) -> str:
    # What it is about is in the place: a message alone is half a sentence.
    place = f"{item['place']}: " if item["place"] not in ("", instance) else ""
    return f"{place}{item['message']} -> {item['remedy']} ({item['id']})"


def _is_news(item: Mapping[str, Any]) -> bool:
    """Whether a finding tells of what was done just now. What a package is like was told when it was installed, and `status` shows it; that
    a node is held stands in its line."""
    return item["severity"] != "info" and str(item["id"]).startswith("OPS-") and item["id"] != "OPS-017"


def _start(place: Place, ids: Sequence[str], way: Any, arguments: argparse.Namespace) -> Mapping[str, Any]:
    from ...module_utils.reconcile.control import start

    return start(place.store, place.engine, ids, replace(way, take_back=arguments.take_back))


def _stop(place: Place, ids: Sequence[str], way: Any, arguments: argparse.Namespace) -> Mapping[str, Any]:
    from ...module_utils.reconcile.control import stop

    return stop(place.store, place.engine, ids, way, arguments.reason)


def _restart(place: Place, ids: Sequence[str], way: Any, _arguments: argparse.Namespace) -> Mapping[str, Any]:
    from ...module_utils.reconcile.control import restart

    return restart(place.store, place.engine, ids, way)


def _await_engine(place: Place) -> None:
    """An engine that fails as the host starts is started again by systemd; what waits for it is started once. Raises ``HostError``."""
    until, told = time.monotonic() + _ENGINE_PATIENCE, False
    while True:
        try:
            place.engine.containers()
            return
        except HostError as error:
            if time.monotonic() >= until:
                raise
            if not told:
                _say(f"{error.message}; it is waited for ({_ENGINE_PATIENCE:g} s at most)")
            told = True
        time.sleep(_PAUSE)


def _up(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.boot.units import Units
    from ...module_utils.reconcile.by_record import to_be_down
    from ...module_utils.reconcile.control import start
    from ...module_utils.reconcile.own import Way

    require_known([arguments.id], place)
    own = place.store.instance(arguments.id)
    if to_be_down(own, own.state()):
        # Its unit is active all the same, until the next run stops it, or starts the node without asking systemd.
        Units().mark(own.id)
        return Outcome(DONE, {"changed": False, "instances": []}, [f"{own.id} is to be down"])
    _await_engine(place)
    told = _told(start(place.store, place.engine, [own.id], Way("avs@ unit", _BOOT_PATIENCE, boot=True)))
    if told.code == DONE:
        Units().mark(own.id)
    return told


def _down(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.boot.units import Units
    from ...module_utils.reconcile.own import Way, down

    own = place.store.instance(arguments.id)
    if Units().unmark(own.id):
        return Outcome(DONE, {"changed": False, "instances": []}, [f"{own.id} was taken down before"])
    return _told(down(place.store, place.engine, own.id, Way("avs@ unit")))


def _recover(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.reconcile.own import Way, recover

    ids = list(arguments.ids) or place.store.ids()
    require(arguments.ids, place.store.ids())
    if ids:
        _await_engine(place)
    done = _handed_over(place, ids)
    left = [name for name in ids if name not in done]
    # Of all it is the host that starts, and each node is its unit's; a person names one.
    _end_upgrades(place, left, starts=bool(arguments.ids))
    return _told(recover(place.store, place.engine, left, Way("avs-recover.service", _BOOT_PATIENCE)))


def _cut(arguments: argparse.Namespace, place: Place) -> Outcome:
    """The host was not restarted, so no unit of a node starts anew: what is to run is started here, and nothing that is held."""
    from ...module_utils.reconcile.by_record import to_be_down
    from ...module_utils.reconcile.control import start
    from ...module_utils.reconcile.own import Way, recover
    from ...module_utils.system.detached import Detached, is_word

    if not is_word(arguments.work):
        raise WrongUse(f"{arguments.work!r} is not the name of any work")
    there = place.store.ids()
    meant = [name for name in Detached(os.path.join(place.store.run, ".work")).left_by(arguments.work) if name in there]
    # What it had not come to, and what it only looked at, was not stopped by it: that stays as somebody left it.
    stopped = [name for name in meant if _was_stopping(place.store.instance(name))]
    left = [name for name in meant if name in stopped or os.path.lexists(place.store.instance(name).upgrade)]
    if not left:
        return Outcome(DONE, {"changed": False, "instances": []}, ["nothing was left"])
    _await_engine(place)
    done = _handed_over(place, left)
    rest = [name for name in left if name not in done]
    _end_upgrades(place, rest, starts=True)
    way = Way("avs-cut@ unit", _BOOT_PATIENCE)
    recover(place.store, place.engine, rest, way)
    wanted = [own.id for own in map(place.store.instance, stopped) if not to_be_down(own, own.known())]
    return _told(start(place.store, place.engine, wanted, way, lifts=False))


def _was_stopping(own: InstanceStore) -> bool:
    """Whether something that stops containers of it was begun, and never ended."""
    from ...module_utils.instance import journal

    actions: list[Any] = []
    with suppress(OSError):
        for record in journal.opened(own):
            actions += record["actions"] if isinstance(record.get("actions"), list) else []
    return any(isinstance(one, Mapping) and (one.get("kind"), one.get("action")) == ("container", "stop") for one in actions)


def _end_upgrades(place: Place, ids: Sequence[str], starts: bool) -> None:
    """What a cut left of them; what cannot be ended now waits, and is not started."""
    if not any(os.path.lexists(place.store.instance(name).upgrade) for name in ids):
        return
    from ...module_utils.reconcile.own import Way
    from ...module_utils.reconcile.repositories import Asked, Host
    from ...module_utils.transaction.cut import end
    from .process import run_command

    end(Host(place.store, place.engine, run_command), ids, Way("avs-recover.service", _BOOT_PATIENCE, boot=True), Asked(), starts)


def _handed_over(place: Place, ids: Sequence[str]) -> list[str]:
    """Instances whose transactions were begun by another copy of the library that is still here: it knows what it did, and ends them."""
    from ...module_utils.avsctl.install import COPY, FOLDER
    from ...module_utils.instance import journal
    from .process import run_command

    done = []
    for name in ids:
        with suppress(OSError):
            for begun in {str(record.get("program") or "") for record in journal.opened(place.store.instance(name))}:
                copy = os.path.join(FOLDER, begun)
                if COPY.fullmatch(begun) and begun != journal.program() and os.access(copy, os.X_OK):
                    code, _out, _err = run_command([copy, "recover", name], cwd="/", pass_fds=())
                    # An older one knows no such command, or failed: then this one does what there is to do.
                    done += [name] if code == DONE else []
    return done


def _some(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", metavar="ID", nargs="*", help="instances; all where none is named")


def _work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("work", metavar="NAME", help="the name of its scope, avs-work-NAME.scope")


ACTING = (
    Command(
        "start",
        "start instances, and lift what holds them down",
        _starting,
        _acting(_start),
        "As they were committed, by what this host keeps of them, and wait until they are well. Ends with 3 where secrets are missing.",
    ),
    Command(
        "stop",
        "stop instances, and hold them down",
        _stopping,
        _stop_what_is_there,
        "They stay down, whatever an inventory says, through runs and restarts of the host, until `avsctl start` or restaking.avs.start.\n"
        "An instance somebody works on is stopped all the same.",
    ),
    Command("restart", "stop instances and start them again", several, _acting(_restart), "One that is held, or stopped, stays down."),
    Command("up", "bring an instance up after the host was started (its unit does)", takes_id, _up),
    Command("down", "stop an instance before the host stops (its unit does)", takes_id, _down),
    Command("cut", "see to what a killed backup, restore or upgrade left (avs-cut@.service does)", _work, _cut),
    Command("recover", "resolve what a cut left (avs-recover.service does)", _some, _recover),
)
