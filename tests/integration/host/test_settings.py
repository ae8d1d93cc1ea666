# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a package may do to a host or a neighbour, on a real engine: harmful settings change nothing, harmless ones run."""

from __future__ import annotations

import ipaddress
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.reached import reached
from ansible_collections.restaking.avs.plugins.module_utils.conflicts.subnets import engine_subnets

from tests.integration.host.support import IMAGE, RUN, Bench, docker
from tests.unit.support.compose_settings import HARMFUL, model_with

Make = Callable[..., dict[str, Any]]
ALIVE = {"image": IMAGE, "stop_signal": "SIGKILL", "entrypoint": ["sh", "-c", "exec python3 -m http.server 8080 --directory /tmp"]}


@pytest.fixture
def make(bench: Bench, tmp_path: Path) -> Make:
    """A spec of a package whose compose file is this document."""

    def of(tag: str, document: dict[str, Any], **changes: Any) -> dict[str, Any]:
        folder = tmp_path / f"package-{len(list(tmp_path.iterdir()))}"
        (folder / "pkg" / "hoodi").mkdir(parents=True)
        (folder / "pkg" / "hoodi" / "docker-compose.yml").write_text(yaml.safe_dump(document))
        (folder / "pkg" / "hoodi" / ".env").write_text("")
        (folder / "pkg" / "hoodi" / "peers.json").write_text("{}")
        spec = bench.spec(tag, folder)
        spec.update(env={}, secrets={}, keys=[], privileges={}, metrics=[], api=None, artifacts=[], directories=[], configs=[], ports={})
        spec["health"] = {"type": "tcp", "service": next(iter(document["services"])), "port": 8080, "timeout": 30}
        return {**spec, **changes}

    return of


def refused(bench: Bench, spec: dict[str, Any]) -> list[tuple[str, str]]:
    """Rules and places of a call that must not leave a trace."""
    before = (bench.files(), bench.containers(), bench.volumes(), bench.networks())
    with pytest.raises(HostError) as caught:
        bench.call([spec])
    assert (bench.files(), bench.containers(), bench.volumes(), bench.networks()) == before
    return sorted((item.id, item.place.partition(": ")[2]) for item in caught.value.findings)


def gone(bench: Bench, spec: dict[str, Any]) -> None:
    package = {"name": spec["package"]["name"]}
    done = bench.call([{"schema": 1, "id": spec["id"], "tag": spec["tag"], "state": "absent", "purge": True, "package": package}])
    assert not done.get("failed"), done["msg"]


def test_every_harmful_setting_is_refused_and_changes_nothing(bench: Bench, make: Make) -> None:
    """An instance for each of them, in one call: every one has its finding, from compose or from the table."""
    paths = [path for path in HARMFUL if path.startswith("services.*.") and path != "services.*.profiles"]
    specs = {}
    for number, path in enumerate(paths):
        settings = model_with(path, HARMFUL[path][0])["services"]["node"]
        node = {**ALIVE, **{name: value for name, value in settings.items() if name != "image" or path.endswith("image")}}
        document = {
            "services": {"node": node, "other": ALIVE},
            "networks": {"n": {}},
            "volumes": {"v": {}},
            "configs": {"c": {"content": "x"}},
        }
        spec = make(f"s{number}", {**document, "secrets": {"c": {"file": "peers.json"}}})
        specs[spec["id"]] = (path, spec)
    assert len(specs) > 100
    before = (bench.files(), bench.containers(), bench.volumes(), bench.networks())
    with pytest.raises(HostError) as caught:
        bench.call([spec for _path, spec in specs.values()], timeout=60)
    assert (bench.files(), bench.containers(), bench.volumes(), bench.networks()) == before
    found: dict[str, set[str]] = {}
    for item in caught.value.findings:
        found.setdefault(item.place.partition(":")[0], set()).add(item.id)
    assert {path for instance, (path, _spec) in specs.items() if instance not in found} == set()
    assert set().union(*found.values()) == {"IMG-005", "PKG-015", "PKG-018", "PKG-019", "PKG-020", "PRIV-002"}


def test_everything_wrong_is_said_at_once(bench: Bench, make: Make) -> None:
    node = {
        **ALIVE,
        "annotations": {"org.systemd.property.ExecStopPost": "[['/bin/sh']]"},
        "runtime": "runc",
        "logging": {"driver": "journald", "options": {"tag": "sshd"}},
        "labels": {"traefik.enable": "true", "avs.instance": "other"},
        "external_links": ["other"],
        "cpu_shares": 262144,
        "ulimits": {"rtprio": 99},
    }
    fields = ["annotations", "cpu_shares", "external_links", "labels", "labels", "logging", "runtime", "ulimits"]
    assert refused(bench, make("bad", {"services": {"node": node}})) == [("PRIV-002", f"services.node.{field}") for field in fields]


def test_harmless_settings_install_and_run(bench: Bench, make: Make) -> None:
    node = {
        **ALIVE,
        "annotations": {"org.opencontainers.image.title": "node"},
        "attach": False,
        "cap_add": ["CHOWN"],
        "cap_drop": ["ALL"],
        "container_name": "vendor-node",
        "configs": [{"source": "c", "target": "/etc/c", "mode": 0o440}],
        "secrets": ["s"],
        "cpu_shares": 512,
        "cpuset": "0",
        "depends_on": {"other": {"condition": "service_started", "restart": True}},
        "deploy": {
            "resources": {"limits": {"cpus": "0.5", "memory": "256m", "pids": 100}, "reservations": {"memory": "16m"}},
            "labels": {"a": "b"},
        },
        "dns": ["127.0.0.11"],
        "dns_opt": ["ndots:1"],
        "dns_search": ["example.org"],
        "domainname": "example.org",
        "environment": {"A": "--help"},
        "expose": ["99"],
        "extra_hosts": ["host.docker.internal:host-gateway"],
        "group_add": ["5"],
        "healthcheck": {"test": ["CMD", "true"], "interval": "1s", "timeout": "5s", "retries": 3, "start_period": "1s"},
        "hostname": "node-1",
        "init": True,
        "ipc": "private",
        "labels": {"org.example.team": "a$$b", "com.centurylinklabs.watchtower.enable": "false"},
        "links": ["other:friend"],
        "logging": {"driver": "local", "options": {"max-size": "1g", "compress": "false"}},
        "mem_reservation": "16m",
        "memswap_limit": "512m",
        "networks": {"n": {"aliases": ["rpc"], "ipv4_address": "10.212.0.9", "priority": 10}},
        "oom_score_adj": 100,
        "platform": "linux/amd64",
        "pull_policy": "missing",
        "restart": "on-failure:3",
        "security_opt": ["no-new-privileges:true"],
        "shm_size": "64m",
        "stdin_open": True,
        "stop_grace_period": "1s",
        "stop_signal": "SIGKILL",
        "sysctls": {"net.core.somaxconn": 1024},
        "tmpfs": ["/run:size=1m"],
        "tty": True,
        "ulimits": {"nofile": {"soft": 1024, "hard": 2048}, "core": 0},
        "user": "1000:1000",
        "volumes": [
            {"type": "volume", "source": "v", "target": "/v", "volume": {"nocopy": True}},
            {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1m"}},
            "memory:/m",
        ],
        "working_dir": "/",
        "x-team": "ours",
    }
    subnet = {"driver": "default", "config": [{"subnet": "10.212.0.0/24", "gateway": "10.212.0.1", "ip_range": "10.212.0.128/25"}]}
    document = {
        "name": "vendors",
        "x-anything": {"a": 1},
        "services": {
            "node": node,
            "other": {**ALIVE, "networks": ["n"], "pid": "service:third"},
            "third": {**ALIVE, "network_mode": "none", "read_only": True, "tmpfs": "/tmp"},
        },
        "networks": {"n": {"driver": "bridge", "internal": True, "labels": {"a": "b"}, "ipam": subnet,
                           "driver_opts": {"com.docker.network.bridge.enable_icc": "true"}}},
        "volumes": {"v": {"labels": {"a": "b"}}, "memory": {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000"}}},
        "configs": {"c": {"content": "hello"}},
        "secrets": {"s": {"file": "peers.json"}},
    }  # fmt: skip
    spec = make("good", document)
    try:
        first = bench.call([spec])
        assert not first.get("failed"), first["msg"]
        assert len(bench.running()) == 3
        assert not bench.call([spec])["changed"]
        (told,) = json.loads(docker("inspect", f"avs-{spec['id']}-node"))
        assert told["Config"]["Labels"]["org.example.team"] == "a$b"
        assert told["HostConfig"]["CpuShares"] == 512
    finally:
        gone(bench, spec)


def test_text_of_a_package_is_no_option(bench: Bench, make: Make) -> None:
    """Two instances, one of which tries to answer for the other's image."""
    forged = '--format={"Id":"sha256:' + "f" * 64 + f'","RepoDigests":["{IMAGE}@sha256:{"f" * 64}"]}}'
    bad, good = make("bad", {"services": {"node": {**ALIVE, "image": forged}}}), make("good", {"services": {"node": ALIVE}})
    before = bench.files()
    with pytest.raises(HostError) as caught:
        bench.call([bad, good])
    assert [(item.id, item.place) for item in caught.value.findings] == [("PKG-018", f"{bad['id']}: services.node.image")]
    assert (bench.files(), bench.containers()) == (before, {})
    for name in ("--help", "-f", ".hidden"):
        document = {"services": {name: ALIVE}, "networks": {"default": {}}}
        found = refused(bench, make("bad", document))
        assert {rule for rule, _place in found} <= {"PKG-005", "PKG-018"}
    found = refused(
        bench, make("bad", {"services": {"node": {**ALIVE, "networks": ["n"]}}, "networks": {"n": {"external": True, "name": "--help"}}})
    )
    assert ("PKG-005", "networks.n.name") in found


def test_an_option_as_an_operand(bench: Bench) -> None:
    engine = bench.engine
    assert engine.images(['--format={"Id": "sha256:ff"}']) == {}
    assert engine.inspect(["--help"]) == engine.inspect_networks(["--help"]) == engine.inspect_volumes(["--help"]) == []
    assert "No such container" in engine.logs("--help", 1)


def test_both_streams_of_a_log_in_their_order(bench: Bench) -> None:
    words = "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three; sleep 0.1; echo four >&2"
    name = f"{bench.name}-log"
    docker("run", "--name", name, "--entrypoint", "sh", IMAGE, "-c", words)
    try:
        assert bench.engine.logs(name, 1000).split() == ["one", "two", "three", "four"]
        assert bench.engine.logs(name, 2).split() == ["three", "four"]
    finally:
        docker("rm", "-f", name)


@pytest.mark.parametrize("image", [f"{IMAGE.split(':')[0]}", "{id}", "{short}"])
def test_an_image_by_its_id(bench: Bench, make: Make, image: str) -> None:
    """What somebody else brought to the host is not the package's to run."""
    known = docker("image", "inspect", "--format", "{{.Id}}", IMAGE).strip()
    named = image.format(id=known, short=known.partition(":")[2][:12])
    found = refused(bench, make("bad", {"services": {"node": {**ALIVE, "image": named}}}))
    assert {rule for rule, _place in found} == ({"IMG-006"} if image.startswith("avs") else {"PKG-018"})


def test_labels_an_image_brings_along(bench: Bench, make: Make, tmp_path: Path) -> None:
    """The engine hands them to every container of the image."""
    name = f"avs-host-test/labelled-{RUN}:1.0.0"
    # Not to be taken for the image it is made of.
    labels = "traefik.enable=true com.docker.compose.project=vendors org.opencontainers.image.title=labelled"
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nLABEL {labels}\n")
    docker("build", "-q", "-t", name, "-f", str(tmp_path / "Dockerfile"), str(tmp_path))
    try:
        assert refused(bench, make("bad", {"services": {"node": {**ALIVE, "image": name}}})) == [("PRIV-002", "services.node.image")]
        spec = make("good", {"services": {"node": {**ALIVE, "image": name, "labels": {"traefik.enable": "false"}}}})
        assert not bench.call([spec]).get("failed")
        gone(bench, spec)
    finally:
        docker("rmi", "-f", name)


@pytest.fixture
def operators(bench: Bench) -> Iterator[str]:
    """A network of the operator with a container that answers to `rpc`."""
    name = f"operators-{RUN}"
    docker("network", "create", name)
    docker("run", "-d", "--name", f"{name}-rpc", "--network", name, "--network-alias", "rpc", "--entrypoint", "sleep", IMAGE, "600")
    yield name
    docker("rm", "-f", f"{name}-rpc")
    docker("network", "rm", name, check=False)


def test_names_on_an_operators_network(bench: Bench, make: Make, operators: str) -> None:
    networks = {"shared": {"external": True, "name": operators}}
    impostor = make("bad", {"services": {"rpc": {**ALIVE, "networks": ["shared"]}}, "networks": networks})
    assert refused(bench, impostor) == [("NET-002", "services.rpc.networks.shared")]
    alias = make("bad", {"services": {"node": {**ALIVE, "networks": {"shared": {"aliases": ["store"]}}}}, "networks": networks})
    assert refused(bench, alias) == [("PRIV-002", "services.node.networks.shared.aliases")]
    guest = make("good", {"services": {"node": {**ALIVE, "networks": ["shared"]}}, "networks": networks})
    try:
        assert not bench.call([guest]).get("failed")
        assert not bench.call([guest])["changed"]
    finally:
        gone(bench, guest)


def test_a_subnet_the_host_needs(bench: Bench, make: Make) -> None:
    """The real ranges of this machine, one after another; a free one installs, and is no conflict for itself."""
    networks = json.loads(docker("network", "inspect", *docker("network", "ls", "-q").split()))
    needed = [item.subnet for item in reached(engine_subnets(networks)) if item.subnet.version == 4 and not item.subnet.is_loopback]
    assert needed
    for subnet in needed[:3]:
        wanted = subnet if subnet.prefixlen <= 28 else ipaddress.ip_network(f"{subnet.network_address}/28", strict=False)
        document = {"services": {"node": {**ALIVE, "networks": ["n"]}}, "networks": {"n": {"ipam": {"config": [{"subnet": str(wanted)}]}}}}
        assert refused(bench, make("bad", document)) == [("NET-002", "networks.n.ipam")]
    free = {"services": {"node": {**ALIVE, "networks": ["n"]}}, "networks": {"n": {"ipam": {"config": [{"subnet": "10.212.7.0/24"}]}}}}
    spec = make("good", free)
    try:
        assert not bench.call([spec]).get("failed")
        assert not bench.call([spec])["changed"]
        changed = make("good", {**free, "services": {"node": {**free["services"]["node"], "environment": {"A": "1"}}}})
        changed["package"]["version"] = spec["package"]["version"]
        assert not bench.call([changed]).get("failed")
    finally:
        gone(bench, spec)


def test_where_the_controller_comes_from(bench: Bench, make: Make, operators: str) -> None:
    """Somebody who is connected to a service of the host keeps the way."""
    address = json.loads(docker("inspect", f"{operators}-rpc"))[0]["NetworkSettings"]["Networks"][operators]
    with socket.create_server((address["Gateway"], 0)) as server:
        docker("exec", "-d", f"{operators}-rpc", "python3", "-c",
               f"import socket,time; s=socket.create_connection(({address['Gateway']!r}, {server.getsockname()[1]})); time.sleep(60)")  # fmt: skip
        line, _peer = server.accept()
        with line:
            found = [item for item in reached([]) if str(item.subnet.network_address) == address["IPAddress"]]
    assert any("has a connection with this host" in item.what for item in found)
