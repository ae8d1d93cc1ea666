# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A package's manifest, profiles and options in templates."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: package
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Manifest, profiles and options of an AVS package
description:
  - Reads packages as M(restaking.avs.package_info) does, for use in templates.
  - Fails where a package cannot be read or has a finding of severity error.
requirements:
  - git (on the controller)
  - google-re2 (Python library)
options:
  _terms:
    description:
      - Names of packages in the taps, such as V(demo-avs) or V(core/demo-avs), or a dictionary with one of C(git), C(path), C(archive).
    required: true
    type: list
    elements: raw
  version:
    description: The version of the packages, a git tag. By default the newest release.
    type: str
  commit:
    description: Commit to use, 40 hexadecimal digits. It wins over a tag that has moved.
    type: str
  require_checksum:
    description: Whether a package without C(checksum.txt) is an error.
    type: bool
    default: false
extends_documentation_fragment:
  - restaking.avs.taps.lookup
seealso:
  - module: restaking.avs.package_info
  - plugin: restaking.avs.tap
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show the options of a profile
  ansible.builtin.debug:
    msg: "{{ package.profiles['hoodi'].options | map(attribute='name') }}"
  vars:
    package: "{{ lookup('restaking.avs.package', 'demo-avs', version='v1.0.0') }}"

- name: Show the newest version of a package
  ansible.builtin.debug:
    msg: "{{ lookup('restaking.avs.package', 'demo-avs').versions | first }}"
"""

RETURN = r"""
_raw:
  description:
    - One dictionary a package, as RV(restaking.avs.package_info#module:package), with C(versions) and C(findings) beside.
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
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import parse_taps


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=kwargs)
        base = Path((variables or {}).get("inventory_dir") or self.get_basedir(variables or {}))
        options = {name: plain(self.get_option(name)) for name in ("version", "commit", "require_checksum")}
        folder = self._setting("cache_dir", kwargs)
        try:
            taps = parse_taps(self._setting("taps", kwargs), base, "taps")
            cache = Cache(Path(folder).expanduser() if folder else None, Path(C.DEFAULT_LOCAL_TMP))
            return [self._read(PackageRequest(_source(plain(term), base), **options), taps, cache) for term in terms]
        except AvsError as error:
            raise AnsibleLookupError(harmless(str(error))) from None

    def _setting(self, name: str, direct: dict[str, Any]) -> Any:
        """An option; one that comes from a variable still has its templates in it."""
        value = self.get_option(name)
        return plain(value if name in direct else self._templar.template(value))

    def _read(self, request: PackageRequest, taps: list[Any], cache: Cache) -> dict[str, Any]:
        package = load_package(request, taps, cache)
        return {
            **package.as_dict(),
            "versions": list(package.versions),
            "findings": shown_findings(item.as_dict() for item in package.findings),
        }


def _source(term: Any, base: Path) -> Any:
    """A package as an inventory entry names it; folders and archives start at the inventory's folder."""
    if isinstance(term, dict):
        local = ("path", "archive")
        return {kind: str(base / str(where)) if kind in local else where for kind, where in term.items()}
    return term
