# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container somebody made by hand with an instance's labels: it may sign with the same key, and is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.reconcile import control
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.status.read import read_host

from tests.integration.host.handmade import SLEEP, service, spec, tree
from tests.integration.host.support import IMAGE, Bench, docker


def drift(bench: Bench, instance: str) -> list[Any]:
    (entry,) = read_host(bench.engine, [instance], bench.store, drift=True).instances
    return list(entry["drift"])


def test_a_container_that_nobody_of_ours_made_is_told_of(bench: Bench, tmp_path: Path) -> None:
    wanted = spec(bench, "twin", tree(tmp_path, {"node": service(SLEEP, init=True)}), ["node"])
    assert not bench.call([wanted]).get("failed")
    instance, name = str(wanted["id"]), f"avs-{bench.name}-by-hand"
    assert drift(bench, instance) == []
    labels = {"avs.instance": instance, "avs.service": "extra", "com.docker.compose.project": f"avs-{instance}"}
    words = [word for item in labels.items() for word in ("--label", "=".join(item))]
    docker("run", "-d", "--init", "--name", name, *words, "--entrypoint", "sleep", IMAGE, "infinity")
    assert drift(bench, instance) == [{"service": "extra", "what": "container", "wanted": "none", "found": name}]
    done = control.stop(bench.store, bench.engine, [instance], Way("test", 5, stop_timeout=3))
    assert not done.get("failed") and not [running for running in bench.running() if instance in running or running == name]
