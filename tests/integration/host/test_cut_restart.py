# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restart that was cut before its node had ended: the node runs on, and the engine was told never to bring it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance import hold
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import Bench, docker


@pytest.fixture(scope="module")
def instance(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> str:
    services = {
        "node": service(SLEEP, init=True, deploy={"restart_policy": {"condition": "on-failure", "max_attempts": 5}}),
        "side": service(SLEEP, init=True, restart="no"),
    }
    wanted = spec(bench, "cut", tree(tmp_path_factory.mktemp("cut"), services), list(services))
    assert not bench.call([wanted]).get("failed")
    return str(wanted["id"])


@pytest.fixture
def cut(instance: str) -> str:
    """As `docker kill` of whoever restarts it leaves it."""
    docker("update", "--restart", "no", f"avs-{instance}-node")
    return instance


def policies(instance: str) -> list[str]:
    form = "{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}} {{.State.Status}}"
    return docker("inspect", "-f", form, *(f"avs-{instance}-{name}" for name in ("node", "side"))).splitlines()


def started(bench: Bench, instance: str, **way: Any) -> None:
    done = control.start(bench.store, bench.engine, [instance], Way("test", 2, **way))
    assert not done.get("failed") and done["changed"] is False, done


@pytest.mark.parametrize("boot", [False, True])
def test_the_next_start_gives_its_own_policy_back(bench: Bench, cut: str, boot: bool) -> None:
    started(bench, cut, check=True)
    assert policies(cut) == ["no:0 running", "no:0 running"]
    started(bench, cut, boot=boot)
    assert policies(cut) == ["on-failure:5 running", "no:0 running"]


def test_what_is_held_or_worked_on_is_left_alone(bench: Bench, cut: str) -> None:
    own = bench.store.instance(cut)
    with Lock(own.lock, "somebody", 0):
        started(bench, cut)
    assert policies(cut)[0] == "no:0 running"
    hold.place(own, "somebody", "")
    control.start(bench.store, bench.engine, [cut], Way("test", 2, boot=True))
    assert policies(cut)[0].startswith("no:0")
    assert Path(own.hold_file).exists()
