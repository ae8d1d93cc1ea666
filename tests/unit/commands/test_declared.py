# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a command gets of its release: networks, mounts, keys, environment; and what is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import images, one_off
from ansible_collections.restaking.avs.plugins.module_utils.commands.one_off import KeyPlace, Mount
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError, LockedError
from ansible_collections.restaking.avs.plugins.module_utils.instance import key_files, plugin_images
from ansible_collections.restaking.avs.plugins.module_utils.system.lock import Lock

from tests.unit.support.command_host import PLUGIN, Node
from tests.unit.support.memory_host import ID, NODE, PACKAGE, SECRETS, MemoryHost, with_service

OWNER = (os.getuid(), os.getgid())
WORK = {"type": "bind", "source": "./work", "target": "/work"}


def plugin(**fields: Any) -> dict[str, Any]:
    return {"run": "plugin", **fields}


def again(**fields: Any) -> dict[str, Any]:
    return {"run": "run", "service": "node", **fields}


@pytest.mark.parametrize(("command", "names"), [
    (plugin(service="node"), ["inner"]), (plugin(service="gateway"), ["inner", "outer"]), (plugin(network="outer"), ["outer"]),
    (plugin(network="none"), []), (plugin(service="node", network="none"), []), (again(), ["inner"]), (again(network="jobs"), ["jobs"]),
    (again(network="none"), []),
])  # fmt: skip
def test_networks(memory_host: MemoryHost, command: dict[str, Any], names: list[str]) -> None:
    assert Node(memory_host, {"c": command}).one("c").networks == [f"avs-{ID}_{name}" for name in names]


@pytest.mark.parametrize(("command", "word"), [
    (plugin(), "network: is not named, and the package has several: inner, jobs, outer"), (plugin(network="host"), "host is no network"),
    (plugin(network="bridge"), "bridge is no network"), (plugin(network="avs-other_default"), "is no network of the package"),
    (plugin(service="no-such"), "runs no service no-such"), (again(service="no-such"), "runs no service no-such"),
    (plugin(network="none", mounts=["other"]), "other is no volume of the package (node-data)"),
    (plugin(network="none", mounts=["node-data", "data/work:/data"]), "/data: two things"),
    (plugin(network="none", mounts=["data/none:/x"]), "data/none is no folder"),
    (plugin(network="none", mounts=["data/work"]), "have it nowhere, so it is not known where it is to be"),
    (plugin(network="none", mounts=["node-data"], service="gateway"), "have it nowhere"),
    (plugin(network="none", needs=["ecdsa"]), "the instance has no key ecdsa"), (again(needs=["ecdsa"]), "the instance has no key ecdsa"),
    (plugin(network="none", needs=["bls"], service="node", user="1000:staff"), "is known to the image alone"),
    ({"run": "exec", "service": "job", "args": ["x"]}, "the service job does not run"), ({"run": "exec", "service": "node", "args": []}, "names no program"),
])  # fmt: skip
def test_what_is_not_declared_is_refused(memory_host: MemoryHost, command: dict[str, Any], word: str) -> None:
    said = Node(memory_host, {"c": command}).refused("c")
    assert word in said and f"{ID}: commands.c" in said


def test_mounts_are_where_the_services_have_them(memory_host: MemoryHost) -> None:
    node = Node(memory_host, {
        "named": plugin(network="none", mounts=["node-data:ro", "data/work:/srv"]), "placed": plugin(network="none", mounts=["node-data:/x:ro"]),
    })  # fmt: skip
    volume = f"avs-{ID}_node-data"
    assert node.one("named").mounts == [Mount("volume", volume, "/data", True), Mount("bind", str(Path(node.own.data, "work")), "/srv")]
    assert node.one("placed").mounts == [Mount("volume", volume, "/x", True)]
    model = node.made("named")
    assert model["volumes"] == {volume: {"name": volume, "external": True}}
    assert all(one["bind"] == {"create_host_path": False} for one in model["services"]["command"]["volumes"] if one["type"] == "bind")


def test_a_link_leads_nowhere(memory_host: MemoryHost) -> None:
    """A node, or a command, that has a folder may put a link to the host into it at any moment."""
    package = with_service(PACKAGE, "node", volumes=[*NODE["volumes"], WORK])
    commands = {name: plugin(network="none", mounts=[f"data/{name}:/x"]) for name in ("work", "work/inner", "link", "deep", "deep/inner")}
    node = Node(memory_host, {name.replace("/", "-"): command for name, command in commands.items()}, package=package)
    for name in ("work/inner", "deep/inner"):
        Path(node.own.data, name).mkdir(parents=True)
    Path(node.own.data, "link").symlink_to("/etc")
    assert [one.target for one in (*node.one("work").mounts, *node.one("deep").mounts)] == ["/x", "/x"]
    assert "lies in data/work, which the package mounts as a whole" in node.refused("work-inner")
    assert "lies in data/deep" in node.refused("deep-inner") and "data/link is no folder" in node.refused("link")


def test_keys_are_where_the_service_sees_them(memory_host: MemoryHost) -> None:
    node = Node(
        memory_host, {"c": plugin(service="node", needs=["bls"]), "none": plugin(service="node"), "a": again(needs=["bls"]), "b": again()}
    )
    files = [
        KeyPlace("/keys", f"bls.{what}", f"key.bls.{secret}", (1000, 1000))
        for what, secret in (("json", "keystore"), ("password", "password"))
    ]
    assert node.one("c").keys == files and node.one("none").keys == [] and node.one("b").keys == []
    assert node.one("a").keys == [replace(one, owner=OWNER) for one in files]
    service = node.made("a")["services"]["command"]
    mount = next(one for one in service["volumes"] if one["target"] == "/keys")
    assert mount["read_only"] and not any(one["source"].startswith(node.own.keys) for one in service["volumes"]) and node.left() == []
    assert node.shown == {
        f"keys0/bls.{what}": (0o400, SECRETS[f"key.bls.{secret}"]) for what, secret in (("json", "keystore"), ("password", "password"))
    }
    key_files.wipe(node.own)
    assert "OPS-019" not in node.refused("c") and "gone since the host was started" in node.refused("c")
    assert node.one("none").keys == []


def test_a_service_once_more_without_what_is_not_the_commands(memory_host: MemoryHost, tmp_path: Path) -> None:
    environment = {**NODE["environment"], "PASSWORD": "${PASSWORD}", "BOTH": "a ${PASSWORD} ${TOKEN}", "DOLLAR": "a$$b"}
    mounts = [*NODE["volumes"], WORK, {"type": "bind", "source": str(tmp_path), "target": "/shared"}]
    commands = {"a": again(), "b": again(needs=["bls"]), "c": again(mounts=["node-data:ro"])}
    package = with_service(PACKAGE, "node", environment=environment, volumes=mounts)
    node = Node(memory_host, commands, package=package, wired={"key.bls.password": ["PASSWORD"]}, paths=[str(tmp_path)])
    one, other = node.one("a"), node.one("b")
    assert (
        set(one.service["environment"]) == {"LEVEL", "TOKEN", "WAIT", "DOLLAR"} and "${AVS_SECRET_" in one.service["environment"]["TOKEN"]
    )
    assert set(other.service["environment"]) == set(environment) and one.service["environment"]["DOLLAR"] == "a$$b"
    assert "ports" not in one.service and "depends_on" not in one.service and "container_name" not in one.service
    assert [mount.target for mount in one.mounts] == ["/data", "/work", "/shared", "/conf"]
    assert [(mount.target, mount.read_only) for mount in node.one("c").mounts] == [("/data", True), ("/conf", True)]
    assert one.env_file == node.own.secrets_env and one.of == "node"


def test_the_image_is_resolved_once_and_pulled_by_its_digest(memory_host: MemoryHost) -> None:
    node = Node(memory_host, {"c": plugin(service="node")})
    digest = node.one("c").image
    assert plugin_images.recorded(node.own) == {PLUGIN: digest}
    # The tag moves on, and the image is lost: it is the same one that is fetched again.
    memory_host.world.registry[digest] = memory_host.world.registry.pop(PLUGIN)
    del memory_host.world.images[PLUGIN]
    assert "is not on this host" in node.refused("c")
    assert images.ensure(memory_host.engine.connect(), node.own, node.spec).name == digest
    memory_host.world.images.clear()
    memory_host.world.registry.clear()
    with pytest.raises(HostError, match="cannot be had"):
        images.ensure(memory_host.engine.connect(), node.own, node.spec)


def test_who_has_the_lock_hands_it_on(memory_host: MemoryHost, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(memory_host, {"c": plugin(service="node")})
    monkeypatch.setattr(one_off, "PATIENCE", 0.0)
    engine, what = memory_host.engine.connect(), node.one("c")
    with Lock(one_off.command_lock(node.own), "an upgrade", 0) as lock:
        assert one_off.run(engine, node.own, what, (lock.fd,)).code == 0
        with pytest.raises(LockedError, match="an upgrade"):
            one_off.run(engine, node.own, what)
