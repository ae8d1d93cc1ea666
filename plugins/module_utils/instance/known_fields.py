# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Specs of two releases of the collection, compared: a field the earlier one did not know says nothing while it holds its default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.records import Record, plain
from ..common.spec import InstanceSpec
from ..system import files
from .identity import spec_digest
from .store import InstanceStore

# Where the names are the collection's. Everywhere else (the environment, ports, volumes, values to merge) they are somebody's data, and
# one that is new is a change, empty or not.
_RECORDS = ("package", "compose", "health", "api", "plugin", "requirements")
_LISTS = ("keys", "artifacts", "directories", "configs", "metrics", "migrations", "exceptions")
_BY_NAME = ("privileges", "commands", "limits")


def same_spec(spec: InstanceSpec, identities: Mapping[str, str], digest: str, transform: int, store: InstanceStore) -> bool:
    """Whether a spec is the one ``digest`` was made of, by a release that may have known fewer fields."""
    if spec_digest(spec, identities, transform) == digest:
        return True
    return spec_digest(as_recorded(spec, recorded_spec(store)), identities, transform) == digest


def recorded_spec(store: InstanceStore) -> Mapping[str, Any] | None:
    """The committed spec as the document it is: which fields are in it counts here, not what they are read as."""
    try:
        found = files.read_json(store.path("spec.json"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, Mapping) else None


def as_recorded(spec: InstanceSpec, recorded: Mapping[str, Any] | None) -> InstanceSpec:
    """The spec without fields the recorded one lacks, as far as they hold defaults. A field's default is empty, or it is left out."""
    if recorded is None:
        return spec
    found: InstanceSpec = _known(spec, recorded)
    changes: dict[str, Any] = {}
    for name in vars(found):
        mine, theirs = getattr(found, name), recorded.get(name)
        if name in _RECORDS:
            changes[name] = _known(mine, theirs)
        elif name in _BY_NAME and isinstance(theirs, Mapping):
            changes[name] = {key: _known(value, theirs.get(key)) for key, value in mine.items()}
        elif name in _LISTS and isinstance(theirs, list) and len(mine) == len(theirs):
            changes[name] = tuple(_known(one, other) for one, other in zip(mine, theirs))
    return found.but(**changes)


def _known(mine: Any, theirs: Any) -> Any:
    if not isinstance(theirs, Mapping) or not isinstance(mine, (Record, Mapping)):
        return mine
    values = vars(mine) if isinstance(mine, Record) else mine
    new = [name for name, value in values.items() if name not in theirs and _is_default(plain(value))]
    if isinstance(mine, Record):
        return mine.without(*new)
    return {name: value for name, value in mine.items() if name not in new}


def _is_default(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_default(part) for part in value.values())
    return value is None or value is False or value in ("", [])
