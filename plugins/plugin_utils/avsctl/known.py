# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which instances this host has."""

from __future__ import annotations

from collections.abc import Iterable

from .commands import Place, require


def known(place: Place) -> list[str]:
    """Ids of all instances of the host: those it has records of, and those it has containers of. Raises ``HostError``."""
    return sorted({*place.store.ids(), *(container.instance for container in place.engine.containers())})


def require_known(wanted: Iterable[str], place: Place) -> None:
    """Raises ``UnknownInstance``, and ``HostError``. Of what is on record no engine is asked: it may be what does not answer."""
    ids = list(wanted)
    if not set(ids) <= set(place.store.ids()):
        require(ids, known(place))
