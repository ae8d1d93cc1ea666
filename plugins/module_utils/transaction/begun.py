# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upgrades that are begun by a call and outlive it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..common.masking import Mask
from ..instance.store import host_store
from ..reconcile.long_work import steps_of
from ..system.command import RunCommand
from ..system.detached import Detached, Order, same
from . import work

_MODULE = work.__name__


def upgraded(call: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """In check mode what would be done; else it is begun in a process of its own, and ``going_on`` says by which name it is asked for."""
    document = call["document"]
    if call.get("check") or document.get("trial"):
        return work.upgrade(call, run_command)
    store = host_store()
    detached = Detached(os.path.join(store.run, ".work"))
    hidden = [value for own in (call.get("secret_values") or {}).values() for value in own.values()]
    hidden += [str(value) for value in _secrets_of(call.get("backup") or {})]
    # By what a run knows a secret again it is another one in each.
    what = [{**spec, "secrets": sorted(spec.get("secrets") or ())} for spec in document.get("specs") or ()]
    kind = "fetch" if work.is_fetch(document) else "upgrade"
    order = Order(os.urandom(12).hex(), _MODULE, dict(call), same(kind, Mask(hidden).deep(what)), hidden, _ids(document))
    name = detached.begin(order, run_command)
    return {
        "changed": False,
        "instances": [],
        "findings": [],
        "going_on": {"name": name, "joined": name != order.name, "steps": steps_of(store, _ids(document))},
    }


def _ids(document: Mapping[str, Any]) -> list[str]:
    return [str(spec.get("id")) for spec in document.get("specs") or ()]


def _secrets_of(given: Mapping[str, Any]) -> list[Any]:
    """Passwords and logins of repositories."""
    found = [given.get("password")]
    for copy in given.get("copies") or ():
        found += [copy.get("password"), copy.get("secret")] if isinstance(copy, Mapping) else []
    return [value for value in found if value]
