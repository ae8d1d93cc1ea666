# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A glance at a host's records while the controller reads packages: what the host has never had gets its contents with the first call.

A shell does it, without Python. Where every instance has a record, as in most runs, it says nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..module_utils.heldkeys import held
from ..module_utils.names import is_name

ROOT = "/var/lib/avs/instances"
_NEW = "new:"


@dataclass(frozen=True)
class Glance:
    """``new``: instances without a record; ``held``: the keys of those with one, as a first answer tells them."""

    new: frozenset[str] = frozenset()
    held: tuple[Mapping[str, Any], ...] = ()


def command(instances: Iterable[str]) -> str | None:
    """For the host's shell; ``None`` where there is nothing to look for."""
    names = sorted(instance for instance in set(instances) if is_name(instance))
    if not names:
        return None
    # Anybody but root sees no record at all, and is refused by the call itself, before it gets anything.
    return (
        f'[ "$(id -u)" = 0 ] || exit 0; new=; for i in {" ".join(names)}; do [ -e {ROOT}/$i/state.json ] || new="$new $i"; done; '
        f'[ -z "$new" ] || {{ echo "{_NEW}$new"; cat {ROOT}/*/state.json 2>/dev/null; }}; true'
    )


def parse(text: str) -> Glance:
    """Of what the command says; of anything that is not clear, nothing: the host is then asked in full."""
    first, _newline, rest = text.partition("\n")
    if not first.startswith(_NEW):
        return Glance()
    found = []
    decoder = json.JSONDecoder()
    rest = rest.strip()
    try:
        while rest:
            state, end = decoder.raw_decode(rest)
            found.append(held(str(state["id"]), state))
            rest = rest[end:].lstrip()
    except (ValueError, TypeError, KeyError, AttributeError):
        return Glance()
    return Glance(frozenset(filter(is_name, first[len(_NEW) :].split())), tuple(found))
