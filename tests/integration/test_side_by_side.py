# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two EigenDA networks and two demo nodes on one host, each with least privilege and keys it cannot write."""

from __future__ import annotations

from typing import Any

import pytest

from tests.eigenda import eigenda_files
from tests.integration.support import Fleet

# The engine lists all addresses once for IPv4, and once more where the host has IPv6.
EVERYWHERE = {"0.0.0.0": "public", "::": "public"}


def eigenda(fleet: Fleet, keys: Any, profile: str, number: int) -> dict[str, Any]:
    return {
        "package": "eigenda",
        "version": "v2.7.0",
        "profile": profile,
        "tag": profile,
        "options": {
            "image": f"{fleet.facts['lab_registry']}/eigenda-node:2.7.0",
            "hostname": "203.0.113.7",
            "chain-rpc": "http://127.0.0.1:8545",
            "dispersal-port": 32006 + 10 * number,
            "retrieval-port": 32007 + 10 * number,
            "metrics-port": 9092 + 10 * number,
            "api-port": 9091 + 10 * number,
        },
        "keys": keys.pair(f"eigenda-{profile}"),
    }


@pytest.fixture(scope="module")
def placed(fleet: Fleet, keys: Any) -> list[dict[str, Any]]:
    """The inspected containers of all four instances."""
    eigenda_files()
    host = fleet.first
    token = {"source": "vault", "path": "avs/demo-a/rpc", "field": "token"}
    demos = [
        {
            "package": "demo-avs",
            "version": "v1.0.0",
            "profile": profile,
            "tag": f"demo-{letter}",
            "options": {"main-port": 8080 + number, "metrics-port": 9300 + number, "gateway-port": 8180 + number, "rpc-token": token},
            "keys": keys.pair(f"demo-{letter}"),
        }
        for number, (letter, profile) in enumerate((("a", "mainnet"), ("b", "hoodi")))
    ]
    entries = [eigenda(fleet, keys, "mainnet", 0), eigenda(fleet, keys, "hoodi", 1), *demos]
    # The whole site: the role docker sets the registry mirror that serves the vendor's nginx:latest.
    result = fleet.play("site", {host.name: entries})
    assert result.code == 0, result.message(host.name)
    again = fleet.play("install", {host.name: entries})
    assert again.code == 0 and again.stats[host.name]["changed"] == 0
    return host.inspect(sorted(host.containers()))


def test_all_services_run(placed: list[dict[str, Any]]) -> None:
    assert len(placed) == 8
    assert {container["State"]["Status"] for container in placed} == {"running"}


def test_least_privilege(placed: list[dict[str, Any]]) -> None:
    for container in placed:
        config = container["HostConfig"]
        assert config["CapDrop"] == ["ALL"], container["Name"]
        assert any(option.startswith("no-new-privileges") for option in config["SecurityOpt"]), container["Name"]
        assert not config["Privileged"] and config["PidMode"] == ""
        assert config["Memory"] > 0 and config["PidsLimit"] > 0
        assert config["LogConfig"]["Config"]["max-size"] and config["LogConfig"]["Config"]["max-file"]


def test_images_are_digests(placed: list[dict[str, Any]]) -> None:
    assert [container["Config"]["Image"] for container in placed if "@sha256:" not in container["Config"]["Image"]] == []


def test_keys_are_read_only_folders(placed: list[dict[str, Any]]) -> None:
    mounts = [mount for container in placed for mount in container["Mounts"] if "/run/avs/" in mount["Source"]]
    assert len(mounts) == 4
    assert not any(mount["RW"] for mount in mounts)


def test_key_files_belong_to_the_service(fleet: Fleet, placed: list[dict[str, Any]]) -> None:
    listing = fleet.first.run("find -L /run/avs -path '*/keys/*' -type f -printf '%m %p\\n'; stat -f -c %T /run/avs")
    files = [line for line in listing.splitlines() if "/keys/" in line]
    assert files and all(line.startswith("400 ") for line in files)
    assert listing.splitlines()[-1] == "tmpfs"


def test_ports_are_bound_as_declared(placed: list[dict[str, Any]]) -> None:
    """Every port that is published, and no other: those that the packages declare public on all addresses, the others on loopback."""
    bound = {
        container["Name"].removeprefix("/avs-"): {
            port: {f"{EVERYWHERE.get(binding['HostIp'], binding['HostIp'])}:{binding['HostPort']}" for binding in bindings}
            for port, bindings in container["NetworkSettings"]["Ports"].items()
            if bindings
        }
        for container in placed
    }
    expected = {}
    for number, name in enumerate(("eigenda-mainnet", "eigenda-hoodi")):
        dispersal, retrieval, metrics, api = (port + 10 * number for port in (32006, 32007, 9092, 9091))
        expected[f"{name}-da-node"] = {f"{dispersal}/tcp": {f"public:{dispersal}"}, f"{metrics}/tcp": {f"127.0.0.1:{metrics}"}}
        expected[f"{name}-reverse-proxy"] = {f"{retrieval}/tcp": {f"public:{retrieval}"}, f"{api}/tcp": {f"127.0.0.1:{api}"}}
    for number, name in enumerate(("demo-avs-demo-a", "demo-avs-demo-b")):
        expected[f"{name}-node"] = {"8080/tcp": {f"127.0.0.1:{8080 + number}"}, "9090/tcp": {f"127.0.0.1:{9300 + number}"}}
        expected[f"{name}-gateway"] = {"8090/tcp": {f"127.0.0.1:{8180 + number}"}}
    assert bound == expected


def test_passwords_are_kept_from_the_proxy(placed: list[dict[str, Any]]) -> None:
    proxies = [container for container in placed if container["Name"].endswith("-reverse-proxy")]
    assert len(proxies) == 2
    for proxy in proxies:
        assert not [line for line in proxy["Config"]["Env"] if "PASSWORD" in line and not line.endswith("=")]
