# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rollout asks a host: of each instance what it is, whether it is well just now, and whether it was a canary that passed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..docker.engine import Engine
from ..instance import passed
from ..instance.store import Store
from ..system.lock import Lock
from .read import read_host

_FIELDS = ("id", "package", "version", "state", "phase", "health", "hold", "at_work", "upgrade")


def gates(engine: Engine, store: Store, ids: Sequence[str]) -> list[dict[str, Any]]:
    """An entry for each of ``ids``, or for all of the host: ``_FIELDS`` as ``status`` has them, ``passed`` as ``instance/passed`` has it, of
    the package that is installed alone, and ``digest`` of that package. Raises ``HostError``."""
    return [_entry(store, entry) for entry in read_host(engine, ids, store).instances]


def _entry(store: Store, entry: Mapping[str, Any]) -> dict[str, Any]:
    own = store.instance(str(entry["id"]))
    state, known = own.known(), passed.passed(own)
    digest = state.package.tree_sha256 if state is not None and state.package is not None else ""
    return {
        **{name: entry.get(name) for name in _FIELDS},
        "digest": digest,
        "passed": known if known is not None and known["digest"] == digest else None,
    }


def record(store: Store, digests: Mapping[str, str], rollout: str, holder: str, patience: float) -> list[str]:
    """Note of each instance that it passed with its digest, where that is what is installed; returns of which it is news. Raises ``LockedError``
    and ``OSError``."""
    news = []
    for name, digest in sorted(digests.items()):
        own = store.instance(name)
        with Lock(os.path.join(store.locks, f"{name}.lock"), holder, patience):
            state = own.known()
            if (
                state is not None
                and state.package is not None
                and state.package.tree_sha256 == digest
                and passed.note(own, digest, rollout)
            ):
                news.append(name)
    return news
