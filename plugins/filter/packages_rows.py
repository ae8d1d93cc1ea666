# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say of each package of the taps what there is of it, and what is installed."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: packages_rows
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Say of each package of the taps what there is of it, and what is installed
description:
  - Makes rows of what P(restaking.avs.tap#lookup) returned, and of what P(restaking.avs.instance_info#module) returned of hosts.
options:
  _input:
    description: What P(restaking.avs.tap#lookup) returned, a dictionary a tap.
    type: list
    elements: dict
    required: true
  results:
    description: Host name -> registered result of P(restaking.avs.instance_info#module). Without it nothing is installed.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: List the names of all packages
  ansible.builtin.debug:
    msg: "{{ query('restaking.avs.tap') | restaking.avs.packages_rows | map(attribute='package') }}"
"""

RETURN = r"""
_value:
  description:
    - A list with C(tap), C(package), C(kind), C(newest), C(versions), C(upgrades), C(networks), C(description), C(problems) and C(installed),
      the instances of a package of this name with C(host), C(id), C(version) and C(newer).
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless_deep
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.packages import packages_rows as rows_of


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"packages_rows": packages_rows}


def packages_rows(offers: Any, results: Any = None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = harmless_deep(rows_of(plain(offers), plain(results) or {}))
    return rows
