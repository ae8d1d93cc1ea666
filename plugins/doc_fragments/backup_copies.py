# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options on where else backups are, shared by the modules that make them and put them back."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  copies:
    description:
      - Other repositories that each backup is copied to (docs/backup.md, Copies elsewhere), once the node runs again; each instance has one
        of its own below each. Where it is left out, what was said last counts; an empty list is none.
      - What is secret in them is kept in memory on the host, as O(password) is.
    type: list
    elements: dict
    suboptions:
      name:
        description: How it is called.
        type: str
        required: true
      repository:
        description:
          - A folder of the host, or an address of restic's; C(sftp:), C(s3:) and C(rest:) are allowed.
        type: str
        required: true
      prune:
        description:
          - Who removes backups that are no longer kept (C(avs_backup_keep)). With V(elsewhere) nothing is removed there, and nothing but
            locks has to be removable.
        type: str
        choices: [here, elsewhere]
        default: here
      user:
        description: Of S3 the id of the access key, of C(rest:) the user. Of C(sftp:) it is in the address.
        type: str
      region:
        description: Of S3, where the address does not tell it.
        type: str
      password:
        description: The password of this repository, in the form of O(password). By default that one.
        type: raw
      secret:
        description:
          - What its server lets one in by, in the form of O(password); of C(sftp:) the private key, of S3 the secret access key, of C(rest:) the
            password of the user.
        type: raw
      known_hosts:
        description: Of C(sftp:), the lines of the server as C(known_hosts) has them. A server that is not in it is not talked to.
        type: str
      ca:
        description: Of S3 and C(rest:), certificates its server's is checked by, in PEM; without it those of the host.
        type: str
"""

    READ = r"""
options:
  copy:
    description: The name of one of O(copies), which is read instead of the repository.
    type: str
"""
