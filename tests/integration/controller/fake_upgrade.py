# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's side of an upgrade and nothing else: which versions it has it keeps in a file, and every call it got it writes down, with digests
in place of what is secret."""

from __future__ import annotations

import hashlib
import json
import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}
NAME = "ab" * 12


class Host:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        os.makedirs(folder, exist_ok=True)

    def read(self, name: str, otherwise: object) -> object:
        path = os.path.join(self.folder, f"{name}.memory")
        if not os.path.exists(path):
            return otherwise
        with open(path) as handle:
            return json.load(handle)

    def write(self, name: str, what: object) -> None:
        with open(os.path.join(self.folder, f"{name}.memory"), "w") as handle:
            json.dump(what, handle)


def noted(module: AnsibleModule) -> dict:
    given, document = module.params, module.params["document"] or {}
    values = [value for own in (given["secret_values"] or {}).values() for value in own.values()]
    return {
        "state": given["state"],
        "ids": given["ids"],
        "confirm": given["confirm"],
        "check": module.check_mode,
        "job": given["job"],
        "complete": document.get("complete"),
        "trial": document.get("trial"),
        "upgrade": document.get("upgrade"),
        "specs": {spec["id"]: spec["package"]["version"] for spec in document.get("specs") or ()},
        "env": {spec["id"]: spec["env"] for spec in document.get("specs") or ()},
        "values": sorted(hashlib.sha256(value.encode()).hexdigest() for value in values),
        "password": hashlib.sha256(given["password"].encode()).hexdigest() if given["password"] else None,
        "password_given": given["password_given"],
        "copies": [
            {**{key: value for key, value in copy.items() if value}, "secret": hashlib.sha256((copy["secret"] or "").encode()).hexdigest()}
            for copy in given["copies"] or ()
        ],
        "copy": "copy" in document,
    }


def result(host: Host, specs: list, check: bool) -> dict:
    """Of work that was done, or would be."""
    installed, fails = host.read("installed", {}), host.read("fails", {})
    entries = []
    for spec in specs:
        name, old, new = spec["id"], installed.get(spec["id"]), spec["package"]["version"]
        broken = fails.get(f"{name} {new}") if not check else None
        entry = {"id": name, "version": new, "state": "started", "changed": old != new, "actions": [], "findings": [], "error": None}
        if old != new:
            entry["actions"] = [{"kind": "container", "name": "node", "action": "recreate"}]
            entry["upgrade"] = {"from": old, "to": new, "images": {"node": [f"node:{old}", f"node:{new}"]}, "steps": ["STOP", "SWITCH"]}
            if not check:
                entry["upgrade"] = {"from": old, "to": new, "backup": "0123456789ab", "stopped": 4.2, "step": "COMMIT"}
        if broken:
            entry.update(error=f"{name}: {broken}", version=old, upgrade={**entry["upgrade"], "step": "GATE", "rolled_back": True})
        elif not check:
            installed[name] = new
        entries.append(entry)
    host.write("installed", installed)
    failed = [entry["error"] for entry in entries if entry["error"]]
    more = {"failed": True, "msg": f"{len(failed)} of {len(entries)} instances failed"} if failed else {}
    return {"changed": any(entry["changed"] for entry in entries), "instances": entries, "findings": [], "unlisted": [], **more}


def upgraded(host: Host, module: AnsibleModule) -> dict:
    document, installed = module.params["document"], host.read("installed", {})
    if document is None:
        # Only what is not a fetch, where a test says so.
        lasts = "lasts" if host.read("lasts_upgrade", None) is None or host.read("work", [[], False])[1] else "lasts_upgrade"
        left = host.read(lasts, 0)
        host.write(lasts, left - 1)
        steps = {
            "demo-avs-op1": {"since": "2026-01-01T00:00:00Z", "phase": "start", "phase_since": "2026-01-01T00:00:00Z", "pid": 1, "birth": 1}
        }
        if left > 0:
            return {"changed": False, "going_on": {"name": NAME, "joined": False, "steps": steps}}
        return result(host, *host.read("work", [[], False]))
    specs = document["specs"]
    if not document["complete"]:
        todo = [spec for spec in specs if installed.get(spec["id"]) != spec["package"]["version"]]
        needs = {spec["id"]: {"tree": True, "secrets": sorted(spec["secrets"])} for spec in todo}
        rest = [
            {"id": spec["id"], "version": installed[spec["id"]], "state": "started", "changed": False, "actions": [], "findings": []}
            for spec in specs
            if spec not in todo
        ]
        found = {"changed": False, "instances": rest, "findings": [], "unlisted": ["other-avs-1"], "installed": installed, "held": []}
        return {**found, "needs": needs} if needs else found
    if module.check_mode or document["trial"]:
        return result(host, specs, True)
    fetch = bool((document.get("upgrade") or {}).get("fetch"))
    host.write("work", [specs, fetch])
    if host.read("goes_away", False) and not fetch:
        host.write("away", True)
    return {"changed": False, "going_on": {"name": NAME, "joined": False, "steps": {}}}


def rolled_back(host: Host, module: AnsibleModule) -> dict:
    before, installed = host.read("before", {}), host.read("installed", {})
    entries, confirmed, cut = [], module.params["confirm"], host.read("cut", False)
    for name in module.params["ids"] or sorted(installed):
        if name in installed:
            told = {"from": installed[name], "to": before[name], "since": "2026-01-01T00:00:00Z", "discards": "to go back discards all"}
            told.update({"cut": True} if cut else {})
            entries.append(
                {"id": name, "version": before[name], "state": "started", "changed": True, "actions": [], "error": None, "upgrade": told}
            )
    unknown = [name for name in module.params["ids"] if name not in installed]
    if not module.check_mode and (confirmed or cut):
        host.write("installed", {**installed, **{entry["id"]: entry["version"] for entry in entries}})
    return {"changed": bool(entries), "instances": entries, "unknown": unknown, "findings": []}


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    host = Host(module._remote_tmp)
    host.write("calls", [*host.read("calls", []), noted(module)])
    answer = rolled_back(host, module) if module.params["state"] == "rolled_back" else upgraded(host, module)
    if answer.pop("failed", False):
        module.fail_json(**answer)
    module.exit_json(**answer)


main()
