# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host takes and another does not; that engines refuse it is tried in tests/integration/host/test_verified.py."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.host_limits import check
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.taken import Host, Wanted
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.policy.ports import Published

from tests.unit.support.models import model, told

XFS = {"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "xfs"]], "DockerRootDir": "/engine"}
SHARED = {"type": "volume", "source": "v", "target": "/x", "volume": {"subpath": "a"}}


@pytest.fixture
def proc(tmp_path: Path) -> str:
    for name, text in (("net/core/somaxconn", "4096\n"), ("net/ipv4/tcp_congestion_control", "cubic\n"), ("fs/nr_open", "1048576\n")):
        (tmp_path / "sys" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys" / name).write_text(text)
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_text(
        "22 1 8:1 / / rw shared:1 - ext4 /dev/a rw\n23 22 8:2 / /engine rw shared:2 - xfs /dev/b rw,prjquota\n"
    )
    return str(tmp_path)


def engine_that_says(info: dict[str, Any], version: str = "26.1.5") -> Engine:
    """A real ``Engine`` over a command that answers what an engine would."""

    def run(line: list[str], **_how: Any) -> tuple[int, bytes, bytes]:
        text = " ".join(line)
        if " compose version" in text or "docker-compose version" in text:
            answer = "2.26.1"
        else:
            answer = json.dumps(info if " info " in text else {"Version": version, "Os": "linux", "Arch": "amd64"})
        return 0, answer.encode(), b""

    return Engine(run, "/bin/true")


def judged(
    proc: str, whole: dict[str, Any], ports: Collection[Published] = (), info: dict[str, Any] | None = None, **more: Any
) -> list[Any]:
    volumes, networks = more.get("volumes", ()), more.get("networks", ())
    host = Host(networks=dict.fromkeys(networks, ""))
    engine = engine_that_says(info or {}, more.get("version", "26.1.5"))
    return told(check(Wanted("i", whole, ports), host, engine, volumes, proc))


@pytest.mark.parametrize(("service", "place"), [
    ({"sysctls": {"net.foo.bar": "1"}}, "sysctls"), ({"sysctls": {"net.core.somaxconn": "abc"}}, "sysctls"),
    ({"ulimits": {"nofile": 1048577}}, "ulimits.nofile"), ({"ulimits": {"nofile": {"soft": 1, "hard": 2000000000}}}, "ulimits.nofile"),
    ({"blkio_config": {"device_read_bps": [{"path": "/dev/nope", "rate": "1mb"}]}}, "blkio_config.device_read_bps"),
    ({"blkio_config": {"device_read_bps": [{"path": "/dev/null", "rate": "1mb"}]}}, "blkio_config.device_read_bps"),
    ({"volumes": [SHARED]}, "volumes"),
])  # fmt: skip
def test_what_this_host_does_not_take(proc: str, service: dict[str, Any], place: str) -> None:
    assert judged(proc, model(node=service)) == [("PKG-020", "error", f"services.node.{place}")]


@pytest.mark.parametrize("service", [
    {"sysctls": {"net.core.somaxconn": "1024"}}, {"sysctls": {"net.core.somaxconn": ""}}, {"sysctls": {"net.ipv4.tcp_congestion_control": "bbr"}},
    {"sysctls": {"net.ipv4.conf.eth0.forwarding": "1"}}, {"ulimits": {"nofile": 1048576}}, {"ulimits": {"nofile": "abc", "nproc": 9999999}},
])  # fmt: skip
def test_what_it_takes(proc: str, service: dict[str, Any]) -> None:
    assert judged(proc, model(node=service)) == []


def test_a_folder_in_a_volume_that_somebody_may_have_made(proc: str) -> None:
    assert judged(proc, model(node={"volumes": [SHARED]}), volumes=["avs-i_v"]) == []
    whole = {"type": "volume", "source": "v", "target": "/v"}
    assert judged(proc, model(node={"volumes": [SHARED]}, first={"volumes": [whole]})) == []


def test_addresses_no_interface_has(proc: str) -> None:
    ports = [
        Published("192.0.2.77", "80", "tcp"),
        Published("127.0.0.1", "80", "tcp"),
        Published("", "81", "udp"),
        Published("0.0.0.0", "1", "tcp"),
    ]
    assert judged(proc, model(), ports) == [("NET-002", "error", "ports")]


def test_a_bound_of_the_file_system_takes_a_quota(proc: str) -> None:
    bounded = model(node={"storage_opt": {"size": "1g"}})
    refused = [("PKG-020", "error", "services.node.storage_opt")]
    assert judged(proc, bounded, info=XFS) == []
    assert judged(proc, bounded, info={"Driver": "btrfs"}) == []
    assert judged(proc, bounded, info={**XFS, "DockerRootDir": "/var/lib/docker"}) == refused
    assert judged(proc, bounded, info={**XFS, "DriverStatus": [["Backing Filesystem", "extfs"]]}) == refused


def test_ipv6_takes_a_subnet_or_an_engine_that_has_one(proc: str) -> None:
    asked = {**model(), "networks": {"n": {"name": "avs-i_n", "enable_ipv6": True}}}
    assert judged(proc, asked) == [("PKG-020", "error", "networks.n.enable_ipv6")]
    assert judged(proc, asked, networks=["avs-i_n"]) == []
    assert judged(proc, asked, version="27.0.1") == []
    assert judged(proc, asked, info={"DefaultAddressPools": [{"Base": "fd00:1::/56", "Size": 64}]}) == []
    ipam = {"config": [{"subnet": "fd00::/64"}]}
    assert judged(proc, {**model(), "networks": {"n": {"enable_ipv6": True, "ipam": ipam}}}) == []
