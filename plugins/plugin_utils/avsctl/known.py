# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which instances this host has."""

from __future__ import annotations

from .commands import Place


def known(place: Place) -> list[str]:
    """Ids of all instances of the host: those it has records of, and those it has containers of. Raises ``HostError``."""
    return sorted({*place.store.ids(), *(container.instance for container in place.engine.containers())})
