#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts, stops and restarts instances by what their host keeps of them."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_control
short_description: Start, stop and restart AVS nodes by what their host keeps of them
version_added: "0.2.0"
description:
  - Needs no inventory entry, package or secret store; works with what is installed on the host.
  - Just one of O(ids), O(key) and O(all) says which instances are meant.
  - An instance that is stopped is held down. It stays so through every run of P(restaking.avs.instances#module) and every restart of the
    host, whatever its entry in the inventory says, until it is started. Every run and every status says that it is held.
  - A stop does not wait for somebody who works on the instance. It is taken down at once, and that run does not bring it up any more.
  - An instance that is started is brought up as it was committed, and is waited for until it is healthy. Where its secrets are gone, as
    after a restart of the host, it is an error that says so; P(restaking.avs.instances#module) brings them.
  - What is restarted is neither stopped for good nor held; one that is held, or stopped, is an error.
requirements:
  - On the host, Docker Engine 24 or newer with the Compose plugin 2.20 or newer.
options:
  ids:
    description: Instances, as C(<package>-<tag>). Those that are not on this host are returned in RV(unknown).
    type: list
    elements: str
    default: []
  key:
    description:
      - Every instance that has this key, by its public id (an address, or a public key in any usual spelling), or by the fingerprint of its
        keystore, as P(restaking.avs.instance_info#module) shows it.
    type: str
  all:
    description: Every instance of the host.
    type: bool
    default: false
  state:
    description: What is to become of them.
    type: str
    choices: [started, stopped, restarted]
    required: true
  reason:
    description: Why they are stopped, for those who find them so.
    type: str
    default: ""
  take_back:
    description:
      - With O(state=started), the host an instance was moved to, or comes from (P(restaking.avs.instance_move#module)). What is held because
        of another host is started for one who names that host, and else is an error.
    type: str
    default: ""
  holder:
    description: Who does it, for those who find them stopped or wait for the lock. By default the user of the connection.
    type: str
  lock_timeout:
    description: Seconds to wait for another run that works on one of the instances.
    type: int
    default: 60
  stop_timeout:
    description: Seconds a node has to end in at most. One that is killed then is a warning.
    type: int
    default: 300
attributes:
  check_mode:
    description: Announces the very actions a run takes.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instances
  - module: restaking.avs.instance_info
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Stop a node, and keep it down
  restaking.avs.instance_control:
    ids: [demo-avs-op1]
    state: stopped
    reason: disk is to be replaced

- name: Stop whatever signs with a key
  restaking.avs.instance_control:
    key: "0x5f8C1a5E1d1a1b6f0e2b7c1e5b0f9a3c4d2e1f00"
    state: stopped

- name: Go on
  restaking.avs.instance_control:
    ids: [demo-avs-op1]
    state: started
"""

RETURN = r"""
instances:
  description: One entry for every instance that was meant, as P(restaking.avs.instances#module) returns them.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    state:
      description: V(started), V(stopped) or V(absent).
      type: str
    hold:
      description: Since when it is held down, by whom and why; null where it is not.
      type: dict
    changed:
      description: Whether anything of it was changed.
      type: bool
    actions:
      description: What was done, or would be, as C(kind), C(name) and C(action).
      type: list
      elements: dict
    health:
      description: C(status) and C(detail).
      type: dict
    findings:
      description: What is to be said of it; nothing where the task failed, whose message says it.
      type: list
      elements: dict
    error:
      description: Why it failed, in a line; null otherwise. The message of the task has all of it.
      type: str
    waiting:
      description: Whether it failed because its secrets are gone.
      type: bool
    locked:
      description: Given where it failed because somebody else works on it; what was to be stopped is down and held all the same.
      type: bool
unknown:
  description: Ids that are not on this host.
  returned: always
  type: list
  elements: str
unsure:
  description: Where a O(key) was named, instances that run and of which nothing tells which keys they have. Nothing is done to them.
  returned: always
  type: list
  elements: str
"""

import os
import socket
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.boot.settle import settle
from ..module_utils.common.errors import AvsError
from ..module_utils.common.harmless import harmless, harmless_deep
from ..module_utils.docker.engine import Engine
from ..module_utils.instance.store import ROOT, host_store
from ..module_utils.reconcile import control
from ..module_utils.reconcile.own import Way
from ..module_utils.reconcile.selection import choose
from ..module_utils.system.full import os_error_text

_TOLD = ("id", "state", "hold", "changed", "actions", "health", "error", "waiting")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "ids": {"type": "list", "elements": "str", "default": []},
            "key": {"type": "str", "no_log": False},
            "all": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["started", "stopped", "restarted"], "required": True},
            "reason": {"type": "str", "default": ""},
            "take_back": {"type": "str", "default": ""},
            "holder": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 60},
            "stop_timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
        mutually_exclusive=[["ids", "key", "all"]],
    )
    given = module.params
    holder = given["holder"] or f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
    bounds = float(given["lock_timeout"]), float(given["stop_timeout"])
    way = Way(holder, *bounds, module.check_mode, say=lambda text: module.warn(harmless(text)), take_back=given["take_back"])
    try:
        store, engine = host_store(), Engine(module.run_command)
        chosen = choose(store, engine, given["ids"], given["key"] or "", given["all"])
        if given["state"] == "stopped":
            result = control.stop(store, engine, chosen.ids, way, given["reason"])
        else:
            result = (control.start if given["state"] == "started" else control.restart)(store, engine, chosen.ids, way)
        settle(result, module.run_command, module.check_mode)
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))
    except OSError as error:
        text = harmless(os_error_text(error, ROOT))
        module.fail_json(msg=f"{text}; how far it came is not known, look with restaking.avs.status and run again")
    answer = harmless_deep({**result, "unknown": list(chosen.unknown), "unsure": list(chosen.unsure)})
    if answer.pop("failed", False):
        # Ansible prints all of it below the message.
        module.fail_json(**{**answer, "instances": [_brief(entry) for entry in answer["instances"]]})
    module.exit_json(**answer)


def _brief(entry: dict[str, Any]) -> dict[str, Any]:
    """What became of an instance, without what it is made of."""
    told = {name: entry[name] for name in _TOLD if name in entry}
    # The message has all of an error, with what to do about it.
    error = entry.get("error")
    return {**told, "error": str(error).partition("\n")[0] if error else None, "findings": []}


if __name__ == "__main__":
    main()
