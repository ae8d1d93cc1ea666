#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes a report on the controller; the action plugin of the same name does it."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: report_file
short_description: Write a report to a file on the controller
version_added: "0.1.0"
description:
  - Writes a text to a file on the controller, with mode C(0600) and at once; a reader finds the old text or the new one.
  - Contacts no host. A report is no part of what a run is to bring about, so it never counts as changed.
options:
  path:
    description: The file. A relative path starts where Ansible was started. Its folder has to be there.
    type: path
    required: true
  content:
    description: The text.
    type: str
    required: true
attributes:
  check_mode:
    description: Nothing is written.
    support: full
  diff_mode:
    description: Shows nothing.
    support: none
  platform:
    description: Runs on the controller.
    support: full
    platforms: posix
seealso:
  - plugin: restaking.avs.status_report
    plugin_type: filter
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Keep the report
  restaking.avs.report_file:
    path: reports/fleet.csv
    content: "{{ results | restaking.avs.status_report('csv') }}"
  vars:
    results: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'avs_status'))) }}"
  run_once: true
"""

RETURN = r"""
path:
  description: The file as it was named.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {"path": {"type": "path", "required": True}, "content": {"type": "str", "required": True}}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.fail_json(msg="restaking.avs.report_file needs its action plugin: call it by its full name, not through another module")


if __name__ == "__main__":
    main()
