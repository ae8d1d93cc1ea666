# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of instance_info of many hosts as a table a person can read."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: status_table
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Show what P(restaking.avs.instance_info#module) found on all hosts as a plain text table
description:
  - One line an instance, sorted by host and instance, with the columns host, instance, version, commit, profile, state, health,
    image, keys, and detail, which says why the health is what it is. Commits and image digests are cut to 12 digits.
  - A host without instances, or whose result is missing or failed, has a line that says so.
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.instance_info#module).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Print the fleet
  ansible.builtin.debug:
    msg: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'avs_status'))) | restaking.avs.status_table }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The table, lines separated by newlines, columns by two spaces.
  type: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.fleet import table


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"status_table": status_table}


def status_table(results: Any) -> str:
    """The table of ``{host: result}``. Raises ``AnsibleFilterError`` for anything else than a mapping."""
    try:
        return table(results)
    except InputError as error:
        raise AnsibleFilterError(f"status_table {error}") from None
