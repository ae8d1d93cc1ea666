#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a host's instances."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_info
short_description: State and health of the AVS nodes on a host
version_added: "0.1.0"
description:
  - Reads what the host recorded about its AVS node instances, asks the engine about their containers and the nodes about their health.
  - Changes nothing and needs no inventory, secret or package.
requirements:
  - On the host, Docker Engine 24 or newer.
options:
  ids:
    description:
      - Instances to read, as C(<package>-<tag>). An instance that is not there has the state V(absent).
      - All instances of the host where this is empty, removed ones that left data among them.
    type: list
    elements: str
    default: []
  drift:
    description:
      - Also compare every container with what it was made as, and tell in RV(instances[].drift) what was changed by hand, such as with
        C(docker update) or C(docker network connect), and files of the package and of keys.
      - P(restaking.avs.instances#module) undoes what it sees in passing, which is a container that is gone, stopped, paused, renamed, or out
        of one of its networks; other changes by hand stay until the container is made anew.
    type: bool
    default: false
    version_added: "0.2.0"
attributes:
  check_mode:
    description: Reads only.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instances
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Look at all nodes of the host
  restaking.avs.instance_info:
  register: nodes

- name: Refuse to go on with a sick node
  ansible.builtin.assert:
    that: nodes.instances | rejectattr('health.status', 'equalto', 'healthy') | list | length == 0
"""

RETURN = r"""
instances:
  description: One entry for every instance, sorted by id.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: Package name and tag.
      type: str
      sample: demo-avs-op1
    package:
      description: Name of the package.
      type: str
    version:
      description: Installed version.
      type: str
    commit:
      description: Commit the version was.
      type: str
    profile:
      description: Profile of the package.
      type: str
    state:
      description: V(started), V(stopped) or V(absent), as it was asked for last.
      type: str
    phase:
      description:
        - V(committed), or V(applying) after a run that was cut off or whose node did not become healthy; V(damaged) where what the host
          recorded cannot be used, which a finding explains.
      type: str
    release:
      description: Name of the current release folder.
      type: str
    tree:
      description: Where the package's own files are on the host.
      type: str
    data:
      description: Folder of the instance's data on the host.
      type: str
    volumes:
      description: Names of the instance's volumes.
      type: list
      elements: str
    ports:
      description: Published ports with C(address), C(port), C(protocol) and C(service).
      type: list
      elements: dict
    metrics:
      description: What serves metrics, with C(service), C(port) and C(path).
      type: list
      elements: dict
    committed_at:
      description: When the instance was last confirmed healthy.
      type: str
    images:
      description: Digest of the image each service runs.
      type: dict
    keystores:
      description: >-
        Of every key its C(kind), the C(fingerprint) of the keystore file, the C(public_id) it claims, and the C(marks) by which it is told
        from others.
      type: dict
    health:
      description: C(status) V(healthy), V(starting), V(unhealthy) or V(unknown) as asked just now, and C(detail).
      type: dict
    containers:
      description: The instance's containers.
      type: list
      elements: dict
      contains:
        service:
          description: Service of the compose file.
          type: str
        name:
          description: Name of the container.
          type: str
        id:
          description: Id of the container.
          type: str
        state:
          description: The engine's word, such as V(running) or V(exited).
          type: str
        status:
          description: The engine's text.
          type: str
          sample: Up 2 minutes
        health:
          description: What the container's own health check says, if it has one.
          type: str
        image:
          description: Image the container runs.
          type: str
        started_at:
          description: When it was started last.
          type: str
        restarts:
          description: How often the engine restarted it.
          type: int
        exit_code:
          description: Exit code of a container that has ended.
          type: int
    hold:
      description:
        - Of an instance that is held down, whatever the inventory says, since when (C(since)), by whom (C(by)) and why (C(reason)); null
          where it is not.
      type: dict
    backup:
      description:
        - What the host noted of the instance's backups, for monitoring; to read it starts no restic and needs no password. Null where nobody
          backs it up.
      type: dict
      version_added: "0.2.0"
      contains:
        schedule:
          description: When a timer backs it up, as C(OnCalendar) of systemd has it; null without one.
          type: str
        waiting:
          description: Whether its timer waits for the password of the repository, which is gone once the host was started.
          type: bool
        id:
          description: The newest backup; this and the next six are null where there is none.
          type: str
        time:
          description: When it was made, in UTC.
          type: str
        age:
          description: Seconds since then, by the host's clock; null as well where that was set back.
          type: int
        added:
          description: Bytes that were new in the repository.
          type: int
        size:
          description: Bytes of all its files.
          type: int
        files:
          description: How many files and folders are in it.
          type: int
        seconds:
          description: Seconds of the copy while the node was down.
          type: float
        verified:
          description: When a backup was proven last, in UTC; null where none was.
          type: str
        proven:
          description: Which one that was.
          type: str
        proof_age:
          description: Seconds since then, by the host's clock; null where none was, and where that was set back.
          type: int
        proofs:
          description: Of copies that were proven, by their names, when one was last (C(verified)), and seconds since (C(age)).
          type: dict
        failures:
          description: >-
            Of C(backup), C(proof) and C(proof of <copy>), where the last try failed, its C(time) and C(reason). The next one that succeeds
            takes it away.
          type: dict
        problem:
          description: What is off, as a text; null where nothing is.
          type: str
    at_work:
      description:
        - Of an instance that is just now backed up, proven or restored, since when (C(since)), its phase (C(phase), C(phase_since)) and, as
          far as it is known, C(bytes), C(files) and C(parts) of the repository that are done, all of them (C(total_bytes), C(total_files),
          C(total_parts)), and the seconds that are C(left); null where it is not.
      type: dict
    kept:
      description: Of a removed instance the C(volumes) and the C(data) folder that were kept.
      type: dict
    drift:
      description:
        - What is otherwise than it was made, with C(service), C(what) (such as V(memory), V(restart), V(network)), C(wanted) and C(found).
      returned: O(drift=true)
      type: list
      elements: dict
    findings:
      description: Verdicts of the host at the last install, and of containers that were restarted since.
      type: list
      elements: dict
findings:
  description: What is to be said of containers that carry our label and belong to nobody.
  returned: always
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.common.errors import AvsError
from ..module_utils.common.harmless import harmless_deep, shown_entry
from ..module_utils.docker.engine import Engine
from ..module_utils.status.read import read_host


def main() -> None:
    arguments = {"ids": {"type": "list", "elements": "str", "default": []}, "drift": {"type": "bool", "default": False}}
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    try:
        found = read_host(Engine(module.run_command), module.params["ids"], drift=module.params["drift"])
        module.exit_json(changed=False, instances=[shown_entry(item) for item in found.instances], findings=harmless_deep(found.findings))
    except AvsError as error:
        module.fail_json(changed=False, **harmless_deep(error.as_result()))


if __name__ == "__main__":
    main()
