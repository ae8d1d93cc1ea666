# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that is asked for the steps of a move, and says of each what a test wrote down for it (``moves.memory``: state -> result)."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    given = {name: value for name, value in module.params.items() if value is not None and name != "password"}
    os.makedirs(module._remote_tmp, exist_ok=True)
    with open(os.path.join(module._remote_tmp, "moves.memory")) as handle:
        says = json.load(handle)
    with open(os.path.join(module._remote_tmp, "asked.memory"), "a") as handle:
        handle.write(json.dumps({**given, "check": module.check_mode}) + "\n")
    state = given["state"]
    entry = {"id": given["id"], "changed": state != "looked", "actions": [], "findings": [], "error": None}
    answer = says.get(f"{state} in check mode" if module.check_mode else state, says.get(state, {}))
    if answer.get("msg"):
        module.fail_json(**answer)
    module.exit_json(changed=entry["changed"], instances=[{**entry, **answer}])


main()
