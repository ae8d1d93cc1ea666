# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which image each reference of an instance's plugin led to: what is not in ``state.json``, as no service runs it."""

from __future__ import annotations

from ..system import files
from .store import InstanceStore

# How many are remembered, and how many of these are kept on the host: of the version that runs, and of the one before.
_REMEMBERED, KEPT = 20, 2


def recorded(own: InstanceStore) -> dict[str, str]:
    """Reference -> image, the newest last; empty where nothing can be read: it is then resolved anew."""
    try:
        content = files.read_json(_file(own))
    except (OSError, ValueError):
        return {}
    images = content.get("images") if isinstance(content, dict) else None
    entries = images if isinstance(images, list) else []
    pairs = [(one.get("reference"), one.get("image")) for one in entries if isinstance(one, dict)]
    return {str(reference): str(image) for reference, image in pairs if isinstance(reference, str) and isinstance(image, str)}


def record(own: InstanceStore, reference: str, image: str) -> None:
    """Note that this one is used now."""
    known = recorded(own)
    if known and [*known.items()][-1] == (reference, image):
        return
    known.pop(reference, None)
    images = [*known.items(), (reference, image)][-_REMEMBERED:]
    own.make()
    files.write_json(_file(own), {"schema": 1, "images": [{"reference": one, "image": other} for one, other in images]})


def _file(own: InstanceStore) -> str:
    return own.path("plugin.json")
