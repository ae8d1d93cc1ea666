#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removes what no instance of a host needs any more."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: host_prune
short_description: Remove images and releases that no AVS node of a host needs any more
version_added: "0.1.0"
description:
  - Removes images that an instance of the host used once and that no container of the host uses, running or not. An image that something
    installed runs or would go back to stays.
  - What stays as well is an image that came from no registry (or, where the engine keeps images in containerd's store, one whose registry
    does not say that it still has it), one that has a name this collection did not give it, and every image as long as the record of an
    instance cannot be read.
  - Removes releases of instances but for the current one, the one before, and those a container was made in.
  - Removes no volume, no data, no network and no container, and nothing that somebody else brought to the host.
  - Waits for runs that work on an instance of the host.
requirements:
  - On the host, Docker Engine 24 or newer.
options:
  lock_timeout:
    description: Seconds to wait for another run that works on one of the instances.
    type: int
    default: 60
attributes:
  check_mode:
    description: Tells what would be removed. Nothing is locked.
    support: full
  diff_mode:
    description: Shows nothing.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_info
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Make room on the host
  restaking.avs.host_prune:
  register: pruned
"""

RETURN = r"""
images:
  description: Images that were removed, or would be, with C(id), C(names), C(bytes) and the C(instances) that used them.
  returned: success
  type: list
  elements: dict
releases:
  description: Releases that were removed, or would be, with C(instance), C(release) and C(bytes).
  returned: success
  type: list
  elements: dict
kept:
  description: Images that nobody uses and that stay, each an C(image) and C(why).
  returned: success
  type: list
  elements: dict
bytes:
  description: Size of all that went. Layers an image shares with another one that stays are counted, and stay.
  returned: success
  type: int
findings:
  description: What could not be removed.
  returned: always
  type: list
  elements: dict
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import AvsError
from ..module_utils.common.harmless import harmless_deep
from ..module_utils.docker.engine import Engine
from ..module_utils.upkeep.prune import prune


def main() -> None:
    module = AnsibleModule(argument_spec={"lock_timeout": {"type": "int", "default": 60}}, supports_check_mode=True)
    try:
        holder = f"restaking.avs.host_prune (process {os.getpid()})"
        result = prune(Engine(module.run_command), holder, module.params["lock_timeout"], module.check_mode)
        module.exit_json(**harmless_deep(result))
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))


if __name__ == "__main__":
    main()
