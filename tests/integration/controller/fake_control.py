# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that has what a test wrote down for it, and says of each instance it is told to act on what it would do, as the module
instance_control does in check mode. It acts on nothing."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}
STEP = {"started": "start", "stopped": "stop", "restarted": "start"}


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    given = module.params
    path = os.path.join(module._remote_tmp, "told.memory")
    there = []
    if os.path.exists(path):
        with open(path) as handle:
            there = [item["id"] for item in json.load(handle)["instances"]]
    wanted = dict.fromkeys(given["ids"] or there)
    step = [{"action": STEP[given["state"]], "kind": "container", "name": "node"}]
    found = [{"id": name, "state": given["state"], "hold": None, "error": None, "actions": step} for name in wanted if name in there]
    module.exit_json(changed=bool(found), instances=found, unknown=[], unsure=[], given=given)


main()
