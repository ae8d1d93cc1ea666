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
  - Patterns of hosts, for a play that is to begin with those whose instances are not as the inventory has them, as each said when
    P(restaking.avs.instances#module) was with it last (its option C(look) asks, and does nothing). Who was not asked in this run has its turn as well.
options:
  _terms:
    description: Hosts, groups or patterns that are meant.
    required: true
    type: list
    elements: str
  others:
    description:
      - Whether hosts that are as they should be are left out, V(out), or come V(last). They come in the inventory's order where O(_terms) is more than
        one group.
    type: str
    choices: [out, last]
    default: out
seealso:
  - module: restaking.avs.instances
"""

EXAMPLES = r"""
- name: Tell the pattern of a play over those that have something to do
  ansible.builtin.debug:
    msg: "{{ query('restaking.avs.to_do', 'avs_hosts') }}"
"""

RETURN = r"""
_raw:
  description: Names of hosts, and patterns.
  type: list
  elements: str
"""

from typing import Any

from ansible import constants as C
from ansible.plugins.lookup import LookupBase
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.to_do import hosts_of, is_plain


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        temp, meant = str(C.DEFAULT_LOCAL_TMP), [str(term) for term in terms]
        if self.get_option("others") == "last":
            # Another play of this run may have asked others.
            return [*hosts_of(temp, True), *meant, *(f"&{term}" for term in meant)] if _is_one(meant) else meant
        return [*meant, *(f"!{name}" for name in hosts_of(temp, False))]


def _is_one(meant: list[str]) -> bool:
    """Whether it is one host or group, and no pattern of several."""
    return len(meant) == 1 and is_plain(meant[0], ())
