#!/usr/bin/python

# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation and arguments of package_info, which runs on the controller."""

# ruff: noqa: E402 (ansible-test wants imports below the documentation)

from __future__ import annotations

DOCUMENTATION = r"""
module: package_info
short_description: Fetch, verify and parse an AVS package
version_added: "0.1.0"
author: restaking.avs contributors (@restaking)
description:
  - Finds a package in a folder, an archive, a git repository or the taps, and reads its manifest, profiles and options.
  - Says what is wrong, unsafe or odd about it, all in one go. For authors of packages, and for operators before an install.
  - Everything happens on the controller. No host is contacted and nothing is changed but the controller's cache.
requirements:
  - git (on the controller)
  - google-re2 (Python library, on the controller)
options:
  path:
    description: A checked-out package, which is the folder that holds C(pkg/), or the folder of an adapter. Relative to the playbook.
    type: path
  archive:
    description: A tar or zip file with a package. Relative to the playbook.
    type: path
  git:
    description: Address of a package's git repository.
    type: str
  package:
    description:
      - Name of a package in the taps. C(core/demo-avs) asks the tap C(core) only.
      - >-
        What C(package) of an entry of C(avs_instances) may be is accepted too, so also C({git: URL}), C({path: DIR}) and C({archive: FILE}).
    type: raw
  version:
    description: The package's version, a git tag such as V(v1.0.0). By default the newest release.
    type: str
  commit:
    description: Commit to use, 40 hexadecimal digits. It wins over a tag that has moved.
    type: str
  profile:
    description: A profile that the package must have, and whose options O(options) are checked.
    type: str
  options:
    description:
      - Values to check against the options of O(profile), names to values. Where given, options that need a value and have none are findings.
      - A secret is given as a reference, a dictionary with C(source), which is not resolved here.
      - A hidden option's value is never returned or shown.
    type: dict
  exceptions:
    description:
      - What an operator is going to grant, in the form of C(exceptions) of an entry of C(avs_instances). What is granted is no error here
        either, but told as PRIV-005.
      - An author whose package cannot do without writes the reason here, and keeps O(fail_on) at V(warning).
    type: list
    elements: dict
    default: []
  fail_on:
    description: The mildest severity of a finding that makes the task fail.
    type: str
    choices: [error, warning, never]
    default: error
  require_checksum:
    description: Whether a package without C(checksum.txt) is an error.
    type: bool
    default: false
extends_documentation_fragment:
  - restaking.avs.taps
attributes:
  check_mode:
    description: Works the same in check mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference to show.
    support: none
seealso:
  - plugin: restaking.avs.package
    plugin_type: lookup
  - plugin: restaking.avs.tap
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Check the package in this repository, as its author
  restaking.avs.package_info:
    path: "{{ playbook_dir }}"
    fail_on: warning

- name: Check what is to be installed, with my options
  restaking.avs.package_info:
    package: demo-avs
    version: v1.0.0
    profile: hoodi
    options:
      main-port: 8080
    taps: "{{ avs_taps }}"
  register: demo_avs

- name: Check a package that needs an exception, as its author
  restaking.avs.package_info:
    path: "{{ playbook_dir }}"
    fail_on: warning
    exceptions:
      - service: tracer
        allow: [pid_host]
        reason: it looks at the node's threads

- name: List the options of a package in a repository of its own
  restaking.avs.package_info:
    git: https://git.example.org/avs/demo-avs.git
    version: v1.0.0
    fail_on: never
  register: demo_avs
"""

RETURN = r"""
package:
  description: What the package is. V(null) where its manifest cannot be read.
  returned: always
  type: dict
  contains:
    name:
      description: Name of the package, the first part of an instance's id.
      type: str
      returned: success
      sample: demo-avs
    version:
      description: Version. V(null) for a folder or archive without O(version).
      type: str
      returned: success
      sample: v1.0.0
    commit:
      description: Commit of the package's repository, for an adapter of the repository it pins. V(null) for a folder or archive.
      type: str
      returned: success
      sample: 691e76b0b7a2b1d3a2a1f9b8b9f0c3d7e4a5f601
    spec_version:
      description: Version of the specification the package follows.
      type: str
      returned: success
      sample: 0.1.0
    upgrade:
      description: How urgent an upgrade to this version is, V(optional), V(recommended) or V(required). V(null) where it says nothing known.
      type: str
      returned: success
      sample: recommended
    source:
      description: Where the package comes from, without credentials.
      type: str
      returned: success
      sample: https://git.example.org/avs/demo-avs.git
    hardware_requirements:
      description: Cores, MiB of RAM and MiB of free space, of profiles that state no other.
      type: dict
      returned: success
      sample: {min_cpu_cores: 2, min_ram: 2048, min_free_space: 5120, stop_if_requirements_are_not_met: true}
    plugin:
      description: Image of the plugin. V(null) where there is none.
      type: dict
      returned: success
      sample: {image: "registry.example.org/demo-avs-plugin:v0.1.0"}
    profiles:
      description: Name of a profile to what it offers.
      type: dict
      returned: success
      contains:
        options:
          description: Options with C(name), C(target), C(type), C(default), C(hidden), C(help), C(validate).
          type: list
          elements: dict
          returned: success
        monitoring:
          description: C(targets) to scrape, each with C(service), C(port), C(path).
          type: dict
          returned: success
        api:
          description: C(service) and C(port) of the node API. V(null) where there is none.
          type: dict
          returned: success
        hardware_requirements:
          description: As above, overrides of the profile applied.
          type: dict
          returned: success
        plugin:
          description: As above, overrides of the profile applied.
          type: dict
          returned: success
        runtime:
          description: Content of C(runtime.yml), defaults filled.
          type: dict
          returned: success
        compose:
          description: Folder (C(dir)), C(files), C(env_files) and C(profiles) of compose.
          type: dict
          returned: success
        tree_sha256:
          description: Digest of the tree that is installed.
          type: str
          returned: success
valid:
  description: Whether no finding is of severity V(error).
  returned: always
  type: bool
findings:
  description: What a rule has to say, errors first.
  returned: always
  type: list
  elements: dict
  contains:
    id:
      description: The rule, explained in the collection's documentation.
      type: str
      returned: always
      sample: OPT-001
    severity:
      description: V(error), V(warning) or V(info).
      type: str
      returned: always
      sample: error
    place:
      description: File and field.
      type: str
      returned: always
      sample: options.main-port
    message:
      description: What is wrong.
      type: str
      returned: always
      sample: 80800 is not a port (1-65535)
    remedy:
      description: What to do about it.
      type: str
      returned: always
      sample: Set options.main-port to a value of type port.
versions:
  description: Released versions, newest first. Pre-releases are not listed.
  returned: always
  type: list
  elements: str
  sample: [v2.2.0, v2.1.0]
"""

from ansible.module_utils.basic import AnsibleModule

_TAP = {
    "name": {"type": "str", "required": True},
    "url": {"type": "str", "required": True},
    "ref": {"type": "str"},
    "allowed_signers": {"type": "path"},
}
ARGUMENTS = {
    "path": {"type": "path"},
    "archive": {"type": "path"},
    "git": {"type": "str"},
    "package": {"type": "raw"},
    "version": {"type": "str"},
    "commit": {"type": "str"},
    "profile": {"type": "str"},
    "options": {"type": "dict"},
    "exceptions": {"type": "list", "elements": "dict", "default": []},
    "fail_on": {"type": "str", "choices": ["error", "warning", "never"], "default": "error"},
    "require_checksum": {"type": "bool", "default": False},
    "taps": {"type": "list", "elements": "dict", "default": [], "options": _TAP},
    "cache_dir": {"type": "path"},
}
SOURCES = ("path", "archive", "git", "package")


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, mutually_exclusive=[SOURCES], required_one_of=[SOURCES], supports_check_mode=True)
    module.fail_json(msg="restaking.avs.package_info runs on the controller, through its action plugin; call it by its full name.")


if __name__ == "__main__":
    main()
