# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts where something else is in the way, or something is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.integration.bad_input import packages as p
from tests.integration.bad_input.refusal import ID, Entry, Problem, assert_problems, refused
from tests.integration.support import Fleet, Host
from tests.lab import network, paths, registry
from tests.lab.fleet import exclusive

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
    host.run(f"docker create --name avs-{ID}-node {image} node")
    try:
        yield
    finally:
        host.run(f"docker rm -f avs-{ID}-node")


@contextmanager
def foreign_network(host: Host) -> Iterator[None]:
    host.run(f"docker network create avs-{ID}_avs")
    try:
        yield
    finally:
        host.run(f"docker network rm avs-{ID}_avs")


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


def old_engine(host: Host) -> AbstractContextManager[None]:
    answer = host.run("docker version --format '{{json .Server}}'").strip()
    old = re.sub(r'"Version":"\d+\.[^"]*"', '"Version":"20.10.24"', answer)
    return reporting(host, "/usr/bin/docker", "version*", old)


SITUATIONS: dict[str, tuple[Callable[[Host], AbstractContextManager[None]], Problem, tuple[str, ...]]] = {
    "port of a foreign process": (foreign_process, ("NET-002", f"{ID}: services.node.ports"), ("127.0.0.1:8121/tcp",)),
    "container name taken": (foreign_container, ("NET-002", f"{ID}: containers.avs-{ID}-node"), ()),
    "network name taken": (foreign_network, ("NET-002", f"{ID}: networks.avs"), ()),
    "compose absent": (lambda host: without(host, compose_plugin(host)), ("OPS-004", "compose"), ("has no compose command",)),
    "compose too old": (
        lambda host: reporting(host, compose_plugin(host), "*version*", "2.10.2"),
        ("OPS-004", "compose"),
        ("2.10.2", "2.20"),
    ),
    "engine too old": (old_engine, ("OPS-004", "engine"), ("20.10.24", "older than 24")),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_bad_host(name: str, fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    host, good = standing
    situation, problem, says = SITUATIONS[name]
    with situation(host):
        refusal = refused(fleet, host, [good, bad()])
    assert_problems(refusal, problem)
    assert [word for word in says if word not in refusal.message] == []


def test_engine_absent(fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    host, good = standing
    refusal = refused(fleet, host, [good, bad()], during=without(host, "/usr/bin/docker"))
    assert_problems(refusal, ("OPS-004", "engine"))
    assert "docker is not installed on this host" in refusal.message


def test_port_of_another_instance(fleet: Fleet, standing: tuple[Host, Entry], bad: Any) -> None:
    host, good = standing
    entry = bad()
    entry["options"]["main-port"] = good["options"]["main-port"]
    refusal = refused(fleet, host, [good, entry])
    assert_problems(refusal, ("NET-002", f"{ID}: services.node.ports"))
    assert "127.0.0.1:8120/tcp is taken by container avs-demo-avs-standing-node" in refusal.message


def test_wrong_platform(fleet: Fleet, standing: tuple[Host, Entry], package: p.Package, bad: Any) -> None:
    host, good = standing
    package.spoil(p.service(image="avs-test/other:1.0.0"))
    host.run("mkdir -p /tmp/empty && tar -C /tmp/empty -c . | docker import --platform linux/s390x - avs-test/other:1.0.0")
    try:
        refusal = refused(fleet, host, [good, bad(package)])
    finally:
        host.run("docker rmi avs-test/other:1.0.0; rmdir /tmp/empty")
    assert_problems(refusal, ("IMG-005", f"{ID}: services.node.image"))
    assert "linux/s390x" in refusal.message


def test_registry_down(fleet: Fleet, standing: tuple[Host, Entry], package: p.Package, bad: Any) -> None:
    host, good = standing
    package.spoil(p.service(image="REGISTRY/demo-avs:1.1.0"))
    image = f"{fleet.facts['lab_registry']}/demo-avs:1.1.0"
    host.run(f"docker rmi -f {image} 2>/dev/null; true")
    lab = paths.this_lab()
    bridge = network.find(lab)
    assert bridge is not None
    # Nobody who adds a host meanwhile starts it.
    with exclusive(lab):
        registry.stop(lab)
        try:
            refusal = refused(fleet, host, [good, bad(package)])
        finally:
            registry.start(lab, bridge)
    assert_problems(refusal, ("IMG-006", f"{ID}: images.{image}"))
    assert f"the registry {fleet.facts['lab_registry']} cannot be reached" in refusal.message
