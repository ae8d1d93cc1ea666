# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is recorded of an instance as it was before a change, kept beside it."""

from __future__ import annotations

import os

from ..common.errors import HostError
from ..common.records import Odd
from ..common.rules import finding
from ..system import files
from .state import State
from .store import InstanceStore

# Beside its release.
_STATE = "state.json"
KEPT = ("spec.json", "artifacts.json")


def keep(own: InstanceStore, place: str) -> None:
    """The state goes last: a folder without one holds nothing. Raises ``OSError``."""
    files.folder(place, 0o700)
    for name in (*KEPT, _STATE):
        if files.is_file(own.path(name)):
            files.write(os.path.join(place, name), files.read(own.path(name)))


def state_of(own: InstanceStore, place: str) -> State:
    """The state that is gone back to. Raises ``HostError`` (UPG-012)."""
    path = os.path.join(place, _STATE)
    try:
        return State.read(files.read_json(path))
    except (OSError, ValueError, Odd):
        message = f"{path} does not tell what there was before"
        raise HostError(f"{own.id}: {message}", [finding("UPG-012", own.id, message)]) from None


def put_back(own: InstanceStore, place: str) -> State:
    """All but the state, which is returned: it is the last thing to be put back. Raises ``OSError``, ``HostError`` (UPG-012)."""
    state = state_of(own, place)
    if state.release is None or state.release not in own.release_names():
        message = f"its release {state.release} is not there any more"
        raise HostError(f"{own.id}: {message}", [finding("UPG-012", own.id, message)])
    own.switch(state.release)
    for name in KEPT:
        kept = os.path.join(place, name)
        if files.is_file(kept):
            files.write(own.path(name), files.read(kept))
        else:
            files.remove(own.path(name))
    files.remove(own.wanted_file)
    return state


def releases(own: InstanceStore) -> set[str]:
    """Releases something may still go back to: of a change, an upgrade, or a rollback."""
    found = set()
    for place in (own.before, own.upgrade, own.previous):
        try:
            known = files.read_json(os.path.join(place, _STATE))
            found.add(str(known["release"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return found


def drop(place: str) -> None:
    files.remove(os.path.join(place, _STATE))
    files.remove(place)
