# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that tells of its instances what a test wrote down for it, as the module instance_info would."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    path = os.path.join(module._remote_tmp, "told.memory")
    if not os.path.exists(path):
        module.exit_json(changed=False, instances=[], findings=[])
    with open(path) as handle:
        answer = json.load(handle)
    if answer.get("failed"):
        module.fail_json(**answer)
    ids = list(dict.fromkeys(module.params["ids"]))
    found = {item["id"]: item for item in answer["instances"]}
    absent = [{"id": name, "state": "absent", "phase": None, "health": {"status": "unknown", "detail": "not installed"}} for name in ids]
    chosen = [found.get(item["id"], item) for item in absent] if ids else list(found.values())
    module.exit_json(changed=False, instances=chosen, findings=answer.get("findings", []))


main()
