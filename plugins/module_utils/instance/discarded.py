# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where copies lie of what ways back put aside. They are known until the next version is committed, or the instance is purged: a removal that keeps
the node's data keeps these as well."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from ..common.records import Record, item, many, table, text, whole
from ..system import files
from .store import InstanceStore


class Discarded(Record, loose=True):
    """``places``: paths; ``of``: transaction -> the version that wrote what lies there."""

    schema: int = item(whole, default=1)
    places: Sequence[str] = item(many(text), default=())
    of: dict[str, str] = item(table(text), default={})


def _file(own: InstanceStore) -> str:
    return own.path("discarded.json")


def keep(own: InstanceStore, places: Iterable[str], of: dict[str, str]) -> None:
    """Raises ``OSError``."""
    files.write_json(_file(own), {"schema": 1, "places": sorted({*known(own), *places}), "of": of})


def known(own: InstanceStore) -> list[str]:
    """What cannot be read tells of nothing that may be removed."""
    try:
        return list(Discarded.read(files.read_json(_file(own))).places)
    except (OSError, ValueError):
        return []


def drop(own: InstanceStore) -> None:
    """Nobody asks for these any more. Only what looks like ours is removed. Raises ``OSError``."""
    for path in known(own):
        if ".replaced-" in os.path.basename(path) and os.path.isabs(path):
            files.remove(path)
    files.remove(_file(own))
