# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far behind its tap each installed instance is, in templates."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: outdated
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Compare installed instances with what the taps offer
description:
  - Compares the version of each installed instance with the newest release in the tap its package comes from. Pre-releases of a tap are
    left out.
  - Of an instance that is behind, the versions between are listed with the urgency each states, and with what the release notes of the
    newest say of them.
  - An instance whose package comes from a git repository, a folder or an archive of its own has no tap; the row says so.
requirements:
  - git (on the controller)
options:
  _terms:
    description: What P(restaking.avs.instance_info#module) returned of one host or several, its C(instances).
    required: true
    type: list
    elements: dict
  host:
    description: Name of the host, for the rows.
    type: str
    default: ""
  declared:
    description: The instances of the inventory, which say which tap a package comes from. Nothing but C(package) and C(tag) is looked at.
    type: raw
    default: []
extends_documentation_fragment:
  - restaking.avs.taps.lookup
seealso:
  - plugin: restaking.avs.tap
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Tell which nodes must be upgraded
  ansible.builtin.debug:
    msg: "{{ query('restaking.avs.outdated', *nodes.instances, declared=avs_instances) | selectattr('upgrade', 'eq', 'required') }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary an installed instance with C(host), C(id), C(package), C(tap), C(installed), C(newest), C(behind) (V(none) where it is
      not known), C(upgrade), C(versions), C(note), C(upgrade_before), C(time_left) and C(findings).
    - C(upgrade) is the most urgent of the versions between, V(optional), V(recommended) or V(required). C(versions) lists them, newest
      first, with C(version), C(upgrade) and C(changes), a list of lines.
    - C(upgrade_before) is the fork deadline by which the installed version has to be upgraded, V(none) where its package and those of newer
      versions declare none; C(time_left) says how long that is, in words. From 14 days before on C(findings) has UPG-003.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless, harmless_deep
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.outdated import Taps, outdated_rows
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import parse_taps


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        base = Path((variables or {}).get("inventory_dir") or self.get_basedir(variables or {}))
        folder = self._setting("cache_dir", kwargs)
        # Options of instances are not even read: they may be secrets.
        declared = [
            {name: plain(entry[name]) for name in ("package", "tag") if name in entry}
            for entry in self.get_option("declared") or ()
            if isinstance(entry, Mapping)
        ]
        try:
            cache = Cache(Path(folder).expanduser() if folder else None, Path(C.DEFAULT_LOCAL_TMP))
            taps = Taps(parse_taps(self._setting("taps", kwargs), base, "taps"), cache)
            rows: list[Any] = harmless_deep(outdated_rows(str(plain(self.get_option("host"))), plain(terms), declared, taps))
            return rows
        except AvsError as error:
            raise AnsibleLookupError(harmless(str(error))) from None

    def _setting(self, name: str, direct: dict[str, Any]) -> Any:
        """An option; one that comes from a variable still has its templates in it."""
        value = self.get_option(name)
        return plain(value if name in direct else self._templar.template(value))
