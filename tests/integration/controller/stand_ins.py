# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stand-ins of the host's modules: each takes what the module it stands for takes, and refuses what that one refuses."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any
from unittest import mock

HERE = Path(__file__).parent
# Module -> file of its stand-in.
STAND_INS = {
    "instances": "fake_host.py",
    "instance_info": "fake_info.py",
    "host_prune": "fake_prune.py",
    "instance_control": "fake_control.py",
    "instance_backup": "fake_backup.py",
    "instance_restore": "fake_backup.py",
    "instance_upgrade": "fake_upgrade.py",
    "rollout_gate": "fake_gate.py",
    "instance_move": "fake_move.py",
    "backup_schedule": "fake_backup.py",
    "instance_plugin": "fake_plugin.py",
}
_PLACE = "ARGUMENTS: dict = {}"


class _Asked(Exception):
    """Raised in place of what a module would go on with."""


def put(folder: Path) -> None:
    """Write all of them to the modules of a collection."""
    for name in STAND_INS:
        (folder / f"{name}.py").write_text(source(name))


@functools.cache
def source(name: str) -> str:
    text = (HERE / STAND_INS[name]).read_text()
    assert text.count(_PLACE) == 1, STAND_INS[name]
    return text.replace(_PLACE, f"ARGUMENTS: dict = {arguments(name)!r}")


def arguments(name: str) -> dict[str, Any]:
    """What a module makes its ``AnsibleModule`` of."""
    module = importlib.import_module(f"ansible_collections.restaking.avs.plugins.modules.{name}")
    found: dict[str, Any] = {}

    def ask(argument_spec: dict[str, Any], **more: Any) -> None:
        found.update(more, argument_spec=argument_spec)
        raise _Asked

    with mock.patch.object(module, "AnsibleModule", ask):
        try:
            module.main()
        except _Asked:
            return found
    raise AssertionError(f"{name} makes no AnsibleModule")
