#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans, judges and tells a rollout on the controller; the action plugin of the same name does it."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
short_description: Plan, judge and tell a change of many hosts, wave by wave
version_added: "0.2.0"
description:
  - What the playbooks C(upgrade) and C(rollback) do between their calls to hosts. Contacts no host; reads the variables and
    registered results of the play's hosts, and keeps what it knows in a folder of the controller.
  - It is meant for the collection's own playbooks, and only together with what they register.
options:
  state:
    description:
      - V(absent) finds hosts that are to go first and are not in this run. V(planned) makes the plan. V(noted) keeps what became of this host.
        V(judged) says whether another batch may be begun, and waits where a wave is to be left alone. V(gated) judges what hosts said when they
        were asked again. V(stopped) has nothing more begun. V(reported) makes the reports.
    type: str
    choices: [absent, planned, noted, judged, gated, stopped, reported]
    required: true
  kind:
    description: What is rolled out.
    type: str
    choices: [upgrade, rollback]
    default: upgrade
  ids:
    description: With O(state=planned), the instances that were asked for; a list, or a text with commas.
    type: raw
  all:
    description: With O(state=planned), whether all of the hosts were asked for.
    type: bool
    default: false
  leaves:
    description: With O(state=planned), the version a rollback goes back from. What has another one is left alone.
    type: str
  looked:
    description: With O(state=planned), the variable that has what each host said of what is to be done.
    type: str
    default: upgrade_result
  serial:
    description: With O(state=planned), how many hosts go in a wave, a number, a share or a list of them.
    type: raw
  at_once:
    description: With O(state=planned), how many hosts of a wave go at once at most; V(0) is all.
    type: raw
    default: 0
  soak:
    description: With O(state=planned), seconds a wave is left alone before it is asked again.
    type: raw
    default: 60
  max_fail:
    description: With O(state=planned), percentage of a wave's hosts that may fail.
    type: raw
    default: 0
  everybody:
    description: All hosts of the group, also those that are left out of this run.
    type: list
    elements: str
    default: []
  absent:
    description: With O(state=planned), what those said that are to go first and are not in this run.
    type: list
    elements: dict
    default: []
  without_canary:
    description: With O(state=planned), whether the first host of this run may be the canary in place of those that are to go first.
    type: bool
    default: false
  folder:
    description: With O(state=planned), where folders of rollouts are. One of the user's state folder where it is empty.
    type: str
  result:
    description: With O(state=noted), what the host returned; with O(state=stopped), what failed.
    type: raw
  report:
    description: With O(state=planned) and O(state=reported), a folder the reports are put into as well. It has to be there.
    type: str
attributes:
  check_mode:
    description: Nothing is kept.
    support: full
  diff_mode:
    description: Shows nothing.
    support: none
  platform:
    description: Runs on the controller.
    support: full
    platforms: posix
seealso:
  - module: restaking.avs.instance_upgrade
  - module: restaking.avs.rollout_gate
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Say what became of the rollout
  restaking.avs.rollout:
    state: reported
  register: told
  run_once: true
"""

RETURN = r"""
told:
  description: Lines for a person.
  returned: with O(state=planned) and O(state=reported)
  type: list
  elements: str
folder:
  description: The folder of the rollout on the controller; empty in check mode.
  returned: with O(state=planned) and O(state=reported)
  type: str
nowhere:
  description: Ids that no host has.
  returned: with O(state=planned)
  type: list
  elements: str
stopped:
  description: Why nothing more is begun; empty otherwise.
  returned: with O(state=judged) and O(state=gated)
  type: str
ask:
  description: Whether all so far are to be asked again.
  returned: with O(state=judged)
  type: bool
verdict:
  description: V(passed), V(failed), V(nothing to do) or V(would go).
  returned: with O(state=reported)
  type: str
failed_hosts:
  description: Host -> why, of those with which something failed.
  returned: with O(state=reported)
  type: dict
report:
  description: What stands in the JSON report; docs/rollouts.md has its fields.
  returned: with O(state=reported)
  type: dict
"""

from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = {
    "state": {"type": "str", "required": True, "choices": ["absent", "planned", "noted", "judged", "gated", "stopped", "reported"]},
    "kind": {"type": "str", "default": "upgrade", "choices": ["upgrade", "rollback"]},
    "ids": {"type": "raw"},
    "all": {"type": "bool", "default": False},
    "leaves": {"type": "str"},
    "looked": {"type": "str", "default": "upgrade_result"},
    "serial": {"type": "raw"},
    "at_once": {"type": "raw", "default": 0},
    "soak": {"type": "raw", "default": 60},
    "max_fail": {"type": "raw", "default": 0},
    "everybody": {"type": "list", "elements": "str", "default": []},
    "absent": {"type": "list", "elements": "dict", "default": []},
    "without_canary": {"type": "bool", "default": False},
    "folder": {"type": "str"},
    "result": {"type": "raw"},
    "report": {"type": "str"},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.fail_json(msg="restaking.avs.rollout needs its action plugin: call it by its full name, not through another module")


if __name__ == "__main__":
    main()
