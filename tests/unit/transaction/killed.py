# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An upgrade whose executor is killed, and what comes after it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import progress
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import by_record, control, job, own
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.transaction import back, cut

from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import BOOT, PASSWORD, WAY
from tests.unit.transaction.test_upgrade import newer, upgrade


class Killed(BaseException):
    """As SIGKILL: nothing that is done on the way out is to be done."""


def where(host: MemoryHost, tool: ResticInMemory) -> Host:
    return Host(host.store, host.engine.connect(), tool)


def killed_at(host: MemoryHost, tool: ResticInMemory, patch: pytest.MonkeyPatch, what: Any, name: str) -> None:
    """The executor is killed as it begins something; nothing it would do afterwards is done."""

    def die(*_a: Any, **_k: Any) -> Any:
        raise Killed

    with patch.context() as here:
        here.setattr(what, name, die)
        for module, step in ((back, "roll_back"), (back, "started"), (back, "brought_up"), (back, "drop")):
            here.setattr(module, step, die)
        with pytest.raises(Killed):
            upgrade(host, tool, newer(host))
    progress.clear(host.store.instance(ID))


def ended(host: MemoryHost, tool: ResticInMemory, way: Way = WAY, password: str = PASSWORD) -> None:
    """Whoever comes next ends what was cut."""
    cut.end(where(host, tool), [ID], way, Asked(password=password))


def boot(host: MemoryHost, tool: ResticInMemory) -> None:
    """The host starts, and its password of backups is there again."""
    host.world.reboot()
    ended(host, tool, BOOT)
    own.recover(host.store, host.engine.connect(), [ID], BOOT)
    found = host.store.instance(ID)
    if not by_record.to_be_down(found, found.state()):
        # As its unit does.
        control.start(host.store, host.engine.connect(), [ID], BOOT)


def older_release(patch: pytest.MonkeyPatch) -> None:
    """As a release that knows of no upgrade."""
    patch.setattr(job, "_cut_upgrade", lambda *_a: None)
    patch.setattr(by_record, "require_whole", lambda *_a: None)
