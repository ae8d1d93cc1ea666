# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two calls to a host: digests first, contents only where the host asks for them (docs/architecture.md, 3)."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .secrets.base import Need
from .spec import Built
from .transfer import pack

MASK = "***"
# Shorter values are left alone: cutting every "1" out of a text would hide the text and nothing else.
MASKED_FROM = 5


class Values(Protocol):
    def values(self, needs: list[Need]) -> dict[Need, str]: ...


Call = Callable[[dict[str, Any], dict[str, dict[str, str]]], dict[str, Any]]


@dataclass(frozen=True)
class Terms:
    """What holds for the whole call. ``lock_timeout`` in seconds; ``check``: announce, do nothing."""

    lock_timeout: int = 60
    settings: Mapping[str, Any] = field(default_factory=dict)
    check: bool = False


def reconcile(built: Built, terms: Terms, call: Call, secrets: Values, review: Callable[[dict[str, Any]], None] = lambda first: None) -> dict[str, Any]:
    """The host's last answer. ``review`` sees the first one, and may raise before contents are sent.

    In check mode no value of a secret store is read or sent. Raises ``SecretError`` and ``InputError`` before the second call; nothing
    was changed on the host then.
    """
    document: dict[str, Any] = {
        "schema": 1,
        "specs": list(built.specs),
        "trees": {},
        "holder": holder(),
        "lock_timeout": terms.lock_timeout,
        "settings": dict(terms.settings),
        "complete": False,
    }
    first = call(document, {})
    needs: Mapping[str, Mapping[str, Any]] = first.pop("needs", None) or {}
    if first.get("failed") or not needs:
        return first
    review(first)
    specs = {spec["id"]: spec for spec in built.specs}
    digests = {specs[name]["package"]["tree_sha256"]: name for name, need in needs.items() if need.get("tree")}
    trees = {digest: pack(built.trees[digest], name) for digest, name in digests.items()}
    values: dict[str, dict[str, str]] = {}
    if not terms.check:
        wanted = [built.needs[name][secret] for name, need in needs.items() for secret in need.get("secrets") or ()]
        for need, value in secrets.values(wanted).items():
            values.setdefault(need.instance, {})[need.name] = value
    second = call({**document, "trees": trees, "complete": True}, values)
    second.pop("needs", None)
    return scrubbed(second, [value for own in values.values() for value in own.values()])


def holder() -> str:
    """Who holds the lock, for the person who waits for it: ``user@controller:pid``, the pid of the run's main process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}:{os.getppid()}"


def scrubbed(result: Any, values: list[str]) -> Any:
    """A copy in which none of the values stands, plain or as JSON writes it.

    The module masks its own output; this holds where it could not: when it died, and its text is all there is.
    """
    hidden = sorted({form for value in values if len(value) >= MASKED_FROM for form in (value, json.dumps(value)[1:-1])}, key=len, reverse=True)

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
