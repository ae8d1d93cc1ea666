# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was removed of hosts because nobody needs it any more, and what stayed though nobody uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def prune_rows(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row an image or a release: ``host``, ``what`` (``image``, ``release``), ``name``, ``bytes``, ``instances``, ``removed``, ``note``.

    ``results``: host -> result of host_prune.
    """
    rows = []
    for host, result in sorted(results.items()):
        for item in result.get("images") or ():
            rows.append(_row(host, "image", ", ".join(item["names"]) or item["id"], item["bytes"], item["instances"]))
        for item in result.get("releases") or ():
            rows.append(_row(host, "release", item["release"], item["bytes"], [item["instance"]]))
        rows += [
            {**_row(host, "image", item["image"], None, []), "removed": False, "note": item["why"]} for item in result.get("kept") or ()
        ]
        rows += [
            {**_row(host, "", item.get("place"), None, []), "removed": False, "note": item.get("message")}
            for item in result.get("findings") or ()
        ]
    return rows


def _row(host: str, what: str, name: Any, size: int | None, instances: list[str]) -> dict[str, Any]:
    return {"host": host, "what": what, "name": name, "bytes": size, "instances": instances, "removed": True, "note": ""}
