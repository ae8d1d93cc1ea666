# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has something to do, in templates."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: to_do
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: Hosts of this run that have something to do
description:
  - The hosts whose instances are not as the inventory has them, in the order of the play in which P(restaking.avs.instances#module) looked at them
    (its option C(look)). Where it looked and found none, a pattern that no host matches; where it did not look in this run, what is given.
options:
  _terms:
    description: Hosts, groups or patterns that are meant where nobody was asked.
    required: true
    type: list
    elements: str
seealso:
  - module: restaking.avs.instances
"""

EXAMPLES = r"""
- name: Reconcile those that are not as they should be, one first
  hosts: "{{ query('restaking.avs.to_do', 'avs_hosts') }}"
  serial: [1, "100%"]
  roles:
    - role: restaking.avs.node
"""

RETURN = r"""
_raw:
  description: Names of hosts, or a pattern.
  type: list
  elements: str
"""

from typing import Any

from ansible import constants as C
from ansible.plugins.lookup import LookupBase
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.to_do import hosts_to_do

_NOBODY = "all:!all"


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **_kwargs: Any) -> list[Any]:
        found = hosts_to_do(str(C.DEFAULT_LOCAL_TMP))
        return list(terms) if found is None else found or [_NOBODY]
