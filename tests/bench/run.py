# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The budgets of the design as ratios: both sides of each are measured in turn, in one run, on the same lab hosts."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hvac
import yaml

from tests.bench.backups import backup_rows
from tests.bench.rollouts import rollout_rows
from tests.bench.row import Row
from tests.demo.prepare import node, store_keys
from tests.integration.support import BIN, LAB, ROOT, Fleet, Host

# Actions that run on the controller; every other executed task is at least one remote module call.
LOCAL = ("assert", "debug", "fail", "import_", "include_", "meta", "set_fact", "validate_argument_spec", "add_host", "group_by")


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def paired(first: Callable[[], object], second: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of the ratios first/second pair by pair, after one warm-up each."""
    first(), second()
    pairs = [(seconds(first), seconds(second)) for _run in range(runs)]
    ratio = statistics.median(one / other for one, other in pairs)
    return statistics.median(one for one, _other in pairs), statistics.median(other for _one, other in pairs), ratio


def must(result: Any) -> Any:
    if result.code:
        raise SystemExit(result.output[-6000:])
    return result


def ansible_ping(fleet: Fleet, inventory: Path) -> None:
    command = [str(BIN / "ansible"), "avs_hosts", "-i", str(inventory), "-m", "ansible.builtin.ping"]
    subprocess.run(command, env=fleet.environment(), check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def remote_calls(result: Any, host: str) -> int:
    count = 0
    for play in result.plays:
        for task in play["tasks"]:
            outcome = task["hosts"].get(host)
            if outcome is None or outcome.get("skipped"):
                continue
            action = str(outcome.get("action", "")).rsplit(".", 1)[-1]
            # With `inventory_only` the action asks no host, and tells of no instance.
            asks = action != "instances" or "instances" in outcome
            count += asks and not action.startswith(LOCAL)
    return count


def converged(fleet: Fleet, counts: dict[str, int], client: hvac.Client) -> dict[str, list[dict[str, Any]]]:
    """Install so many demo nodes a host and return the inventory."""
    placed: dict[str, list[dict[str, Any]]] = {}
    for host, count in counts.items():
        placed[host] = []
        for number in range(count):
            tag = f"bench-{host[-1]}-{number}"
            store_keys(client, tag)
            placed[host].append(node(tag, "mainnet", 20 + number))
    must(fleet.play("site", placed, timeout=1800))
    return placed


def task_rows(fleet: Fleet, placed: dict[str, list[dict[str, Any]]]) -> list[Row]:
    install = must(fleet.play("install", placed))
    site = must(fleet.play("site", placed))
    unchanged(install), unchanged(site)
    host = next(iter(placed))
    return [
        Row("no-op install, tasks executed a host", len(install.tasks(host)), 3, "tasks", ", ".join(install.tasks(host))),
        Row("no-op site, remote module calls a host", remote_calls(site, host), 10, "calls", f"{len(site.tasks(host))} tasks"),
    ]


def reconcile_row(host: Host, runs: int) -> Row:
    """Time the host's own no-op reconcile of everything installed there over a bare ``docker ps``."""
    archive = subprocess.run(
        ["tar", "-C", str(ROOT), "-cz", "plugins/module_utils", "plugins/plugin_utils/avsctl/process.py"], check=True, capture_output=True
    ).stdout
    subprocess.run([*host.ssh(), "rm -rf /tmp/avs-bench && mkdir /tmp/avs-bench && tar -xz -C /tmp/avs-bench"], input=archive, check=True)
    script = Path(__file__).parent / "host_noop.py"
    host.run(f"cat >/tmp/avs-bench/{script.name}", stdin=script.read_text())
    figures = json.loads(host.run(f"python3 /tmp/avs-bench/host_noop.py {runs}"))
    host.run("rm -rf /tmp/avs-bench")
    over = figures["reconcile"] - figures["docker_ps"]
    detail = f"{figures['instances']} instances, {figures['reconcile']:.2f} s against {figures['docker_ps']:.2f} s of docker ps"
    return Row("no-op reconcile on the host over docker ps", over, 0.15, "s", detail)


def wall_row(fleet: Fleet, placed: dict[str, list[dict[str, Any]]], runs: int) -> Row:
    inventory = fleet.write_inventory(placed, {})
    one, other, ratio = paired(lambda: must(fleet.play("install", placed)), lambda: ansible_ping(fleet, inventory), runs)
    return Row("no-op install against ansible -m ping", ratio, 1.4, "x", f"{one:.2f} s against {other:.2f} s, {len(placed)} hosts")


# So many names of the inventory lead to the lab's hosts: how a controller's own share grows shows without as many machines.
NAMES = 50
# A service that does nothing, of the example's image, under the least a package may say.
QUIET = {
    "CHANGELOG.md": "First.\n",
    "pkg/manifest.yml": "{version: 0.1.0, name: quiet, upgrade: optional, profiles: [net]}\n",
    "pkg/net/profile.yml": "{name: net, options: []}\n",
    "pkg/net/.env": "",
    "pkg/net/runtime.yml": "{schema: 1, privileges: {node: {user: '1000:1000'}}, health: {type: container}}\n",
    "pkg/net/docker-compose.yml": "services: {node: {image: IMAGE, entrypoint: [sleep, infinity], init: true}}\n",
}


def many_row(fleet: Fleet, runs: int) -> Row:
    """A no-op ``install`` of many names, with one instance without keys each: a key may stand in one place of an inventory only."""
    package = fleet.folder / "quiet"
    for name, text in QUIET.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text.replace("IMAGE", f"{fleet.facts['lab_registry']}/demo-avs:1.0.0"))
    entry = {"package": {"path": str(package)}, "profile": "net", "tag": "many"}
    alone = {name: [entry] for name in fleet.hosts}
    must(fleet.play("install", alone))
    hosts, real = list(fleet.hosts.values()), fleet.hosts
    fleet.hosts = {f"name{number:02}": Host(f"name{number:02}", hosts[number % len(hosts)].variables) for number in range(NAMES)}
    placed = {name: [entry] for name in fleet.hosts}
    inventory = fleet.write_inventory(placed, {})
    one, other, ratio = paired(lambda: unchanged(must(fleet.play("install", placed))), lambda: ansible_ping(fleet, inventory), runs)
    fleet.hosts = real
    must(fleet.play("install", {name: [{**entry, "state": "absent", "purge": True}] for name in real}))
    detail = f"{one:.2f} s against {other:.2f} s, {NAMES} names of {len(real)} hosts"
    return Row("no-op install of many names against ansible -m ping", ratio, 0.75, "x", detail)


def unchanged(result: Any) -> None:
    changed = [name for name, stats in result.stats.items() if stats["changed"]]
    if changed:
        raise SystemExit(f"a run that had nothing to do changed {changed}")


# Seconds; the package's default. Both sides of the row wait for it, so it is printed with them.
WARM_UP = 2


def install_row(fleet: Fleet, host: Host, client: hvac.Client, runs: int) -> Row:
    """Install one node with its image present, against ``docker compose up`` of the very same model, both until healthy."""
    store_keys(client, "bench-solo")
    entry = node("bench-solo", "mainnet", 60)
    entry["options"]["warm-up"] = WARM_UP
    gone = {**entry, "state": "absent", "purge": True}
    must(fleet.play("install", {host.name: [entry]}))
    work = "/root/avs-bench-solo"
    base = "/var/lib/avs/instances/demo-avs-bench-solo"
    host.run(
        f"rm -rf {work} && mkdir {work} && cp -aL {base}/current/. {work}/ && cp -a {base}/data {work}/data "
        f"&& cp -a /run/avs/demo-avs-bench-solo {work}/run"
    )
    # The same services, with the keys and files of the copy, under a project of its own.
    host.run(
        f"sed -i 's#/run/avs/demo-avs-bench-solo#{work}/run#g; s#{base}/current#{work}#g; s#{base}/data#{work}/data#g; s#avs-demo-avs-bench-solo#bench-bare#g; "
        f's#"avs\\.#"bench.#g\' {work}/compose.json'
    )
    health = f"http://127.0.0.1:{entry['options']['main-port']}/eigen/node/health"
    bare_up = (
        f"docker compose -p bench-bare --env-file {work}/run/secrets.env -f {work}/compose.json up -d --no-build --pull never "
        f"--quiet-pull >/dev/null 2>&1 && until curl -sf -o /dev/null -w '%{{http_code}}' {health} | grep -q 200; do sleep 0.1; done"
    )
    bare_down = f"docker compose -p bench-bare --env-file {work}/run/secrets.env -f {work}/compose.json down -v >/dev/null 2>&1"
    inventory = fleet.write_inventory({host.name: []}, {})
    ours, bare, ping = [], [], []
    for _run in range(runs):
        must(fleet.play("install", {host.name: [gone]}))
        bare.append(seconds(lambda: host.run(bare_up)))
        host.run(bare_down)
        ours.append(seconds(lambda: must(fleet.play("install", {host.name: [entry]}))))
        ping.append(seconds(lambda: ansible_ping(fleet, inventory)))
    must(fleet.play("install", {host.name: [gone]}))
    host.run(f"rm -rf {work}")
    ratio = statistics.median(one / other for one, other in zip(ours, bare))
    detail = (
        f"{statistics.median(ours):.2f} s against {statistics.median(bare):.2f} s, both until the node is healthy, {WARM_UP} s of each its warm-up; "
        f"ansible -m ping takes {statistics.median(ping):.2f} s"
    )
    return Row("install of one package against docker compose up", ratio, 1.7, "x", detail)


def told(rows: list[Row]) -> list[Row]:
    """Printed as soon as they are known: whatever fails later takes none of them away."""
    for row in rows:
        print(row, flush=True)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="measured pairs a row")
    parser.add_argument("--instances", type=int, default=10, help="instances on the first host")
    options = parser.parse_args()
    facts = yaml.safe_load((LAB / "vars.yml").read_text())
    access = yaml.safe_load((LAB / "vault.json").read_text())
    client = hvac.Client(url=facts["lab_vault_url"], token=access["root_token"])
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(Path(folder))
        fleet.at_once = False
        fleet.variables = {
            "avs_taps": [{"name": "core", "url": facts["lab_tap_url"]}],
            "docker_daemon_options": {"registry-mirrors": [facts["lab_registry_mirror"]]},
            "ansible_hashi_vault_url": facts["lab_vault_url"],
            "ansible_hashi_vault_auth_method": "approle",
            "ansible_hashi_vault_role_id": access["role_id"],
            "ansible_hashi_vault_secret_id": access["secret_id"],
        }
        names = list(fleet.hosts)
        placed = converged(fleet, {names[0]: options.instances, **dict.fromkeys(names[1:], 1)}, client)
        rows = told(task_rows(fleet, placed))
        rows += told([reconcile_row(fleet.hosts[names[0]], options.runs)])
        rows += told([wall_row(fleet, placed, options.runs)])
        removed = {host: [{**entry, "state": "absent", "purge": True} for entry in entries] for host, entries in placed.items()}
        must(fleet.play("install", removed, timeout=1800))
        # With no keyed node left: under two names of one host its keys would be two nodes'.
        rows += told([many_row(fleet, options.runs)])
        rows += told(rollout_rows(fleet, QUIET))
        rows += told([install_row(fleet, fleet.hosts[names[-1]], client, options.runs)])
        rows += told(backup_rows(fleet, fleet.hosts[names[-1]], client, options.runs))
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
