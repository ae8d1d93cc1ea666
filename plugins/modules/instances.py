#!/usr/bin/python
# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reconciles a host's instances; the action plugin of the same name does the controller's part."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: instances
short_description: Reconcile a host's AVS nodes with the inventory
version_added: "0.1.0"
description:
  - Takes the whole list of AVS node instances a host is to run and makes it so, installing, starting, changing, stopping and removing.
  - Packages are fetched, verified and parsed on the controller; keys and secrets are read there from their stores. The host gets
    one document, and contents only where something differs; a run that changes nothing is one call to the host.
  - What is to be stopped or removed is taken down first, whatever is wrong with the others. Then every other instance is verified before
    the first one is touched; where one is refused, only those go on that nobody changed and that just have to be brought up again.
  - An instance that then fails does not keep the others from being made; the task fails at the end and names each.
  - A changed version is never applied here; it is an error that names the installed and the wanted version.
  - Instances on the host that are not in the list are reported and left alone.
requirements:
  - On the host, Docker Engine 24 or newer with the Compose plugin 2.20 or newer, and a tmpfs on C(/run).
options:
  instances:
    description:
      - The instances of this host, all of them. See C(docs/inventory.md) for every field.
      - An entry has C(package) (a name in the taps, or a mapping with one of C(git), C(path), C(archive)), C(version), C(commit),
        C(profile), C(tag), C(state) (V(started), V(stopped) or V(absent)), C(purge), C(options), C(keys), C(ports), C(exceptions),
        C(limits), C(gate_timeout) and C(require_checksum).
      - Needed, though it may be empty; the action plugin of this module reads it, the host never sees it.
    type: list
    elements: dict
    default: []
  lock_timeout:
    description: Seconds to wait for another run that works on one of the instances.
    type: raw
    default: 60
  settings:
    description:
      - Policies of this host. C(image_policy) is V(tag) (a floating tag is a warning) or V(digest) (anything but a digest is an error);
        C(artifact_redirects) is V(public) (a server on a public address redirects to public addresses only) or V(any).
        C(stop_timeout) is how many seconds a node has to end in at most (300); a node that is killed then is a warning. C(renew) makes
        containers anew that an older release of the collection made otherwise; without it a finding names them, and they stay.
    type: dict
    default: {}
  partial:
    description: The list is not all the host is to run; instances that are not in it are then not reported.
    type: bool
    default: false
  inventory_only:
    description:
      - Check what the inventory, the packages and the secret store say, and do nothing. The host is only asked where something is wrong
        already, so that all problems are told at once. Nothing but C(findings) is returned.
    type: bool
    default: false
  ask_host:
    description:
      - With O(inventory_only), whether the host is asked what else is wrong, where something is wrong already. Without it no host is
        contacted at all, which suits a check of the inventory on a machine that reaches none.
    type: bool
    default: true
  look:
    description:
      - Ask the host whether there is anything to do, and do it in a later task. Which hosts there is something for is remembered for the rest of the
        run (P(restaking.avs.to_do#lookup)), and so are the keys that run, with which a later task compares new ones (KEY-012). A host whose
        engine gives no answer is one with something to do where O(inventory_only) is given as well.
    type: bool
    default: false
    version_added: "0.2.0"
  given_up_by:
    description:
      - Hosts that gave up in this run what is to be installed here, and have none of its keys any more (P(restaking.avs.instance_move#module)). A new
        key is compared with what others say (KEY-012), and these have said it.
    type: list
    elements: str
    default: []
  document:
    description: What the action plugin sends to the host. Not for playbooks.
    type: dict
  secret_values:
    description: Values of secrets the host asked for, sent by the action plugin. Not for playbooks.
    type: dict
extends_documentation_fragment:
  - restaking.avs.taps
attributes:
  check_mode:
    description:
      - Announces the very actions a run takes. No value is read from a secret store, no image pulled, no file of an instance written.
      - What has no version (files, variables, what is typed) is read on the controller, to tell whether it changed, and not sent.
    support: full
  diff_mode:
    description: Shows changed options and the changed services of the compose file; secrets appear by name only.
    support: full
  platform:
    description: Target OS that can be operated against.
    support: full
    platforms: linux
seealso:
  - module: restaking.avs.instance_info
author:
  - restaking.avs contributors (@restaking)
"""

EXAMPLES = r"""
- name: Run two nodes on this host
  restaking.avs.instances:
    taps:
      - name: core
        url: https://git.example.org/avs/tap.git
    instances:
      - package: demo-avs
        version: v1.0.0
        profile: hoodi
        tag: op1
        options:
          main-port: 8080
          rpc-token:
            source: vault
            path: avs/op1/rpc
            field: token
        keys:
          - name: bls
            kind: bn254
            source: vault
            path: avs/op1/bls
          - name: ecdsa
            kind: ecdsa
            source: vault
            path: avs/op1/ecdsa
      - package: demo-avs
        version: v1.0.0
        profile: hoodi
        tag: op2
        state: stopped

- name: Remove a node, keep its volumes and data
  restaking.avs.instances:
    instances:
      - package: demo-avs
        tag: op1
        state: absent
"""

RETURN = r"""
instances:
  description: One entry for every instance of the list, in its order.
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
      description: Installed version; the one to be installed in check mode.
      type: str
    commit:
      description: Commit the version was.
      type: str
    profile:
      description: Profile of the package.
      type: str
    state:
      description: V(started), V(stopped) or V(absent).
      type: str
    changed:
      description: Whether anything of this instance was changed.
      type: bool
    actions:
      description: What was done, or would be.
      type: list
      elements: dict
      contains:
        kind:
          description: V(container), V(network), V(volume), V(files), V(keys), V(image), V(unit) or V(hold).
          type: str
        name:
          description: The service, network, volume, file, key folder or image.
          type: str
        action:
          description: V(create), V(recreate), V(start), V(stop), V(remove), V(update) or V(pull).
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
      description: C(status) V(healthy), V(starting), V(unhealthy) or V(unknown), and C(detail).
      type: dict
    kept:
      description: Of a removed instance the C(volumes) and the C(data) folder that were kept.
      type: dict
    findings:
      description: Verdicts on the package and the instance.
      type: list
      elements: dict
    hold:
      description: >-
        Of an instance that is held down, whatever its entry says, since when (C(since)), by whom (C(by)) and why (C(reason)); else null.
      type: dict
    error:
      description: Why this instance failed, empty otherwise.
      type: str
    locked:
      description: Given where it failed because somebody else works on it.
      type: bool
unlisted:
  description: Ids of instances on the host that are not in the list.
  returned: always
  type: list
  elements: str
findings:
  description:
    - All verdicts, errors first, each with C(id), C(severity), C(place), C(message) and C(remedy).
    - Of a task that failed, the errors; with C(-v) all. What a container logged is in C(msg) alone.
  returned: always
  type: list
  elements: dict
needs:
  description: What the host asks the action plugin for. Never in the result of a task.
  returned: after the first of two calls
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.avsctl import install
from ..module_utils.transaction.call import answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "instances": {"type": "list", "elements": "dict", "default": []},
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
            "settings": {"type": "dict", "default": {}},
            "partial": {"type": "bool", "default": False},
            "inventory_only": {"type": "bool", "default": False},
            "ask_host": {"type": "bool", "default": True},
            "look": {"type": "bool", "default": False},
            "given_up_by": {"type": "list", "elements": "str", "default": []},
            "cache_dir": {"type": "path"},
            "document": {"type": "dict"},
            "secret_values": {"type": "dict", "no_log": True},
        },
        supports_check_mode=True,
    )
    document = module.params["document"]
    if document is None:
        module.fail_json(msg="restaking.avs.instances needs its action plugin: call it by its full name, not through another module")
    call = {"document": document, "secret_values": module.params["secret_values"], "check": module.check_mode, "diff": module._diff}
    copy = document.get("copy")

    def leave(result: Mapping[str, Any]) -> None:
        """A run that was refused, or still has to be given something, leaves nothing."""
        if copy and not (module.check_mode or document.get("trial") or "needs" in result or result.get("failed")):
            install.keep(copy["name"], copy["archive"], str(document.get("holder")))

    result = answer(call, module.run_command, "module", leave)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
