# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils import ports, resources
from ansible_collections.restaking.avs.plugins.module_utils.compose import Compose, engine_error
from ansible_collections.restaking.avs.plugins.module_utils.engine import Done, Engine, parse_ports
from ansible_collections.restaking.avs.plugins.module_utils.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.images import (
    ImageKeeper,
    digest_of,
    platforms_of,
    pull_problem,
    repository_of,
)
from ansible_collections.restaking.avs.plugins.module_utils.publish import Published
from ansible_collections.restaking.avs.plugins.module_utils.resources import MIB, Resources

from tests.run_command import run_command
from tests.unit.host.models import told

# Lines as the kernel prints them: 127.0.0.1:8080, 0.0.0.0:22, an established connection, ::1:631 and [::]:443.
TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 0100007F:AAAA 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
"""
TCP6 = """  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 00000000:00000000
   1: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000
   2: 0000000000000000FFFF00000100007F:0051 00000000000000000000000000000000:0000 0A 00000000:00000000
"""
UDP = """   sl  local_address rem_address   st tx_queue rx_queue
  100: 00000000:0035 00000000:0000 07 00000000:00000000
  101: 0100007F:0035 0100007F:1111 01 00000000:00000000
"""


@pytest.fixture
def proc(tmp_path: Path) -> str:
    (tmp_path / "net").mkdir()
    for name, text in (("tcp", TCP), ("tcp6", TCP6), ("udp", UDP)):
        (tmp_path / "net" / name).write_text(text)
    return str(tmp_path)


def test_listening_sockets(proc: str) -> None:
    assert set(ports.listening(proc)) == {
        Published("127.0.0.1", "8080", "tcp"),
        Published("", "22", "tcp"),
        Published("::1", "631", "tcp"),
        Published("", "443", "tcp"),
        Published("127.0.0.1", "81", "tcp"),
        Published("", "53", "udp"),
    }


class Told(Engine):
    """An engine that answers from a table: the first words of a command -> what comes back."""

    def __init__(self, **answers: Done | str) -> None:
        super().__init__(run_command, "/nonexistent")
        self.answers, self.asked = answers, list[list[str]]()

    def run(self, arguments: Any, *_rest: Any, **_more: Any) -> Done:
        self.asked.append(list(arguments))
        answer = (
            self.answers["_".join(arguments[:2])]
            if "_".join(arguments[:2]) in self.answers
            else self.answers[arguments[0]]
        )
        return answer if isinstance(answer, Done) else Done(0, answer, "")


LINES = "c1\tavs-x-op1-node\t127.0.0.1:8080->8080/tcp, 0.0.0.0:53->53/udp\tx-op1\nc2\tforeign\t0.0.0.0:9000-9001->9000-9001/tcp\t\n"


@pytest.fixture
def host(proc: str) -> ports.Host:
    engine = Told(
        ps=LINES,
        network="avs-x-op1_n\tavs-x-op1\nother\tsomething\navs-x-op2_n\tsomething\n",
        network_inspect=json.dumps(
            [
                {"Name": "avs-x-op1_n", "IPAM": {"Config": [{"Subnet": "10.1.0.0/16"}]}},
                {"Name": "other", "IPAM": {"Config": [{"Subnet": "10.2.0.0/24"}, {"Subnet": "fd00:2::/64"}]}},
                {"Name": "none", "IPAM": {"Config": None}},
            ]
        ),
    )
    states = {
        "y-op1": {"phase": "committed", "ports": [{"address": "", "port": "7000", "protocol": "tcp"}]},
        "z-op1": {"phase": "absent", "ports": [{"address": "", "port": "7001", "protocol": "tcp"}]},
    }
    return ports.survey(engine, states, proc)


@pytest.mark.parametrize(
    ("port", "holder"),
    [
        (Published("", "22", "tcp"), "a process of the host"),
        (Published("127.0.0.1", "22", "tcp"), "a process of the host"),
        (Published("", "22", "udp"), None),
        (Published("", "8080", "tcp"), "container avs-x-op1-node"),
        (Published("127.0.0.1", "53", "udp"), "container avs-x-op1-node"),
        (Published("", "9001", "tcp"), "container foreign"),
        (Published("", "7000", "tcp"), "instance y-op1"),
        (Published("", "7001", "tcp"), None),
        (Published("10.0.0.9", "8080", "tcp"), None),
        (Published("", "43690", "tcp"), None),
    ],
)
def test_taken_ports(host: ports.Host, port: Published, holder: str | None) -> None:
    found = ports.check("x-op2", {}, [port], host)
    assert [item.message.split("taken by ")[1].split(" (")[0] for item in found] == ([] if holder is None else [holder])


def test_its_own_ports_and_containers_are_in_nobodys_way(host: ports.Host) -> None:
    own = {"services": {"node": {"container_name": "avs-x-op1-node"}}, "networks": {"n": {"name": "avs-x-op1_n"}}}
    assert ports.check("x-op1", own, [Published("127.0.0.1", "8080", "tcp")], host) == []


def test_a_process_on_an_instances_own_port_stands_in_its_way(proc: str) -> None:
    """It was stopped, or never came up, and somebody took its port meanwhile."""
    recorded = [{"address": "", "port": "22", "protocol": "tcp"}, {"address": "", "port": "7000", "protocol": "tcp"}]
    states = {"y-op1": {"phase": "applying", "ports": recorded}}
    host = ports.survey(Told(ps=LINES, network=""), states, proc)
    wanted = [Published("", "22", "tcp"), Published("", "7000", "tcp")]
    assert [item.message for item in ports.check("y-op1", {}, wanted, host)] == [
        "0.0.0.0:22/tcp is taken by a process of the host (all addresses)"
    ]
    assert "instance y-op1" in ports.check("z-op1", {}, wanted, host)[0].message


def test_a_container_that_comes_up_while_we_look_is_no_process(proc: str) -> None:
    """It keeps restarting: the engine lists no port of it, and a moment later its port is open."""

    class Restarting(Told):
        def everything(self) -> list[dict[str, str]]:
            tcp = Path(proc) / "net" / "tcp"
            tcp.write_text(tcp.read_text() + TCP.splitlines()[1].replace("1F90", "1B58") + "\n")
            return super().everything()

    host = ports.survey(Restarting(ps=LINES, network=""), {}, proc)
    assert ports.check("y-op1", {}, [Published("", "7000", "tcp")], host) == []


def test_names_of_others(host: ports.Host) -> None:
    other = {
        "services": {"node": {"container_name": "foreign"}, "two": {"container_name": "avs-x-op1-node"}},
        "networks": {
            "n": {"name": "avs-x-op2_n"},
            "missing": {"name": "nowhere", "external": True},
            "there": {"name": "other", "external": True},
        },
    }
    assert told(ports.check("x-op2", other, [], host)) == [
        ("NET-002", "error", "containers.avs-x-op1-node"),
        ("NET-002", "error", "containers.foreign"),
        ("NET-002", "error", "networks.missing"),
        ("NET-002", "error", "networks.n"),
    ]


def test_two_instances_of_one_call(host: ports.Host) -> None:
    reserved = [(Published("", "6000", "tcp"), "instance a-op1", "a-op1")]
    assert [item.id for item in ports.check("b-op1", {}, [Published("", "6000", "tcp")], ports.Host(), reserved)] == [
        "NET-002"
    ]
    assert ports.check("a-op1", {}, [Published("", "6000", "tcp")], ports.Host(), reserved) == []


def test_parse_ports() -> None:
    text = "0.0.0.0:80->80/tcp, [::]:80->80/tcp, :::81->81/tcp, 127.0.0.1:90-92->90-92/udp, 4001/tcp"
    assert parse_ports(text) == [
        ("0.0.0.0", "80", "tcp"),
        ("::", "80", "tcp"),
        ("::", "81", "tcp"),
        ("127.0.0.1", "90-92", "udp"),
    ]
    assert parse_ports("") == []


@pytest.mark.parametrize(
    ("requirements", "found", "installed", "expected"),
    [
        ({}, Resources(1, 1, 1), False, []),
        ({"min_cpu_cores": 4, "min_ram": 16384, "min_free_space": 100}, Resources(4, 15600, 100), False, []),
        ({"min_cpu_cores": 5}, Resources(4, 1, 1), False, [("OPS-002", "warning", "requirements.min_cpu_cores")]),
        ({"min_ram": 16384, "stop": True}, Resources(4, 8000, 1), True, [("OPS-002", "error", "requirements.min_ram")]),
        (
            {"min_free_space": 2, "stop": True},
            Resources(4, 8000, 1),
            False,
            [("OPS-002", "error", "requirements.min_free_space")],
        ),
        ({"min_free_space": 2, "stop": True}, Resources(4, 8000, 1), True, []),
    ],
)
def test_requirements(
    requirements: dict[str, Any], found: Resources, installed: bool, expected: list[tuple[str, str, str]]
) -> None:
    assert told(resources.check("x-op1", requirements, found, installed)) == expected


def test_measure_asks_the_nearest_folder(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:       16303428 kB\nMemFree: 1 kB\n")
    found = resources.measure(str(tmp_path / "not" / "there"), str(meminfo))
    assert found.memory == 15921
    assert found.free == pytest.approx(os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize // MIB, abs=200)
    assert found.cores >= 1


def test_the_default_limit_survives_a_kernel_update() -> None:
    assert (
        resources.default_memory(Resources(1, 15921, 1))
        == resources.default_memory(Resources(1, 15890, 1))
        == 14080 * MIB
    )
    assert resources.default_memory(Resources(1, 100, 1)) == 256 * MIB


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        ("nginx", "docker.io/library/nginx"),
        ("nginx:1.25", "docker.io/library/nginx"),
        ("org/app:1", "docker.io/org/app"),
        ("docker.io/library/nginx@sha256:" + "0" * 64, "docker.io/library/nginx"),
        ("registry:5000/app", "registry:5000/app"),
        ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c"),
        ("localhost/app:1", "localhost/app"),
    ],
)
def test_repository_of(reference: str, repository: str) -> None:
    assert repository_of(reference) == repository


def test_digest_of_is_the_references_own() -> None:
    image = {"Id": "sha256:id", "RepoDigests": ["other/app@sha256:1", "nginx@sha256:2"]}
    assert digest_of("docker.io/library/nginx:1", image) == "nginx@sha256:2"
    assert digest_of("mine/app:1", image) == "sha256:id"
    assert digest_of("mine/app:1", {"Id": "sha256:id", "RepoDigests": None}) == "sha256:id"


@pytest.mark.parametrize(
    ("said", "rule", "words"),
    [
        (
            "manifest for r.test/app:1 not found: manifest unknown: manifest unknown",
            "IMG-006",
            "does not exist at r.test",
        ),
        ('Get "https://r.test/v2/": dial tcp 1.2.3.4:443: connect: connection refused', "IMG-006", "cannot be reached"),
        ('Get "https://r.test/v2/": dial tcp: lookup r.test: no such host', "IMG-006", "cannot be reached"),
        (
            "pull access denied for app, repository does not exist or may require 'docker login'",
            "IMG-006",
            "does not exist at r.test, or needs a login",
        ),
        ("unauthorized: authentication required", "IMG-006", "does not let this host"),
        ("no matching manifest for linux/arm64 in the manifest list entries", "IMG-005", "linux/arm64"),
        ("something new", "IMG-006", "something new"),
    ],
)
def test_pull_problems(said: str, rule: str, words: str) -> None:
    found = pull_problem("r.test/app:1", Done(1, "", f"Error response from daemon: {said}\n"), "linux/arm64")
    assert found[0] == rule
    assert words in found[1]


class Shelf(Engine):
    """An engine with some images, and a registry with others."""

    def __init__(self, here: dict[str, dict[str, Any]], there: dict[str, dict[str, Any]]) -> None:
        super().__init__(run_command, "/nonexistent")
        self.here, self.there, self.pulled, self.asked = here, there, list[str](), list[str]()
        self.ways: dict[str, Any] = {}
        self._versions, self._platform = ("26.1", "2.26"), "linux/amd64"

    def run(self, arguments: Any, *_rest: Any, **_more: Any) -> Done:
        name = arguments[-1]
        if arguments[0] == "info":
            return Done(0, json.dumps(self.ways), "")
        if arguments[0] == "manifest":
            self.asked.append(name)
            if name not in self.there:
                return Done(1, "", f"no such manifest: {name}")
            built = {"os": "linux", "architecture": self.there[name]["Architecture"]}
            return Done(0, json.dumps({"Ref": name, "Descriptor": {"platform": built}}), "")
        assert arguments[0] == "pull"
        self.pulled.append(name)
        if name not in self.there:
            return Done(1, "", "manifest unknown")
        self.here[name] = self.there[name]
        return Done(0, "", "")

    def images(self, references: Any) -> dict[str, dict[str, Any]]:
        return {name: self.here[name] for name in references if name in self.here}


def image(digest: str | None, platform: str = "amd64", user: str = "") -> dict[str, Any]:
    digests = [f"r.test/app@sha256:{digest}"] if digest else []
    return {
        "Id": "sha256:local",
        "RepoDigests": digests,
        "Os": "linux",
        "Architecture": platform,
        "Config": {"User": user},
    }


def test_what_is_here_is_not_pulled() -> None:
    keeper = ImageKeeper(Shelf({"r.test/app:1": image("aa", user="5")}, {}))
    found = keeper.find("x", {"a": "r.test/app:1", "b": "r.test/app:1"}, {})
    assert (found.lock, found.missing, found.users) == (
        {"r.test/app:1": "r.test/app@sha256:aa"},
        [],
        {"r.test/app:1": "5"},
    )


def test_a_recorded_digest_wins_over_a_moved_tag() -> None:
    recorded = {"r.test/app:1": "r.test/app@sha256:old"}
    shelf = Shelf({"r.test/app:1": image("new")}, {"r.test/app@sha256:old": image("old")})
    keeper = ImageKeeper(shelf)
    found = keeper.find("x", {"a": "r.test/app:1"}, recorded)
    assert found.missing == ["r.test/app:1"]
    assert keeper.pull("x", found.missing, recorded) == []
    assert shelf.pulled == ["r.test/app@sha256:old"]
    assert keeper.find("x", {"a": "r.test/app:1"}, recorded).lock == recorded


def test_a_local_image_that_is_gone_is_looked_for_by_name() -> None:
    recorded = {"r.test/app:1": "sha256:gone"}
    keeper = ImageKeeper(Shelf({"r.test/app:1": image("aa")}, {}))
    assert keeper.find("x", {"a": "r.test/app:1"}, recorded).lock == {"r.test/app:1": "r.test/app@sha256:aa"}
    shelf = Shelf({}, {"r.test/app:1": image("aa")})
    assert ImageKeeper(shelf).pull("x", ["r.test/app:1"], recorded) == []
    assert shelf.pulled == ["r.test/app:1"]


def test_a_missing_image_is_pulled_once_and_told_for_every_instance() -> None:
    shelf = Shelf({}, {})
    keeper = ImageKeeper(shelf)
    for instance in ("x", "y"):
        assert told(keeper.pull(instance, ["r.test/app:1"], {})) == [("IMG-006", "error", "images.r.test/app:1")]
    assert shelf.pulled == ["r.test/app:1"]


def test_what_could_not_be_pulled_is_known_without_pulling() -> None:
    shelf = Shelf({}, {"r.test/app:1": image("aa"), "r.test/arm:1": image("bb", "arm64")})
    keeper = ImageKeeper(shelf)
    wanted = ["r.test/app:1", "r.test/arm:1", "r.test/gone:1"]
    for instance in ("x", "y"):
        assert told(keeper.ask(instance, wanted, {})) == [
            ("IMG-005", "error", "images.r.test/arm:1"),
            ("IMG-006", "error", "images.r.test/gone:1"),
        ]
    assert (shelf.asked, shelf.pulled) == (wanted, [])


@pytest.mark.parametrize(
    ("ways", "asked"),
    [
        ({"RegistryConfig": {"Mirrors": None}, "HttpProxy": ""}, ["app:1", "r.test/app:1"]),
        ({"RegistryConfig": {"Mirrors": ["https://mirror.test/"]}}, ["r.test/app:1"]),
        ({"HttpsProxy": "http://proxy.test"}, []),
        ({"RegistryConfig": {"IndexConfigs": {"r.test": {"Secure": False}}}}, ["app:1"]),
        ({"RegistryConfig": {"IndexConfigs": {"r.test": {"Secure": True}}}}, ["app:1", "r.test/app:1"]),
    ],
)
def test_only_the_engine_knows_its_proxies_and_mirrors(ways: dict[str, Any], asked: list[str]) -> None:
    shelf = Shelf({}, {})
    shelf.ways = ways
    ImageKeeper(shelf).ask("x", ["app:1", "r.test/app:1"], {})
    assert shelf.asked == asked


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("localhost:5000/app:1", False),
        ("127.0.0.1:5000/app:1", False),
        ("10.1.2.3/app:1", False),
        ("10.2.0.1/app:1", True),
    ],
)
def test_addresses_an_engine_trusts_without_tls(name: str, asked: bool) -> None:
    shelf = Shelf({}, {})
    shelf.ways = {"RegistryConfig": {"InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8", "10.1.0.0/16"]}}
    ImageKeeper(shelf).ask("x", [name], {})
    assert shelf.asked == ([name] if asked else [])


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"Descriptor": {"platform": {"os": "linux", "architecture": "amd64"}}}, {"linux/amd64"}),
        (
            [{"Descriptor": {"platform": {"os": "linux", "architecture": name, "variant": "v8"}}} for name in ("arm64", "amd64")],
            {"linux/amd64", "linux/arm64"},
        ),
        ([{"Descriptor": {}}], {"/"}),
    ],
)  # fmt: skip
def test_platforms_an_image_is_built_for(manifest: Any, expected: set[str]) -> None:
    assert platforms_of(manifest) == expected


def test_an_image_for_another_platform() -> None:
    keeper = ImageKeeper(Shelf({"r.test/app:1": image("aa", "arm64")}, {}))
    assert told(keeper.find("x", {"a": "r.test/app:1"}, {}).findings) == [("IMG-005", "error", "services.a.image")]


@pytest.mark.parametrize(
    ("engine", "compose", "problems"),
    [
        ("26.1.5+dfsg1", "2.26.1-4", []),
        ("24.0.0", "v2.20.0", []),
        ("23.0.9", "2.26.1", ["Docker Engine 23.0.9 is older than 24"]),
        ("20.10.24", "2.19.1", ["Docker Compose 2.19.1 is older than 2.20", "Docker Engine 20.10.24 is older than 24"]),
        ("28.2.2", "5.0.1", []),
    ],
)
def test_versions(engine: str, compose: str, problems: list[str]) -> None:
    told_engine = Told(version=json.dumps({"Version": engine, "Os": "linux", "Arch": "amd64"}), compose=f"{compose}\n")
    if problems:
        with pytest.raises(HostError) as caught:
            told_engine.check_versions()
        assert [item.message for item in caught.value.findings] == problems
    else:
        told_engine.check_versions()
        assert told_engine.platform() == "linux/amd64"


def test_no_compose_at_all() -> None:
    engine = Told(version='{"Version": "26.1"}', compose=Done(1, "", "docker: 'compose' is not a docker command."))
    with pytest.raises(HostError, match="no compose command"):
        engine.check_versions()


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    # Nobody cannot reach a test's folder; that compose runs as nobody is seen with the real one.
    monkeypatch.setattr("ansible_collections.restaking.avs.plugins.module_utils.engine.os.geteuid", lambda: 1000)

    def make(text: str) -> Engine:
        path = tmp_path / "docker"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return Engine(run_command, str(path))

    return make


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?' >&2; exit 1",
            "does not answer",
        ),
        ("echo 'permission denied while trying to connect to unix:///var/run/docker.sock' >&2; exit 1", "become"),
        ("echo 'odd' >&2; exit 1", "odd"),
    ],
)
def test_an_engine_that_cannot_be_used(script: Any, text: str, words: str) -> None:
    with pytest.raises(HostError) as caught:
        script(text).containers()
    assert words in str(caught.value)
    assert caught.value.findings[0].id == "OPS-004"


def test_an_engine_that_hangs(script: Any) -> None:
    with pytest.raises(HostError, match="did not answer"):
        script("exec sleep 30").run(["ps"], timeout=0.2)


def test_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.restaking.avs.plugins.module_utils.engine.PATH", "/nonexistent")
    with pytest.raises(HostError, match="docker is not installed"):
        Engine(run_command).containers()


def test_commands_get_no_environment_of_ours(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s3cret")
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere")
    engine = script("env")
    assert {line.split("=")[0] for line in engine.run(["x"]).out.splitlines()} <= {
        "PATH",
        "HOME",
        "LC_ALL",
        "PWD",
        "SHLVL",
        "_",
        "OLDPWD",
    }
    assert "PATH=/usr" not in engine.run(["x"], confined=True).out


def test_containers_are_read_from_one_listing(script: Any) -> None:
    engine = script(
        "printf 'False\\tid1\\tavs-x-node\\trunning\\tx\\tnode\\tabc\\tUp 2 minutes\\n'; "
        "printf '\\tid0\\ta\\texited\\tx\\tb\\t\\tExited (3) 1 hour ago\\nTrue\\tid2\\trun-1\\trunning\\tx\\tnode\\tabc\\tUp\\n'"
    )
    found = engine.containers()
    assert [(item.name, item.spec, item.exit_code) for item in found] == [("a", "", 3), ("avs-x-node", "abc", None)]


def test_what_compose_says_becomes_findings(script: Any) -> None:
    warning = 'time="2026" level=warning msg="The \\"X_Y\\" variable is not set. Defaulting to a blank string."'
    text, found = Compose(script(f"echo '{warning}' >&2; echo '{{}}'"), "p", "/f").config([], [], [], "x: f")
    assert text == "{}\n"
    assert [(item.id, item.severity, "X_Y" in item.message) for item in found] == [("PKG-018", "warning", True)]
    with pytest.raises(HostError) as caught:
        Compose(
            script(f"echo '{warning}' >&2; echo 'service \"a\" refers to undefined network b' >&2; exit 15"), "p", "/f"
        ).config([], [], [], "x: f")
    (problem,) = caught.value.findings
    assert problem.message == 'service "a" refers to undefined network b'


def test_the_engines_last_words() -> None:
    err = " Network x  Creating\n Container y  Starting\nError response from daemon: driver failed: port is already allocated\n"
    assert engine_error(Done(1, "", err)) == "driver failed: port is already allocated"
    assert engine_error(Done(1, "", "odd\n")) == "odd"
    assert engine_error(Done(7, "", "")) == "ended with 7"
