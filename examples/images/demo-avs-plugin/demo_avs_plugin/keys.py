# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``export-public-key [NAME]``: the public ids of the keys in ``KEYS_DIR``, derived from the keys themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from demo_avs.keys import KeyFolder
from demo_avs.log import Log

from .exits import KEY_UNUSABLE, NO_KEY, PluginError


def export_public_key(args: Sequence[str], environ: Mapping[str, str]) -> dict[str, object]:
    """``{"keys": [{name, kind, public_id, status}]}``, of one key where a name is given."""
    folder = environ.get("KEYS_DIR", "/keys")
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        keys = KeyFolder(folder, Log("plugin", stream=nowhere))
        keys.refresh()
    states = [state for state in keys.states if not args or state.name == args[0]]
    if not states:
        raise PluginError(NO_KEY, f"no key {args[0] if args else ''} in {folder}".replace("  ", " "))
    failed = [f"{state.name}: {state.problem}" for state in states if state.key is None]
    if failed:
        raise PluginError(KEY_UNUSABLE, "; ".join(failed))
    return {"keys": [state.as_dict() for state in states]}
