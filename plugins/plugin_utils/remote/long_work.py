# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that goes on on a host: begun by one call, asked for by others, whatever becomes of the connection meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.utils.display import Display

from ...module_utils.backup.progress import said
from ...module_utils.common.errors import InputError
from ...module_utils.common.harmless import harmless
from ...module_utils.common.records import Odd
from ...module_utils.common.rules import finding

POLL, _LONGEST = 10, 600
# Seconds one call waits on the host, and how often in a row a host may be out of reach while the work goes on.
_WAIT, _LOST = 10, 5
# What a later call has to say besides: what its module requires, and nothing secret.
_AGAIN = ("state", "id", "ids", "all")
_LOOK = "On the host: `avsctl status`, `avsctl backups`. The same playbook, run again, joins it while it is at work"

display = Display()


@dataclass(frozen=True)
class Call:
    """A module is called with arguments by ``execute``; ``target``: the host, as a person knows it; ``look``: where else a person sees how
    far it is."""

    execute: Callable[[dict[str, Any]], dict[str, Any]]
    target: str
    look: str = _LOOK


@dataclass(frozen=True)
class Begin:
    """A call that begins work. ``name``: what the work is called; ``poll``: seconds between two calls."""

    poll: int
    name: str = field(default_factory=lambda: os.urandom(12).hex())

    def arguments(self, begin: bool = True, name: str = "") -> dict[str, Any]:
        """What the module is told of it, beside all else; ``name``: of work that was begun before, and is joined."""
        return {"poll": self.poll, "job": {"name": name or self.name, "begin": begin, "wait": min(self.poll, _WAIT)}}


def seconds(given: Any, variable: str = "avs_backup_poll", least: int = 0) -> int:
    """``poll``, as it is meant; ``variable`` is where a person says it. Raises ``InputError``."""
    try:
        value = int(str(POLL if given is None else given))
    except ValueError:
        value = -1
    if not least <= value <= _LONGEST:
        problem = finding("INV-001", variable, f"is not a number of seconds ({least}-{_LONGEST})", f"Correct {variable}.")
        raise InputError("how often to ask is not to be understood", [problem])
    return value


def followed(call: Call, arguments: Mapping[str, Any], poll: int) -> dict[str, Any]:
    """The result of the work, as one call would have it. Raises ``AnsibleConnectionFailure`` where the host stays out of reach."""
    begin = Begin(poll)
    try:
        answer = call.execute({**arguments, **begin.arguments()})
    except AnsibleConnectionFailure as error:
        raise not_known(call, error) from None
    return awaited(call, {key: arguments[key] for key in _AGAIN if key in arguments}, begin, answer)


def not_known(call: Call, error: AnsibleConnectionFailure) -> AnsibleConnectionFailure:
    """Of a connection that was lost while work was to be begun."""
    return AnsibleConnectionFailure(f"{error}. If the work was begun before, it goes on. {call.look}.")


def awaited(call: Call, again: Mapping[str, Any], begin: Begin, answer: dict[str, Any]) -> dict[str, Any]:
    """The result of work that ``begin`` has begun, or joined, as its ``answer`` says. ``again``: what a later call has to say besides.

    Raises ``AnsibleConnectionFailure`` where the host stays out of reach.
    """
    if answer.get("going_on"):
        _tell(f"[{call.target}] the work goes on on the host, also without this run. {call.look}.")
    name = begin.name
    while answer.get("going_on"):
        going_on = answer["going_on"]
        if going_on.get("joined") and str(going_on.get("name")) != name:
            _tell(f"[{call.target}] the same was begun by somebody else, and is waited for.")
        name = str(going_on.get("name"))
        _progress(call.target, going_on.get("steps"))
        answer = _asked(call, {**again, **begin.arguments(False, name)})
    return answer


def _asked(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    """One more call. A host that is out of reach for a while is asked again."""
    lost, wait = 0, arguments["job"]["wait"]
    try:
        while True:
            time.sleep(arguments["poll"] - wait)
            try:
                return call.execute(dict(arguments))
            except AnsibleConnectionFailure as error:
                lost += 1
                if lost == _LOST:
                    raise AnsibleConnectionFailure(f"{error}. The work goes on on the host. {call.look}.") from None
                _tell(f"[{call.target}] is out of reach: {str(error).splitlines()[0]}; the work goes on there, and is asked for again")
                time.sleep(wait)
    except (KeyboardInterrupt, SystemExit):
        _tell(f"[{call.target}] the work goes on on the host. {call.look}.")
        raise


def _progress(target: str, steps: Any) -> None:
    """A line for each instance; what a host says that is no step is not shown."""
    for instance, step in steps.items() if isinstance(steps, Mapping) else ():
        try:
            _tell(f"[{target}] {said(str(instance), step)}")
        except (Odd, TypeError, ValueError):
            continue


def _tell(text: str) -> None:
    display.display(harmless(text).replace("\n", " "), stderr=True)
