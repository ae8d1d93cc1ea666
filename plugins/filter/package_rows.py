# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say what profiles a package has, or what options a profile of it has."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
name: package_rows
author: restaking.avs contributors (@restaking)
version_added: "0.1.0"
short_description: Say what profiles a package has, or what options a profile of it has
description:
  - Makes rows of what P(restaking.avs.package#lookup) returned.
options:
  _input:
    description: What P(restaking.avs.package#lookup) returned of one package.
    type: dict
    required: true
  profile:
    description: A profile, whose options are wanted. Without it the profiles are.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Name the options that need a value
  ansible.builtin.debug:
    msg: "{{ package | restaking.avs.package_rows('hoodi') | selectattr('required') | map(attribute='name') }}"
  vars:
    package: "{{ lookup('restaking.avs.package', 'demo-avs') }}"
"""

RETURN = r"""
_value:
  description:
    - Of an option C(name), C(type), C(default), C(required), C(hidden), C(help), C(target) and C(validate). Of a profile C(package),
      C(version), C(profile), C(options) (their number) and C(required), names of the options that need a value.
  type: list
  elements: dict
"""

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless, harmless_deep
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.packages import options_rows, profiles_rows


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"package_rows": package_rows}


def package_rows(package: Any, profile: Any = "") -> list[dict[str, Any]]:
    """Raises ``AnsibleFilterError`` for a profile the package does not have."""
    given, name = plain(package), str(plain(profile) or "")
    try:
        rows: list[dict[str, Any]] = harmless_deep(options_rows(given, name) if name else profiles_rows(given))
        return rows
    except InputError as error:
        raise AnsibleFilterError(harmless(error.message)) from None
