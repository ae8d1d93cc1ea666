# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.mounts import below, host_grant, is_folder, place_mounts

from tests.unit.support.models import CURRENT, DATA, SCRATCH, bind, layout, model, told, typed

HERE = f"{SCRATCH}/pkg/hoodi"
STATED = {"node": {"user": "1000:1000"}}


def placed(mount: dict[str, Any], **changes: Any) -> tuple[list[dict[str, Any]], list[tuple[str, str, str]]]:
    result = place_mounts(typed(**{"privileges": STATED, **changes}), model(node={"volumes": [mount]}), layout())
    return result.model["services"]["node"].get("volumes", []), told(result.findings)


@pytest.mark.parametrize(
    ("source", "becomes", "read_only"),
    [
        (f"{HERE}/peers.json", f"{CURRENT}/tree/pkg/hoodi/peers.json", True),
        (f"{HERE}/conf", f"{CURRENT}/tree/pkg/hoodi/conf", True),
        (f"{SCRATCH}/shared/nginx.conf", f"{CURRENT}/tree/shared/nginx.conf", True),
        (f"{HERE}/data/db", f"{DATA}/data/db", None),
        (f"{SCRATCH}/up/there", f"{DATA}/_package/up/there", None),
    ],
)
def test_relative_sources(source: str, becomes: str, read_only: bool | None) -> None:
    (mount,), found = placed(bind(source))
    assert mount == {
        "type": "bind",
        "source": becomes,
        "target": "/x",
        "bind": {"create_host_path": False},
        **({"read_only": True} if read_only else {}),
    }
    assert found == [("PKG-019", "info", "services.node.volumes")]


def test_a_package_file_that_says_read_only_is_no_finding() -> None:
    assert placed(bind(f"{HERE}/peers.json", read_only=True))[1] == []


def test_declared_directories_live_in_data_and_begin_with_the_packages_files() -> None:
    declared = [{"path": "./conf/", "owner": "1:1", "mode": "0700"}]
    for source, becomes in ((f"{HERE}/conf", f"{DATA}/conf"), (f"{HERE}/conf/a.json", f"{DATA}/conf/a.json")):
        result = place_mounts(typed(privileges=STATED, directories=declared), model(node={"volumes": [bind(source)]}), layout())
        assert [mount["source"] for mount in result.model["services"]["node"]["volumes"]] == [becomes]
        assert result.first == {"conf": "pkg/hoodi/conf"}
        assert told(result.findings) == [("PKG-019", "info", "services.node.volumes")]
    assert placed(bind(f"{HERE}/data/db/deep"), directories=[{"path": "data/db"}])[1] == []


def test_a_declared_directory_outside_of_the_compose_folder_begins_with_its_files_too() -> None:
    mounts = model(node={"volumes": [bind(f"{SCRATCH}/shared/nginx.conf")]})
    assert place_mounts(typed(directories=[{"path": "_package/shared"}]), mounts, layout()).first == {"_package/shared": "shared"}


def test_a_declared_directory_that_only_git_keeps_stays_empty() -> None:
    kept = layout(files=frozenset(("pkg/hoodi/conf/.gitkeep",)))
    result = place_mounts(typed(privileges=STATED, directories=[{"path": "conf"}]), model(node={"volumes": [bind(f"{HERE}/conf")]}), kept)
    assert (result.first, result.findings) == ({}, [])


def test_artifacts_are_read_only() -> None:
    (mount,), found = placed(
        bind(f"{HERE}/resources/g1.point"), artifacts=[{"path": "./resources/g1.point", "sha256": "0" * 64, "url": "x"}]
    )
    assert (mount["source"], mount["read_only"], found) == (f"{DATA}/resources/g1.point", True, [])


@pytest.mark.parametrize("path", ["conf/a.json", "./conf/a.json"])
def test_generated_configs_take_the_place_of_the_package_file(path: str) -> None:
    configs = [{"path": path, "format": "json", "merge": {}}]
    mounts, found = placed(bind(f"{HERE}/conf/a.json", "/etc/a.json", read_only=True), configs=configs)
    assert [(mount["source"], mount["target"]) for mount in mounts] == [(f"{CURRENT}/configs/conf/a.json", "/etc/a.json")]
    mounts, found = placed(bind(f"{HERE}/conf", "/etc/conf", read_only=True), configs=configs)
    assert [(mount["source"], mount["target"]) for mount in mounts] == [
        (f"{CURRENT}/tree/pkg/hoodi/conf", "/etc/conf"),
        (f"{CURRENT}/configs/conf/a.json", "/etc/conf/a.json"),
    ]
    assert found == []


def test_a_missing_file_is_refused_rather_than_made_a_folder() -> None:
    _mounts, found = placed(bind(f"{HERE}/jwt.hex", "/jwt.hex"))
    assert found == [("PKG-019", "error", "services.node.volumes")]


def test_an_undeclared_folder_gets_the_services_user() -> None:
    result = place_mounts(
        typed(privileges=STATED), model(node={"volumes": [bind(f"{HERE}/db")]}, other={"volumes": [bind(f"{HERE}/log")]}), layout()
    )
    assert result.folders == {"db": "1000:1000", "log": None}


def test_the_environment_file_itself_cannot_be_mounted() -> None:
    assert placed(bind(f"{HERE}/.env", "/app/.env")) == ([], [("PKG-019", "error", "services.node.volumes")])


@pytest.mark.parametrize(
    ("source", "paths", "rule"),
    [
        ("/srv/node", [], "PKG-019"),
        ("/srv/node", ["/srv/node"], None),
        ("/srv/node/sub", ["/srv/node"], None),
        ("/srv/nodes", ["/srv/node"], "PKG-019"),
        ("/srv/node/../other", ["/srv/node"], "PKG-019"),
        ("/", ["/"], "PRIV-002"),
        ("/etc", ["/etc"], "PRIV-002"),
        ("/etc/localtime", [], None),
        ("/var", ["/var"], "PRIV-002"),
        ("/var/run/docker.sock", [], "PRIV-002"),
        ("/var/lib/avs/instances/other/data", ["/var/lib/avs/instances/other/data"], "PRIV-002"),
        ("/tmp/avs-x/elsewhere", [], "PKG-019"),
    ],
)
def test_host_paths(source: str, paths: list[str], rule: str | None) -> None:
    found = placed(bind(source), paths=paths)[1]
    assert found == ([] if rule is None else [(rule, "error", "services.node.volumes")])


def test_granted_host_paths_are_mounted_and_noted() -> None:
    allowed = [{"service": "node", "allow": ["docker_sock"], "reason": "monitoring"}]
    mounts, found = placed(bind("/var/run/docker.sock", read_only=True), exceptions=allowed)
    assert mounts[0]["source"] == "/var/run/docker.sock"
    assert mounts[0]["read_only"] is True
    assert found == [("PRIV-005", "info", "services.node.volumes")]


def test_other_mounts_stay_as_they_are() -> None:
    mount = {"type": "volume", "source": "data", "target": "/d", "volume": {}}
    assert placed(mount) == ([mount], [])


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"type": "none", "o": "bind", "device": "/"}, True),
        ({"device": "/srv", "type": "ext4"}, True),
        ({"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}, False),
        ({"type": "nfs", "o": "addr=10.0.0.1", "device": ":/x"}, True),
        ({"type": "overlay", "device": "overlay", "o": "lowerdir=/"}, True),
        ({"type": "proc", "device": "proc"}, True),
        ({"type": "none", "device": "etc", "o": "rbind"}, True),
        ({"type": "tmpfs", "device": "/etc"}, True),
        ({}, False),
    ],
)
def test_a_bind_in_a_volumes_clothes(options: dict[str, str], refused: bool) -> None:
    result = place_mounts(typed(), {**model(node={}), "volumes": {"v": {"driver_opts": options}}}, layout())
    assert told(result.findings) == ([("PKG-019", "error", "volumes.v.driver_opts")] if refused else [])


@pytest.mark.parametrize(
    ("volume", "field"), [({"external": True, "name": "avs-other-op1_signer-db"}, "external"), ({"driver": "rexray"}, "driver")]
)
def test_volumes_of_somebody_else(volume: dict[str, Any], field: str) -> None:
    result = place_mounts(typed(), {**model(node={}), "volumes": {"v": volume}}, layout())
    assert told(result.findings) == [("PKG-019", "error", f"volumes.v.{field}")]


def test_kinds_of_mounts_that_are_not_known() -> None:
    assert placed({"type": "image", "source": "evil:latest", "target": "/x"})[1] == [("PKG-019", "error", "services.node.volumes")]


@pytest.mark.parametrize(
    ("outer", "read_only", "inner", "refused"),
    [("db", False, "db/sub", True), ("db", True, "db/sub", False), ("db", False, "db", False), ("db", False, "dbs", False)],
)
def test_a_folder_below_one_a_service_writes_may_become_a_link(outer: str, read_only: bool, inner: str, refused: bool) -> None:
    folders = [{"path": "db", "owner": "1:1"}, {"path": "dbs", "owner": "1:1"}]
    first = {**bind(f"{HERE}/{outer}", "/a"), "read_only": read_only}
    result = place_mounts(
        typed(directories=folders), model(node={"volumes": [first]}, other={"volumes": [bind(f"{HERE}/{inner}", "/b")]}), layout()
    )
    expected = [("PKG-019", "error", "services.other.volumes")] if refused else []
    assert [item for item in told(result.findings) if item[1] == "error"] == expected


@pytest.mark.parametrize(
    ("entry", "becomes", "refused"),
    [
        ({"file": f"{HERE}/peers.json"}, f"{CURRENT}/tree/pkg/hoodi/peers.json", False),
        ({"file": "/etc/passwd"}, "/etc/passwd", True),
        ({"file": f"{HERE}/missing"}, f"{HERE}/missing", True),
        ({"environment": "X"}, None, True),
        ({"content": "text"}, None, False),
    ],
)
def test_files_of_configs(entry: dict[str, str], becomes: str | None, refused: bool) -> None:
    result = place_mounts(typed(), {**model(node={"configs": [{"source": "c"}]}), "configs": {"c": entry}}, layout())
    assert result.model["configs"]["c"].get("file") == becomes
    assert bool(result.findings) is refused
    if becomes and becomes.startswith(CURRENT):
        assert result.content == {"node": ["pkg/hoodi/peers.json"]}


def test_content_names_what_a_service_mounts_of_the_package() -> None:
    mounts = [bind(f"{HERE}/peers.json"), bind(f"{HERE}/conf"), bind(f"{HERE}/data")]
    assert place_mounts(typed(), model(node={"volumes": mounts}), layout()).content == {"node": ["pkg/hoodi/peers.json", "pkg/hoodi/conf"]}


@pytest.mark.parametrize(
    ("path", "root", "expected"), [("/a/b", "/a", "b"), ("/a", "/a", "."), ("/ab", "/a", None), ("/a/../b", "/a", None), ("/x", "/", "x")]
)
def test_below(path: str, root: str, expected: str | None) -> None:
    assert below(path, root) == expected


@pytest.mark.parametrize(
    ("path", "grant"),
    [
        ("/run/docker.sock", "docker_sock"),
        ("/run/containerd/containerd.sock", "docker_sock"),
        ("/run", "host_root"),
        ("/proc", "host_root"),
        ("/srv", None),
        ("/home/op/data", None),
        ("/var/lib", "host_root"),
        ("/var/lib/docker/volumes", "host_root"),
        ("/usr/share/x", "host_root"),
        ("/data/../etc", "host_root"),
    ],
)
def test_host_grant(path: str, grant: str | None) -> None:
    assert host_grant(path) == grant


def test_of_a_refused_part_of_the_host_not_also_what_lies_in_it() -> None:
    mounts = [bind("/", "/host"), bind("/var/run/docker.sock"), bind(f"{HERE}/peers.json", "/peers", read_only=True)]
    result = place_mounts(typed(privileges=STATED), model(node={"volumes": mounts}), layout())
    assert told(result.findings) == [("PRIV-002", "error", "services.node.volumes")] * 2


@pytest.mark.parametrize(
    ("source", "target", "written", "expected"),
    [
        (".charon", "/opt/charon", "", True),
        ("chain-v1.2", "/opt/v", "", True),
        ("conf.d", "/opt/d", "", True),
        ("sites.d", "/etc/sites.d", "", True),
        ("data", "/root/.ethereum", "", True),
        (".thing", "/root/.thing", "", False),
        (".thing", "/root/.thing", "- ./.thing/:/root/.thing", True),
        (".thing", "/root/.thing", '["./.thing:/root/.thing/"]', True),
        (".thing", "/root/.thing", "source: ./.thing/\n", True),
        (".thing", "/root/.thing", "- ./.thing/file:/root/.thing/file", False),
        ("x.thing", "/thing", "- ./yx.thing/:/z", True),
        ("config.json", "/config", "", False),
        ("config", "/etc/app.conf", "", False),
        ("genesis.JSON", "/opt/genesis", "", False),
        ("config.json", "/config.json", "- ./config.json/:/config.json", True),
        (".env.example", "/env", "", False),
        ("chain-v1.2", "/chain-v1.2", "", False),
    ],
)
def test_what_can_only_be_a_folder(source: str, target: str, written: str, expected: bool) -> None:
    assert is_folder(f"{HERE}/{source}", target, written) is expected
