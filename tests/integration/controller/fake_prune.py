# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that has one image to remove, until it was removed."""

from __future__ import annotations

import os

from ansible.module_utils.basic import AnsibleModule

# Filled with what the module this stands for takes.
ARGUMENTS: dict = {}


def main() -> None:
    module = AnsibleModule(**ARGUMENTS)
    mark = os.path.join(module._remote_tmp, "pruned.memory")
    os.makedirs(module._remote_tmp, exist_ok=True)
    image = {"id": "sha256:1", "names": ["r/x:1"], "bytes": 1 << 20, "instances": ["a-avs-1"]}
    images = [] if os.path.exists(mark) else [image]
    if images and not module.check_mode:
        open(mark, "w").close()
    size = sum(item["bytes"] for item in images)
    module.exit_json(changed=bool(images), images=images, releases=[], kept=[], bytes=size, findings=[])


main()
