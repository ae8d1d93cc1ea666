# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entry of an instance in a host's list."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: instance_entry
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: Find the entry of an instance in C(avs_instances)
description:
  - Says where in the list the entry is, so that it can be handed on as it was written.
options:
  _input:
    description: The list of instances of a host.
    type: list
    elements: dict
    required: true
  id:
    description: The instance, as C(<package>-<tag>).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Name the version an instance is to have
  ansible.builtin.debug:
    msg: "{{ (avs_instances | restaking.avs.instance_entry('demo-avs-op1')).version }}"
"""

RETURN = r"""
_value:
  description:
    - C(position) in the list, null where no entry or more than one may be meant, C(version), empty where it names none, and C(keys), whether
      it may have some.
  type: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"instance_entry": instance_entry}


def instance_entry(entries: Any, instance: str) -> dict[str, Any]:
    """``position``, ``version`` and ``keys``. Raises ``AnsibleFilterError`` for anything else than a list."""
    if not isinstance(entries, list):
        raise AnsibleFilterError(f"instance_entry needs a list of instances, not a {type(entries).__name__}")
    found = [number for number, entry in enumerate(entries) if isinstance(entry, Mapping) and _may_be(entry, str(instance))]
    version = entries[found[0]].get("version") if len(found) == 1 else None
    keys = len(found) != 1 or bool(entries[found[0]].get("keys"))
    return {"position": found[0] if len(found) == 1 else None, "version": str(version or ""), "keys": keys}


def _may_be(entry: Mapping[str, Any], instance: str) -> bool:
    """A package that is no name of a tap says what it is called once it is read."""
    package, tag = entry.get("package"), str(entry.get("tag") or "")
    if isinstance(package, str):
        return instance == f"{package.rpartition('/')[2]}-{tag}"
    return bool(tag) and instance.endswith(f"-{tag}")
