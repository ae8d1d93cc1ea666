# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one clear error that names instance, field and remedy, and a host that is byte for byte as before."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.support import ROOT, Fleet, Host
from tests.lab import network, paths, registry, vault

Edit = Callable[[Path], None]
Entry = dict[str, Any]


def text(name: str, old: str, new: str) -> Edit:
    """Replace a piece of a file of the package; the piece has to be there."""

    def edit(tree: Path) -> None:
        path = tree / name
        before = path.read_text()
        assert old in before, f"{old!r} is not in {name}"
        path.write_text(before.replace(old, new))

    return edit


def fields(name: str, **changes: Any) -> Edit:
    """Set top-level fields of a YAML file."""

    def edit(tree: Path) -> None:
        path = tree / name
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, sort_keys=False))

    return edit


def service(**changes: Any) -> Edit:
    """Set fields of the node service in the compose file."""

    def edit(tree: Path) -> None:
        path = tree / "pkg/hoodi/docker-compose.yml"
        model = yaml.safe_load(path.read_text())
        model["services"]["node"].update(changes)
        path.write_text(yaml.safe_dump(model, sort_keys=False))

    return edit


def volume(entry: str) -> Edit:
    def edit(tree: Path) -> None:
        path = tree / "pkg/hoodi/docker-compose.yml"
        model = yaml.safe_load(path.read_text())
        model["services"]["node"]["volumes"].append(entry)
        path.write_text(yaml.safe_dump(model, sort_keys=False))

    return edit


def link(name: str, target: str) -> Edit:
    def edit(tree: Path) -> None:
        (tree / name).symlink_to(target)

    return edit


PROFILE = "pkg/hoodi/profile.yml"
COMPOSE = "pkg/hoodi/docker-compose.yml"
RUNTIME = "pkg/hoodi/runtime.yml"
MANIFEST = "pkg/manifest.yml"


@dataclass(frozen=True)
class Case:
    """``edit`` changes the package, ``entry`` the inventory entry; every word of ``says`` has to be in the message."""

    name: str
    says: tuple[str, ...]
    edit: Edit | None = None
    entry: Entry | None = None
    options: Entry | None = None
    keep_checksum: bool = False


PACKAGES = [
    Case("unknown profile", ("profile", "holesky", "mainnet", "hoodi"), entry={"profile": "holesky"}),
    Case("unknown option", ("options.main-prt", "main-port"), options={"main-prt": 1}),
    Case(
        "a wrong value of every type, and two more problems",
        (
            "options.main-port", "options.warm-up", "options.fee-share", "options.quorum-metrics", "options.node-name",
            "options.peers-file", "options.work-dir", "options.rpc-url", "options.log-level", "options.rpc-token", "keys",
        ),
        options={
            "main-port": 80800, "warm-up": "2.5", "fee-share": "half", "quorum-metrics": "maybe", "node-name": "line\nbreak",
            "peers-file": "../peers.json", "work-dir": "a b", "rpc-url": "chain", "log-level": "loud", "rpc-token": None,
        },
        entry={"keys": []},
    ),
    Case("values out of bounds", ("options.warm-up", "600", "options.fee-share"), options={"warm-up": 601, "fee-share": -0.1}),
    Case("hidden option without value", ("options.rpc-token", "required"), options={"rpc-token": None}),
    Case("checksum mismatch", ("checksum.txt", "pkg/hoodi/.env"), edit=text("pkg/hoodi/.env", "WARM_UP=2", "WARM_UP=3"), keep_checksum=True),
    Case(
        "extra and missing file",
        ("checksum.txt", "pkg/hoodi/extra.txt", "pkg/hoodi/peers.json"),
        edit=lambda tree: ((tree / "pkg/hoodi/extra.txt").write_text("x"), (tree / "pkg/hoodi/peers.json").unlink())[0],  # type: ignore[arg-type, return-value]
        keep_checksum=True,
    ),
    Case("malformed manifest", ("manifest.yml", "YAML"), edit=text(MANIFEST, "name: demo-avs", "name: [demo-avs")),
    Case("malformed profile", ("profile.yml", "YAML"), edit=text(PROFILE, "options:", "options: {")),
    Case("malformed runtime", ("runtime.yml", "YAML"), edit=text(RUNTIME, "schema: 1", "schema: 1: 2")),
    Case("malformed compose", ("docker-compose.yml",), edit=text(COMPOSE, "services:", "services: [")),
    Case(
        "wrong types",
        ("manifest.yml", "min_ram", "profile.yml", "monitoring", "runtime.yml", "privileges"),
        edit=lambda tree: (
            fields(MANIFEST, upgrade=7, hardware_requirements={"min_ram": "much"})(tree),
            fields(PROFILE, monitoring="all")(tree),
            fields(RUNTIME, privileges=["node"])(tree),
        )[0],  # type: ignore[return-value]
    ),
    Case("unknown runtime key", ("runtime.yml", "privilege"), edit=text(RUNTIME, "privileges:", "privilege:")),
    Case("name with a path", ("name", "../demo"), edit=text(MANIFEST, "name: demo-avs", "name: ../demo")),
    Case("profile name with a path", ("profiles", "../hoodi"), edit=text(MANIFEST, "- hoodi", "- ../hoodi\n  - hoodi")),
    Case("tag with a path", ("tag", "../../etc"), entry={"tag": "../../etc"}),
    Case("symlink out of the tree", ("pkg/hoodi/passwd",), edit=link("pkg/hoodi/passwd", "/etc/passwd")),
    Case("symlinked folder", ("pkg/other",), edit=link("pkg/other", "hoodi")),
    Case("env file out of the tree", ("runtime.yml", "../../../etc/passwd"), edit=fields(RUNTIME, compose={"env_files": ["../../../etc/passwd"]})),
    Case("build", ("services.node.build",), edit=service(build=".")),
    Case("privileged", ("services.node", "privileged"), edit=service(privileged=True)),
    Case("host pid", ("services.node", "pid"), edit=service(pid="host")),
    Case("engine socket", ("services.node", "docker.sock"), edit=volume("/var/run/docker.sock:/var/run/docker.sock")),
    Case("root of the host", ("services.node", "/"), edit=volume("/:/host")),
    Case("image missing", ("demo-avs:9.9.9",), edit=service(image="REGISTRY/demo-avs:9.9.9")),
    Case("a key missing in Vault", ("keys", "bls", "avs/nowhere/bls"), entry={"keys": [
        {"name": "bls", "kind": "bn254", "source": "vault", "path": "avs/nowhere/bls"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": "avs/nowhere/ecdsa"},
    ]}),
    Case("a path the policy denies", ("keys", "bls", "permission denied"), entry={"keys": [
        {"name": "bls", "kind": "bn254", "source": "vault", "path": "other/bls"},
        {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": "other/ecdsa"},
    ]}),
    Case("too few cores, told to stop", ("cores", "4096"), edit=fields(MANIFEST, hardware_requirements={
        "min_cpu_cores": 4096, "min_ram": 1, "min_free_space": 1, "stop_if_requirements_are_not_met": True})),
    Case("too little memory and disk, told to stop", ("99999999", "88888888"), edit=fields(MANIFEST, hardware_requirements={
        "min_cpu_cores": 1, "min_ram": 99999999, "min_free_space": 88888888, "stop_if_requirements_are_not_met": True})),
]  # fmt: skip


@pytest.fixture(scope="module")
def standing(fleet: Fleet, demo: Any) -> tuple[Host, Entry]:
    """A host with one healthy instance, which no bad neighbour may touch."""
    host = fleet.first
    entry = demo("standing", 40)
    result = fleet.play("install", {host.name: [entry]})
    assert result.code == 0, result.output[-4000:]
    return host, entry


@pytest.fixture
def package(fleet: Fleet, tmp_path: Path) -> Path:
    """A copy of demo-avs v1.0.0 that uses the lab's registry and has no checksums."""
    tree = tmp_path / "demo-avs"
    shutil.copytree(ROOT / "examples" / "packages" / "demo-avs" / "v1.0.0", tree)
    return tree


def localized(tree: Path, facts: dict[str, Any]) -> None:
    for path in tree.rglob("*.yml"):
        if not path.is_symlink():
            path.write_text(
                path.read_text()
                .replace("registry.example.org", facts["lab_registry"])
                .replace("REGISTRY", facts["lab_registry"])
            )


def refused(fleet: Fleet, host: Host, entries: list[Entry], **arguments: Any) -> str:
    """Run an install that has to be refused: message, and a host that is as before."""
    before = host.snapshot()
    result = fleet.play("install", {host.name: entries}, **arguments)
    assert result.code != 0, result.output[-3000:]
    message = result.message(host.name)
    assert host.snapshot() == before, message
    return message


def assert_says(message: str, words: tuple[str, ...]) -> None:
    missing = [word for word in words if word.lower() not in message.lower()]
    assert missing == [], f"{missing} not in:\n{message}"
    assert "Traceback" not in message


@pytest.mark.parametrize("case", PACKAGES, ids=lambda case: case.name)
def test_bad_package_or_entry(case: Case, fleet: Fleet, standing: tuple[Host, Entry], package: Path, demo: Any) -> None:
    host, good = standing
    if not case.keep_checksum:
        localized(package, fleet.facts)
        (package / "checksum.txt").unlink()
    if case.edit:
        case.edit(package)
        if not case.keep_checksum:
            localized(package, fleet.facts)
    bad = {**demo("bad", 41), "package": {"path": str(package)}, **(case.entry or {})}
    bad.pop("version")
    bad["options"] = {
        name: value for name, value in {**bad["options"], **(case.options or {})}.items() if value is not None
    }
    message = refused(fleet, host, [good, bad])
    assert_says(message, case.says)
    assert "bad" in message or "avs_instances[1]" in message, message


def test_requirements_that_only_warn(fleet: Fleet, standing: tuple[Host, Entry], package: Path, demo: Any) -> None:
    host, good = standing
    (package / "checksum.txt").unlink()
    fields(MANIFEST, hardware_requirements={"min_cpu_cores": 4096})(package)
    localized(package, fleet.facts)
    entry = {**demo("warned", 42), "package": {"path": str(package)}}
    entry.pop("version")
    before = host.snapshot()
    result = fleet.play("install", {host.name: [good, entry]}, "--check")
    assert result.code == 0, result.output[-3000:]
    assert host.snapshot() == before
    rules = [finding["id"] for instance in result.reconcile(host.name)["instances"] for finding in instance["findings"]]
    assert "OPS-002" in rules


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"package": "demo-avz"}, ("demo-avz", "demo-avs")),
        ({"package": "elsewhere/demo-avs"}, ("elsewhere", "core")),
        ({"version": "v1.0.9"}, ("v1.0.9", "v1.0.0")),
        ({"version": "1.0.0"}, ("version", "1.0.0")),
        ({"commit": "f" * 40}, ("commit", "f" * 12)),
        ({"state": "running"}, ("state", "running", "started")),
        ({"optoins": {}}, ("optoins", "options")),
        ({"keys": "bls"}, ("keys",)),
        ({"options": ["main-port"]}, ("options",)),
    ],
    ids=["package", "tap", "version", "version form", "commit", "state", "field", "keys type", "options type"],
)
def test_bad_entry_of_a_tap(
    changes: Entry, says: tuple[str, ...], fleet: Fleet, standing: tuple[Host, Entry], demo: Any
) -> None:
    host, good = standing
    assert_says(refused(fleet, host, [good, {**demo("bad", 41), **changes}]), says)


def test_moved_tag(fleet: Fleet, standing: tuple[Host, Entry], demo: Any, tmp_path: Path) -> None:
    host, good = standing
    index = {
        "name": "demo-avs",
        "url": f"{str(fleet.facts['lab_git_url']).rstrip('/')}/demo-avs.git",
        "description": "demo",
        "versions": [{"version": "v1.0.0", "commit": "a" * 40, "upgrade": "optional"}],
    }
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "demo-avs.yml").write_text(yaml.safe_dump(index))
    (tmp_path / "tap.yml").write_text(
        yaml.safe_dump({"schema": 1, "name": "moved", "contact": "a@example.org", "expires": "2099-01-01"})
    )
    taps = [*fleet.variables["avs_taps"], {"name": "moved", "url": str(tmp_path)}]
    message = refused(
        fleet, host, [good, {**demo("bad", 41), "package": "moved/demo-avs"}], variables={"avs_taps": taps}
    )
    assert "a" * 12 in message and len(re.findall(r"\b[0-9a-f]{12,40}\b", message)) >= 2, message


def test_two_entries_of_one_id_and_one_key(fleet: Fleet, standing: tuple[Host, Entry], demo: Any) -> None:
    host, good = standing
    other = demo("bad", 41)
    message = refused(fleet, host, [good, other, {**other, "options": {}}, {**demo("third", 43), "keys": good["keys"]}])
    assert_says(message, ("demo-avs-bad", "demo-avs-third", "demo-avs-standing", "key"))


def test_the_key_of_a_node_nobody_lists_any_more(fleet: Fleet, standing: tuple[Host, Entry], demo: Any) -> None:
    host, good = standing
    message = refused(fleet, host, [{**demo("bad", 41), "keys": good["keys"]}])
    assert_says(message, ("demo-avs-bad", "demo-avs-standing", "key"))


LISTENER = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 8121)); s.listen(); time.sleep(300)"


@contextmanager
def foreign_process(host: Host) -> Iterator[None]:
    host.run(f'systemd-run --unit avs-test-listener python3 -c "{LISTENER}"; sleep 0.5')
    try:
        yield
    finally:
        host.run("systemctl stop avs-test-listener; systemctl reset-failed avs-test-listener 2>/dev/null; true")


@contextmanager
def foreign_container(host: Host) -> Iterator[None]:
    image = host.run("docker inspect -f '{{.Config.Image}}' avs-demo-avs-standing-node").strip()
    host.run(f"docker create --name avs-demo-avs-bad-node {image} node")
    try:
        yield
    finally:
        host.run("docker rm -f avs-demo-avs-bad-node")


@contextmanager
def foreign_network(host: Host) -> Iterator[None]:
    host.run("docker network create avs-demo-avs-bad_avs")
    try:
        yield
    finally:
        host.run("docker network rm avs-demo-avs-bad_avs")


@contextmanager
def without(host: Host, path: str) -> Iterator[None]:
    """Move a file of the host out of the way."""
    host.run(f"mv {path} {path}.away")
    try:
        yield
    finally:
        host.run(f"mv {path}.away {path}")


@contextmanager
def reporting(host: Host, path: str, condition: str, answer: str) -> Iterator[None]:
    """Put a wrapper in place of a program that answers its version question with ``answer``."""
    wrapper = f'#!/bin/sh\ncase "$*" in {condition}) echo \'{answer}\';; *) exec {path}.away "$@";; esac\n'
    host.run(f"mv {path} {path}.away && cat >{path} && chmod 755 {path}", stdin=wrapper)
    try:
        yield
    finally:
        host.run(f"mv {path}.away {path}")


def compose_plugin(host: Host) -> str:
    return host.run(
        "ls /usr/libexec/docker/cli-plugins/docker-compose /usr/lib/docker/cli-plugins/docker-compose 2>/dev/null | head -1"
    ).strip()


SITUATIONS: dict[str, tuple[Callable[[Host], AbstractContextManager[None]], tuple[str, ...]]] = {
    "port of a foreign process": (foreign_process, ("8121", "port", "demo-avs-bad")),
    "container name taken": (foreign_container, ("avs-demo-avs-bad-node",)),
    "network name taken": (foreign_network, ("avs-demo-avs-bad_avs",)),
    "compose absent": (lambda host: without(host, compose_plugin(host)), ("compose",)),
    "compose too old": (
        lambda host: reporting(host, compose_plugin(host), "*version*", "2.10.2"),
        ("compose", "2.10.2", "2.20"),
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_bad_host(name: str, fleet: Fleet, standing: tuple[Host, Entry], demo: Any) -> None:
    host, good = standing
    situation, says = SITUATIONS[name]
    with situation(host):
        message = refused(fleet, host, [good, demo("bad", 41)])
    assert_says(message, says)


def test_port_of_another_instance(fleet: Fleet, standing: tuple[Host, Entry], demo: Any) -> None:
    host, good = standing
    bad = demo("bad", 41, options={"main-port": 8120})
    assert_says(refused(fleet, host, [good, bad]), ("8120", "demo-avs-bad", "demo-avs-standing"))


def test_engine_absent(fleet: Fleet, standing: tuple[Host, Entry], demo: Any) -> None:
    host, good = standing
    before = host.snapshot()
    with without(host, "/usr/bin/docker"):
        result = fleet.play("install", {host.name: [good, demo("bad", 41)]})
    assert result.code != 0
    assert_says(result.message(host.name), ("docker", "not"))
    assert host.snapshot() == before


def test_engine_too_old(fleet: Fleet, standing: tuple[Host, Entry], demo: Any) -> None:
    host, good = standing
    answer = host.run("docker version --format '{{json .Server}}'").strip()
    old = re.sub(r'"Version":"\d+\.[^"]*"', '"Version":"20.10.24"', answer)
    with reporting(host, "/usr/bin/docker", "version*", old):
        message = refused(fleet, host, [good, demo("bad", 41)])
    assert_says(message, ("20.10.24", "24"))


def test_wrong_platform(fleet: Fleet, standing: tuple[Host, Entry], package: Path, demo: Any) -> None:
    host, good = standing
    (package / "checksum.txt").unlink()
    service(image="avs-test/other:1.0.0")(package)
    localized(package, fleet.facts)
    entry = {**demo("bad", 41), "package": {"path": str(package)}}
    entry.pop("version")
    host.run(
        "mkdir -p /tmp/empty && tar -C /tmp/empty -c . | docker import --platform linux/s390x - avs-test/other:1.0.0"
    )
    try:
        assert_says(refused(fleet, host, [good, entry]), ("s390x", "services.node", "demo-avs-bad"))
    finally:
        host.run("docker rmi avs-test/other:1.0.0; rmdir /tmp/empty")


def test_registry_down(fleet: Fleet, standing: tuple[Host, Entry], package: Path, demo: Any) -> None:
    host, good = standing
    (package / "checksum.txt").unlink()
    service(image="REGISTRY/demo-avs:1.1.0")(package)
    localized(package, fleet.facts)
    entry = {**demo("bad", 41), "package": {"path": str(package)}}
    entry.pop("version")
    host.run(f"docker rmi -f {fleet.facts['lab_registry']}/demo-avs:1.1.0 2>/dev/null; true")
    lab = paths.this_lab()
    bridge = network.find(lab)
    assert bridge is not None
    registry.stop(lab)
    try:
        assert_says(refused(fleet, host, [good, entry]), ("demo-avs:1.1.0", "registry", "demo-avs-bad"))
    finally:
        registry.start(lab, bridge)


def test_vault_sealed(fleet: Fleet, standing: tuple[Host, Entry], demo: Any) -> None:
    host, good = standing
    entry = demo("bad", 41)
    lab = paths.this_lab()
    vault.seal(lab)
    try:
        message = refused(fleet, host, [good, entry])
    finally:
        vault.unseal(lab)
    assert_says(message, ("sealed",))


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ansible_hashi_vault_url": "http://127.0.0.1:9"}, ("127.0.0.1:9",)),
        ({"ansible_hashi_vault_secret_id": "wrong"}, ("approle",)),
        ({"ansible_hashi_vault_auth_method": "token", "ansible_hashi_vault_token": "wrong"}, ("token",)),
    ],
    ids=["unreachable", "approle denied", "token denied"],
)
def test_vault_that_does_not_help(
    variables: Entry, says: tuple[str, ...], fleet: Fleet, standing: tuple[Host, Entry], demo: Any
) -> None:
    host, good = standing
    assert_says(refused(fleet, host, [good, demo("bad", 41)], variables=variables), says)
