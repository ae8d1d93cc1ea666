# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An upgrade that is killed at any of its moments: what comes next, a start of the host or a run, ends with one version that runs, with its
own release and with no row of what was committed lost."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import progress
from ansible_collections.restaking.avs.plugins.module_utils.backup import restore as swaps
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control, own
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.repositories import Asked, Host
from ansible_collections.restaking.avs.plugins.module_utils.transaction import cut

from tests.unit.support.cuts import every_cut
from tests.unit.support.memory_host import ID, MemoryHost
from tests.unit.support.restic_in_memory import ResticInMemory
from tests.unit.support.saved_host import BOOT, PASSWORD, WAY, keyless, running
from tests.unit.transaction.conftest import rows
from tests.unit.transaction.test_upgrade import newer, taken_back, upgrade, version

Next = Callable[[MemoryHost, ResticInMemory], None]


def where(host: MemoryHost, tool: ResticInMemory) -> Host:
    return Host(host.store, host.engine.connect(), tool)


def boot(host: MemoryHost, tool: ResticInMemory) -> None:
    """The host starts, with nothing in memory; then its operator brings the password of its backups."""
    host.world.reboot()
    shutil.rmtree(host.store.run, ignore_errors=True)
    cut.end(where(host, tool), [ID], BOOT, Asked())
    own.recover(host.store, host.engine.connect(), [ID], BOOT)
    control.start(host.store, host.engine.connect(), [ID], BOOT)
    assert "debug" not in rows(host) or version(host) == "v1.1.0" or running(host) == set(), "the old version found what the new one wrote"
    cut.end(where(host, tool), [ID], WAY, Asked(password=PASSWORD))
    control.start(host.store, host.engine.connect(), [ID], WAY)


def run(host: MemoryHost, tool: ResticInMemory) -> None:
    """The executor was killed alone, and the next run is of whatever version."""
    cut.end(where(host, tool), [ID], WAY, Asked(password=PASSWORD))
    known = newer(host) if version(host) == "v1.1.0" else keyless(host)
    host.well(known)


def again(host: MemoryHost, tool: ResticInMemory) -> None:
    """The upgrade is asked for once more."""
    cut.end(where(host, tool), [ID], WAY, Asked(password=PASSWORD))
    found = upgrade(host, tool, newer(host))
    assert [item["error"] for item in found["instances"]] == [None]


@pytest.mark.parametrize("then", [boot, run, again])
def test_a_cut_upgrade_ends_with_one_version(memory_host: MemoryHost, saved: ResticInMemory, writing: None, then: Next) -> None:
    host, ends = memory_host, Counter[Any]()
    at = saved.at

    def act(host: MemoryHost) -> None:
        upgrade(host, saved, newer(host))

    for number, what in enumerate(every_cut(host, act)):
        if then is again and number % 4:
            # It begins as a run does, and a whole upgrade takes its time.
            continue
        progress.clear(host.store.instance(ID))
        saved.at = at
        then(host, saved)
        found = version(host)
        ends[found] += 1
        assert running(host) == {"node", "gateway"}, what
        assert rows(host).startswith("committed"), what
        if found == "v1.0.0":
            assert "debug" not in rows(host), what
        assert not Path(host.store.instance(ID).upgrade).exists(), what
        assert host.call(newer(host) if found == "v1.1.0" else keyless(host))["changed"] is False, what
        # Of a backup the next one overwrites them.
        assert [name for name in host.half_files() if "/backup/" not in name] == [], what
    assert ends["v1.1.0"] > 0 and (then is again or ends["v1.0.0"] > 20), ends


@pytest.mark.parametrize("sound", [True, False])
def test_a_rollback_that_is_cut_ends_with_one_version(memory_host: MemoryHost, saved: ResticInMemory, writing: None, sound: bool) -> None:
    """``sound``: whether the backup is; where it is not, the new version is put in its place again, and that is cut, too."""
    host, ends = memory_host, Counter[Any]()
    upgrade(host, saved, newer(host))

    def unsound(*_more: Any) -> None:
        raise HostError("the backup cannot be relied on")

    def act(host: MemoryHost) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if not sound:
                patch.setattr(swaps, "bring", unsound)
            taken_back(host, saved)

    for what in every_cut(host, act):
        progress.clear(host.store.instance(ID))
        run(host, saved)
        found = version(host)
        ends[found] += 1
        assert running(host) == {"node", "gateway"} and ("debug" in rows(host)) is (found == "v1.1.0"), what
        assert not Path(host.store.instance(ID).upgrade).exists(), what
        assert host.call(newer(host) if found == "v1.1.0" else keyless(host))["changed"] is False, what
    assert min(ends["v1.0.0"], ends["v1.1.0"]) > 5, ends


def test_an_upgrade_that_fails_is_put_back_wherever_that_is_cut(memory_host: MemoryHost, saved: ResticInMemory, writing: None) -> None:
    host = memory_host
    broken = newer(host, entrypoint=["sh", "-c", "exit 3"], restart="no")

    def act(host: MemoryHost) -> None:
        with suppress(HostError):
            upgrade(host, saved, broken)

    count = 0
    for what in every_cut(host, act, since="in restic backup"):
        progress.clear(host.store.instance(ID))
        run(host, saved)
        count += 1
        assert (version(host), running(host)) == ("v1.0.0", {"node", "gateway"}), what
        assert rows(host).startswith("committed") and "debug" not in rows(host), what
        assert host.call(keyless(host))["changed"] is False, what
    assert count > 40
