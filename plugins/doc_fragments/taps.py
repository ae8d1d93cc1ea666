# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options on where packages come from, shared by modules and lookups."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  taps:
    description:
      - Taps in which packages are looked up, in this order.
      - A tap is a git repository or a folder that indexes packages.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the tap; C(name/package) asks for a package of this tap.
        type: str
        required: true
      url:
        description: Address of the git repository, or a folder. A relative folder starts at the folder of the inventory.
        type: str
        required: true
      ref:
        description: Tag or branch. By default the repository's default branch.
        type: str
      allowed_signers:
        description:
          - File of ssh keys in the format of C(ssh-keygen), see the section ALLOWED SIGNERS of its manual page.
          - With it a tap whose tag or commit is not signed by one of them is refused, and one that has expired.
        type: path
  cache_dir:
    description:
      - Folder for what is fetched. Only the user who runs Ansible may write to it.
      - By default C(restaking.avs) in the user's cache folder.
    type: path
"""

    LOOKUP = r"""
options:
  taps:
    description: Taps in which packages are looked up, in this order, in the form of C(avs_taps).
    type: list
    elements: dict
    default: []
    vars:
      - name: avs_taps
  cache_dir:
    description:
      - Folder for what is fetched. Only the user who runs Ansible may write to it.
      - By default C(restaking.avs) in the user's cache folder.
    type: path
    vars:
      - name: avs_cache_dir
"""
