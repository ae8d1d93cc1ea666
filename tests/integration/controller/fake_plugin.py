# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that has what a test wrote down for it, and says of each instance what its package offers, or what a command of it wrote, as the
module instance_plugin does. It runs nothing; ``fail`` is a command that ends with 3, ``slow`` one that is still at work when it is begun."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}
OFFER = {"name": "prune", "run": "plugin", "service": "node", "image": "plugin:1", "args": ["prune"], "chain": False, "needs": ["bls"]}


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    given = module.params
    with open(os.path.join(module._remote_tmp, "told.memory")) as handle:
        there = [item["id"] for item in json.load(handle)["instances"]]
    listed, command = given["state"] == "listed", given["command"]
    job = given["job"] or {}
    if job.get("begin") and command == "slow":
        module.exit_json(changed=False, going_on={"name": job["name"], "joined": False, "steps": {}})
    found = []
    for name in [name for name in (given["ids"] or there) if name in there]:
        entry = {"id": name, "state": "started", "changed": not listed, "actions": [], "findings": [], "error": None}
        if listed:
            entry["commands"] = [OFFER]
        else:
            entry.update(command=command, actions=[{"kind": "command", "name": command, "action": "run"}])
            would = {
                "image": "plugin@sha256:1",
                "args": ["prune", *given["args"]],
                "networks": [],
                "mounts": [],
                "keys": [],
                "user": None,
                "timeout": 600,
            }
            entry.update({"would": would} if module.check_mode else {"code": 0, "seconds": 0.5, "output": "done\n\x1b[2Jall\n"})
        found.append(entry)
    result = {"instances": found, "unknown": [], "given": {**given, "check": module.check_mode}}
    if command == "fail" and found:
        found[0].update(code=3, error="a-avs-1: fail ended with 3; it wrote:\nno chain here")
        module.fail_json(msg="1 of 1 instances failed\n  a-avs-1: fail ended with 3; it wrote:\nno chain here", **result)
    module.exit_json(changed=not listed and bool(found), **result)


main()
