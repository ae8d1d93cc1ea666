#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a host's instances whether they are well, for a rollout, and notes which of them passed as its canary."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_gate
short_description: Ask whether AVS nodes of a rollout are well, and note that they passed
version_added: "0.2.0"
description:
  - Asks the gates of a host's instances as they are just now, and says which of them was a canary that passed, and with which package.
  - With O(passed) it notes that on the host, so that a rollout that is gone on with, from whichever controller, needs no other canary.
requirements:
  - On the host, Docker Engine 24 or newer.
options:
  ids:
    description: The instances, as C(<package>-<tag>). All of the host where this is empty.
    type: list
    elements: str
    default: []
  passed:
    description: Instance -> digest of its package, of those that passed. One that has another package by now is left out.
    type: dict
    default: {}
  rollout:
    description: Name of the rollout, to be noted beside it.
    type: str
    default: ""
  lock_timeout:
    description: Seconds to wait for another run that works on one of the instances.
    type: int
    default: 60
attributes:
  check_mode:
    description: Notes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_info
  - module: restaking.avs.instance_upgrade
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Ask whether they are well
  restaking.avs.rollout_gate:
    ids: [demo-avs-op1]
  register: asked
"""

RETURN = r"""
machine:
  description: By what this machine is told from others.
  returned: always
  type: str
instances:
  description: One entry for each instance.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    package:
      description: Name of the package.
      type: str
    version:
      description: Installed version.
      type: str
    digest:
      description: Digest of the files of the installed package.
      type: str
    state:
      description: V(started), V(stopped) or V(absent), as it was asked for last.
      type: str
    phase:
      description: As P(restaking.avs.instance_info#module) has it.
      type: str
    health:
      description: C(status) V(healthy), V(starting), V(unhealthy) or V(unknown) as asked just now, and C(detail).
      type: dict
    hold:
      description: Of one that is held down, since when, by whom and why.
      type: dict
    at_work:
      description: What is being done with it just now, by whom that was begun; null where nothing is.
      type: dict
    upgrade:
      description: Of its last upgrade, as P(restaking.avs.instance_info#module) has it.
      type: dict
    passed:
      description: Of a canary that passed with the package that is installed, C(digest), C(rollout) and C(at); null for others.
      type: dict
"""

import os
import socket

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import AvsError
from ..module_utils.common.harmless import harmless_deep
from ..module_utils.docker.engine import Engine
from ..module_utils.instance.store import host_store
from ..module_utils.status.gates import gates, record
from ..module_utils.system import machine


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "ids": {"type": "list", "elements": "str", "default": []},
            # Not of a password: who passed.
            "passed": {"type": "dict", "default": {}, "no_log": False},
            "rollout": {"type": "str", "default": ""},
            "lock_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    given = module.params
    digests = {str(name): str(digest) for name, digest in given["passed"].items()}
    try:
        store = host_store()
        news = []
        if digests and not module.check_mode:
            holder = f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
            news = record(store, digests, given["rollout"], holder, given["lock_timeout"])
        found = gates(Engine(module.run_command), store, given["ids"])
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))
    except OSError as error:
        module.fail_json(changed=False, msg=f"what passed could not be noted: {error}")
    module.exit_json(changed=bool(news), machine=machine.mark(), instances=harmless_deep(found))


if __name__ == "__main__":
    main()
