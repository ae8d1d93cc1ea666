# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host with one backup, which tells how it was asked, and by a digest which password it was given."""

from __future__ import annotations

import hashlib
import json
import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}
SECRETS = ("password", "secret")


def _goes_on(module: AnsibleModule, job: dict[str, object]) -> None:
    """As long as a test wants it to (``lasts.memory``: calls, a name to join, and calls the connection is lost for after the first)."""
    own = module._remote_tmp
    with open(os.path.join(own, "jobs.memory"), "a") as handle:
        handle.write(json.dumps(job) + "\n")
    try:
        with open(os.path.join(own, "lasts.memory")) as handle:
            lasts = json.load(handle)
    except FileNotFoundError:
        return
    if job["begin"]:
        with open(os.path.join(own, "lost.memory"), "w") as handle:
            handle.write(str(lasts.get("lost", 0)))
    calls = int(lasts["calls"]) - 1
    with open(os.path.join(own, "lasts.memory"), "w") as handle:
        json.dump({**lasts, "calls": calls}, handle)
    if calls > 0:
        step = {
            "since": "2026-01-01T00:00:00Z", "phase": "live pass", "phase_since": "2026-01-01T00:00:00Z", "pid": 1, "birth": 1, "bytes": 3 << 30,
            "total_bytes": 4 << 30, "left": 3700.0,
        }  # fmt: skip
        odd = {**step, "phase": "\x1b[31mlive"}
        name = lasts.get("joins") or job["name"]
        going_on = {"name": name, "joined": name != job["name"], "steps": {"a-avs-1\x1b": step, "b-avs-1": odd, "c": "no step"}}
        module.exit_json(changed=False, going_on=going_on)


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    given = module.params
    os.makedirs(module._remote_tmp, exist_ok=True)
    digest = hashlib.sha256((given["password"] or "").encode()).hexdigest()
    asked = {"state": given.get("state"), "repository": given["repository"], "password": digest, "check": module.check_mode}
    if given.get("copies") is not None:
        asked["copies"] = [
            {
                name: hashlib.sha256(value.encode()).hexdigest() if name in SECRETS else value
                for name, value in copy.items()
                if value is not None
            }
            for copy in given["copies"]
        ]
        asked["copy"] = given.get("copy")
    said = {
        name: given.get(name)
        for name in ("classes", "acknowledged", "backup_acknowledged", "backups_left", "password_given")
        if given.get(name)
    }
    asked.update({"said": said} if said else {})
    with open(os.path.join(module._remote_tmp, "asked.memory"), "a") as handle:
        handle.write(json.dumps(asked) + "\n")
    if given.get("job"):
        _goes_on(module, given["job"])
    actions = [{"kind": "backup", "name": "a-avs-1", "action": "create"}]
    entry = {"id": "a-avs-1", "state": "started", "changed": True, "actions": actions, "error": None}
    if given.get("state") in ("taken", "verified") and not module.check_mode:
        made = {"id": "0123456789ab", "time": "2026-01-01T00:00:00.123Z", "files": 7, "size": 3 << 20}
        more = {"added": 1 << 20, "seconds": 0.5, "omitted": {"data/cache": "cache"}, "left": {}, "copies": {"offsite": []}, "removed": []}
        entry["backup"] = {**made, **more} if given["state"] == "taken" else made
    if "acknowledged" in given and "state" not in given:
        entry["restored"] = {"id": "0123456789ab", "time": "2026-01-01T00:00:00.123Z", "version": "v1"}
        entry["replaced"] = {} if module.check_mode else {"data": "/d.replaced-0123456789ab"}
    if given.get("state") == "listed":
        made = {
            "id": "0123456789ab",
            "instance": "a-avs-1",
            "time": "2026-01-01T00:00:00.123Z",
            "version": "v1",
            "snapshot": "f",
            "verified": None,
        }
        entry = {**entry, "changed": False, "actions": [], "repository": "/r/a-avs-1", "backups": [made]}
    other = {"id": "b-avs-1", "state": "started", "changed": False, "actions": [], "error": "wrong password"}
    if os.path.exists(os.path.join(module._remote_tmp, "fails.memory")):
        module.fail_json(changed=entry["changed"], instances=[entry, other], unknown=[], msg="b-avs-1: wrong password")
    module.exit_json(changed=entry["changed"], instances=[entry], unknown=[])


main()
