#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts a backup of an instance back, on the host it was made on."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_restore
short_description: Put a backup of an AVS node back, on the host it was made on
version_added: "0.2.0"
description:
  - The backup is restored beside what it is to replace, and compared with what was saved, while the node runs. Then the node is stopped, what
    is there is put aside, what was restored takes its place, and the node is started.
  - What was replaced is kept until the node is well, and removed then. Where it does not become well, or is held, RV(instances[].replaced)
    says where that is.
  - A restore that is cut leaves the node held, never on half of each; the next start of the host, or the next restore, puts back what was
    there.
  - A backup another host made is refused, unless this one took the instance over from there (P(restaking.avs.instance_move#module)).
  - The version that is installed has to be the one the backup is of. Volumes of the classes C(secret) and C(cache) stay as they are; of
    folders below C(data/) with these classes the content is not there afterwards, so each has to be acknowledged.
extends_documentation_fragment:
  - restaking.avs.backup_copies
  - restaking.avs.backup_copies.read
  - restaking.avs.long_work
requirements:
  - On the host, restic 0.12 or newer, from its distribution.
  - On the host, Docker Engine 24 or newer with the Compose plugin 2.20 or newer.
options:
  id:
    description: The instance, as C(<package>-<tag>).
    type: str
    required: true
  backup:
    description: The backup, by its id as P(restaking.avs.instance_backup#module) lists it. The newest where none is named.
    type: str
  acknowledged:
    description:
      - What may be as it was when the backup was made, though it is C(monotonic), by its name (C(volumes/signer-db)). A node that forgets
        what it has signed signs it again. Without it such an instance is not restored, and the error names all of it.
    type: list
    elements: str
    default: []
  repository:
    description: A folder of the host, as for P(restaking.avs.instance_backup#module). Where it is left out, the one of the backup before.
    type: path
  classes:
    description:
      - Instance -> volume, or C(data/<folder>) -> class, as for P(restaking.avs.instance_backup#module). What is V(monotonic) here, or was when
        the backup was made, does not go back by itself. Where it is left out, what was said last counts.
    type: dict
  backup_acknowledged:
    description:
      - Instance -> list of what cannot be in its backup, as O(restaking.avs.instance_backup#module:acknowledged). Where it is left out, what was
        said last counts.
    type: dict
  password:
    description: The password of the repository, as for P(restaking.avs.instance_backup#module).
    type: raw
  holder:
    description: Who does it, for those who wait for the lock. By default the user of the connection.
    type: str
  lock_timeout:
    description: Seconds to wait for another run that works on the instance.
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
    description: Announces the very actions a run takes. A password is looked for, and not sent; the host has to have it.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_backup
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Put the newest backup back
  restaking.avs.instance_restore:
    id: demo-avs-op1

- name: Put back one that is named
  restaking.avs.instance_restore:
    id: demo-avs-op1
    backup: 0123456789ab
"""

RETURN = r"""
instances:
  description: One entry, as P(restaking.avs.instances#module) returns it, with these fields. None where the instance is not on this host.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    changed:
      description: Whether anything was put back.
      type: bool
    actions:
      description: What was done, or would be, as C(kind), C(name) and C(action).
      type: list
      elements: dict
    restored:
      description: The backup that was put back, or in check mode would be, with C(id), C(time) and C(version).
      type: dict
    replaced:
      description: Where that is what was replaced, by its name; empty once the node is well.
      type: dict
    findings:
      description: What is to be said of it.
      type: list
      elements: dict
    error:
      description: Why it failed, empty otherwise.
      type: str
unknown:
  description: The id, where it is not on this host.
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
from ..module_utils.reconcile import long_work, repositories, restoring
from ..module_utils.reconcile.own import Way
from ..module_utils.reconcile.selection import choose
from ..module_utils.system.command import RunCommand


def work(given: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """All there is to do, wherever it is done: in this call, or in a process of its own. ``given``: what the module was, and ``check``."""
    way = Way(given["holder"], float(given["lock_timeout"]), float(given["stop_timeout"]), given["check"])
    try:
        host = repositories.Host(host_store(), Engine(run_command), run_command)
        where = {name: given[name] for name in ("repository", "password", "copies", "copy", "classes")}
        where["acknowledged"] = given["backup_acknowledged"]
        asked = repositories.asked(where, given["check"])
        chosen = choose(host.store, host.engine, [given["id"]], "", False)
        result = restoring.restore(host, chosen.ids, way, asked, restoring.Back(given["backup"] or "", given["acknowledged"]))
    except AvsError as error:
        return {"failed": True, "changed": False, **harmless_deep(error.as_result())}
    answer: dict[str, Any] = harmless_deep({**result, "unknown": list(chosen.unknown)})
    return answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "id": {"type": "str", "required": True},
            "backup": {"type": "str"},
            "acknowledged": {"type": "list", "elements": "str", "default": []},
            "repository": {"type": "path"},
            "classes": {"type": "dict"},
            "backup_acknowledged": {"type": "dict"},
            "password": {"type": "raw", "no_log": True},
            "copies": {"type": "list", "elements": "dict", "options": copies.OPTIONS},
            "copy": {"type": "str"},
            "holder": {"type": "str"},
            "lock_timeout": {"type": "int", "default": 60},
            "stop_timeout": {"type": "int", "default": 300},
            **long_work.ARGUMENTS,
        },
        supports_check_mode=True,
    )
    given = {**module.params, "check": module.check_mode}
    given["holder"] = given["holder"] or f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
    asked = long_work.Asked("instance_restore", given, sorted(module.no_log_values))
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
