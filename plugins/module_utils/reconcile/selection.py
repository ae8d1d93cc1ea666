# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which instances of a host are meant: by their ids, by a key they have, or all that are installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..common.errors import HostError
from ..common.keystores import marks_named, marks_of
from ..common.names import is_name
from ..common.rules import finding
from ..docker.containers import Container
from ..docker.engine import Engine
from ..instance.store import Store
from ..status.held import held


@dataclass(frozen=True)
class Chosen:
    """``ids`` are here, ``unknown`` are not; ``unsure``: instances that run, and nothing tells which keys they have."""

    ids: Sequence[str]
    unknown: Sequence[str] = ()
    unsure: Sequence[str] = ()


def choose(store: Store, engine: Engine, ids: Sequence[str], key: str, everything: bool) -> Chosen:
    """Raises ``HostError`` (INV-001) where not just one way of choosing is given, or what is given is none."""
    wrong = [repr(name) for name in ids if not is_name(name)]
    if sum(map(bool, (ids, key, everything))) != 1:
        wrong = ["give ids, a key, or all"]
    marks = marks_named(key) if key else set()
    if key and not marks:
        wrong = [f"key {key[:80]!r} is no public id and no fingerprint"]
    if wrong:
        raise HostError(f"not to be understood: {', '.join(wrong)}", [finding("INV-001", "", ", ".join(wrong), "See avsctl status.")])
    wanted = list(dict.fromkeys(ids))
    if wanted and set(wanted) <= set(store.ids()):
        # No engine is asked: it may be what does not answer, and they are to be held all the same.
        return Chosen(wanted)
    try:
        listing = engine.containers()
    except HostError:
        recorded = Chosen([]) if wanted else _chosen(store, [], key)
        if not recorded.ids:
            raise
        return recorded
    if wanted:
        there = {*store.ids(), *(item.instance for item in listing)}
        return Chosen([name for name in wanted if name in there], [name for name in wanted if name not in there])
    return _chosen(store, listing, key)


def _chosen(store: Store, listing: Sequence[Container], key: str) -> Chosen:
    """Those that have the key, without one all that are installed. ``listing``: empty where no engine answers."""
    there = sorted({*store.ids(), *(item.instance for item in listing)})
    if not key:
        states = {name: store.instance(name).known() for name in there}
        live = {item.instance for item in listing}
        return Chosen([name for name, state in states.items() if state is None or state.installed or name in live])
    marks = marks_named(key)
    keys = {name: held(store, name, listing) for name in there}
    having = [name for name, one in keys.items() if any(marks & set(marks_of(record)) for record in one["keystores"].values())]
    return Chosen(having, (), [name for name, one in keys.items() if one.get("unknown") and name not in having])
