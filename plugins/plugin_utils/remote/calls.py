# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two calls to a host: digests first, contents only where the host asks for them (docs/architecture.md, 3)."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.contents import visible_form
from ...module_utils.common.errors import AvsError, InputError, SecretError
from ...module_utils.common.findings import ERROR, Finding, errors_of
from ...module_utils.common.rules import finding
from ..inventory.spec import Built
from ..packages.option_values import check_secret
from ..secrets.base import Need
from ..secrets.forms import form_problems
from .transfer import pack

MASK = "***"
# Shorter values are left alone: cutting every "1" out of a text would hide the text and nothing else.
MASKED_FROM = 5


Values = Callable[[list[Need]], tuple[Mapping[Need, str], list[Finding]]]
Review = Callable[[Mapping[str, Any], Mapping[str, Mapping[str, str]]], None]
Call = Callable[[dict[str, Any], dict[str, dict[str, str]]], dict[str, Any]]


@dataclass(frozen=True)
class Terms:
    """What holds for the whole call. ``lock_timeout`` in seconds; ``check``: announce, do nothing."""

    lock_timeout: int = 60
    settings: Mapping[str, Any] = field(default_factory=dict)
    check: bool = False


def reconcile(built: Built, terms: Terms, call: Call, read: Values, review: Review) -> dict[str, Any]:
    """The host's last answer. ``review`` sees the first one and the values about to be sent, and may raise instead.

    ``read`` fetches the values of what the host asks for; in check mode none is read or sent. Raises ``SecretError`` and ``InputError``
    where something is wrong before the host was to change anything; what the host finds wrong with the rest is then part of the error.
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
    if errors_of(built.findings):
        error = InputError("the instances are not as they should be", built.findings)
        raise _with(error, _try_out(built, document, call) if built.specs else [])
    first = call(document, {})
    needs: Mapping[str, Mapping[str, Any]] = first.pop("needs", None) or {}
    if first.get("failed"):
        return first
    if not needs:
        review(first, {})
        first.pop("held", None)
        return first
    values: dict[str, dict[str, str]] = {}
    try:
        if not terms.check:
            values = _values(built, needs, read)
        review(first, values)
    except AvsError as error:
        raise _with(error, _try_out(built, document, call, needs)) from None
    second = call({**document, "trees": _trees(built, needs), "complete": True}, values)
    second.pop("needs", None)
    answer: dict[str, Any] = scrubbed(second, [value for own in values.values() for value in own.values()])
    return answer


def _values(built: Built, needs: Mapping[str, Mapping[str, Any]], read: Values) -> dict[str, dict[str, str]]:
    """Instance -> secret -> value of all the host asks for. Raises ``SecretError`` where one cannot be had or does not fit its option."""
    wanted = [built.needs[name][secret] for name, need in needs.items() for secret in need.get("secrets") or ()]
    values: dict[str, dict[str, str]] = {}
    found, problems = read(wanted) if wanted else ({}, [])
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


def _try_out(built: Built, document: Mapping[str, Any], call: Call, needs: Mapping[str, Mapping[str, Any]] | None = None) -> list[Finding]:
    """What the host finds wrong with the sound instances of a run that fails anyway; it changes nothing, and gets no secret."""
    trial = {**document, "trial": True}
    try:
        if needs is None:
            first = call(trial, {})
            needs = first.get("needs") or {}
            if first.get("failed") or not needs:
                return _errors(first)
        return _errors(call({**trial, "trees": _trees(built, needs), "complete": True}, {}))
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


def carries_macs(document: Mapping[str, Any]) -> bool:
    """Whether a document holds MACs of values: with the nonce beside it, one of a weak password can be guessed."""
    return any("mac" in secret["ref"] for spec in document["specs"] for secret in spec.get("secrets", {}).values())


def holder() -> str:
    """Who holds the lock, for the person who waits for it: ``user@controller:pid``, the pid of the run's main process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}:{os.getppid()}"


def scrubbed(result: Any, values: list[str]) -> Any:
    """A copy in which none of the values stands, plain or quoted.

    The module masks its own output; this holds where it could not: when it died, and its text is all there is.
    """
    hidden = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)

    def clean(item: Any) -> Any:
        if isinstance(item, str):
            for value in hidden:
                if value in item:
                    item = item.replace(value, MASK)
            return item
        if isinstance(item, Mapping):
            return {clean(key): clean(entry) for key, entry in item.items()}
        if isinstance(item, (list, tuple)):
            return [clean(entry) for entry in item]
        return item

    return clean(result) if hidden else result


def _forms(value: str) -> set[str]:
    """A value as a text may hold it, and the secret parts of a keystore."""
    parts = {value, visible_form(value), *_crypto(value)}
    forms = {form for part in parts for form in (part, json.dumps(part)[1:-1], repr(part)[1:-1])}
    return {form for form in forms if len(form) >= MASKED_FROM}


def _crypto(value: str) -> set[str]:
    try:
        keystore = json.loads(value)
    except ValueError:
        return set()
    crypto = [part for name, part in keystore.items() if name.lower() == "crypto"] if isinstance(keystore, dict) else []
    return {text for part in crypto for text in _texts(part) if len(text) >= 16}


def _texts(item: Any) -> list[str]:
    if isinstance(item, str):
        return [item]
    children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return [text for child in children for text in _texts(child)]
