# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results of instance_info of many hosts as a table, JSON or CSV, or what a query finds in them."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: status_report
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Show what P(restaking.avs.instance_info#module) found on all hosts as a table, JSON or CSV
description:
  - The table is that of P(restaking.avs.status_table#filter). CSV has its columns, nothing in them cut.
  - JSON is a dictionary with C(instances), each as RV(restaking.avs.instance_info#module:instances) has it and with its C(host), and
    C(hosts), a list with C(host), C(answered), C(message) and C(findings).
  - A query looks at that dictionary, whatever the form. What it finds is shown as it is in JSON; in a table and in CSV as a row for
    each dictionary, list or value in it.
requirements:
  - jmespath (Python library), where there is a query
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.instance_info#module). With V(none) only the options are checked.
    type: dict
    required: true
  form:
    description: How it is shown.
    type: str
    choices: [table, json, csv]
    default: table
  query:
    description: A JMESPath expression (U(https://jmespath.org)).
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Print what is not healthy
  ansible.builtin.debug:
    msg: "{{ results | restaking.avs.status_report('table', query) }}"
  vars:
    results: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'avs_status'))) }}"
    query: "instances[?health.status != 'healthy'].{host: host, instance: id, why: health.detail}"
  run_once: true
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
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.fleet import report
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.forms import checked_form, compiled


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"status_report": status_report}


def status_report(results: Any, form: Any = "table", query: Any = "") -> str:
    """Raises ``AnsibleFilterError``."""
    form, query = str(plain(form)), str(plain(query) or "")
    try:
        if results is None:
            checked_form(form)
            compiled(query)
            return ""
        return report(plain(results), form, query)
    except InputError as error:
        raise AnsibleFilterError(harmless(f"status_report: {error}")) from None
