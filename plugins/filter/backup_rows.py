# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of hosts as rows of a report."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: backup_rows
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: Say which backups hosts have
description:
  - Makes rows of what P(restaking.avs.instance_backup#module) returned of hosts with O(restaking.avs.instance_backup#module:state=listed).
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.instance_backup#module).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say which backups were never proven
  ansible.builtin.debug:
    msg: "{{ {inventory_hostname: listed} | restaking.avs.backup_rows | rejectattr('verified') | map(attribute='id') }}"
"""

RETURN = r"""
_value:
  description: A list with C(host), C(instance), C(id), C(time), C(version), C(snapshot), C(verified) and C(repository), the oldest first.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless_deep
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.saved import backup_rows as rows_of


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"backup_rows": backup_rows}


def backup_rows(results: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = harmless_deep(rows_of(plain(results)))
    return rows
