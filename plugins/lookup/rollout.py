# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the rollout of this run has planned, in templates."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout
author: restaking.avs contributors (@restaking)
version_added: "0.2.0"
short_description: What the rollout of this run has planned
description:
  - Reads what P(restaking.avs.rollout#module) planned in this run. Nothing where nothing was planned.
options:
  _terms:
    description:
      - One word. V(order) is the hosts in the order they are taken, V(serial) how many of them go at once, V(stopped) why nothing more is begun (none
        where something may be), V(targets) what is asked for on this host (C(ids), C(all)), V(ask) whom this host of a batch asks whether they are
        well, V(passed) whom it tells that they passed as canaries (C(host), C(ids), C(passed), C(rollout)).
    required: true
    type: list
    elements: str
seealso:
  - module: restaking.avs.rollout
"""

EXAMPLES = r"""
- name: Tell in which order hosts are taken, and how many at once
  ansible.builtin.debug:
    msg: "{{ query('restaking.avs.rollout', 'order') }} by {{ query('restaking.avs.rollout', 'serial') }}"
"""

RETURN = r"""
_raw:
  description: What the word stands for.
  type: list
  elements: raw
"""

from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout import run as rollouts
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.record import Record


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **_kwargs: Any) -> list[Any]:
        words = [str(term) for term in terms]
        if len(words) != 1 or words[0] not in ("order", "serial", "stopped", "targets", "ask", "passed"):
            raise AnsibleLookupError("rollout: name one of order, serial, stopped, targets, ask, passed")
        try:
            record = rollouts.current(str(C.DEFAULT_LOCAL_TMP))
            return [] if record is None else _found(record, words[0], variables or {})
        except InputError as error:
            raise AnsibleLookupError(harmless(str(error))) from None


def _found(record: Record, word: str, variables: dict[str, Any]) -> list[Any]:
    host = str(variables.get("inventory_hostname") or "")
    if word == "targets":
        return [rollouts.targets(record, host)]
    if word in ("ask", "passed"):
        return list(rollouts.asks(record, [str(name) for name in variables["ansible_play_batch"]], host, word == "passed"))
    return list(rollouts.known(record, word))
