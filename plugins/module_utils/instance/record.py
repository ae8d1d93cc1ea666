# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether ``state.json`` has the shape its readers count on. What a release before wrote has it: only what is there is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..common.words import ABSENT, APPLYING, COMMITTED, STARTED, STOPPED

Check = Callable[[Any], bool]
# What a committed instance is compared by.
_COMMITTED = ("spec_digest", "containers", "secrets", "views", "committed_at")


class DamagedError(HostError):
    """A record that cannot be used: of this one instance nothing can be judged, and nobody else is the worse for it."""


def damaged(instance: str, path: str, problem: str) -> DamagedError:
    message = f"what is recorded of it cannot be used: {path} {problem}"
    remedy = (
        "Put the file back from a backup of the host; or write state: absent, run (volumes and data stay), then write state: started again."
    )
    return DamagedError(f"{instance}: {message}", [finding("OPS-010", instance, message, remedy)])


def flaw(state: Any) -> str | None:
    """What is wrong with a record, ``None`` where nothing is."""
    if not isinstance(state, dict):
        return "holds no record"
    if state.get("phase") not in (COMMITTED, APPLYING, ABSENT):
        return "names no phase"
    missing = [name for name in _COMMITTED if state.get(name) is None] if state["phase"] == COMMITTED else []
    if missing:
        return f"lacks {', '.join(missing)}"
    wrong = [name for name, check in _SHAPE.items() if state.get(name) is not None and not check(state[name])]
    return f"has something else than it should in {', '.join(sorted(wrong))}" if wrong else None


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _map(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _record(**fields: Check) -> Check:
    """A mapping; a field that is there has its form, a name that ends in ``_`` stands for one that has to be there."""

    def check(value: Any) -> bool:
        if not isinstance(value, dict):
            return False
        return all(
            one(value[name.rstrip("_")]) if value.get(name.rstrip("_")) is not None else not name.endswith("_")
            for name, one in fields.items()
        )

    return check


def _list(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _anything(value: Any) -> bool:
    return isinstance(value, Mapping)


_SHAPE: dict[str, Check] = {
    "desired": lambda value: value in (STARTED, STOPPED),
    "package": _record(name=_text, version=_text, commit=_text, tree_sha256=_text),
    "profile": _text,
    "spec_digest": _text,
    "applying": _text,
    "committed_at": _text,
    "release": _text,
    "previous_release": _text,
    "transform": _number,
    "memory_default": _number,
    "images": _map(_text),
    "containers": _map(_record(name_=_text, spec_=_text, image=_text, releases=_texts, networks=_texts, restarts=_number, stop=_number)),
    "folders": _map(_anything),
    "networks": _texts,
    "volumes": _texts,
    "ports": _list(_record(address=_text, port_=_text, protocol_=_text)),
    "secrets": _map(_record(identity_=_text)),
    "variables": _map(_text),
    "views": _map(_map(_record(secret_=_text, owner_=_text))),
    "keys": _map(_anything),
    "health": _record(type=_text, service=_text, timeout=_number),
    "metrics": _list(_anything),
    "findings": _list(_anything),
    "kept_data": _text,
}
