# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that is asked in a rollout: what it has is what the stand-in of upgrades keeps, and how that is a test wrote down for it."""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}


def read(folder: str, name: str, otherwise: object) -> object:
    path = os.path.join(folder, f"{name}.memory")
    if not os.path.exists(path):
        return otherwise
    with open(path) as handle:
        return json.load(handle)


def write(folder: str, name: str, what: object) -> None:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{name}.memory"), "w") as handle:
        json.dump(what, handle)


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    folder, given = module._remote_tmp, module.params
    installed, passed = read(folder, "installed", {}), read(folder, "passed", {})
    health, work = read(folder, "health", {}), read(folder, "at_work", {})
    write(folder, "gates", [*read(folder, "gates", []), {"ids": given["ids"], "passed": given["passed"], "check": module.check_mode}])
    if given["passed"] and not module.check_mode:
        passed.update({name: {"digest": digest, "version": installed.get(name)} for name, digest in given["passed"].items()})
        write(folder, "passed", passed)
    entries = []
    for name in given["ids"] or sorted(installed):
        version, was = installed.get(name), passed.get(name) or {}
        # Of a version alone, where a test says so.
        status = health.get(f"{name} {version}", health.get(name, "healthy"))
        known = {"digest": was["digest"], "rollout": "r", "at": "t"} if was and was["version"] == version else None
        entries.append({
            "id": name,
            "package": name.rpartition("-")[0],
            "version": version,
            "state": "started" if version else "absent",
            "health": {"status": status, "detail": "as the test says"},
            "at_work": {"phase": "start"} if name in work else None,
            "upgrade": {"from": version, "to": work[name], "step": "START", "backup": "b"} if name in work else None,
            "passed": known,
        })  # fmt: skip
    module.exit_json(changed=False, machine=os.path.basename(folder), instances=entries)


main()
