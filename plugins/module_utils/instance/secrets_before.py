# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets of the version before, kept in memory while another one is brought up: it may need other ones, and the way back needs these."""

from __future__ import annotations

import os

from ..system import files
from . import key_files
from .state import State
from .store import InstanceStore


def _place(own: InstanceStore) -> str:
    """In the instance's own folder: whatever takes its secrets out of memory takes these, too."""
    return os.path.join(own.run, "before.json")


def keep(own: InstanceStore) -> None:
    """Raises ``OSError``, and ``HostError`` where they would reach a disk."""
    place = _place(own)
    key_files.require_memory(place)
    own.make_run()
    values, identities = key_files.held(own)
    files.write_json(place, {"values": values, "identities": identities})


def put_back(own: InstanceStore, state: State) -> None:
    """Give the version of ``state`` its secrets and keys again. Where they are gone, as after a start of the host, it waits for them as any
    node does. Raises ``OSError``."""
    try:
        found = files.read_json(_place(own))
        values, identities = dict(found["values"]), dict(found["identities"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not set(state.secrets) <= set(values):
        return
    key_files.write_secrets(own, values, identities, state.variables)
    for service, view in state.views.items():
        if not key_files.view_in_place(own, service, view, values):
            key_files.place_view(own, service, view, values)
    key_files.drop_views(own, state.views)


def values(own: InstanceStore) -> list[str]:
    """None may be told of, as long as they are kept."""
    try:
        found = files.read_json(_place(own))
        return [text for text in found["values"].values() if isinstance(text, str)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def drop(own: InstanceStore) -> None:
    files.remove(_place(own))
