# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes of many hosts logged, in one stream by time."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: log_lines
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: Merge what C(avsctl logs --json) said on many hosts, by time
description:
  - One line for each line a container logged, with the engine's time, host, instance and service before it. What a container logs draws no
    line of its own and moves no cursor.
  - Why a host could not tell is a problem; that it has no such instance is none.
options:
  _input:
    description: Host name -> registered result of a looped task that ran C(avsctl logs --json) for each id.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show them
  ansible.builtin.debug:
    msg: "{{ (dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'avs_said'))) | restaking.avs.log_lines).lines }}"
  run_once: true
"""

RETURN = r"""
_value:
  description:
    - C(lines), and C(ids), those that some host has.
    - C(problems), a line for each thing that kept a host from telling, and C(without), hosts that have no C(avsctl).
  type: dict
"""

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.asked import first_line
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.text import one_line

# What avsctl ends with, where it did not fail.
_FOUND = 0
_NOT_HERE = 5
# What the module `command` says, and its code, where there is no such program.
_NO_PROGRAM = "Error executing command"
_NO_PROGRAM_CODE = 2


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"log_lines": log_lines}


def log_lines(results: Any) -> dict[str, list[str]]:
    """``lines``, ``ids``, ``problems`` and ``without``. Raises ``AnsibleFilterError`` for anything else than a mapping."""
    if not isinstance(results, Mapping):
        raise AnsibleFilterError(f"log_lines needs a dictionary of results by host, not a {type(results).__name__}")
    rows: list[tuple[str, str]] = []
    ids: set[str] = set()
    problems: list[str] = []
    without: list[str] = []
    for host, result in results.items():
        for answer in (result.get("results") or ()) if isinstance(result, Mapping) else ():
            code = answer.get("rc")
            said = _document(answer)
            if code == _FOUND:
                ids.add(str(said.get("id")))
                rows += [_row(str(host), str(said.get("id")), line) for line in said.get("lines") or ()]
            elif code == _NO_PROGRAM_CODE and str(answer.get("msg")).startswith(_NO_PROGRAM):
                without.append(str(host))
            elif code != _NOT_HERE and not answer.get("unreachable"):
                problems.append(one_line(f"{host}: {first_line(said if said.get('msg') else answer)}"))
    return {
        "lines": [harmless(text).replace("\n", "\\n") for _moment, text in sorted(rows, key=lambda row: row[0])],
        "ids": sorted(ids),
        "problems": list(dict.fromkeys(problems)),
        "without": sorted(set(without)),
    }


def _document(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON avsctl wrote; nothing where it wrote none."""
    try:
        found = json.loads(answer.get("stdout") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _row(host: str, name: str, line: Mapping[str, Any]) -> tuple[str, str]:
    moment = str(line.get("time"))
    return moment, f"{moment} {host} {name} {line.get('service')} | {line.get('text')}"
