# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.runtime import RULES, Runtime, parse_runtime, with_health
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report

FULL = """
schema: 1
compose: {files: [docker-compose.yml, extra.yml], env_files: [.env.example], profiles: [full]}
keys:
  - {name: bls, kind: bn254, keystore: KEY_FILE, password: KEY_PASSWORD, services: [node], owner: "1000:1000", mount: /keys}
privileges:
  node: {cap_add: [NET_BIND_SERVICE], user: 1000:1000, read_only: true, tmpfs: [/tmp, "/run:size=1m"], ports: {9092: loopback, NODE_PORT: 192.0.2.1}}
artifacts: [{url: "https://example.org/g1.point", sha256: "HEX", path: resources/g1.point, size: 8589934592}]
directories: [{path: data/db, owner: "1000:1000", mode: 0700}]
configs: [{path: config.json, format: json, merge: {rpc_url: "${RPC}", deep: {a: [1]}}}]
health: {type: http, service: node, port: 8080, path: /ready, timeout: 60}
metrics: [{service: node, port: 9092}]
commands:
  opt-in: {run: plugin, args: [opt-in, 5, true], chain: true, needs: [bls]}
  migrate: {run: run, service: node}
migrations: [{to: v2.0.0, command: migrate, revert: migrate}]
renames: {old-port: port}
volumes: {node-data: data, signer-db: monotonic, cache: cache, s: secret}
upgrade_before: {time: 2027-01-15T00:00:00Z}
contact: {security: "mailto:s@example.org", announcements: "https://example.org/a"}
""".replace("HEX", "a" * 64)


def parse(text: str | dict[str, Any] | None) -> tuple[Runtime, list[tuple[str, str]]]:
    report = Report("runtime.yml", RULES)
    data = None if text is None else (text if isinstance(text, str) else yaml.safe_dump(text)).encode()
    runtime = parse_runtime(data, report)
    return runtime, [(item.id, item.place.removeprefix("runtime.yml: ")) for item in report.findings]


def test_every_section() -> None:
    runtime, problems = parse(FULL)
    assert problems == []
    assert runtime.compose == {"files": ["docker-compose.yml", "extra.yml"], "env_files": [".env.example"], "profiles": ["full"]}
    assert runtime.keys == [{
        "name": "bls", "kind": "bn254", "keystore": "KEY_FILE", "password": "KEY_PASSWORD", "password_file": None, "folder": None,
        "mount": "/keys", "services": ["node"], "owner": "1000:1000", "optional": False,
    }]  # fmt: skip
    assert runtime.privileges["node"]["user"] == "1000:1000"
    assert runtime.privileges["node"]["ports"] == {"9092": "loopback", "NODE_PORT": "192.0.2.1"}
    assert runtime.directories == [{"path": "data/db", "owner": "1000:1000", "mode": "0700"}]
    assert runtime.configs[0]["merge"] == {"rpc_url": "${RPC}", "deep": {"a": [1]}}
    assert runtime.health == {"type": "http", "timeout": 60, "service": "node", "port": 8080, "path": "/ready", "status": [200]}
    assert runtime.metrics == [{"service": "node", "port": 9092, "path": "/metrics"}]
    assert runtime.commands["opt-in"]["args"] == ["opt-in", "5", "true"]
    assert runtime.renames == {"old-port": "port"}
    assert runtime.upgrade_before == {"time": "2027-01-15T00:00:00Z"}


NO_MOUNTS = (
    "/etc", "../x", "data/", "data/.", "data/../x", "data/a/../../x", "v:x", "v:/etc", "v:/etc/x", "v:/x:rw", "v:/x:ro:ro", "v:/..", "v:/a b",
    "v:", ":ro", "-v", "v,x", "v:/x,y:z", "",
)  # fmt: skip


@pytest.mark.parametrize(("run", "field", "value"), [
    *[("plugin", "mounts[0]", [one]) for one in NO_MOUNTS], ("plugin", "mounts", "v"), ("plugin", "network", "a b"), ("plugin", "network", "-x"),
    ("plugin", "user", "node"), ("plugin", "timeout", 0), ("plugin", "timeout", 86401), ("plugin", "read_only", "sometimes"),
    ("exec", "network", "none"), ("exec", "mounts", []), ("exec", "user", "1"), ("exec", "read_only", True),
])  # fmt: skip
def test_problems_of_a_container_of_a_command(run: str, field: str, value: Any) -> None:
    _runtime, problems = parse({"schema": 1, "commands": {"c": {"run": run, "service": "n", field.partition("[")[0]: value}}})
    assert problems == [("PKG-016", f"commands.c.{field}")]


def test_what_a_command_does_not_say_is_no_part_of_it() -> None:
    """An instance that was installed before there were these fields has none of them in its spec."""
    before = {"run": "plugin", "service": None, "args": [], "chain": False, "needs": []}
    runtime, problems = parse(
        {"schema": 1, "commands": {"old": {"run": "plugin"}, "plain": {"run": "plugin", "read_only": True, "user": None}}}
    )
    assert problems == [] and runtime.commands == {"old": before, "plain": before}
    mounts = ["v", "v.1:ro", "data/db", "data/db/x:/srv/x:ro", "v:/data"]
    said = {"network": "avs", "mounts": mounts, "timeout": 60, "user": "1000:1000", "read_only": False}
    runtime, problems = parse(
        {"schema": 1, "commands": {"new": {"run": "plugin", **said}, "exec": {"run": "exec", "service": "n", "timeout": 5}}}
    )
    assert problems == [] and runtime.commands["new"] == {**before, **said}
    assert runtime.commands["exec"] == {**before, "run": "exec", "service": "n", "timeout": 5}


def test_without_the_file_everything_has_a_default() -> None:
    runtime, problems = parse(None)
    assert problems == []
    assert runtime.compose == {"files": ["docker-compose.yml"], "env_files": [".env"], "profiles": []}
    empty = (runtime.keys, runtime.privileges, runtime.artifacts, runtime.directories, runtime.configs, runtime.commands, runtime.volumes)
    assert not any(empty) and runtime.source is None and runtime.health is None


def key(**fields: Any) -> dict[str, Any]:
    return {"keys": [{"name": "bls", "kind": "bn254", "folder": "KEYS", **fields}]}


@pytest.mark.parametrize(("section", "field"), [
    ({"schema": 2}, "schema"), ({"schema": True}, "schema"), ({"schema": None}, "schema"),
    ({"surprise": 1}, "surprise"),
    ({"compose": {"files": []}}, "compose.files"), ({"compose": {"files": ["../x"]}}, "compose.files[0]"),
    ({"compose": {"files": ["/x"]}}, "compose.files[0]"), ({"compose": {"extra": 1}}, "compose.extra"), ({"compose": [1]}, "compose"),
    ({"compose": {"env_files": ["a", "a"]}}, "compose.env_files[1]"), ({"compose": {"profiles": "full"}}, "compose.profiles"),
    (key(kind="rsa"), "keys[0].kind"), (key(name="B L S"), "keys[0].name"), (key(folder="a-b"), "keys[0].folder"),
    (key(mount="keys"), "keys[0].mount"), (key(mount="/keys/../etc"), "keys[0].mount"), (key(owner="node"), "keys[0].owner"),
    (key(services="node"), "keys[0].services"), (key(optional="maybe"), "keys[0].optional"), (key(colour=1), "keys[0].colour"),
    (key(folder=None), "keys[0]"), ({"keys": [*key()["keys"], *key()["keys"]]}, "keys[1].name"), ({"keys": {"bls": {}}}, "keys"),
    ({"privileges": {"node": {"cap_add": ["net bind"]}}}, "privileges.node.cap_add[0]"),
    ({"privileges": {"node": {"user": "a b"}}}, "privileges.node.user"),
    ({"privileges": {"node": {"read_only": "sometimes"}}}, "privileges.node.read_only"),
    ({"privileges": {"node": {"tmpfs": ["tmp"]}}}, "privileges.node.tmpfs[0]"),
    ({"privileges": {"node": {"ports": {"99999": "public"}}}}, "privileges.node.ports.99999"),
    ({"privileges": {"node": {"ports": {"9092": "everywhere"}}}}, "privileges.node.ports.9092"),
    ({"privileges": {"node": {"privileged": True}}}, "privileges.node.privileged"),
    ({"privileges": {"a/b": {}}}, "privileges.a/b"),
    ({"artifacts": [{"url": "ftp://x/y", "sha256": "a" * 64, "path": "p"}]}, "artifacts[0].url"),
    ({"artifacts": [{"url": "https://u:p@x/y", "sha256": "a" * 64, "path": "p"}]}, "artifacts[0].url"),
    ({"artifacts": [{"url": "https://host:port/x", "sha256": "a" * 64, "path": "p"}]}, "artifacts[0].url"),
    ({"artifacts": [{"url": "https://host:70000/x", "sha256": "a" * 64, "path": "p"}]}, "artifacts[0].url"),
    ({"artifacts": [{"url": "https://[::1/x", "sha256": "a" * 64, "path": "p"}]}, "artifacts[0].url"),
    ({"artifacts": [{"url": "https://x/y", "sha256": "a" * 63, "path": "p"}]}, "artifacts[0].sha256"),
    ({"artifacts": [{"url": "https://x/y", "sha256": "a" * 64, "path": "../p"}]}, "artifacts[0].path"),
    ({"artifacts": [{"url": "https://x/y", "path": "p"}]}, "artifacts[0].sha256"),
    ({"artifacts": [{"url": "https://x/y", "sha256": "a" * 64, "path": "p", "size": -1}]}, "artifacts[0].size"),
    ({"directories": [{"path": "/etc"}]}, "directories[0].path"), ({"directories": [{"path": "a", "mode": "rwx"}]}, "directories[0].mode"),
    ({"directories": [{"path": "a", "mode": "4755"}]}, "directories[0].mode"),
    ({"configs": [{"path": "c", "format": "xml", "merge": {}}]}, "configs[0].format"),
    ({"configs": [{"path": "c", "format": "json", "merge": []}]}, "configs[0].merge"),
    ({"health": {"type": "guess"}}, "health.type"), ({"health": "http"}, "health"), ({"health": {"type": ["http"]}}, "health.type"),
    ({"health": {"type": "http", "service": "n"}}, "health.port"), ({"health": {"type": "tcp", "service": "n", "port": 1, "path": "/"}}, "health.path"),
    ({"health": {"type": "metric", "service": "n", "port": 1}}, "health.name"), ({"health": {"type": "container", "timeout": 0}}, "health.timeout"),
    ({"metrics": [{"service": "n", "port": 1, "path": "m"}]}, "metrics[0].path"), ({"metrics": [{"port": 1}]}, "metrics[0].service"),
    ({"commands": {"c": {"run": "shell"}}}, "commands.c.run"), ({"commands": {"c": {"run": "exec"}}}, "commands.c.service"),
    ({"commands": {"c": {"run": "plugin", "needs": ["bls"]}}}, "commands.c.needs"), ({"commands": {"C d": {"run": "plugin"}}}, "commands.C d"),
    ({"commands": {"c": {"run": "plugin", "args": "a b"}}}, "commands.c.args"),
    ({"migrations": [{"to": "2.0.0", "command": "m"}]}, "migrations[0].to"), ({"migrations": [{"to": "v2.0.0"}]}, "migrations[0].command"),
    ({"migrations": [{"to": "v2.0.0", "command": "m", "revert": "m"}]}, "migrations[0].command"),
    ({"volumes": {"v": {"class": "precious"}}}, "volumes.v.class"), ({"volumes": {"v": {"live": True}}}, "volumes.v.class"),
    ({"volumes": {"v": {"class": "data", "live": "maybe"}}}, "volumes.v.live"), ({"volumes": {"v": {"class": "data", "dump": "c"}}}, "volumes.v.dump"),
    ({"volumes": {"v": {"class": "cache", "live": True}}}, "volumes.v"), ({"volumes": {"v": {"class": "data", "backup": "c"}}}, "volumes.v.backup"),
    ({"volumes": {"v": {"class": "data", "watermark": "c"}}, "commands": {"c": {"run": "run", "service": "n"}}}, "volumes.v.watermark"),
    ({"volumes": {"v": {"class": "monotonic", "watermark": "c"}}, "commands": {"c": {"run": "exec", "service": "n"}}}, "volumes.v.watermark"),
    ({"volumes": {"v": {"class": "data", "backup": "c"}}, "commands": {"c": {"run": "plugin"}}}, "volumes.v.backup"),
    ({"volumes": {"v": {"class": "data", "backup": "c"}}, "commands": {"c": {"run": "exec", "service": "n", "chain": True}}}, "volumes.v.backup"),
    ({"volumes": {"v": "precious"}}, "volumes.v"), ({"volumes": ["v"]}, "volumes"),
    ({"renames": ["a"]}, "renames"), ({"renames": {"a": "/b"}}, "renames.a"), ({"renames": {"/a": "b"}}, "renames./a"),
    ({"upgrade_before": {"time": "2027-01-15"}}, "upgrade_before.time"), ({"upgrade_before": {"block": 5}}, "upgrade_before.block"),
    ({"contact": {"twitter": "https://x"}}, "contact.twitter"), ({"contact": {"security": "call us"}}, "contact.security"),
    ({"source": {"git": "https://x/y", "commit": "main"}}, "source.commit"), ({"source": {"commit": "a" * 40}}, "source.git"),
    ({"source": {"git": "https://x/y", "commit": "a" * 40, "path": "../x"}}, "source.path"),
    ({"source": {"git": "https://x/y", "commit": "a" * 40, "branch": "main"}}, "source.branch"),
])  # fmt: skip
def test_problems(section: dict[str, Any], field: str) -> None:
    _runtime, problems = parse({"schema": 1, **section})
    assert ("PKG-016", field) in problems


@pytest.mark.parametrize(("section", "place", "remedy"), [
    ("migrations: [{to: 2.0.0, command: m}]", "migrations[0].to", "Write v2.0.0."),
    ("keys: [{name: 7, kind: file, mount: /keys}]", "keys[0].name", "Write it in quotes."),
    ("volumes: {v: data, w: }", "volumes.w", None),
    ("health: {typ: http}", "health.typ", "Remove it, or use one of: type"),
])  # fmt: skip
def test_what_to_do_is_said(section: str, place: str, remedy: str | None) -> None:
    report = Report("", RULES)
    parse_runtime(f"schema: 1\ncommands: {{m: {{run: plugin}}}}\n{section}\n".encode(), report)
    (found,) = [item for item in report.findings if item.place == place]
    assert found.remedy.startswith(remedy or "Correct the field")


@pytest.mark.parametrize("text", ["", "null", "- a", "just text", "a: ["])
def test_a_file_that_is_no_mapping_is_one_problem(text: str) -> None:
    assert len(parse(text)[1]) == 1


def test_places_stay_right_after_an_entry_that_is_none() -> None:
    _runtime, problems = parse({
        "schema": 1,
        "keys": [5, {"name": "bls", "kind": "bn254"}],
        "migrations": ["x", {"to": "v2.0.0", "command": "gone"}],
    })  # fmt: skip
    assert sorted(problems) == [
        ("PKG-016", "keys[0]"),
        ("PKG-016", "keys[1]"),
        ("PKG-016", "migrations[0]"),
        ("PKG-016", "migrations[1].command"),
        ("UPG-004", "migrations[1]"),
    ]


@pytest.mark.parametrize(("section", "places"), [
    # A section that is wrong in itself is no ground to judge what refers to it.
    ({"keys": 5}, ["keys"]), ({"keys": [{"name": "B", "kind": "file", "mount": "/k"}]}, ["keys[0].name"]),
    ({"commands": []}, ["commands"]), ({"commands": {"m": {"run": "plugin", "needs": ["bls"]}, "x": None}}, ["commands.m.needs", "commands.x.run"]),
])  # fmt: skip
def test_one_problem_is_not_told_twice(section: dict[str, Any], places: list[str]) -> None:
    base = {
        "schema": 1,
        "commands": {"m": {"run": "plugin", "needs": ["bls"]}},
        "migrations": [{"to": "v2.0.0", "command": "m", "revert": "m"}],
    }
    assert sorted(place for _rule, place in parse({**base, **section})[1]) == places


def test_one_fault_is_one_problem() -> None:
    assert [rule for rule, _place in parse("schema: 1: 2")[1]] == ["PKG-001"]
    broken = {"schema": 1, "keys": {}, "commands": {"opt-in": {"run": "plugin", "needs": ["bls"]}}, "health": "node_api"}
    assert parse(broken)[1] == [("PKG-016", "keys"), ("PKG-016", "health")]


def test_a_migration_without_a_way_back() -> None:
    _runtime, problems = parse({"schema": 1, "commands": {"m": {"run": "plugin"}}, "migrations": [{"to": "v2.0.0", "command": "m"}]})
    assert problems == [("UPG-004", "migrations[0]")]


@pytest.mark.parametrize(("declared", "api", "expected"), [
    (None, None, {"type": "container", "service": None, "timeout": 300}),
    (None, {"service": "n", "port": 8080}, {"type": "node_api", "service": "n", "port": 8080, "timeout": 300}),
    ({"type": "node_api", "timeout": 5}, {"service": "n", "port": 8080}, {"type": "node_api", "service": "n", "port": 8080, "timeout": 5}),
    ({"type": "node_api", "service": "m", "port": 1}, {"service": "n", "port": 8080}, {"type": "node_api", "service": "m", "port": 1, "timeout": 300}),
    ({"type": "container"}, {"service": "n", "port": 8080}, {"type": "container", "service": None, "timeout": 300}),
])  # fmt: skip
def test_health_is_always_filled(declared: Any, api: Any, expected: dict[str, Any]) -> None:
    runtime, _problems = parse({"schema": 1, "health": declared} if declared else {"schema": 1})
    report = Report("runtime.yml", RULES)
    assert with_health(runtime, api, report) == expected
    assert report.findings == []


def test_a_node_api_gate_needs_to_know_where() -> None:
    runtime, _problems = parse({"schema": 1, "health": {"type": "node_api"}})
    report = Report("runtime.yml", RULES)
    with_health(runtime, None, report)
    assert [item.place for item in report.findings] == ["runtime.yml: health.service", "runtime.yml: health.port"]


def test_a_volume_of_which_only_the_class_is_said_is_as_ever() -> None:
    commands = "commands: {dump: {run: exec, service: node}, forward: {run: run, service: node}}"
    uses = "a: data, b: {class: data}, c: {class: data, live: false}, d: {class: data, live: true, backup: dump}, e: {class: monotonic, watermark: forward}"
    runtime, problems = parse(f"schema: 1\n{commands}\nvolumes: {{{uses}}}\n")
    assert problems == []
    assert runtime.volumes == {
        "a": "data", "b": "data", "c": "data", "d": {"class": "data", "live": True, "backup": "dump"},
        "e": {"class": "monotonic", "watermark": "forward"},
    }  # fmt: skip
