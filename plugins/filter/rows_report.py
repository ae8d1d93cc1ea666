# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the day-two playbooks as a table, JSON or CSV."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: rows_report
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Show rows of a report as a table, JSON or CSV
description:
  - Shows what P(restaking.avs.plan_rows#filter), P(restaking.avs.outdated#lookup), P(restaking.avs.packages_rows#filter),
    P(restaking.avs.package_rows#filter), P(restaking.avs.prune_rows#filter) and P(restaking.avs.backup_rows#filter) made. JSON is a
    dictionary with one list, that has every field of a row.
options:
  _input:
    description: The rows. With V(none) only the options are checked.
    type: list
    elements: dict
    required: true
  kind:
    description: Which report it is.
    type: str
    choices: [plan, outdated, packages, profiles, options, prune, backups]
    required: true
  form:
    description: How it is shown.
    type: str
    choices: [table, json, csv]
    default: table
  query:
    description: A JMESPath expression (U(https://jmespath.org)) on what JSON shows.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Print what a run would do on this host
  ansible.builtin.debug:
    msg: "{{ (node_result | restaking.avs.plan_rows(inventory_hostname, avs_instances) | restaking.avs.rows_report('plan')).splitlines() }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: str
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.forms import checked_form, compiled
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.kinds import rows_report as report


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"rows_report": rows_report}


def rows_report(rows: Any, kind: Any, form: Any = "table", query: Any = "") -> str:
    """Raises ``AnsibleFilterError``."""
    kind, form, query = str(plain(kind)), str(plain(form)), str(plain(query) or "")
    try:
        if rows is None:
            checked_form(form)
            compiled(query)
            return ""
        return report(plain(rows), kind, form, query)
    except InputError as error:
        raise AnsibleFilterError(harmless(f"rows_report: {error}")) from None
