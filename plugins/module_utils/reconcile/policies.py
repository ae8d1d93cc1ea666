# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restart policies a cut left behind: whoever stops a node tells the engine first never to bring it back. Where he was cut before the node
had ended it runs on, and would stay down after its next crash."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress

from ..common.errors import AvsError
from ..docker.containers import restart_policy, running
from ..docker.engine import Engine
from ..docker.model import services
from ..instance.hold import hold_of
from ..instance.store import InstanceStore, Store
from ..system.lock import Lock
from .standstill import NEVER, Ending, give_back


def put_back(store: Store, engine: Engine, ids: Iterable[str], holder: str, bound: float) -> None:
    """Of instances that are to run. Where somebody is at work it is his affair, and what cannot be done now ``verify`` tells of."""
    for name in ids:
        own = store.instance(name)
        with suppress(AvsError, OSError, ValueError, KeyError, TypeError, AttributeError), Lock(own.lock, holder, 0) as lock:
            of_what_runs(own, engine, Ending(bound, (lock.fd,)))


def of_what_runs(own: InstanceStore, engine: Engine, terms: Ending) -> None:
    """Under the instance's lock. Raises ``HostError``, ``OSError``, ``ValueError``."""
    if hold_of(own) is not None:
        return
    model = json.loads(own.compose_file() or "{}")
    wanted = {name: restart_policy(service) for name, service in services(model).items()}
    there = {item.service: item for item in engine.containers(own.id) if running(item) and wanted.get(item.service, NEVER) != NEVER}
    inspected = engine.inspect(one.id for one in there.values())
    left = [item["Id"] for item in inspected if (item["HostConfig"].get("RestartPolicy") or {}).get("Name") == NEVER]
    again = {service: item for service, item in there.items() if any(long.startswith(item.id) for long in left)}
    give_back(engine, own.id, model, again, terms)
