# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose the key files are: numbers for the users somebody named."""

from __future__ import annotations

from collections.abc import Mapping

from ..common.findings import Finding
from ..common.rules import finding
from .key_mounts import Views


def settle_owners(instance: str, views: Views, image_users: Mapping[str, str]) -> tuple[Views, list[Finding]]:
    """Views with numeric owners. Where neither the package nor the compose file names a user, the image's runs the service.

    ``image_users``: service -> the user of its image. A user that is a name has a number in the image only.
    """
    findings = []
    settled: Views = {}
    for service, view in views.items():
        settled[service] = {}
        for name, entry in view.items():
            user = entry.owner or image_users.get(service, "")
            owner = _owner(user or "0")
            if owner is None and user.partition(":")[0] != "root":
                message = f"{name} belongs to root: which number the user {user} has is known to the image alone"
                remedy = "State keys[].owner or a numeric user under privileges in runtime.yml."
                findings.append(finding("KEY-002", f"{instance}: services.{service}.user", message, remedy))
            settled[service][name] = entry.but(owner=owner or "0:0")
    return settled, findings


def _owner(user: str) -> str | None:
    """``uid:gid`` of a numeric user; the group is the user's number where none is given."""
    uid, _colon, gid = user.partition(":")
    if not uid.isdigit() or (gid and not gid.isdigit()):
        return None
    return f"{int(uid)}:{int(gid or uid)}"
