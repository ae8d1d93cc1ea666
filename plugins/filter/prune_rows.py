# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What host_prune removed of hosts, as rows of a report."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: prune_rows
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Say what was removed of hosts because nobody needs it
description:
  - Makes rows of what P(restaking.avs.host_prune#module) returned of hosts.
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.host_prune#module).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say how much room there is now
  ansible.builtin.debug:
    msg: "{{ {inventory_hostname: pruned} | restaking.avs.prune_rows | selectattr('removed') | sum(attribute='bytes') }}"
"""

RETURN = r"""
_value:
  description:
    - A list with C(host), C(what) (V(image) or V(release)), C(name), C(bytes), C(instances), C(removed), and C(note), why something stays.
  type: list
  elements: dict
"""

from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless_deep
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.pruned import prune_rows as rows_of


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"prune_rows": prune_rows}


def prune_rows(results: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = harmless_deep(rows_of(plain(results)))
    return rows
