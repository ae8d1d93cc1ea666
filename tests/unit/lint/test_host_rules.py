# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What package_info says before an install is what the host says at one: one table, judged on both sides."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.docker.programs import find_compose, home
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.lint import host_rules
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.compose_file import read_compose
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import inspect_package
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.profile import Profile
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.locate import PackageRequest

from tests.unit.support.builders import PROFILE, RUNTIME, package_files, write

IMAGE = "registry.example.org/node:v1.0.0"
FOLDER = "pkg/option-returner"
ENV = "MAIN_PORT=8080\nMODE=host\nFLAG=false\nSYSTEM=/etc/passwd\nDATA_DIR=/srv/default\n"
OPTIONS = [*PROFILE["options"], {"name": "data", "target": "DATA_DIR", "type": "path_dir", "default": "/srv/data", "help": "Data"}]
Told = list[tuple[str, str, str]]


def refused(field: str, rule: str = "PRIV-002") -> Told:
    return [(rule, "error", f"services.main.{field}")]


def noted(field: str, rule: str = "PKG-019") -> Told:
    return [(rule, "info", f"services.main.{field}")]


UNSTATED: Told = [("PRIV-001", "warning", "services.main")]
# Settings of the service `main`, and what both say of them.
SERVICES: list[tuple[dict[str, Any], Told]] = [
    ({}, []),
    ({"privileged": True}, refused("privileged")),
    ({"privileged": "${FLAG}"}, []),
    ({"pid": "host"}, refused("pid")),
    ({"pid": "container:other"}, refused("pid")),
    ({"ipc": "host"}, refused("ipc")),
    ({"ipc": "shareable"}, []),
    ({"network_mode": "host"}, refused("network_mode")),
    ({"network_mode": "${MODE}"}, refused("network_mode")),
    ({"network_mode": "container:x"}, refused("network_mode")),
    ({"network_mode": "another"}, refused("network_mode")),
    ({"network_mode": "service:side"}, []),
    ({"uts": "host"}, refused("uts")),
    ({"userns_mode": "host"}, refused("userns_mode")),
    ({"cgroup": "host"}, refused("cgroup")),
    ({"security_opt": ["seccomp:unconfined"]}, refused("security_opt")),
    ({"security_opt": ["no-new-privileges:true"]}, []),
    ({"security_opt": ["seccomp:./allow.json"]}, refused("security_opt")),
    ({"devices": ["/dev/mem:/dev/mem"]}, refused("devices")),
    ({"devices": []}, []),
    ({"device_cgroup_rules": ["c 1:3 mr"]}, refused("device_cgroup_rules")),
    ({"cgroup_parent": "system.slice"}, refused("cgroup_parent")),
    (
        {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}},
        refused("deploy.resources.reservations.devices"),
    ),
    ({"deploy": {"replicas": 2}}, [("PKG-018", "warning", "services.main.deploy.replicas")]),
    ({"scale": 3}, [("PKG-018", "warning", "services.main.deploy.replicas")]),
    ({"volumes_from": ["container:other"]}, refused("volumes_from")),
    ({"volumes_from": ["side"]}, []),
    ({"build": "."}, refused("build", "PKG-015")),
    ({"image": "nginx"}, [("IMG-001", "warning", "services.main.image")]),
    ({"image": "localhost:5000/nginx"}, [("IMG-001", "warning", "services.main.image")]),
    ({"image": "nginx:main"}, [("IMG-001", "warning", "services.main.image")]),
    ({"image": "nginx:develop-fast"}, [("IMG-001", "warning", "services.main.image")]),
    ({"image": "nginx@sha256:" + "a" * 64}, []),
    ({"image": "nickfedor/watchtower:1.7.1"}, refused("image", "UPG-001")),
    ({"image": "mag37/dockcheck:v1.0"}, refused("image", "UPG-001")),
    ({"image": "containrrr/shepherd:v1.0"}, refused("image", "UPG-001")),
    ({"pull_policy": "always"}, [("UPG-001", "warning", "services.main.pull_policy")]),
    ({"pull_policy": "missing"}, []),
    ({"cap_add": ["SYS_ADMIN"]}, []),
    ({"volumes": ["/etc:/etc"]}, refused("volumes")),
    ({"volumes": ["/etc/localtime:/etc/localtime:ro"]}, []),
    ({"volumes": ["${SYSTEM}:/x"]}, refused("volumes")),
    ({"volumes": ["/:/host:ro"]}, refused("volumes")),
    ({"volumes": ["/var/run/docker.sock:/s"]}, refused("volumes")),
    ({"volumes": [{"type": "bind", "source": "/run/docker.sock", "target": "/s"}]}, refused("volumes")),
    ({"volumes": ["/opt/x:/x"]}, refused("volumes", "PKG-019")),
    ({"volumes": ["../../../x:/x"]}, refused("volumes", "PKG-019")),
    ({"volumes": ["./.env:/x"]}, refused("volumes", "PKG-019")),
    ({"volumes": ["./config.json:/config.json"]}, refused("volumes", "PKG-019")),
    ({"volumes": ["./data:/data", "./peers.json:/peers.json:ro"]}, []),
    ({"volumes": ["./peers.json:/peers.json"]}, noted("volumes")),
    ({"volumes": ["./other:/other"]}, noted("volumes")),
    ({"volumes": ["named:/n", "/anonymous"]}, [("PKG-022", "warning", "services.main.volumes")]),
    ({"volumes": ["./data:/data", "./data/inner:/inner"]}, refused("volumes", "PKG-019")),
    ({"labels": {"org.opencontainers.image.title": "x", "role": "node"}, "environment": {"HOST": "x"}}, []),
    ({"labels": {"traefik.enable": "false", "com.centurylinklabs.watchtower.enable": "false"}}, []),
    ({"labels": ["com.example.cron=* * * * *"]}, [("PRIV-006", "warning", "services.main.labels")]),
    ({"labels": {"deck-chores.a.command": "rm -r /"}}, refused("labels")),
    ({"environment": ["VIRTUAL_HOST=node.example"]}, [("PRIV-006", "warning", "services.main.environment")]),
    ({"x-team": "ours"}, []),
    ({"profiles": ["debug"], "privileged": True}, []),
]
# Other top sections, which `main` uses, and what both say of them.
SECTIONS: list[tuple[dict[str, Any], dict[str, Any], Told]] = [
    ({"volumes": {"vol": {"external": True}}}, {"volumes": ["vol:/v"]}, [("PKG-019", "error", "volumes.vol.external")]),
    ({"volumes": {"vol": {"external": True}}}, {}, []),
    ({"volumes": {"vol": {"driver": "nfs"}}}, {"volumes": ["vol:/v"]}, [("PKG-019", "error", "volumes.vol.driver")]),
    (
        {"volumes": {"vol": {"driver_opts": {"type": "none", "o": "bind", "device": "/etc"}}}},
        {"volumes": ["vol:/v"]},
        [("PKG-019", "error", "volumes.vol.driver_opts")],
    ),
    ({"networks": {"n": {"driver": "macvlan"}}}, {"networks": ["n"]}, [("PRIV-002", "error", "networks.n.driver")]),
    ({"networks": {"n": {"driver": "host"}}}, {"networks": {"n": None}}, [("PRIV-002", "error", "networks.n.driver")]),
    ({"networks": {"n": {"driver": "macvlan"}}}, {}, []),
    ({"networks": {"default": {"driver": "ipvlan"}}}, {}, [("PRIV-002", "error", "networks.default.driver")]),
    ({"networks": {"n": {"external": True, "name": "avs-other"}}}, {"networks": ["n"]}, [("PRIV-002", "error", "networks.n")]),
    ({"networks": {"n": {"external": True, "name": "shared"}}}, {"networks": ["n"]}, [("NET-003", "warning", "networks.n")]),
    ({"configs": {"c": {"file": "/etc/passwd"}}}, {"configs": ["c"]}, [("PKG-019", "error", "configs.c.file")]),
    ({"configs": {"c": {"file": "./peers.json"}}}, {"configs": [{"source": "c", "target": "/c"}]}, []),
    ({"secrets": {"s": {"environment": "TOKEN"}}}, {"secrets": ["s"]}, [("PKG-019", "error", "secrets.s.environment")]),
]
# What runtime.yml says, and what both say of it.
RUNTIMES: list[tuple[dict[str, Any], dict[str, Any], Told]] = [
    ({"privileges": {"side": {}}}, {}, UNSTATED),
    ({"privileges": {"side": {}}}, {"cap_add": ["NET_RAW"]}, [*refused("cap_add"), *UNSTATED]),
    ({"privileges": {"side": {}}}, {"cap_add": ["SYS_NICE"]}, [*refused("cap_add"), *UNSTATED]),
    ({"privileges": {"main": {"cap_add": ["SYS_NICE"]}, "side": {}}}, {}, refused("cap_add")),
    ({"privileges": {"main": {"cap_add": ["CHOWN"]}, "side": {}}}, {}, []),
    ({"privileges": {"main": {}, "side": {}, "nod": {}}}, {}, [("PKG-016", "warning", "privileges.nod")]),
    ({"health": {"type": "container", "service": "nod"}}, {}, [("PKG-016", "error", "health.service")]),
    ({"metrics": [{"service": "nod", "port": 1}]}, {}, [("PKG-016", "warning", "metrics[0].service")]),
    (
        {"keys": [{"name": "bls", "kind": "bn254", "folder": "KEYS", "services": ["nod"]}]},
        {},
        [("PKG-012", "warning", "keys.bls"), ("PKG-016", "error", "keys.bls.services")],
    ),
]
COMPOSE = find_compose(home())
CASES = [
    *({"service": service, "expected": expected} for service, expected in SERVICES),
    *({"sections": sections, "service": service, "expected": expected} for sections, service, expected in SECTIONS),
    *({"runtime": runtime, "service": service, "expected": expected} for runtime, service, expected in RUNTIMES),
]


def packaged(tmp_path: Path, cache: Cache, service: dict[str, Any], **parts: Any) -> Profile:
    volumes = {"named": None, **parts.get("sections", {}).get("volumes", {})}
    document = {
        "services": {"main": {"image": IMAGE, **service}, "side": {"image": IMAGE, "user": "${MAIN_PORT}"}},
        **parts.get("sections", {}),
        "volumes": volumes,
    }
    runtime = {**RUNTIME, "privileges": {"main": {}, "side": {}}, "directories": [{"path": "data"}], **parts.get("runtime", {})}
    profile = {**PROFILE, "options": OPTIONS}
    files = package_files(compose=yaml.safe_dump(document), runtime=runtime, profile=profile, env=ENV, checksums=False)
    files[f"{FOLDER}/peers.json"] = "{}"
    root = write(tmp_path / "p", files)
    package = inspect_package(PackageRequest({"path": str(root)}), [], cache).package
    assert package is not None
    return package.profiles["option-returner"]


def told(findings: Any) -> Told:
    return sorted((item.id, item.severity, item.place.partition(": ")[2]) for item in findings)


def expected_of(case: dict[str, Any]) -> Told:
    inactive = "profiles" in case["service"]
    # Of a service that is not active, the monitoring target and the node API are dangling; without a gate nothing can be installed.
    dangling = [("PKG-016", "info", field) for field in ("api.service", "metrics[0].service")]
    return sorted([*case["expected"], *([*dangling, ("PKG-016", "error", "health.service")] if inactive else ())])


@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case.get("service"))[:60])
def test_before_an_install(tmp_path: Path, cache: Cache, case: dict[str, Any]) -> None:
    profile = packaged(tmp_path, cache, **{name: part for name, part in case.items() if name != "expected"})
    found = host_rules.judged(profile, read_compose(profile))
    assert told(found) == expected_of(case)
    assert {item.place.partition(":")[0] for item in found} <= {f"{FOLDER}/docker-compose.yml", "profile option-returner"}


@pytest.mark.skipif(COMPOSE is None, reason="compose resolves the model")
@pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case.get("service"))[:60])
def test_at_an_install(tmp_path: Path, cache: Cache, case: dict[str, Any]) -> None:
    profile = packaged(tmp_path, cache, **{name: part for name, part in case.items() if name != "expected"})
    folder = profile.tree / profile.compose_dir
    command = [str(COMPOSE), "-p", "avs-x", "--project-directory", str(folder)]
    command += ["-f", str(folder / "docker-compose.yml"), "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/usr/local/bin"})
    assert done.returncode == 0, done.stderr
    files, model = read_compose(profile), json.loads(done.stdout)
    layout = replace(host_rules.layout_of(profile, files), scratch=str(profile.tree))
    inactive = sorted(set(files.services) - set(model["services"]))
    spec = host_rules.spec_of(profile, host_rules.Wishes())
    assert told(host_rules.host_findings(spec, model, layout, inactive, host_rules.Known())) == expected_of(case)
