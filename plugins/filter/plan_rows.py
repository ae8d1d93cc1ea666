# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run would do on a host, as rows of a report."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: plan_rows
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Say of each instance of a host what a run would do
description:
  - Makes rows of what P(restaking.avs.instances#module) returned in check mode, failed or not.
options:
  _input:
    description: Registered result of P(restaking.avs.instances#module).
    type: dict
    required: true
  host:
    description: Name of the host.
    type: str
    required: true
  declared:
    description: The instances of the inventory. Nothing but C(package), C(tag), C(version) and C(state) is looked at.
    type: list
    elements: dict
    required: true
  present:
    description: Registered result of P(restaking.avs.instance_info#module), which tells what is installed.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Tell what is refused
  ansible.builtin.debug:
    msg: "{{ node_result | restaking.avs.plan_rows(inventory_hostname, avs_instances) | selectattr('verdict', 'eq', 'refused') }}"
"""

RETURN = r"""
_value:
  description:
    - A list with C(host), C(id), C(installed) and C(wanted) (dictionaries with C(version) and C(state)), C(verdict) (V(nothing), V(change),
      V(refused), V(waits) for others of the host that are refused, V(unlisted)), C(actions), C(reasons), and C(plan) in words.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless_deep
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.plan import plan_rows as rows_of

_LOOKED_AT = ("package", "tag", "version", "state")


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"plan_rows": plan_rows}


def plan_rows(result: Any, host: Any, declared: Any, present: Any = None) -> list[dict[str, Any]]:
    # Options are not even read: they may be secrets.
    entries = [
        {name: plain(entry[name]) for name in _LOOKED_AT if name in entry} if isinstance(entry, Mapping) else None
        for entry in (declared if isinstance(declared, list) else ())
    ]
    rows: list[dict[str, Any]] = harmless_deep(rows_of(str(plain(host)), plain(result), entries, plain(present) or {}))
    return rows
