#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Has a host back up its instances by itself."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_schedule
short_description: Have a host back up its AVS nodes by itself, on a schedule
version_added: "0.2.0"
description:
  - Every instance that is installed on the host gets a timer of systemd, C(avs-backup@<id>.timer), which calls C(avsctl backup) as
    P(restaking.avs.instance_backup#module) does. What it needs is kept on the host, the password of the repositories in memory.
  - Timers have a random delay of their own, the same every time, and one node of a host at a time is down for its backup.
  - An instance that is stopped or held keeps its timer, and stays down. One that is gone has none.
  - A new repository is made, and a password counts once it opened it; a wrong one, or an instance that could not be backed up as a whole, is an
    error of that instance, whose timer stays as it was.
  - Nothing is changed where a calendar text means nothing to the host's systemd.
extends_documentation_fragment:
  - restaking.avs.backup_copies
requirements:
  - On the host, systemd, restic 0.12 or newer, and what P(restaking.avs.instances#module) leaves there (C(avsctl)).
options:
  schedule:
    description:
      - When, as C(OnCalendar) of systemd has it (V(daily), V(Sun 03:00)), in the host's time zone, for all instances but those of O(schedules).
      - V(never), or none, takes timers away.
    type: str
    default: ""
  schedules:
    description: Instance -> when it is backed up instead. Instances that are not on the host are left out.
    type: dict
    default: {}
  random_delay:
    description: Seconds a backup may begin later than O(schedule) says; which, is another number for each instance and host.
    type: int
    default: 3600
  repository:
    description:
      - A folder of the host; each instance has a repository of its own below it, C(<repository>/<id>).
      - Where none is named, the one of the backup before, or C(/var/lib/avs/backup).
    type: path
  password:
    description:
      - The password of the repositories; a text, or where it is, as secret options of an instance say it (C({source, ...}), docs/secrets.md).
      - Where none is given, the one the host has counts; without one the timers wait, and say so.
    type: raw
  classes:
    description: Instance -> volume, or C(data/<folder>) -> class, as for P(restaking.avs.instance_backup#module).
    type: dict
  acknowledged:
    description: Instance -> list of what cannot be in its backup, as for P(restaking.avs.instance_backup#module).
    type: dict
  keep:
    description: How many backups stay, as for P(restaking.avs.instance_backup#module).
    type: dict
  max_stop:
    description: Seconds a node may be down for the copy, as for P(restaking.avs.instance_backup#module).
    type: int
  prove:
    description: Days between two proofs a timer's backup makes, as for P(restaking.avs.instance_backup#module).
    type: int
  prove_copies:
    description: The same for each of the copies, as for P(restaking.avs.instance_backup#module).
    type: int
  holder:
    description: Who does it, for those who wait for the lock. By default the user of the connection.
    type: str
  lock_timeout:
    description: Seconds to wait for a backup that is being made, where what it is made by has changed.
    type: int
    default: 60
attributes:
  action:
    description: The password is resolved on the controller.
    support: full
  check_mode:
    description: Can run in check mode, and says what would be changed without changing it.
    details: A password is looked for, and not sent; so whether it is another one than the host has, or opens the repository, is not known.
    support: partial
  diff_mode:
    description: Shows timers, and what instances are backed up by; nothing of a password.
    support: full
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_backup
  - module: restaking.avs.instance_info
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Back up every node of the host each night, one of them on Sundays
  restaking.avs.backup_schedule:
    schedule: "03:00"
    schedules: {demo-avs-op2: "Sun 03:00"}
    random_delay: 7200
    repository: /mnt/backup/avs
    password: {source: vault, path: avs/backup, field: password}
    keep: {last: 3, daily: 7, weekly: 4, monthly: 6}
"""

RETURN = r"""
instances:
  description: One entry for every instance that has, or had, a timer, sorted by id.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    changed:
      description: Whether anything was done for it.
      type: bool
    schedule:
      description: When it is backed up; null where it is not any more.
      type: str
    waiting:
      description: Whether its backups wait for the password of their repository.
      type: bool
    actions:
      description: What was done, or would be, as C(kind), C(name) and C(action).
      type: list
      elements: dict
    findings:
      description: What is to be said of it.
      type: list
      elements: dict
    error:
      description: Why it failed, null otherwise.
      type: str
"""

import os
import socket

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.backup import copies
from ..module_utils.boot.timers import Timers
from ..module_utils.common.errors import AvsError
from ..module_utils.common.harmless import harmless_deep
from ..module_utils.docker.engine import Engine
from ..module_utils.instance.store import host_store
from ..module_utils.reconcile import repositories, scheduling
from ..module_utils.reconcile.own import Way
from ..module_utils.system.full import os_error_text


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "schedule": {"type": "str", "default": ""},
            "schedules": {"type": "dict", "default": {}},
            "random_delay": {"type": "int", "default": 3600},
            "repository": {"type": "path"},
            "password": {"type": "raw", "no_log": True},
            "copies": {"type": "list", "elements": "dict", "options": copies.OPTIONS},
            "classes": {"type": "dict"},
            "acknowledged": {"type": "dict"},
            "keep": {"type": "dict"},
            "max_stop": {"type": "int"},
            "prove": {"type": "int"},
            "prove_copies": {"type": "int"},
            "holder": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    given = module.params
    holder = given["holder"] or f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
    way = Way(holder, float(given["lock_timeout"]), check=module.check_mode)
    timers = Timers()
    try:
        host = repositories.Host(host_store(), Engine(module.run_command), module.run_command)
        result = scheduling.schedule(host, timers, scheduling.wanted(given), repositories.asked(given, module.check_mode), way)
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))
    except OSError as error:
        module.fail_json(changed=True, msg=f"{os_error_text(error, timers.units.folder)}; run again")
    answer = harmless_deep(result)
    for entry in answer["instances"]:
        for item in entry["findings"]:
            if item["id"] == "BAK-010":
                # Nobody reads the findings of a task that is well.
                module.warn(f"{entry['id']} {item['message']}: {item['remedy']}")
    if not module._diff:
        del answer["diff"]
    if answer.pop("failed", False):
        module.fail_json(**answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
