# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that lives in another one's namespace, where that other one's container is not there yet, or not any more."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import Bench, docker

BOTH = ["node", "side"]
JOINED = {"network": {"network_mode": "service:node"}, "pid": {"pid": "service:node"}}


def lives_in(instance: str, name: str) -> tuple[str, str]:
    """What ``side`` joins, and what it is to join."""
    joined = docker("inspect", "-f", f"{{{{.HostConfig.{name}}}}}", f"avs-{instance}-side").strip()
    return joined, "container:" + docker("inspect", "-f", "{{.Id}}", f"avs-{instance}-node").strip()


@pytest.mark.parametrize("kind", JOINED)
@pytest.mark.parametrize("by", ["start", "install"])
def test_the_one_it_lives_in_is_gone(bench: Bench, tmp_path: Path, kind: str, by: str) -> None:
    services = {"node": service(SLEEP, init=True), "side": service(SLEEP, init=True, **JOINED[kind])}
    wanted = spec(bench, f"{kind}-{by}", tree(tmp_path, services), BOTH)
    assert not bench.call([wanted]).get("failed")
    instance = str(wanted["id"])
    docker("rm", "-f", f"avs-{instance}-node")
    done = control.start(bench.store, bench.engine, [instance], Way("test")) if by == "start" else bench.call([wanted])
    assert not done.get("failed"), done
    joined, node = lives_in(instance, f"{kind.capitalize()}Mode")
    assert joined == node and bench.call([wanted])["changed"] is False


def test_a_newer_version_brings_the_one_it_lives_in(bench: Bench, tmp_path: Path) -> None:
    wanted = spec(bench, "grown", tree(tmp_path / "old", {"side": service(SLEEP, init=True)}), ["side"])
    assert not bench.call([wanted]).get("failed")
    services = {"node": service(SLEEP, init=True), "side": service(SLEEP, init=True, network_mode="service:node")}
    newer = spec(bench, "grown", tree(tmp_path / "new", services), BOTH)
    done = bench.call([newer])
    assert not done.get("failed"), done
    joined, node = lives_in(str(newer["id"]), "NetworkMode")
    assert joined == node and bench.call([newer])["changed"] is False
