# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an upgrade that came to nothing had stopped, or put back, runs again; and what is said of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..common.errors import AvsError
from ..docker.containers import running
from ..instance.store import InstanceStore
from ..reconcile.own import Way, refused
from ..reconcile.repositories import Host
from ..reconcile.work import of_the_system
from . import back


def started(host: Host, own: InstanceStore, way: Way, ended: Collection[str], taken_back: bool) -> dict[str, Any]:
    """The entry. ``ended``: services that were told to end; ``taken_back``: from the other version."""
    try:
        return back.started(host, own, way) if taken_back else _as_it_was(host, own, way, ended)
    except AvsError as error:
        return refused(own.id, own, error, host.engine)
    except OSError as error:
        return refused(own.id, own, of_the_system(own.id, error, host.store.root), host.engine)


def _as_it_was(host: Host, own: InstanceStore, way: Way, ended: Collection[str]) -> dict[str, Any]:
    """What does not come up at once is tried once more: nothing else would before the next run."""
    entry = back.brought_up(host, own, way)
    if not entry["error"] or entry.get("locked"):
        return entry
    up = {item.service for item in host.engine.containers(own.id) if running(item)}
    return entry if up.issuperset(ended) else back.brought_up(host, own, way)


def said_of(old: str, entry: Mapping[str, Any], taken_back: bool, down: bool) -> str:
    """``down``: it is to be so by now."""
    place = f"{old} is {'back in its place' if taken_back else 'in its place as before'}"
    if entry["error"]:
        return f"{place}, and {'waits' if entry.get('waiting') else 'is not well'}: {entry['error']}"
    return f"{place}, and is to be down" if down else f"{old} runs again, and is well"
