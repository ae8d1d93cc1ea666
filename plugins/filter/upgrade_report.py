# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of upgrades and rollbacks, in lines a person can read."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: upgrade_report
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: Say what P(restaking.avs.instance_upgrade#module) did on all hosts, or would do
description:
  - A line for every instance that was meant, from which version to which, with its backup, how long the node was down, and what came of it. In
    check mode more lines say what the new version brings.
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.instance_upgrade#module).
    type: dict
    required: true
  ids:
    description: The ids that were asked for, where ids were; a text has them with commas between.
    type: list
    elements: str
    default: []
  check:
    description: Whether the results are those of check mode, which says what would be done.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Say what was upgraded
  ansible.builtin.debug:
    msg: "{{ ({inventory_hostname: upgrade_result} | restaking.avs.upgrade_report).told }}"
"""

RETURN = r"""
_value:
  description:
    - C(told), the lines, and C(nowhere), a line on ids that no host that answered has.
  type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.asked import named
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.text import one_line
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.upgrades import lines_of


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"upgrade_report": upgrade_report}


def upgrade_report(results: Any, ids: Sequence[str] | str = (), check: bool = False) -> dict[str, list[str]]:
    """``told`` and ``nowhere``. Raises ``AnsibleFilterError`` for anything else than a mapping."""
    if not isinstance(results, Mapping):
        raise AnsibleFilterError(f"upgrade_report needs a dictionary of results by host, not a {type(results).__name__}")
    answers = {str(host): plain(result) for host, result in sorted(results.items()) if isinstance(result, Mapping)}
    told = [
        f"{line[: len(line) - len(line.lstrip())]}{one_line(line)}"
        for host, result in answers.items()
        for entry in result.get("instances") or ()
        for line in lines_of(host, entry, bool(check))
    ]
    # Where nothing was done for another reason, what was meant was not looked for.
    there = {str(entry["id"]) for result in answers.values() for entry in result.get("instances") or ()}
    looked = [result for result in answers.values() if "unknown" in result]
    missing = [name for name in named(plain(ids)) if name not in there and looked and all(name in result["unknown"] for result in looked)]
    nowhere = (
        [f"no host of this run has {', '.join(missing)} in its inventory; restaking.avs.status lists what there is"] if missing else []
    )
    return {"told": told, "nowhere": [one_line(line) for line in nowhere]}
