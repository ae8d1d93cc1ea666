# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What taps offer, in templates."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: tap
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Packages and versions that taps offer
description:
  - Fetches taps, verifies them where O(taps) names signers, and lists their packages with the versions of each.
requirements:
  - git (on the controller)
options:
  _terms:
    description: Names of taps in O(taps). By default all of them.
    required: false
    type: list
    elements: str
extends_documentation_fragment:
  - restaking.avs.taps.lookup
seealso:
  - module: restaking.avs.package_info
  - plugin: restaking.avs.package
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: List what the configured taps offer
  ansible.builtin.debug:
    msg: "{{ query('restaking.avs.tap') | map(attribute='packages') | map('list') }}"

- name: List the versions of one package
  ansible.builtin.debug:
    msg: "{{ lookup('restaking.avs.tap', 'core').packages['demo-avs'].versions }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary a tap with C(name), C(commit), C(about), C(findings) and C(packages).
    - A package has C(kind) (V(package) or V(adapter)), C(source), C(versions) newest first, C(upgrades)
      (version -> urgency) as far as the index says, and what else it says.
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless, shown_findings
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.offer import offer
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import open_tap, parse_taps


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        base = Path((variables or {}).get("inventory_dir") or self.get_basedir(variables or {}))
        folder = self._setting("cache_dir", kwargs)
        try:
            taps = {config.name: config for config in parse_taps(self._setting("taps", kwargs), base, "taps")}
            cache = Cache(Path(folder).expanduser() if folder else None, Path(C.DEFAULT_LOCAL_TMP))
            names = [str(plain(term)) for term in terms] or list(taps)
            unknown = [name for name in names if name not in taps]
            if unknown:
                known = ", ".join(taps) or "none"
                raise AnsibleLookupError(f"there is no tap {', '.join(unknown)}; taps configured: {known}")
            return [_shown(offer(open_tap(taps[name], cache), cache)) for name in names]
        except AvsError as error:
            raise AnsibleLookupError(harmless(str(error))) from None

    def _setting(self, name: str, direct: dict[str, Any]) -> Any:
        """An option; one that comes from a variable still has its templates in it."""
        value = self.get_option(name)
        return plain(value if name in direct else self._templar.template(value))


def _shown(offered: dict[str, Any]) -> dict[str, Any]:
    return {**offered, "findings": shown_findings(offered["findings"])}
