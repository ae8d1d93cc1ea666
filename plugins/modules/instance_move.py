#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps by which an instance goes from one host to another with what it has stored."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_move
short_description: Restore the backup of an AVS node on another host than the one it was made on
version_added: "0.2.0"
description:
  - The steps C(restaking.avs.restore) takes where C(avs_restore_to) names a host. In this order, on the new host O(state=looked), on
    the old one O(state=given_up) in check mode, on the new one O(state=brought), on the old one O(state=given_up), on the new one
    O(state=confirmed); then P(restaking.avs.instances#module) installs and starts it.
  - An instance that has keys is held on the new host from before its first file is there until its old host, by its machine's id, said that
    it is down and held there and that its keys are gone from memory, or until that host is named in O(dead) and does not answer.
  - With O(state=brought) the work goes on on the host by itself; what the other steps do is part of the call.
  - What was brought is installed in the version the backup is of, and in no other.
extends_documentation_fragment:
  - restaking.avs.backup_copies
  - restaking.avs.backup_copies.read
  - restaking.avs.long_work
requirements:
  - On the host, restic 0.12 or newer, from its distribution.
  - On the host, Docker Engine 24 or newer with the Compose plugin 2.20 or newer.
options:
  id:
    description: The instance, as C(<package>-<tag>).
    type: str
    required: true
  state:
    description:
      - V(looked) only says what a restore here would be of. V(brought) puts it where the instance will find it, and holds it. V(confirmed) lifts
        that hold.
      - V(given_up) stops the instance, holds it down for good, and takes its secrets and keys out of memory. What it has stored stays.
    type: str
    choices: [looked, brought, given_up, confirmed]
    required: true
  to:
    description: With O(state=given_up), the new host, as the inventory calls it. Who starts the instance here again has to name it.
    type: str
  machine:
    description: With O(state=given_up), C(machine) of RV(instances[].move) of the new host. Another machine is refused.
    type: str
  since:
    description: With O(state=given_up), since when the instance has to be held, as it was said in check mode. One that was started since is left
      alone.
    type: str
  backup:
    description: The backup, by its id as P(restaking.avs.instance_backup#module) lists it. The newest where none is named.
    type: str
  version:
    description: The version of the entry by which the instance is to be installed here. The backup has to be of it.
    type: str
  keys:
    description: Whether the entry has keys. Where neither it nor the backup has any, nobody has to give the instance up.
    type: bool
    default: true
  acknowledged:
    description:
      - What may be as it was when the backup was made, though it is C(monotonic), by its name (C(volumes/signer-db)). Nothing has to be
        where the old host says that it has been held since before the backup was made, with O(state=confirmed) once more.
    type: list
    elements: str
    default: []
  owners:
    description: Numbers of users and groups that own files -> the numbers that are to own them here.
    type: dict
    default: {}
  old:
    description: What the old host answered to O(state=given_up), as it was registered.
    type: dict
    default: {}
  dead:
    description:
      - Hosts that are off for good, as the inventory or they themselves call them. One that answers is none.
      - With O(state=given_up), those of them that have the instance from here.
    type: list
    elements: str
    default: []
  repository:
    description: A folder of the host, as for P(restaking.avs.instance_backup#module).
    type: path
  classes:
    description: Instance -> volume, or C(data/<folder>) -> class, as for P(restaking.avs.instance_restore#module).
    type: dict
  password:
    description: The password of the repository, as for P(restaking.avs.instance_backup#module).
    type: raw
  inventory_name:
    description: What the inventory calls this host. The action plugin knows.
    type: str
  holder:
    description: Who does it, for those who wait for the lock. By default the user of the connection.
    type: str
  lock_timeout:
    description: Seconds to wait for another run that works on the instance.
    type: int
    default: 60
  stop_timeout:
    description: Seconds a node has to end in at most. One that is killed then is a warning.
    type: int
    default: 300
attributes:
  action:
    description: The password is resolved on the controller.
    support: full
  check_mode:
    description: Announces the very actions a run takes. The password is sent, and taken out of memory again.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_restore
  - module: restaking.avs.instance_control
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: See whose backup it is
  restaking.avs.instance_move:
    id: demo-avs-op1
    state: looked
    repository: /mnt/backup/avs
    password: {source: vault, path: avs/backup, field: password}

- name: Give it up for host2
  restaking.avs.instance_move:
    id: demo-avs-op1
    state: given_up
    to: host2
"""

RETURN = r"""
instances:
  description: One entry, as P(restaking.avs.instances#module) returns it, with these fields.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    changed:
      description: Whether anything was changed.
      type: bool
    actions:
      description: What was done, or would be, as C(kind), C(name) and C(action).
      type: list
      elements: dict
    move:
      description:
        - Of the new host, whose backup it is (C(host), C(inventory), C(machine), C(name)), C(backup), C(keys) (whether its old host has to
          give it up), C(outdated) (what has to be acknowledged, unless nothing was written since), C(omitted) and C(left) (not in it).
        - Of the old host, who it is, C(down), C(since) when it has been held, C(trial) in check mode, and C(elsewhere), a host named in
          O(dead) that had the instance from there. Of another machine than the backup's, who it is and the C(problem).
      type: dict
    findings:
      description: What is to be said of it.
      type: list
      elements: dict
    error:
      description: Why it failed, empty otherwise.
      type: str
"""

import os
import socket
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.backup import copies, owners
from ..module_utils.boot.settle import settle
from ..module_utils.common.errors import AvsError
from ..module_utils.common.harmless import harmless_deep
from ..module_utils.docker.engine import Engine
from ..module_utils.instance.store import ROOT, host_store
from ..module_utils.reconcile import giving_up, long_work, moving, repositories
from ..module_utils.reconcile.own import Way
from ..module_utils.system.command import RunCommand
from ..module_utils.system.full import os_error_text

_STEPS = {"looked": moving.looked, "brought": moving.brought, "given_up": giving_up.given_up, "confirmed": moving.confirmed}


def work(given: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """All there is to do, wherever it is done: in this call, or in a process of its own. ``given``: what the module was, and ``check``."""
    way = Way(given["holder"], float(given["lock_timeout"]), float(given["stop_timeout"]), given["check"])
    try:
        host = repositories.Host(host_store(), Engine(run_command), run_command)
        asked = repositories.asked({**given, "acknowledged": None})
        result = _STEPS[given["state"]](host, given["id"], way, asked, _wanted(given))
        if given["state"] == "given_up":
            settle(result, run_command, given["check"])
    except AvsError as error:
        return {"failed": True, "changed": False, **harmless_deep(error.as_result())}
    except OSError as error:
        return {"failed": True, "changed": False, "msg": f"{os_error_text(error, ROOT)}; how far it came is not known, run again"}
    return dict(harmless_deep(dict(result)))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "id": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["looked", "brought", "given_up", "confirmed"], "required": True},
            "to": {"type": "str"},
            "machine": {"type": "str"},
            "since": {"type": "str"},
            "backup": {"type": "str"},
            "version": {"type": "str"},
            "keys": {"type": "bool", "default": True},
            "acknowledged": {"type": "list", "elements": "str", "default": []},
            "owners": {"type": "dict", "default": {}},
            "old": {"type": "dict", "default": {}},
            "dead": {"type": "list", "elements": "str", "default": []},
            "repository": {"type": "path"},
            "classes": {"type": "dict"},
            "password": {"type": "raw", "no_log": True},
            "copies": {"type": "list", "elements": "dict", "options": copies.OPTIONS},
            "copy": {"type": "str"},
            "inventory_name": {"type": "str"},
            "holder": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 60},
            "stop_timeout": {"type": "int", "default": 300},
            **long_work.ARGUMENTS,
        },
        supports_check_mode=True,
        required_if=[["state", "given_up", ["to"]]],
    )
    given = {**module.params, "check": module.check_mode}
    given["holder"] = given["holder"] or f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
    asked = long_work.Asked("instance_move", given, sorted(module.no_log_values))
    try:
        answer = long_work.answer(asked, module.run_command, work)
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))
    except OSError as error:
        module.fail_json(changed=False, msg=f"it could not be begun: {error}")
    if answer.pop("failed", False):
        module.fail_json(**answer)
    module.exit_json(**answer)


def _wanted(given: Mapping[str, Any]) -> moving.Wanted:
    return moving.Wanted(
        given["backup"] or "",
        given["version"],
        given["acknowledged"],
        owners.table(given["owners"]),
        said(given["old"]),
        given["dead"],
        given["to"] or "",
        given["machine"] or "",
        given["keys"],
        given["since"] or "",
    )


def said(registered: dict[str, Any]) -> dict[str, Any]:
    """What an old host said, of what a task registered; ``problem`` where it said nothing, and ``answers`` where it was reached all the
    same. What was not even asked says ``asked: false``."""
    for entry in registered.get("instances") or ():
        if isinstance(entry, dict) and isinstance(entry.get("move"), dict):
            return dict(entry["move"])
    text = str(registered.get("msg") or "").partition("\n")[0]
    if registered.get("unreachable"):
        return {"problem": f"it could not be reached ({text})"}
    if registered.get("skipped") or not registered or registered.get("asked") is False:
        return {"problem": text} if text else {}
    return {"problem": text, "answers": True}


if __name__ == "__main__":
    main()
