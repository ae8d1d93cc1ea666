# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a way back leaves as it is: what must not go back by anybody's word, of the version before, the next one, or the operator's by now.

A name is ``volumes/<name in the compose file>`` or ``data/<folder>``. What somebody calls ``cache`` only by now is in the backup, and goes back with
it: nothing is lost, and the version before finds what it wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from ..backup import uses
from ..backup.volumes import CACHE, FOLDER, MONOTONIC, SECRET, UNUSED, Item, Plan
from ..common.spec import InstanceSpec

KEPT = (MONOTONIC, SECRET)


def name_of(key: str) -> str:
    """``key``: as a package, or the operator, names what it gives a class to."""
    return key if key.startswith(f"{FOLDER}/") else f"volumes/{key}"


def said(classes: Mapping[str, str]) -> set[str]:
    return {name_of(key) for key, cls in classes.items() if cls in KEPT}


def declared(spec: InstanceSpec | None) -> set[str]:
    """By a version of the package."""
    return said({key: use.cls for key, use in uses.of(spec).items()})


def planned(plan: Plan) -> set[str]:
    """Of what is to be saved, and what cannot be."""
    return {*plan.left, *_of(plan, lambda cls: cls in KEPT)}


def made_again(plan: Plan) -> set[str]:
    """What is in no backup because the node makes it again: only where somebody changed it on purpose it matters that it stays."""
    return _of(plan, lambda cls: cls == CACHE)


def _of(plan: Plan, chosen: Callable[[str], bool]) -> set[str]:
    found = {one.name for one in plan.items if chosen(one.cls)}
    found.update(name_of(key) for key, cls in plan.omitted.items() if cls != UNUSED and chosen(cls))
    found.update(f"{one.name}/{name}" for one in plan.items for name, cls in one.inner.items() if chosen(cls))
    return found


def inside(item: Item, stays: set[str]) -> dict[str, bool]:
    """Folders of an item that stay as they are while the rest goes back -> whether what is in them must not be lost."""
    found = {name: cls in KEPT for name, cls in item.inner.items() if cls in (*KEPT, CACHE)}
    found.update({name[len(item.name) + 1 :]: True for name in stays if name.startswith(f"{item.name}/") and item.name == FOLDER})
    # The outer one of two first.
    return dict(sorted(found.items()))
