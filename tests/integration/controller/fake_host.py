# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's side of the two calls and nothing else: remembers what it was given in a file, so that a second run finds it."""

from __future__ import annotations

import atexit
import hashlib
import hmac
import json
import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.restaking.avs.plugins.module_utils.common.keystores import record_of

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}


def same(spec: dict, old: dict | None) -> bool:
    if old is None or old["env"] != spec.get("env") or old["state"] != spec["state"]:
        return False
    for name, secret in spec.get("secrets", {}).items():
        version, value = old["secrets"].get(name, ("", ""))
        ref = secret["ref"]
        if "version" in ref:
            if version != ref["version"]:
                return False
        elif hmac.new(bytes.fromhex(ref["nonce"]), value.encode(), hashlib.sha256).hexdigest() != ref["mac"]:
            return False
    return True


def keystores(spec: dict, old: dict | None) -> dict:
    secrets = (old or {}).get("secrets", {})
    keys = {key["name"]: (key["kind"], secrets.get(key["keystore"])) for key in spec.get("keys", ())}
    return {name: record_of(kind, value[1]) for name, (kind, value) in keys.items() if value}


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    document, values = module.params["document"], module.params["secret_values"] or {}
    path = document["settings"].get("memory") or os.path.join(module._remote_tmp, "host.memory")
    os.makedirs(module._remote_tmp, exist_ok=True)
    if not document["complete"]:
        time.sleep(document["settings"].get("think", 0))
    for line in document["settings"].get("warn") or ():
        module.warn(line)
    if "junk" in document["settings"]:
        # As a login or sudo may print something of its own behind what was asked for.
        atexit.register(print, document["settings"]["junk"])
    known = {}
    if os.path.exists(path):
        with open(path) as handle:
            known = json.load(handle)
    told = {}
    if os.path.exists(os.path.join(module._remote_tmp, "told.memory")):
        with open(os.path.join(module._remote_tmp, "told.memory")) as handle:
            told = json.load(handle)
    for refusal in (document["settings"].get("refuse"), told.get("refuse")):
        if refusal:
            module.fail_json(**refusal)
    todo = [spec for spec in document["specs"] if not same(spec, known.get(spec["id"]))]
    results = [
        {"id": spec["id"], "state": spec["state"], "changed": spec in todo, "keystores": keystores(spec, known.get(spec["id"]))}
        for spec in document["specs"]
    ]
    if "steps" in told:
        results = [{**result, "version": "v1.0.0", "actions": told["steps"] if result["changed"] else []} for result in results]
    if todo and not document["complete"]:
        needs = {spec["id"]: {"tree": spec["state"] == "started", "secrets": sorted(spec.get("secrets", {}))} for spec in todo}
        unchanged = [result for result in results if not result["changed"]]
        held = [{**result, "state": "started"} for result in results if result["changed"]]
        held += [{"id": name, "state": "started", "keystores": {}, "unknown": True} for name in document["settings"].get("unknown") or ()]
        module.exit_json(changed=False, instances=unchanged, needs=needs, findings=[], unlisted=[], held=held)
    if "fail" in told and not document["trial"]:
        module.fail_json(msg=told["fail"])
    time.sleep(document["settings"].get("wait", 0))
    dry = module.check_mode or document["trial"]
    if document["settings"].get("die") and todo and not document["trial"]:
        raise RuntimeError(f"died over {values!r}")
    if todo and not dry:
        for spec in todo:
            given = values.get(spec["id"], {})
            secrets = {name: (secret["ref"].get("version", ""), given[name]) for name, secret in spec.get("secrets", {}).items()}
            known[spec["id"]] = {"env": spec.get("env"), "state": spec["state"], "secrets": secrets}
        with open(path, "w") as handle:
            json.dump(known, handle)
    if document["trial"]:
        module.exit_json(changed=False, instances=results, findings=[], unlisted=[])
    calls = {"trees": sorted(document["trees"]), "secrets": {name: sorted(given) for name, given in values.items()}}
    with open(path.replace(".memory", ".calls.memory"), "w") as handle:
        json.dump(calls, handle)
    diff = [{"before": "", "after": f"{spec['id']}\n"} for spec in todo]
    module.exit_json(changed=bool(todo), instances=results, findings=[], unlisted=[], diff=diff)


main()
