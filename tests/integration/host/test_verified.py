# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What compose lets through and the engine does not take: made to work where that can be, else said before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import ERROR
from ansible_collections.restaking.avs.plugins.module_utils.reconcile import bring_up

from tests.integration.host.small import Small, Way
from tests.integration.host.support import RUN, Bench, docker
from tests.integration.host.test_documented import inspected, installed, remove
from tests.integration.host.test_refusals import refused

PORT = 36500 + RUN % 200 * 2
NEXT = 37000 + RUN % 100 * 5


def node(**settings: Any) -> Small:
    return Small(services={"node": settings})


def joined(**settings: Any) -> Small:
    return Small(services={"node": {"network_mode": "service:side", **settings}, "side": {}})


def net(ipam: Mapping[str, Any], **use: Any) -> Small:
    return Small(services={"node": {"networks": {"n": use}}}, compose={"networks": {"n": {"ipam": {"config": [ipam]} if ipam else {}}}})


def side(condition: str, **settings: Any) -> Small:
    return Small(services={"node": {"depends_on": {"side": {"condition": condition}}}, "side": settings})


def held(volume: str, **entry: Any) -> Small:
    """A volume, mounted as a text or a long form says."""
    return Small(services={"node": {"volumes": [volume]}}, compose={"volumes": {"vol": entry}})


def logged(**options: Any) -> Small:
    return node(logging={"driver": "json-file", "options": {name.replace("_", "-"): value for name, value in options.items()}})


def content(text: str, *, use: Mapping[str, Any] | None = None, **settings: Any) -> Small:
    uses = [{"source": "c", "target": "/tmp/c", **(use or {})}]
    return Small(services={"node": {"configs": uses, **settings}}, compose={"configs": {"c": {"content": text}}})


OFF: dict[str, Any] = {"depends_on": {"extra": {"condition": "service_started", "required": False}}}
# What works, though the engine would not take it as it is written.
WORKS: dict[str, Small] = {
    "optional": Small(
        services={"node": {"container_name": "vendor-node", **OFF}, "extra": {"profiles": ["debug"]}},
        runtime={"privileges": {"node": {}, "extra": {"user": "1000:1000"}}},
        entry={"limits": {"extra": {"pids": 5}}},
    ),
    "astral": node(environment={"E": "rocket 🚀 \\ud83d", "F": "a\x85b\u2028c"}, labels={"l": "🚀"}),
    "hidden-folder": node(volumes=["./.charon:/opt/charon", "./.lighthouse/:/root/.lighthouse", "./data:/root/.eth"]),
    "dotted-folder": node(volumes=["./chain-v1.2:/opt/v/", "./conf.d/:/opt/d", "./sites.d:/etc/sites.d"]),
    "platform": node(platform=f"linux/{'amd64' if os.uname().machine == 'x86_64' else os.uname().machine}/v1"),
    "nested": Small(
        services={"node": {"volumes": ["./conf:/conf:ro", "./extra:/conf/sub/deep", "vol:/conf/vol"], "tmpfs": ["/conf/tmp"]}},
        files={"conf/a": "1"},
        compose={"volumes": {"vol": {}}},
    ),
    "nested-in-data": node(volumes=["./data:/data:ro", "./other:/data/inner"]),
    "processors": node(cpus=4000),
    "processors-of-the-operator": Small(
        services={"node": {"cpu_quota": 50000, "cpu_period": 100000}}, entry={"limits": {"node": {"cpus": 0.5}}}
    ),
    "memory-of-the-operator": Small(services={"node": {"mem_limit": "1m"}}, entry={"limits": {"node": {"memory": "64m"}}}),
    "container-name": Small(
        services={"node": {"container_name": "vendor-node"}},
        profile={"monitoring": {"targets": [{"service": "vendor-node", "port": 90, "path": "/metrics"}]}},
        runtime={"health": {"type": "container", "service": "vendor-node"}},
    ),
    "nobodys-target": Small(profile={"monitoring": {"targets": [{"service": "nobody", "port": 90, "path": "/metrics"}]}}),
    "nobodys-privileges": Small(runtime={"privileges": {"nod": {"user": "1000:1000"}}}),
    "another-network": Small(
        services={
            "pause": {"ports": [f"{NEXT}:8000", f"{NEXT}:8000/udp", f"{NEXT + 1}-{NEXT + 2}:9000-9001/udp", "${RANGE}:7000-7001"]},
            "app": {"network_mode": "service:pause", "depends_on": ["pause"], "entrypoint": ["python3", "-m", "http.server", "8000"]},
        },
        env=f"RANGE={NEXT + 3}-{NEXT + 4}\n",
        runtime={
            "privileges": {"pause": {"ports": {"8000": "public", "9000/udp": "public", "RANGE": "loopback"}}, "app": {"user": "1000:1000"}},
            "health": {"type": "http", "service": "app", "port": 8000},
        },
    ),
    "empty-content": content(""),
    "no-container": Small(
        services={"node": {"depends_on": {"debug": {"condition": "service_started", "required": False}}}, "debug": {"scale": 0}}
    ),
    "log": logged(mode="non-blocking", max_buffer_size="1m", compress="true", tag="{{.Name}}/{{.ID}}", labels_regex="^(a|b)"),
    "first-address": Small(
        services={"node": {"networks": {"n": {"ipv4_address": "10.211.5.2"}}}},
        compose={
            "networks": {"n": {"ipam": {"config": [{"subnet": "10.211.5.0/29"}]}, "driver_opts": {"com.docker.network.driver.mtu": "1400"}}}
        },
    ),
    "no-port": Small(
        env="P=\n", runtime={"metrics": [{"service": "node", "port": "P"}], "privileges": {"node": {"ports": {"P": "public"}}}}
    ),
}
# Tag -> the package, the rule, and the field it is said of.
REFUSED: dict[str, tuple[Small, str, str]] = {
    "other-platform": (node(platform="linux/s390x"), "IMG-005", "services.node.platform"),
    "file-or-folder": (node(volumes=["./app.conf:/etc/app.conf"]), "PKG-019", "services.node.volumes"),
    "hidden-both": (node(volumes=["./.thing:/root/.thing"]), "PKG-019", "services.node.volumes"),
    "nested-file": (
        Small(services={"node": {"volumes": ["./conf:/conf:ro", "./b.txt:/conf/b.txt:ro"]}}, files={"conf/a": "1", "b.txt": "x"}),
        "PKG-019",
        "services.node.volumes",
    ),
    "nested-secret": (
        Small(
            services={"node": {"volumes": ["./conf:/run:ro"], "secrets": ["s"]}},
            files={"conf/a": "1", "s.txt": "x"},
            compose={"secrets": {"s": {"file": "./s.txt"}}},
        ),
        "PKG-019",
        "services.node.volumes",
    ),
    "twice": (
        Small(services={"node": {"volumes": ["vol:/x"], "tmpfs": ["/x/"]}}, compose={"volumes": {"vol": {}}}),
        "PKG-019",
        "services.node.volumes",
    ),
    "relative-target": (
        Small(services={"node": {"volumes": ["vol:x"]}}, compose={"volumes": {"vol": {}}}),
        "PKG-019",
        "services.node.volumes",
    ),
    "over-dev": (Small(services={"node": {"volumes": ["vol:/dev"]}}, compose={"volumes": {"vol": {}}}), "PKG-019", "services.node.volumes"),
    "working-dir": (node(working_dir="relative"), "PKG-020", "services.node.working_dir"),
    "memory": (node(mem_limit="1m"), "PKG-020", "services.node.mem_limit"),
    "reservation": (node(mem_reservation="1k"), "PKG-020", "services.node.mem_reservation"),
    "operators-memory": (Small(entry={"limits": {"node": {"memory": "1m"}}}), "INV-001", "limits.node.memory"),
    "swappiness": (node(mem_swappiness=200), "PRIV-002", "services.node.mem_swappiness"),
    "cpuset": (node(cpuset="0-4000"), "PKG-020", "services.node.cpuset"),
    "cpuset-words": (node(cpuset="abc"), "PRIV-002", "services.node.cpuset"),
    "quota": (node(cpu_quota=10), "PKG-020", "services.node.cpu_quota"),
    "period": (node(cpu_period=10), "PKG-020", "services.node.cpu_period"),
    "quota-and-cpus": (node(cpus=1, cpu_quota=50000), "PKG-020", "services.node.cpus"),
    "health-interval": (node(healthcheck={"test": ["CMD", "true"], "interval": "1us"}), "PKG-020", "services.node.healthcheck.interval"),
    "health-of-nothing": (node(healthcheck={"test": ["CMD"]}), "PKG-020", "services.node.healthcheck.test"),
    "hostname": (node(hostname="a" * 70), "PKG-020", "services.node.hostname"),
    "volume-name": (
        Small(services={"node": {"volumes": ["v" * 250 + ":/v"]}}, compose={"volumes": {"v" * 250: {}}}),
        "PKG-005",
        f"volumes.{'v' * 250}",
    ),
    "ulimit-order": (node(ulimits={"nofile": {"soft": 100, "hard": 10}}), "PKG-020", "services.node.ulimits.nofile"),
    "ulimit-name": (node(ulimits={"foo": 100}), "PRIV-002", "services.node.ulimits"),
    "sysctl-of-the-host": (node(sysctls={"vm.max_map_count": "262144"}), "PRIV-002", "services.node.sysctls"),
    "sysctl-of-another": (joined(sysctls={"net.core.somaxconn": "1024"}), "PKG-020", "services.node.sysctls"),
    "extra-hosts": (node(extra_hosts=["foo:bar"]), "PKG-020", "services.node.extra_hosts"),
    "dns": (node(dns=["nope"]), "PRIV-002", "services.node.dns"),
    "signal": (node(stop_signal="SIGFOO"), "PKG-020", "services.node.stop_signal"),
    "restart": (node(restart="sometimes"), "PRIV-002", "services.node.restart"),
    "restart-count": (node(restart="on-failure:-1"), "PRIV-002", "services.node.restart"),
    "ipc": (node(ipc="foo"), "PRIV-002", "services.node.ipc"),
    "pid": (node(pid="foo"), "PRIV-002", "services.node.pid"),
    "uts": (node(uts="foo"), "PRIV-002", "services.node.uts"),
    "tmpfs-option": (node(tmpfs=["/t:bogus"]), "PKG-020", "services.node.tmpfs"),
    "tmpfs-of-runtime": (Small(runtime={"privileges": {"node": {"tmpfs": ["/t:size=big"]}}}), "PKG-020", "services.node.tmpfs"),
    "tmpfs-volume": (
        Small(
            services={"node": {"volumes": ["vol:/v"]}},
            compose={"volumes": {"vol": {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "bogus"}}}},
        ),
        "PRIV-002",
        "volumes.vol.driver_opts",
    ),
    "address-nowhere": (net({}, ipv4_address="10.9.9.9"), "PKG-020", "services.node.networks.n.ipv4_address"),
    "address-outside": (net({"subnet": "10.211.8.0/24"}, ipv4_address="10.9.9.9"), "PKG-020", "services.node.networks.n.ipv4_address"),
    "gateway": (net({"subnet": "10.211.7.0/24", "gateway": "10.1.1.1"}), "PKG-020", "networks.n.ipam"),
    "host-bits": (net({"subnet": "10.211.6.5/24"}), "PKG-020", "networks.n.ipam"),
    "address-of-the-gateway": (
        net({"subnet": "10.211.4.0/24"}, ipv4_address="10.211.4.1"),
        "PKG-020",
        "services.node.networks.n.ipv4_address",
    ),
    "address-of-all": (net({"subnet": "10.211.4.0/24"}, ipv4_address="10.211.4.255"), "PKG-020", "services.node.networks.n.ipv4_address"),
    "subnet-of-one": (net({"subnet": "10.211.4.4/32"}), "PKG-020", "networks.n.ipam"),
    "gateway-of-nothing": (net({"gateway": "10.211.4.1"}), "PKG-020", "networks.n.ipam"),
    "aux-outside": (net({"subnet": "10.211.4.0/24", "aux_addresses": {"a": "10.1.1.1"}}), "PKG-020", "networks.n.ipam"),
    "link-local": (net({}, link_local_ips=["abc"]), "PKG-020", "services.node.networks.n.link_local_ips"),
    "mtu": (
        Small(
            services={"node": {"networks": ["n"]}}, compose={"networks": {"n": {"driver_opts": {"com.docker.network.driver.mtu": "abc"}}}}
        ),
        "PKG-020",
        "networks.n.driver_opts",
    ),
    "sysctl-unknown": (node(sysctls={"net.foo.bar": "1"}), "PKG-020", "services.node.sysctls"),
    "sysctl-words": (node(sysctls={"net.core.somaxconn": "abc"}), "PKG-020", "services.node.sysctls"),
    "sysctl-beyond": (node(sysctls={"net.core.somaxconn": "-1"}), "PKG-020", "services.node.sysctls"),
    "sysctl-ports": (node(sysctls={"net.ipv4.ip_local_port_range": "60000 1024"}), "PKG-020", "services.node.sysctls"),
    "sysctl-start": (node(sysctls={"net.ipv4.ip_unprivileged_port_start": "40000"}), "PKG-020", "services.node.sysctls"),
    "sysctl-of-all-networks": (node(sysctls={"net.core.rmem_max": "1"}), "PKG-020", "services.node.sysctls"),
    "files-without-end": (node(ulimits={"nofile": -1}), "PKG-020", "services.node.ulimits.nofile"),
    "files-too-many": (node(ulimits={"nofile": 2_000_000_000}), "PKG-020", "services.node.ulimits.nofile"),
    "log-mode": (logged(mode="foo"), "PKG-020", "services.node.logging.options.mode"),
    "log-buffer": (logged(max_buffer_size="1m"), "PKG-020", "services.node.logging.options.max-buffer-size"),
    "log-tag": (logged(tag="{{.Foo}}"), "PKG-020", "services.node.logging.options.tag"),
    "log-pattern": (logged(labels_regex="("), "PKG-020", "services.node.logging.options.labels-regex"),
    "log-compress": (logged(compress="maybe"), "PKG-020", "services.node.logging.options.compress"),
    "user-beyond": (node(user="3000000000"), "PKG-020", "services.node.user"),
    "group-beyond": (node(group_add=["3000000000"]), "PKG-020", "services.node.group_add"),
    "health-before": (node(healthcheck={"test": ["CMD", "true"], "interval": "-1s"}), "PKG-020", "services.node.healthcheck.interval"),
    "health-of-none": (side("service_healthy"), "PKG-020", "services.node.depends_on"),
    "end-of-what-stays": (side("service_completed_successfully", restart="always"), "PKG-020", "services.node.depends_on"),
    "attempts": (
        node(deploy={"restart_policy": {"condition": "any", "max_attempts": 3}}),
        "PKG-020",
        "services.node.deploy.restart_policy",
    ),
    "memory-not-shared": (Small(services={"node": {"ipc": "service:side"}, "side": {}}), "PKG-020", "services.node.ipc"),
    "needs-none": (Small(services={"node": {"depends_on": ["side"]}, "side": {"scale": 0}}), "PKG-018", "services.node.depends_on"),
    "content-read-only": (content("x", read_only=True), "PKG-020", "services.node.configs"),
    "content-owner": (content("x", use={"uid": "1000"}, user="1000:1000"), "PKG-020", "services.node.configs"),
    "bounded-storage": (node(storage_opt={"size": "1g"}), "PKG-020", "services.node.storage_opt"),
    "no-disk": (
        node(blkio_config={"device_read_bps": [{"path": "/dev/nope", "rate": "1mb"}]}),
        "PKG-020",
        "services.node.blkio_config.device_read_bps",
    ),
    "folder-of-nobody": (
        Small(
            services={"node": {"volumes": [{"type": "volume", "source": "vol", "target": "/x", "volume": {"subpath": "a"}}]}},
            compose={"volumes": {"vol": {}}},
        ),
        "PKG-020",
        "services.node.volumes",
    ),
    "tmpfs-in-proc": (node(tmpfs=["/proc/x"]), "PKG-019", "services.node.volumes"),
    "volume-in-proc": (held("vol:/proc/sys"), "PKG-019", "services.node.volumes"),
    "volume-on-a-file": (held("vol:/etc/resolv.conf"), "PKG-019", "services.node.volumes"),
    "long-target": (held(f"vol:/{'a' * 256}"), "PKG-019", "services.node.volumes"),
    "one-letter": (Small(services={"node": {"volumes": ["v:/x"]}}, compose={"volumes": {"v": {}}}), "PKG-019", "services.node.volumes"),
    "etc-read-only": (Small(services={"node": {"volumes": ["./conf:/etc:ro"]}}, files={"conf/a": "1"}), "PKG-019", "services.node.volumes"),
    "address-of-nobody": (
        Small(services={"node": {"ports": [f"{PORT + 2}:80"]}}, entry={"ports": {"80": "192.0.2.77"}}),
        "NET-002",
        "ports",
    ),
    "gate-of-no-network": (
        Small(services={"node": {"network_mode": "none"}}, runtime={"health": {"type": "tcp", "service": "node", "port": 80}}),
        "PKG-016",
        "health.service",
    ),
    "port-twice": (Small(services={"a": {"ports": [f"{PORT}:80"]}, "b": {"ports": [f"{PORT}:80"]}}), "NET-002", "services.b.ports"),
    "port-ranges": (node(ports=["7000-7002:7000-7001"]), "PKG-018", "pkg/net/docker-compose.yml"),
    "gate-without-port": (Small(env="P=\n", runtime={"health": {"type": "tcp", "service": "node", "port": "P"}}), "PKG-016", "P"),
    "gate-of-an-inactive": (
        Small(services={"node": {}, "off": {"profiles": ["x"]}}, runtime={"health": {"type": "container", "service": "off"}}),
        "PKG-016",
        "health.service",
    ),
    **{
        f"of-the-other-{field.replace('_', '-')}": (joined(**{field: value}), "PKG-020", f"services.node.{field}")
        for field, value in {
            "ports": [f"{PORT + 1}:80"],
            "hostname": "x",
            "dns": ["192.0.2.1"],
            "extra_hosts": ["a:192.0.2.1"],
            "expose": ["80"],
            "links": ["side"],
        }.items()
    },
}


@pytest.fixture(scope="module")
def way(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Way:
    return Way(bench, tmp_path_factory.mktemp("verified"))


def test_what_is_made_to_work(way: Way) -> None:
    found = installed(way, WORKS)
    assert dict(item.split("=", 1) for item in inspected(way, "astral")["Config"]["Env"])["E"] == "rocket 🚀 \\ud83d"
    assert inspected(way, "astral")["Config"]["Labels"]["l"] == "🚀"
    for tag, folders in (("hidden-folder", (".charon", ".lighthouse", "data")), ("dotted-folder", ("chain-v1.2", "conf.d", "sites.d"))):
        data = Path(way.bench.store.instance(f"{way.bench.name}-{tag}").data)
        assert all((data / folder).is_dir() for folder in folders), tag
    assert docker("exec", f"avs-{way.bench.name}-nested-node", "ls", "/conf", "/conf/sub").split() == [
        "/conf:",
        "a",
        "sub",
        "tmp",
        "vol",
        "/conf/sub:",
        "deep",
    ]
    assert inspected(way, "processors")["HostConfig"]["NanoCpus"] == len(os.sched_getaffinity(0)) * 10**9
    assert inspected(way, "processors-of-the-operator")["HostConfig"]["CpuQuota"] == 0
    ids = {tag: {(item["id"], item["severity"]) for item in entry["findings"]} for tag, entry in found.items()}
    assert ("PKG-016", ERROR) not in set().union(*ids.values())
    assert ("PKG-016", "info") in ids["container-name"]
    assert ("PKG-016", "warning") in ids["nobodys-target"] & ids["nobodys-privileges"] & ids["no-port"]
    assert not any(rule == "PKG-016" for rule, _severity in ids["optional"])
    assert ("PKG-018", "info") in ids["no-container"]
    assert not docker("ps", "-aq", "--filter", f"name=avs-{way.bench.name}-no-container-debug").split()
    bound = {port: where[0]["HostIp"] for port, where in inspected(way, "another-network", "pause")["HostConfig"]["PortBindings"].items()}
    assert {port for port, address in bound.items() if not address} == {"8000/tcp", "8000/udp", "9000/udp"}
    assert {port for port, address in bound.items() if address == "127.0.0.1"} == {"9001/udp", "7000/tcp", "7001/tcp"}
    remove(way, WORKS)


@pytest.mark.parametrize("tag", REFUSED)
def test_what_is_said_before_anything_is_touched(way: Way, tag: str) -> None:
    case, rule, field = REFUSED[tag]
    (spec,) = way.specs({tag: case})
    assert set(refused(way.bench, spec)) == {(rule, f"{spec['id']}: {field}")}


def test_who_waits_for_whom_is_said(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service others wait to have ended, and that never ends: how long compose may wait is cut short here."""
    monkeypatch.setattr(bring_up, "STARTING_UP", 5.0)
    (spec,) = way.specs({"endless": side("service_completed_successfully")})
    spec["health"] = {**spec["health"], "timeout": 1}
    (entry,) = way.bench.call([spec], settings={"stop_timeout": 1})["instances"]
    (found,) = [item for item in entry["findings"] if item["severity"] == ERROR]
    assert found["id"] == "OPS-005"
    assert "node waits for side to end with 0" in found["message"]
    remove(way, ["endless"])


@pytest.mark.parametrize("asked", [{"user": "nosuch"}, {"group_add": ["nosuch"]}], ids=["user", "group"])
def test_a_name_the_image_does_not_know_is_told_with_what_to_do(way: Way, asked: dict[str, Any]) -> None:
    (spec,) = way.specs({"nameless": node(**asked)})
    (entry,) = way.bench.call([spec])["instances"]
    (found,) = [item for item in entry["findings"] if item["severity"] == ERROR]
    assert found["id"] == "OPS-005" and "nosuch" in found["message"] and "by its number" in found["remedy"]
    remove(way, ["nameless"])
