#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instances
short_description: Reconcile the AVS nodes of a host
version_added: "0.1.0"
author: restaking.avs contributors (@restaking)
description:
  - Makes the instances of a host what the inventory says, the whole list in one call.
  - An action plugin resolves packages, options and keys on the controller; the host gets one document.
options:
  instances:
    description: Inventory entries.
    type: list
    elements: dict
  taps:
    description: Taps in which packages are looked up, in order.
    type: list
    elements: dict
    default: []
  lock_timeout:
    description: Seconds to wait for another run on the same instance.
    type: int
    default: 60
  settings:
    description: Settings for all instances of the host.
    type: dict
    default: {}
  cache_dir:
    description: Folder on the controller in which packages are kept.
    type: path
  document:
    description: Filled by the action plugin.
    type: dict
  secret_values:
    description: Filled by the action plugin.
    type: dict
"""

EXAMPLES = r"""
- name: Reconcile the instances of this host
  restaking.avs.instances:
    instances: "{{ avs_instances }}"
    taps: "{{ avs_taps }}"
"""

RETURN = r"""
instances:
  description: One entry an instance.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.errors import AvsError
from ..module_utils.reconcile import reconcile


def main() -> None:
    module = AnsibleModule(
        argument_spec=dict(
            instances=dict(type="list", elements="dict"),
            taps=dict(type="list", elements="dict", default=[]),
            lock_timeout=dict(type="int", default=60),
            settings=dict(type="dict", default={}),
            cache_dir=dict(type="path"),
            document=dict(type="dict"),
            secret_values=dict(type="dict", no_log=True),
        ),
        supports_check_mode=True,
    )
    try:
        result = reconcile(module.params["document"], module.params["secret_values"], module.check_mode, module._diff)
    except AvsError as error:
        module.fail_json(changed=False, **error.as_result())
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
