# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a cut left of upgrades, ended by whoever comes next: a run, a start of the host, a person."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..common.errors import AvsError
from ..docker.engine import Engine
from ..instance import transaction
from ..instance.store import InstanceStore, Store, host_store
from ..reconcile.own import Way
from ..reconcile.repositories import Asked, Host, asked
from ..reconcile.stopping import stop_bound
from ..system.command import RunCommand
from ..system.signals import held_back
from . import back


def end_what_was_cut(call: Mapping[str, Any], run_command: RunCommand, store: Store | None = None, engine: Engine | None = None) -> None:
    """Of the instances a document names. Where it cannot be ended now, or somebody is at work on it, that is told by who looks at it next."""
    document, store = call["document"], store or host_store()
    ids = [str(spec.get("id")) for spec in document.get("specs") or () if spec.get("state", "started") == "started"]
    if not transaction.any_begun(store, document.get("specs") or ()):
        return
    wanted = asked({"repository": None, **(call.get("backup") or {})})
    end(Host(store, engine or Engine(run_command), run_command), ids, way_of(call), wanted)


def way_of(call: Mapping[str, Any]) -> Way:
    """How what a call asks for is done. Raises ``HostError`` for a setting that is none."""
    document = call["document"]
    return Way(str(document.get("holder") or "a run"), float(document.get("lock_timeout", 60)), stop_bound(document.get("settings") or {}))


def end(host: Host, ids: Sequence[str], way: Way, wanted: Asked, starts: bool | None = None) -> None:
    """What ran before runs again, whatever whoever called is about to do, and whether he comes to that; as the host starts, its units see
    to it, unless ``starts`` says otherwise."""
    for name in ids:
        with suppress(AvsError, OSError):
            _end(host, host.store.instance(name), way, wanted, not way.boot if starts is None else starts)


def _end(host: Host, own: InstanceStore, way: Way, wanted: Asked, starts: bool) -> None:
    if not os.path.lexists(own.upgrade):
        return
    known, state = transaction.begun(own), back.recorded(own)
    back.settle(host, own, way, wanted)
    if known is None or not starts or transaction.is_committed(known, state):
        return
    if known.ran or transaction.is_half(known, state):
        with held_back():
            back.brought_up(host, own, way)
