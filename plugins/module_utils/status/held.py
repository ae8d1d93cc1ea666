# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys an instance has had until now, whatever becomes of it in this run: nobody else may start with them meanwhile (KEY-006).

What was committed is believed. Of an instance that was never committed, or whose record cannot be used, what lies in memory is looked
at: its containers sign with that.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..common.contents import as_text
from ..common.keystores import KINDS, marks_of, record_of
from ..common.records import plain
from ..common.words import COMMITTED, STARTED
from ..docker.containers import Container, running
from ..instance import hold
from ..instance.key_files import in_memory, is_wiped, with_marks
from ..instance.store import InstanceStore, Store
from ..system import deep, files

# Nothing says any more of which kind a key is, and each kind spells ids in its own way.


def held(store: Store, instance: str, listing: Sequence[Container] | None) -> dict[str, Any]:
    """``id``, ``state``, and ``keystores`` as a result has them, none of an instance that is gone. ``listing``: ``None`` where the engine gives none;
    then it may run. ``unknown``: it runs, and nothing tells which keys it has."""
    own = store.instance(instance)
    state = with_marks(own, own.known())
    live = listing is None or any(running(item) for item in listing if item.instance == instance)
    if (listing is None or not live) and _moved(own):
        return {"id": instance, "state": STARTED, "keystores": {}}
    there = state is not None and state.installed
    lost = state is None or (listing is not None and live and not there)
    keys: Mapping[str, Any] = plain(state.keys) if state is not None and there else {}
    values = None
    if lost or (state is not None and there and state.phase != COMMITTED):
        values = in_memory(own)
        found = {name: _record(value) for name, value in _keystores(values or {})}
        if lost and values is None:
            found = {name: _record(value) for name, value in _files(own)}
        keys = {**keys, **{name: _both(keys.get(name), record) for name, record in found.items()}}
    return {"id": instance, "state": STARTED, "keystores": keys, **({"unknown": True} if lost and live and values is None else {})}


def _moved(own: InstanceStore) -> bool:
    """Whether another host has its node, and nothing here could sign any more."""
    known = hold.hold_of(own)
    return known is not None and known.kind == hold.MOVED and is_wiped(own)


def _keystores(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for secret, value in sorted(values.items()):
        if secret.startswith("key.") and secret.endswith(".keystore") and isinstance(value, str):
            yield secret[len("key.") : -len(".keystore")], value


def _files(own: InstanceStore) -> Iterator[tuple[str, str]]:
    """Files that services see, as far as they are keystores: of another one, which may be a password, no digest is made."""
    for folder, _folders, names in deep.walk(own.keys):
        for name in sorted(names):
            path = os.path.join(folder, name)
            try:
                # A link, or a pipe, is none.
                content = files.read(path)
                if isinstance(json.loads(content), dict):
                    yield os.path.relpath(path, own.keys), as_text(content)
            except (OSError, ValueError, RecursionError):
                continue


def _record(value: str) -> dict[str, Any]:
    records = [record_of(kind, value) for kind in KINDS]
    public = next((record["public_id"] for record in records if record["public_id"]), None)
    marks = list(dict.fromkeys(mark for record in records for mark in record["marks"]))
    return {"kind": None, "fingerprint": records[0]["fingerprint"], "public_id": public, "marks": marks}


def _both(recorded: Mapping[str, Any] | None, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """A key as it was recorded, by which an apply that was cut may have left its containers, and as it lies there now."""
    if recorded is None:
        return found
    return {**recorded, "marks": list(dict.fromkeys([*marks_of(recorded), *found["marks"]]))}
