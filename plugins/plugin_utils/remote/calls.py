# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two calls to a host: digests first, contents only where the host asks for them (docs/architecture.md, 3)."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.errors import AvsError, InputError, SecretError
from ...module_utils.common.findings import ERROR, Finding, errors_of
from ...module_utils.common.rules import finding
from ..inventory.fleet import Fleet
from ..inventory.spec import Built
from ..packages.option_values import check_secret
from ..secrets.forms import form_problems
from ..secrets.sources import Sources
from .host import Host
from .transfer import pack


def _as_it_is(_first: Mapping[str, Any]) -> None:
    """Whatever the host wants to do is what is wanted."""


@dataclass(frozen=True)
class Terms:
    """What holds for the whole call. ``lock_timeout`` in seconds; ``check``: announce, do nothing; ``upgrade``: that versions are to be changed,
    and what may be lost by it (``docs/architecture.md``, 3); ``planned`` sees the first answer before anything is read for a second, and may
    raise; ``look``: what is to be done is left."""

    lock_timeout: int = 60
    settings: Mapping[str, Any] = field(default_factory=dict)
    check: bool = False
    upgrade: Mapping[str, Any] | None = None
    planned: Callable[[Mapping[str, Any]], None] = _as_it_is
    look: bool = False


def reconcile(built: Built, terms: Terms, host: Host, sources: Sources, fleet: Fleet) -> dict[str, Any]:
    """The host's last answer. The fleet sees the first one and the values about to be sent, and may raise instead.

    Values of what the host asks for are read between the two calls; in check mode they are judged and not sent. Raises ``SecretError`` and
    ``InputError`` where something is wrong before the host was to change anything; what the host finds wrong with the rest is then part of
    the error. The answer to a look names what is to be done in ``to_do``.
    """
    document: dict[str, Any] = {
        "schema": 1,
        "specs": list(built.specs),
        "trees": {},
        "holder": holder(),
        "lock_timeout": terms.lock_timeout,
        "settings": dict(terms.settings),
        "trial": False,
        "complete": False,
    }
    if terms.upgrade is not None:
        document["upgrade"] = dict(terms.upgrade)
    if errors_of(built.findings):
        error = InputError("the instances are not as they should be", built.findings)
        raise _with(error, _try_out(built, document, host, fleet) if built.specs else [])
    first = host.call(document)
    fleet.answered(first)
    first.pop("held", None)
    needs: Mapping[str, Mapping[str, Any]] = first.pop("needs", None) or {}
    if first.get("failed"):
        fleet.leave()
        return first
    try:
        terms.planned({**first, "needs": needs})
        dry = terms.check or terms.look
        values = _values(built, needs, host, sources, dry)
        told = fleet.review(built.specs, values, sending=not dry)
    except AvsError as error:
        fleet.leave()
        raise _with(error, _try_out(built, document, host, fleet, needs) if needs else []) from None
    if not needs:
        return first
    if terms.look:
        return {**first, "findings": [], "to_do": sorted(needs)}
    second = host.call({**document, "trees": _trees(built, needs), "complete": True}, {} if terms.check else values)
    second.pop("needs", None)
    if "findings" in second:
        second["findings"] = [*(item.as_dict() for item in told), *second["findings"]]
    return second


def _values(
    built: Built, needs: Mapping[str, Mapping[str, Any]], host: Host, sources: Sources, check: bool = False
) -> dict[str, dict[str, str]]:
    """Instance -> secret -> value of all the host asks for. Raises ``SecretError`` where one cannot be had, does not fit its option, or
    could not be sent unseen, which it is not in check mode."""
    wanted = [built.needs[name][secret] for name, need in needs.items() for secret in need.get("secrets") or ()]
    values: dict[str, dict[str, str]] = {}
    if not wanted:
        return values
    if not check:
        host.require_stdin()
    found, problems = sources.values(wanted)
    for need, value in found.items():
        values.setdefault(need.instance, {})[need.name] = value
        option = built.options.get(need.instance, {}).get(need.name)
        if option is not None:
            problems = [*problems, *check_secret(option, value, need.place)]
        elif need.form is not None:
            problems = [*problems, *form_problems(need, value)]
        elif "\0" in value:
            message = f"what {need.name} leads to holds a NUL byte, which no variable and no file of a key can hold"
            problems = [*problems, finding("SEC-003", need.place, message, "Store the keystore and its password as text.")]
    if problems:
        raise SecretError("secrets cannot be used", problems)
    return values


def _trees(built: Built, needs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Packed trees the host asks for, by digest."""
    specs = {spec["id"]: spec for spec in built.specs}
    digests = {specs[name]["package"]["tree_sha256"]: name for name, need in needs.items() if need.get("tree")}
    return {digest: pack(built.trees[digest], name) for digest, name in digests.items()}


def _try_out(
    built: Built, document: Mapping[str, Any], host: Host, fleet: Fleet, needs: Mapping[str, Mapping[str, Any]] | None = None
) -> list[Finding]:
    """What the host finds wrong with the sound instances of a run that fails anyway; it changes nothing, and gets no secret."""
    trial = {**document, "trial": True}
    try:
        if needs is None:
            first = host.call(trial)
            fleet.answered(first)
            fleet.leave()
            needs = first.get("needs") or {}
            if first.get("failed") or not needs:
                return _errors(first)
        return _errors(host.call({**trial, "trees": _trees(built, needs), "complete": True}))
    except AvsError as error:
        return errors_of(error.findings)


def _errors(answer: Mapping[str, Any]) -> list[Finding]:
    """Problems of a failed answer; a module that died tells none."""
    if not answer.get("failed"):
        return []
    found = errors_of(Finding.from_dict(dict(item)) for item in answer.get("findings") or ())
    return found or [Finding("", ERROR, "", f"the host could not be asked: {answer.get('msg', '')}")]


def _with(error: AvsError, more: Sequence[Finding]) -> AvsError:
    known = error.findings or [Finding("", ERROR, "", error.message)]
    return type(error)(error.message, [*known, *more])


def holder() -> str:
    """Who holds the lock, for the person who waits for it: ``user@controller:pid``, the pid of the run's main process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}:{os.getppid()}"
