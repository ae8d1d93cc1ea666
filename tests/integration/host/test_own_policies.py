# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was stopped gets its own restart policy back, wherever its package states it, and is not said to be changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import Bench, docker

WAITS = {"depends_on": {"job": {"condition": "service_completed_successfully"}}}
CASES: dict[str, dict[str, Any]] = {
    **{
        f"deploy{number}": {"node": service(SLEEP, init=True, deploy={"restart_policy": policy}, **more)}
        for number, (policy, more) in enumerate(
            [
                ({"condition": "on-failure", "max_attempts": 5}, {}),
                ({"condition": "on-failure"}, {"restart": "unless-stopped"}),
                ({"condition": "any"}, {}),
                ({"condition": "none"}, {"restart": "always"}),
                ({"max_attempts": 0}, {}),
            ]
        )
    },
    "retries": {"node": service(SLEEP, init=True, restart="on-failure:3")},
    "job": {"job": service(["true"], restart="on-failure"), "node": service(SLEEP, init=True, **WAITS)},
}


def policies(instance: str) -> dict[str, str]:
    """Service -> restart policy, as the engine has it."""
    found = json.loads(docker("inspect", *docker("ps", "-aq", "--filter", f"label=avs.instance={instance}").split()))
    return {
        item["Config"]["Labels"]["avs.service"]: "{Name}:{MaximumRetryCount}".format(**item["HostConfig"]["RestartPolicy"])
        for item in found
    }


def drift(bench: Bench, instance: str) -> list[Any]:
    (entry,) = read_host(bench.engine, [instance], bench.store, drift=True).instances
    return list(entry["drift"])


@pytest.mark.parametrize("case", CASES)
def test_what_was_stopped_gets_its_own_policy_back(bench: Bench, tmp_path: Path, case: str) -> None:
    services = CASES[case]
    wanted = spec(bench, case, tree(tmp_path, services), list(services))
    result = bench.call([wanted])
    assert not result.get("failed"), result
    instance, way = wanted["id"], Way("test", 5, stop_timeout=5)
    made = policies(instance)
    assert drift(bench, instance) == []
    for do in (control.stop, control.start, control.restart):
        done = do(bench.store, bench.engine, [instance], way)
        assert not done.get("failed"), done
        assert drift(bench, instance) == []
    after = policies(instance)
    # A job that has done its work is not started again, and nothing but its start would need it.
    assert {name: policy for name, policy in after.items() if name != "job"} == {
        name: policy for name, policy in made.items() if name != "job"
    }
    assert bench.call([wanted])["changed"] is False
