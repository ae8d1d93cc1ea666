#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a package's plugin, or a command it declares, once."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_plugin
short_description: Run an AVS package's plugin, or a command it declares
version_added: "0.2.0"
description:
  - Works with what is installed on the host, by the host's own record. Needs no inventory entry, package or secret store.
  - The command runs once, in a container of its own that is gone afterwards, or in the one of a service that runs, as its package declares
    it (C(commands) in C(runtime.yml)). It gets the networks, volumes, folders and keys it declares, and nothing else.
  - One at a time runs for an instance. Others wait for O(lock_timeout). The node itself may be started, stopped or changed meanwhile.
  - An exit code other than 0, or a time that is over, fails the task, with what the command wrote.
  - What a command does to its node is its own affair, so that it was run counts as changed.
requirements:
  - On the host, Docker Engine 24 or newer with the Compose plugin 2.20 or newer.
options:
  ids:
    description:
      - Instances, as C(<package>-<tag>). The command is run for one after the other. Those that are not on this host are returned in
        RV(unknown).
    type: list
    elements: str
    default: []
  all:
    description: Every instance of the host, with O(state=listed) alone.
    type: bool
    default: false
  state:
    description:
      - V(run) runs the command. V(listed) returns what the packages offer, and changes nothing.
    type: str
    choices: [run, listed]
    default: run
  command:
    description:
      - The name of the command. V(plugin) is the package's plugin itself, where no command has that name. It gets O(args) alone.
      - Required with O(state=run).
    type: str
  args:
    description:
      - Arguments behind those the package gives it. They are seen by everybody on the host while it runs, and no place for a secret.
    type: list
    elements: str
    default: []
  confirmed:
    description:
      - The command's name once more, for one that acts on the chain (C(chain) is true). Without it nothing is run.
    type: str
    default: ""
  holder:
    description: Who does it, for those who wait for the lock. By default the user of the connection.
    type: str
  lock_timeout:
    description: Seconds to wait for another command of the same instance.
    type: int
    default: 60
extends_documentation_fragment:
  - restaking.avs.long_work
attributes:
  check_mode:
    description: Says in RV(instances[].would) what would be run, and fails where a run would refuse it.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_control
  - module: restaking.avs.instances
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: See what an instance's package offers
  restaking.avs.instance_plugin:
    ids: [demo-avs-op1]
    state: listed

- name: Prune a node's database
  restaking.avs.instance_plugin:
    ids: [demo-avs-op1]
    command: prune
    args: ["1000"]
  register: pruned

- name: Register with an AVS, which acts on the chain
  restaking.avs.instance_plugin:
    ids: [demo-avs-op1]
    command: opt-in
    confirmed: opt-in
"""

RETURN = r"""
instances:
  description: One entry for every instance that was meant.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    version:
      description: The version that is installed.
      type: str
    command:
      description: The name of the command.
      returned: with O(state=run)
      type: str
    changed:
      description: Whether it was run, or would be.
      type: bool
    actions:
      description: What was done, or would be, as C(kind), C(name) and C(action).
      type: list
      elements: dict
    code:
      description: The exit code.
      returned: where it was run
      type: int
    output:
      description: The end of what it wrote to both streams (64 KiB), secrets of the instance masked, what would act on a terminal escaped.
      returned: where it was run
      type: str
    cut:
      description: Whether it wrote more.
      returned: where it was run
      type: bool
    timed_out:
      description: Whether it was ended because its time was over.
      returned: where it was run
      type: bool
    seconds:
      description: How long it took.
      returned: where it was run
      type: float
    would:
      description:
        - What would be run. C(run), C(chain), C(args), C(image), C(container) of a command that runs in one, C(networks), C(mounts), C(keys) (files in
          the container), C(user) (null, the image's) and C(timeout).
      returned: in check mode
      type: dict
    commands:
      description:
        - What the package offers. C(name), C(run), C(service), C(image), C(args), C(chain), C(needs), C(network), C(mounts), C(user) and C(timeout).
      returned: with O(state=listed)
      type: list
      elements: dict
    findings:
      description: What is to be said of it.
      type: list
      elements: dict
    error:
      description: Why it failed, empty otherwise.
      type: str
unknown:
  description: Ids that are not on this host.
  returned: always
  type: list
  elements: str
"""

import os
import socket
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.commands.perform import Wish, offered, perform
from ..module_utils.common.errors import AvsError, HostError
from ..module_utils.common.harmless import harmless_deep
from ..module_utils.common.rules import finding
from ..module_utils.docker.engine import Engine
from ..module_utils.instance.store import host_store
from ..module_utils.reconcile import long_work
from ..module_utils.reconcile.own import result_of
from ..module_utils.reconcile.selection import choose
from ..module_utils.system.command import RunCommand


def work(given: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """All there is to do, wherever it is done: in this call, or in a process of its own. ``given``: what the module was, and ``check``."""
    try:
        store, engine = host_store(), Engine(run_command)
        listed = given["state"] == "listed"
        if not listed and (not given["command"] or given["all"]):
            wrong = "name a command, and the instances it is for (ids)"
            raise HostError(f"nothing was run: {wrong}", [finding("INV-001", "", wrong, "See state: listed.")])
        chosen = choose(store, engine, given["ids"], "", given["all"])
        names = given["command"], given["args"], given["confirmed"]
        wish = Wish(*names, given["holder"], float(given["lock_timeout"]), bool(given["check"]))
        result = result_of(offered(store, chosen.ids) if listed else perform(store, engine, chosen.ids, wish))
    except AvsError as error:
        return {"failed": True, "changed": False, **harmless_deep(error.as_result())}
    answer: dict[str, Any] = harmless_deep({**result, "unknown": list(chosen.unknown)})
    return answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "ids": {"type": "list", "elements": "str", "default": []},
            "all": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["run", "listed"], "default": "run"},
            "command": {"type": "str"},
            "args": {"type": "list", "elements": "str", "default": []},
            "confirmed": {"type": "str", "default": ""},
            "holder": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 60},
            **long_work.ARGUMENTS,
        },
        supports_check_mode=True,
        mutually_exclusive=[["ids", "all"]],
    )
    given = {**module.params, "check": module.check_mode}
    given["holder"] = given["holder"] or f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
    try:
        answer = long_work.answer(long_work.Asked("instance_plugin", given), module.run_command, work)
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))
    except OSError as error:
        module.fail_json(changed=False, msg=f"it could not be begun: {error}")
    if answer.pop("failed", False):
        module.fail_json(**answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
