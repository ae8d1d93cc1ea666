#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes instances to the version the inventory names, or back to the one before; the action plugin of the same name does the controller's part."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_upgrade
short_description: Take AVS nodes to another version, with a way back
version_added: "0.2.0"
description:
  - With O(state=upgraded) the named instances are taken to the versions their entries name, and nothing else about the host is looked at. An
    instance that has its version already is left alone, whatever else of its entry changed (P(restaking.avs.instances#module) does that).
  - The new version is fetched, judged and pulled while the node runs. Then the node is stopped, what it has stored is backed up, its migrations
    are run, and the new version is started; only when it is well the old one is given up. Where anything fails, the old version runs again on what
    it had stored, and the task fails all the same.
  - The work goes on on the host by itself, also if the controller is gone. The same task, run again, joins it.
  - Versions between the installed and the wanted one that declare a migration the wanted one does not are stops on the way; each is a transaction
    of its own. The first that fails ends all of it, and each instance stays at the version it has come to.
  - An older version than the installed one is refused (UPG-008).
  - With O(state=rolled_back) an instance is put back to the version before its last upgrade, by what the host has kept. What it stored since is
    lost by that, but for what is C(monotonic), which never goes back.
extends_documentation_fragment:
  - restaking.avs.taps
  - restaking.avs.long_work
  - restaking.avs.backup_copies
requirements:
  - On the host, Docker Engine 24 or newer with the Compose plugin 2.20 or newer, and restic 0.12 or newer.
options:
  state:
    description: Whether to take the instances to the versions of their entries, or back to the ones before.
    type: str
    choices: [upgraded, rolled_back]
    default: upgraded
  ids:
    description: The instances, as C(<package>-<tag>); a list, or a text with commas. Ids the host's entries do not have are RV(unknown).
    type: list
    elements: str
    default: []
  all:
    description: Instead of O(ids), every instance of the host; with O(state=upgraded), every entry of O(instances) that is to run.
    type: bool
    default: false
  instances:
    description: The instances of this host as for P(restaking.avs.instances#module), all of them. Read by the action plugin; needed to upgrade.
    type: list
    elements: dict
    default: []
  acknowledged:
    description:
      - Instance -> list of what may be lost by its upgrade, as the refusal names it. What lives in a container alone (changed files of its image,
        a volume without a name) is in no backup, and an upgrade that would lose some of it is refused without this.
      - So is one with a migration that cannot be reverted, where something no restore brings back would stay as it leaves it (C(migrations.VERSION)).
    type: dict
    default: {}
  chain:
    description:
      - Instances whose migrations may run commands that act on the chain (C(chain) in the package's C(runtime.yml)). Any other upgrade with such a
        migration is refused.
    type: list
    elements: str
    default: []
  confirm:
    description: With O(state=rolled_back), required outside of check mode. Without it the task says what would be discarded, and fails.
    type: bool
    default: false
  fetch:
    description:
      - With O(state=upgraded), fetch the new version and its images, judge everything, and stop nothing. The result is that of check mode.
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for another run that works on one of the instances.
    type: raw
    default: 60
  stop_timeout:
    description: With O(state=rolled_back), seconds a node has to end in at most; for an upgrade it is part of O(settings).
    type: int
    default: 300
  settings:
    description: Policies of this host, as for P(restaking.avs.instances#module).
    type: dict
    default: {}
  repository:
    description: A folder of the host, as for P(restaking.avs.instance_backup#module). Where it is left out, the one of the backup before.
    type: path
  password:
    description:
      - The password of the host's own repositories, as for P(restaking.avs.instance_backup#module), by which what is stored is saved before the
        new version has it, and put back. Needed where the host has none in memory.
    type: raw
  password_given:
    description: What the action plugin says in check mode, where there is an O(password) that is not sent. Not for playbooks.
    type: bool
    default: false
  classes:
    description:
      - Instance -> volume, or C(data/<folder>) -> class, as for P(restaking.avs.instance_backup#module). Where it is left out, what was said last
        counts.
    type: dict
  backup_acknowledged:
    description:
      - Instance -> list of what cannot be in its backup, as O(restaking.avs.instance_backup#module:acknowledged). Where it is left out, what was
        said last counts.
    type: dict
  keep:
    description: How many backups are kept, as for P(restaking.avs.instance_backup#module). Where it is left out, what was said last counts.
    type: dict
  poll:
    description: Seconds between two looks at how far the host is (1-600).
    type: int
    default: 10
  holder:
    description: With O(state=rolled_back), who does it, for those who wait for the lock. By default the user of the connection.
    type: str
  document:
    description: What the action plugin sends to the host. Not for playbooks.
    type: dict
  secret_values:
    description: Values of secrets the host asked for, sent by the action plugin. Not for playbooks.
    type: dict
attributes:
  action:
    description: Packages, options and secrets are resolved on the controller.
    support: full
  check_mode:
    description:
      - Says what would be done, and what the new version brings (RV(instances[].upgrade)); judges everything that can be judged beforehand. No
        image is pulled, no value sent.
    support: full
  diff_mode:
    description: Shows what the packages of both versions say, the release notes between them, and the changed services of the compose file.
    support: full
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instances
  - module: restaking.avs.instance_backup
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Say what the version in the inventory would bring
  restaking.avs.instance_upgrade:
    ids: [demo-avs-op1]
    instances: "{{ avs_instances }}"
    taps: "{{ avs_taps }}"
  check_mode: true
  diff: true

- name: Take it there
  restaking.avs.instance_upgrade:
    ids: [demo-avs-op1]
    instances: "{{ avs_instances }}"
    taps: "{{ avs_taps }}"

- name: Put it back to the version before
  restaking.avs.instance_upgrade:
    state: rolled_back
    ids: [demo-avs-op1]
    confirm: true
"""

RETURN = r"""
instances:
  description: One entry for each instance that was meant, as P(restaking.avs.instances#module) returns it, with these fields.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    version:
      description: Installed version; the one to be installed in check mode.
      type: str
    changed:
      description: Whether anything of this instance was changed.
      type: bool
    actions:
      description: What was done, or would be, as C(kind), C(name) and C(action).
      type: list
      elements: dict
    wanted_digest:
      description: Digest of the files of the package its entry names.
      type: str
    upgrade:
      description:
        - Of an instance whose version changed, or would, or was to. C(from), C(to), and C(way), the versions that are installed one after the
          other.
        - Of what was done C(backup) (the id of the backup of the stop), C(stopped) (seconds the node was down), C(step) (the last one that was
          done), C(rolled_back) (whether the old version is in its place again), C(quarantined) (whether it
          is not well either, and held down).
        - In check mode C(steps), C(migrations), C(images), C(ports), C(privileges) as the host says them. C(changes), lines on what the packages
          of both versions differ in, C(package_migrations), and C(notes), version -> lines of its release notes.
        - Of a rollback C(since), since when what was stored is lost by it, or would be, and C(discards), the same in words;
          C(cut), where an upgrade was cut, and that is its way back.
      type: dict
    findings:
      description: Verdicts on the package and the instance.
      type: list
      elements: dict
    error:
      description: Why it failed, at which step, and what runs now; empty otherwise.
      type: str
unknown:
  description: Ids that no entry of this host has; with O(state=rolled_back), ids that are not on this host.
  returned: always
  type: list
  elements: str
findings:
  description: All verdicts, errors first, each with C(id), C(severity), C(place), C(message) and C(remedy).
  returned: always
  type: list
  elements: dict
"""

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.avsctl import install
from ..module_utils.backup import copies
from ..module_utils.boot.settle import settle
from ..module_utils.common.errors import AvsError
from ..module_utils.common.findings import Finding, by_severity
from ..module_utils.common.harmless import harmless_deep
from ..module_utils.docker.engine import Engine
from ..module_utils.instance.store import host_store
from ..module_utils.reconcile import long_work, repositories
from ..module_utils.reconcile.own import Way
from ..module_utils.reconcile.selection import choose
from ..module_utils.system.command import RunCommand
from ..module_utils.transaction.call import answer
from ..module_utils.transaction.rollback import rollback


def work(given: Mapping[str, Any], run_command: RunCommand) -> dict[str, Any]:
    """A rollback, wherever it is done: in this call, or in a process of its own. ``given``: what the module was, and ``check``."""
    way = Way(given["holder"], float(given["lock_timeout"]), float(given["stop_timeout"]), given["check"])
    try:
        host = repositories.Host(host_store(), Engine(run_command), run_command)
        chosen = choose(host.store, host.engine, given["ids"], "", given["all"])
        result = rollback(host, chosen.ids, way, repositories.asked(_backup(given), given["check"]), given["confirm"])
        found = [Finding.from_dict(item) for entry in result["instances"] for item in entry["findings"]]
        result["findings"] = [item.as_dict() for item in by_severity(found)]
        if not given["check"]:
            settle(result, run_command, False)
    except AvsError as error:
        return {"failed": True, "changed": False, **harmless_deep(error.as_result())}
    told: dict[str, Any] = harmless_deep({**result, "unknown": list(chosen.unknown)})
    return told


def _backup(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a module of backups is given."""
    found = {name: given[name] for name in ("repository", "password", "password_given", "copies", "classes", "keep")}
    return {**found, "acknowledged": given["backup_acknowledged"]}


def _asked(given: Mapping[str, Any], hidden: Sequence[str], run_command: RunCommand) -> dict[str, Any]:
    """An upgrade is begun by what answers documents, a rollback as other long work is; both are asked for by their name."""
    if given["document"] is None:
        return long_work.answer(long_work.Asked("instance_upgrade", given, hidden), run_command, work)
    call = {name: given[name] for name in ("document", "secret_values", "check", "diff")}
    return answer({**call, "backup": _backup(given)}, run_command, "module")


def _leave(document: Mapping[str, Any] | None, check: bool) -> None:
    """The copy of the library, before anything is begun: what comes up with the host has to understand what is left on the way."""
    copy = (document or {}).get("copy")
    if document and copy and document.get("complete") and not (check or document.get("trial")):
        install.keep(copy["name"], copy["archive"], str(document.get("holder")))


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["upgraded", "rolled_back"], "default": "upgraded"},
            "ids": {"type": "list", "elements": "str", "default": []},
            "all": {"type": "bool", "default": False},
            "instances": {"type": "list", "elements": "dict", "default": []},
            "acknowledged": {"type": "dict", "default": {}},
            "chain": {"type": "list", "elements": "str", "default": []},
            "confirm": {"type": "bool", "default": False},
            "fetch": {"type": "bool", "default": False},
            "taps": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "url": {"type": "str", "required": True},
                    "ref": {"type": "str"},
                    "allowed_signers": {"type": "path"},
                },
            },
            "lock_timeout": {"type": "raw", "default": 60},
            "stop_timeout": {"type": "int", "default": 300},
            "settings": {"type": "dict", "default": {}},
            "cache_dir": {"type": "path"},
            "holder": {"type": "str"},
            "document": {"type": "dict"},
            "secret_values": {"type": "dict", "no_log": True},
            "repository": {"type": "path"},
            "password": {"type": "raw", "no_log": True},
            "password_given": {"type": "bool", "default": False, "no_log": False},
            "copies": {"type": "list", "elements": "dict", "options": copies.OPTIONS},
            "classes": {"type": "dict"},
            "backup_acknowledged": {"type": "dict"},
            "keep": {"type": "dict"},
            **long_work.ARGUMENTS,
        },
        supports_check_mode=True,
    )
    given = {**module.params, "check": module.check_mode, "diff": module._diff}
    given["holder"] = given["holder"] or f"{os.environ.get('SUDO_USER') or 'root'}@{socket.gethostname()}:{os.getpid()}"
    if given["state"] == "upgraded" and given["document"] is None and not given["job"]:
        module.fail_json(msg="restaking.avs.instance_upgrade needs its action plugin: call it by its full name, not through another module")
    try:
        _leave(given["document"], module.check_mode)
        said = _asked(given, sorted(module.no_log_values), module.run_command)
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))
    except OSError as error:
        module.fail_json(changed=False, msg=f"it could not be begun: {error}")
    if said.pop("failed", False):
        module.fail_json(**said)
    module.exit_json(**said)


if __name__ == "__main__":
    main()
