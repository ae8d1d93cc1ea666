# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of a start, a stop or a restart over many hosts, in lines a person can read."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: control_report
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: Say what P(restaking.avs.instance_control#module) did on all hosts, and what nobody knows
description:
  - Of results of P(restaking.avs.instance_backup#module) and P(restaking.avs.instance_restore#module) it also says which backup was made, proven
    or put back, what is not in it, and what is still kept of what a restore replaced.
  - Of results of P(restaking.avs.instance_plugin#module) it also says what a command wrote, or would be run with, and what a package offers.
  - Every host that could not be reached is a problem, named with its address; so is an id that no host has, and an instance that runs and
    of which nothing tells which keys it has.
  - What failed on a host was told by its task, and is not told again.
options:
  _input:
    description: Host name -> registered result of P(restaking.avs.instance_control#module).
    type: dict
    required: true
  ids:
    description: The ids that were asked for, where ids were; a text has them with commas between.
    type: list
    elements: str
    default: []
  key:
    description: The key that was asked for, where a key was.
    type: str
    default: ""
  check:
    description: Whether the results are those of check mode, which says what would be done.
    type: bool
    default: false
  proofs:
    description: Host name -> registered result of the proofs of what was backed up.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Say what was stopped
  ansible.builtin.debug:
    msg: "{{ (dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'avs_stopped')))
      | restaking.avs.control_report(['demo-avs-op1'])).told }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - C(told), a line for every instance that was meant, and C(problems), a line each.
    - C(nowhere), those of the problems that are no host's, a line on ids, or a key, that no host has.
  type: dict
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.asked import first_line, named
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.commands import ran
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.saved import came_to, proved
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.text import one_line

_ALIVE = "what runs there is not known, and may run on"


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"control_report": control_report}


def control_report(
    results: Any, ids: Sequence[str] | str = (), check: bool = False, key: str = "", proofs: Mapping[str, Any] | None = None
) -> dict[str, list[str]]:
    """``told`` and ``problems``. Raises ``AnsibleFilterError`` for anything else than a mapping."""
    if not isinstance(results, Mapping):
        raise AnsibleFilterError(f"control_report needs a dictionary of results by host, not a {type(results).__name__}")
    told: list[str] = []
    problems: list[str] = []
    answered = {str(host): result for host, result in results.items() if isinstance(result, Mapping) and "instances" in result}
    for host in sorted(map(str, results)):
        result = results[host]
        if host in answered:
            told += [line for entry in result["instances"] for line in _lines(host, entry, check)]
            told += [f"{host} {entry['id']}: {line}" for entry in _entries((proofs or {}).get(host)) for line in proved(entry)]
            problems += [f"{host}: nothing tells which keys {name} has; {_ALIVE}" for name in result.get("unsure") or ()]
        elif isinstance(result, Mapping) and result.get("unreachable"):
            problems.append(f"{host} could not be reached; {_ALIVE}: {first_line(result)}")
        else:
            how = "failed, as its task says" if isinstance(result, Mapping) and result.get("failed") else "did not answer"
            problems.append(f"{host} {how}; {_ALIVE}")
    there = {entry["id"] for result in answered.values() for entry in result["instances"]}
    missing = [name for name in named(ids) if name not in there]
    nowhere = [f"no host that answered has {', '.join(missing)}; restaking.avs.status lists what there is"] if missing else []
    if key and not there:
        nowhere.append(f"no host that answered has an instance with the key {key}; restaking.avs.status lists the keys there are")
    found = {"told": told, "problems": [*problems, *nowhere], "nowhere": nowhere}
    return {name: [one_line(line) for line in lines] for name, lines in found.items()}


def _entries(result: Any) -> Sequence[Mapping[str, Any]]:
    return (result.get("instances") or ()) if isinstance(result, Mapping) else ()


def _lines(host: str, entry: Mapping[str, Any], check: bool) -> list[str]:
    return [_line(host, entry, check), *(f"{host} {entry['id']}: {line}" for line in (*came_to(entry, check), *ran(entry)))]


def _line(host: str, entry: Mapping[str, Any], check: bool) -> str:
    done = ", ".join(f"{one['action']} {one['kind']} {one['name']}" for one in entry.get("actions") or ())
    word = "held" if entry.get("hold") else entry.get("state")
    if entry.get("error"):
        return f"{host} {entry['id']} {word}: failed"
    # In check mode the state is the one that would come of it.
    return f"{host} {entry['id']}: would {done}" if check and done else f"{host} {entry['id']} {word}: {done or 'nothing to do'}"
