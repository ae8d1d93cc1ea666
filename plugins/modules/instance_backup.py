#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backs up what instances have stored, lists backups, and proves them."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_backup
short_description: Back up what AVS nodes have stored, list backups, and prove that they can be had back
version_added: "0.2.0"
description:
  - Named volumes and the data folder of an instance go into a repository of restic, one for each instance, encrypted and deduplicated, with
    a manifest of what was installed. Keys, secrets, volumes of the classes C(secret) and C(cache) are never in it.
  - What can be is saved while the node runs; then it is stopped, the rest is saved, and it is started again, whatever became of the copy. If
    the run is cut, the next start of the host or the next run of P(restaking.avs.instances#module) starts it.
  - A backup counts, and is listed, when all was read, nobody wrote meanwhile, and the repository has all of it. What a cut or a failure
    left never does.
  - With O(state=verified) all of the repository is read, the backup is restored into a folder of its own beside the instance, and compared
    with what the instance had (content, owners, modes, links, times, holes, extended attributes); the node runs on.
  - A repository, or a copy, is of the host that made the newest backup in it. Another host neither writes nor removes anything there, unless it
    took the instance over from that one.
  - How an instance is backed up is kept on its host, the password in memory. So C(avsctl backup) does the same later.
extends_documentation_fragment:
  - restaking.avs.backup_copies
  - restaking.avs.backup_copies.read
  - restaking.avs.long_work
requirements:
  - On the host, restic 0.12 or newer, from its distribution.
  - On the host, Docker Engine 24 or newer with the Compose plugin 2.20 or newer.
options:
  ids:
    description: Instances, as C(<package>-<tag>). Those that are not on this host are returned in RV(unknown).
    type: list
    elements: str
    default: []
  all:
    description: Every instance that is installed on the host.
    type: bool
    default: false
  state:
    description: Whether a backup is made, the backups are listed, or one is proven.
    type: str
    choices: [taken, listed, verified]
    required: true
  backup:
    description: With O(state=verified), the backup that is meant, by its RV(instances[].backups) C(id). The newest where none is named.
    type: str
  repository:
    description:
      - A folder of the host; each instance has a repository of its own below it, C(<repository>/<id>).
      - Where none is named, the one of the backup before, or C(/var/lib/avs/backup).
    type: path
  backups_left:
    description:
      - Places, as C(/mnt/backup/avs), whose backups are lost, or are meant to stay where they are. Where
        a host knows an instance's backups to be in another place than O(repository), or in one that is gone, none are begun anew but where
        that one is among these. A copy is named by its C(repository).
    type: list
    elements: str
    default: []
  password_given:
    description: In check mode, that there is a password, which is not sent. The action plugin says so.
    type: bool
    default: false
  password:
    description:
      - The password of the repositories; a text, or where it is, as secret options of an instance say it (C({source, ...}), docs/secrets.md).
      - Kept in memory on the host. Where none is given, the one that is there counts; after a restart of the host there is none.
    type: raw
  classes:
    description:
      - Instance -> volume of its compose file, or C(data/<folder>) -> V(data), V(monotonic), V(secret) or V(cache). It counts before what
        the package says. Where it is left out, what was said last counts.
    type: dict
  acknowledged:
    description:
      - Instance -> list of what cannot be in its backup, and need not be (external volumes, folders of the host). Without it, such an
        instance is not backed up, and the error names all of it. Where it is left out, what was said last counts.
    type: dict
  keep:
    description:
      - How many backups of an instance stay once another one was made; C(last) of the newest, and the newest of so many days (C(daily)), weeks
        (C(weekly)) and months (C(monthly)). The newest and the newest that was proven always stay. An empty dictionary keeps all, and so
        does what was never said; where it is left out, what was said last counts.
      - With C(free), as C(20GiB), the oldest go as long as less is free on the disk of the repository.
    type: dict
  inventory_name:
    description: What the inventory calls this host; a backup says so. The action plugin knows.
    type: str
  max_stop:
    description:
      - Seconds a node may be down for the copy. One that takes longer is ended, the node is started, and there is no backup.
      - Where it is left out, what was said last counts, or V(1800).
    type: int
  prove:
    description:
      - Days after which a backup that a timer makes (P(restaking.avs.backup_schedule#module)) is followed by a proof of the newest one, as
        O(state=verified) makes it. V(0) is never. A proof that is overdue is a finding (BAK-010).
      - Where it is left out, what was said last counts, or V(30).
    type: int
  prove_copies:
    description:
      - The same for each of O(copies), which is read as a whole then, through the network. V(0) is never.
      - Where it is left out, what was said last counts, or what O(prove) says.
    type: int
  holder:
    description: Who does it, for those who wait for the lock. By default the user of the connection.
    type: str
  lock_timeout:
    description: Seconds to wait for another run that works on one of the instances.
    type: int
    default: 60
  stop_timeout:
    description: Seconds a node has to end in at most. One that is killed then is a warning.
    type: int
    default: 300
attributes:
  action:
    description: The password is resolved on the controller.
    support: full
  check_mode:
    description: Announces the very actions a run takes, and says what it would be refused for before a node is stopped.
    support: full
    details: A password is looked for, and not sent; whether one the host does not have yet opens the repository is not known.
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_control
  - module: restaking.avs.instances
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Back up a node
  restaking.avs.instance_backup:
    ids: [demo-avs-op1]
    state: taken
    repository: /mnt/backup/avs
    password: {source: vault, path: avs/backup, field: password}
    keep: {last: 3, daily: 7, weekly: 4, monthly: 6}

- name: Back up a node, and copy that to another host
  restaking.avs.instance_backup:
    ids: [demo-avs-op1]
    state: taken
    password: {source: vault, path: avs/backup, field: password}
    copies:
      - name: offsite
        repository: sftp:avs@backup.example.com:/srv/avs
        secret: {source: vault, path: avs/backup, field: ssh}
        known_hosts: backup.example.com ssh-ed25519 AAAA
        prune: elsewhere

- name: Prove the newest backup
  restaking.avs.instance_backup:
    ids: [demo-avs-op1]
    state: verified
"""

RETURN = r"""
instances:
  description: One entry for every instance that was meant, as P(restaking.avs.instances#module) returns them, with these fields.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    changed:
      description: Whether a backup was made, or proven.
      type: bool
    actions:
      description: What was done, or would be, as C(kind), C(name) and C(action).
      type: list
      elements: dict
    backup:
      description:
        - The backup that was made or proven. C(id), C(time), C(files) and C(size) (bytes); of one that was made also C(added) (bytes new in
          the repository), C(seconds) of the copy while the node was down, and what is not in it, C(omitted) by its class and C(left)
          because it cannot be, C(removed), the ids of older backups that O(keep) let go, and C(copies), for each of O(copies) the ids of
          backups that were brought there.
      type: dict
    backups:
      description: With O(state=listed), C(id), C(time), C(version), C(snapshot) and C(verified) (null where it never was), the oldest first.
      type: list
      elements: dict
    findings:
      description: What is to be said of it.
      type: list
      elements: dict
    error:
      description: Why it failed, empty otherwise.
      type: str
unknown:
  description: Ids that are not on this host.
  returned: always
  type: list
  elements: str
"""

import os
import socket
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.backup import copies
from ..module_utils.common.errors import AvsError
from ..module_utils.common.harmless import harmless_deep
from ..module_utils.docker.engine import Engine
from ..module_utils.instance.store import host_store
from ..module_utils.reconcile import long_work, repositories, saving
from ..module_utils.reconcile.own import Way
from ..module_utils.reconcile.selection import choose
from ..module_utils.system.command import RunCommand


def work(given: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """All there is to do, wherever it is done: in this call, or in a process of its own. ``given``: what the module was, and ``check``."""
    way = Way(given["holder"], float(given["lock_timeout"]), float(given["stop_timeout"]), given["check"])
    try:
        host = repositories.Host(host_store(), Engine(run_command), run_command)
        asked = repositories.asked(given, given["check"])
        chosen = choose(host.store, host.engine, given["ids"], "", given["all"])
        if given["state"] == "taken":
            result = saving.take(host, chosen.ids, way, asked, bool(given["all"]))
        elif given["state"] == "listed":
            result = saving.listed(host, chosen.ids, way, asked)
        else:
            result = saving.proven(host, chosen.ids, way, asked, given["backup"] or "")
    except AvsError as error:
        return {"failed": True, "changed": False, **harmless_deep(error.as_result())}
    answer: dict[str, Any] = harmless_deep({**result, "unknown": list(chosen.unknown)})
    return answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "ids": {"type": "list", "elements": "str", "default": []},
            "all": {"type": "bool", "default": False},
            "state": {"type": "str", "choices": ["taken", "listed", "verified"], "required": True},
            "backup": {"type": "str"},
            "repository": {"type": "path"},
            "backups_left": {"type": "list", "elements": "str", "default": []},
            "password": {"type": "raw", "no_log": True},
            "password_given": {"type": "bool", "default": False, "no_log": False},
            "copies": {"type": "list", "elements": "dict", "options": copies.OPTIONS},
            "copy": {"type": "str"},
            "classes": {"type": "dict"},
            "acknowledged": {"type": "dict"},
            "keep": {"type": "dict"},
            "inventory_name": {"type": "str"},
            "max_stop": {"type": "int"},
            "prove": {"type": "int"},
            "prove_copies": {"type": "int"},
            "holder": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 60},
            "stop_timeout": {"type": "int", "default": 300},
            **long_work.ARGUMENTS,
        },
        supports_check_mode=True,
        mutually_exclusive=[["ids", "all"]],
    )
    given = {**module.params, "check": module.check_mode}
    given["holder"] = given["holder"] or f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
    asked = long_work.Asked("instance_backup", given, sorted(module.no_log_values))
    try:
        answer = long_work.answer(asked, module.run_command, work)
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))
    except OSError as error:
        module.fail_json(changed=False, msg=f"it could not be begun: {error}")
    if answer.pop("failed", False):
        module.fail_json(**answer)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
