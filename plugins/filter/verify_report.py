# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is off with the instances of a fleet, in lines a person can read."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: verify_report
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: Say what is off with instances that P(restaking.avs.instance_info#module) looked at on all hosts
description:
  - Off is an instance that is to run and is not healthy, one that was changed by hand, one with a record that cannot be used, a host that
    did not answer, and an id that no host has. What is held, or stopped, is well as long as it is down.
  - What a host answered in place of its instances was told by its task; here it is named, with the first line of that.
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.instance_info#module), with its O(restaking.avs.instance_info#module:drift).
    type: dict
    required: true
  ids:
    description: The ids that were asked for, where ids were; a text has them with commas between.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Say what is off
  ansible.builtin.debug:
    msg: "{{ (dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'avs_seen')))
      | restaking.avs.verify_report).problems }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - C(told), a line for every instance, and C(problems), a line each.
    - C(nowhere), those of the problems that are no host's, a line on ids that no host has.
  type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.module_utils.status.off import off
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.asked import first_line, named
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.text import one_line


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"verify_report": verify_report}


def verify_report(results: Any, ids: Sequence[str] | str = ()) -> dict[str, list[str]]:
    """``told`` and ``problems``. Raises ``AnsibleFilterError`` for anything else than a mapping."""
    if not isinstance(results, Mapping):
        raise AnsibleFilterError(f"verify_report needs a dictionary of results by host, not a {type(results).__name__}")
    told: list[str] = []
    problems: list[str] = []
    there: set[str] = set()
    for host in sorted(map(str, results)):
        result = results[host]
        instances = result.get("instances") if isinstance(result, Mapping) else None
        if not isinstance(instances, Sequence):
            problems.append(f"{host} did not answer: {first_line(result)}")
            continue
        for entry in instances:
            # Asked for by its id, a host says of an instance that it never had it.
            if not entry.get("phase"):
                continue
            there.add(str(entry["id"]))
            wrong = list(off(entry))
            problems += [f"{host} {entry['id']}: {text}" for text in wrong]
            told.append(
                f"{host} {entry['id']} {'held' if entry.get('hold') else entry.get('state')}: {'off' if wrong else 'as it should be'}"
            )
    missing = [name for name in named(ids) if name not in there]
    nowhere = [f"no host that answered has {', '.join(missing)}; restaking.avs.status lists what there is"] if missing else []
    found = {"told": told, "problems": [*problems, *nowhere], "nowhere": nowhere}
    return {name: [one_line(line) for line in lines] for name, lines in found.items()}
