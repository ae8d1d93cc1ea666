# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with one backup, which tells how it was asked, and by a digest which password it was given."""

from __future__ import annotations

import hashlib
import json
import os

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    names = (
        *("id", "backup", "repository", "holder", "classes", "acknowledged", "keep", "max_stop", "lock_timeout", "stop_timeout"),
        *("schedule", "schedules", "random_delay"),
    )
    spec = {
        "ids": {"type": "list", "elements": "str", "default": []}, "all": {"type": "bool", "default": False}, "state": {"type": "str"},
        "password": {"type": "str", "no_log": True}, **{name: {"type": "raw"} for name in names},
    }  # fmt: skip
    module = AnsibleModule(spec, supports_check_mode=True)
    given = module.params
    os.makedirs(module._remote_tmp, exist_ok=True)
    digest = hashlib.sha256((given["password"] or "").encode()).hexdigest()
    with open(os.path.join(module._remote_tmp, "asked.memory"), "a") as handle:
        handle.write(
            json.dumps({"state": given["state"], "repository": given["repository"], "password": digest, "check": module.check_mode}) + "\n"
        )
    actions = [{"kind": "backup", "name": "a-avs-1", "action": "create"}]
    entry = {"id": "a-avs-1", "state": "started", "changed": True, "actions": actions, "error": None}
    if given["state"] == "listed":
        made = {
            "id": "0123456789ab",
            "instance": "a-avs-1",
            "time": "2026-01-01T00:00:00.123Z",
            "version": "v1",
            "snapshot": "f",
            "verified": None,
        }
        entry = {**entry, "changed": False, "actions": [], "repository": "/r/a-avs-1", "backups": [made]}
    module.exit_json(changed=entry["changed"], instances=[entry], unknown=[])


main()
