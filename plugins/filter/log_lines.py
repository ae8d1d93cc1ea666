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
  description: C(lines), and C(ids), those that some host has.
  type: dict
"""

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless

_FOUND = 0


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"log_lines": log_lines}


def log_lines(results: Any) -> dict[str, list[str]]:
    """``lines`` and ``ids``. Raises ``AnsibleFilterError`` for anything else than a mapping."""
    if not isinstance(results, Mapping):
        raise AnsibleFilterError(f"log_lines needs a dictionary of results by host, not a {type(results).__name__}")
    rows: list[tuple[str, str]] = []
    ids: set[str] = set()
    for host, result in results.items():
        for answer in (result.get("results") or ()) if isinstance(result, Mapping) else ():
            if answer.get("rc") != _FOUND:
                continue
            found = json.loads(answer.get("stdout") or "{}")
            ids.add(str(found.get("id")))
            for line in found.get("lines") or ():
                moment = str(line.get("time"))
                rows.append((moment, f"{moment} {host} {found.get('id')} {line.get('service')} | {line.get('text')}"))
    return {"lines": [harmless(text).replace("\n", "\\n") for _moment, text in sorted(rows, key=lambda row: row[0])], "ids": sorted(ids)}
