# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules a package is held to before an install: compose files, key material."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.verdict import Verdict, judge
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.locate import PackageRequest

from tests.unit.support.builders import MANIFEST, PROFILE, RUNTIME, package_files, write

IMAGE = "registry.example.org/node:v1.0.0"


def lint(tmp_path: Path, cache: Cache, service: dict[str, Any] | None = None, **parts: Any) -> Verdict:
    """A package whose one service carries the given settings beside those that are sound."""
    parts.setdefault("profile", {**PROFILE, "options": [option for option in PROFILE["options"] if not option.get("hidden")]})
    if "compose" not in parts:
        main = {"image": IMAGE, "environment": {"RPC_URL": "${RPC_URL}", "PORT": "${MAIN_PORT}"}, **(service or {})}
        stated = {name: value for name, value in main.items() if value is not None}
        parts["compose"] = yaml.safe_dump({"services": {"main": stated}, "volumes": {"named": None}})
    return judge(PackageRequest({"path": str(write(tmp_path / "p", package_files(**parts)))}), [], cache)


def ids(verdict: Verdict) -> list[tuple[str, str]]:
    return sorted((item.id, item.severity) for item in verdict.findings)


def test_a_sound_package_has_no_findings(tmp_path: Path, cache: Cache) -> None:
    verdict = lint(tmp_path, cache)
    assert verdict.findings == () and verdict.as_dict()["valid"] is True


@pytest.mark.parametrize(("service", "rule", "severity"), [
    ({"build": "."}, "PKG-015", "error"), ({"build": {"context": "."}, "image": None}, "PKG-015", "error"),
    ({"privileged": True}, "PRIV-002", "error"), ({"pid": "host"}, "PRIV-002", "error"), ({"ipc": "host"}, "PRIV-002", "error"),
    ({"network_mode": "host"}, "PRIV-002", "error"), ({"userns_mode": "host"}, "PRIV-002", "error"),
    ({"security_opt": ["seccomp:unconfined"]}, "PRIV-002", "error"),
    ({"volumes": ["/var/run/docker.sock:/var/run/docker.sock"]}, "PRIV-002", "error"), ({"volumes": ["/:/host:ro"]}, "PRIV-002", "error"),
    ({"volumes": [{"type": "bind", "source": "/run/docker.sock", "target": "/s"}]}, "PRIV-002", "error"),
    ({"volumes": ["${SOCKET:-/var/run/docker.sock}:/s"]}, "PRIV-002", "error"),
    ({"image": "containrrr/watchtower:1.7.1"}, "UPG-001", "error"),
    ({"pull_policy": "always"}, "UPG-001", "warning"), ({"pull_policy": "daily"}, "UPG-001", "warning"),
    ({"image": "nginx:latest"}, "IMG-001", "warning"), ({"image": "nginx"}, "IMG-001", "warning"), ({"image": "localhost:5000/nginx"}, "IMG-001", "warning"),
    ({"image": "${IMAGE:-nginx:main}"}, "IMG-001", "warning"),
    ({"ports": ["8080:8080"]}, "NET-001", "warning"), ({"ports": ["0.0.0.0:8080:8080/udp"]}, "NET-001", "warning"),
    ({"ports": ["8080"]}, "NET-001", "warning"),
    ({"ports": [{"target": 80, "published": "8080"}]}, "NET-001", "warning"), ({"ports": ["[::]:80:80"]}, "NET-001", "warning"),
    ({"environment": {"RPC_URL": "${RPC_URL}", "KEY_PASSWORD": "1", "P": "${MAIN_PORT}"}}, "KEY-003", "warning"),
    ({"environment": ["RPC_URL=${RPC_URL}", "API_KEY=1", "MAIN_PORT"]}, "KEY-003", "warning"),
    ({"command": "${NOWHERE}"}, "PKG-018", "warning"),
])  # fmt: skip
def test_services(tmp_path: Path, cache: Cache, service: dict[str, Any], rule: str, severity: str) -> None:
    verdict = lint(tmp_path, cache, service)
    assert ids(verdict) == [(rule, severity)]
    assert verdict.as_dict()["valid"] == (severity != "error")


@pytest.mark.parametrize("service", [
    {"image": "nginx@sha256:" + "a" * 64}, {"image": "${IMAGE}", "labels": {"x": "${IMAGE:-}"}}, {"cap_add": ["NET_BIND_SERVICE"]}, {"privileged": False},
    {"volumes": ["./data:/data", "named:/n"]}, {"ports": ["127.0.0.1:8080:8080", "[::1]:8081:8081"]},
    {"environment": {"RPC_URL": "${RPC_URL}", "KEY_PASSWORD_FILE": "${PASSWORD:-}", "P": "${MAIN_PORT}"}}, {"pull_policy": "missing"},
])  # fmt: skip
def test_services_that_are_sound(tmp_path: Path, cache: Cache, service: dict[str, Any]) -> None:
    env = "MAIN_PORT=8080\nIMAGE=nginx:1.27.0\n"
    runtime = {**RUNTIME, "directories": [{"path": "data"}]}
    assert lint(tmp_path, cache, service, env=env, runtime=runtime).findings == ()


@pytest.mark.parametrize("capability", ["SYS_ADMIN", "CAP_NET_ADMIN", "ALL", "NET_RAW"])
def test_capabilities_of_services_without_stated_privileges(tmp_path: Path, cache: Cache, capability: str) -> None:
    runtime = {**RUNTIME, "privileges": {}}
    verdict = lint(tmp_path, cache, {"cap_add": [capability]}, runtime=runtime)
    assert ids(verdict) == [("PRIV-001", "warning"), ("PRIV-002", "error")]


def test_declared_ports_and_variables_are_fine(tmp_path: Path, cache: Cache) -> None:
    for allowed, published in (
        ({"8080": "public"}, "8080:8080"),
        ({"8080/udp": "loopback"}, "8080:8080/udp"),
        ({"MAIN_PORT": "public"}, "${MAIN_PORT}:${MAIN_PORT}"),
    ):
        runtime = {**RUNTIME, "privileges": {"main": {"ports": allowed}}}
        assert lint(tmp_path, cache, {"ports": [published]}, runtime=runtime).findings == ()


def test_services_without_stated_privileges(tmp_path: Path, cache: Cache) -> None:
    assert ids(lint(tmp_path, cache, runtime={"schema": 1, "contact": RUNTIME["contact"]})) == [("PRIV-001", "warning")]
    assert ids(lint(tmp_path / "without", cache, runtime=None)) == [("OPS-001", "info"), ("PRIV-001", "warning")]


def test_targets_must_reach_the_compose_files(tmp_path: Path, cache: Cache) -> None:
    compose = yaml.safe_dump({"services": {"main": {"image": IMAGE, "environment": {"RPC_URL": "${RPC_URL}"}}}})
    verdict = lint(tmp_path, cache, compose=compose, profile=PROFILE)
    assert [item.place for item in verdict.findings] == [
        f"pkg/option-returner/profile.yml: option {name}" for name in ("main-port", "password")
    ]
    assert {item.id for item in verdict.findings} == {"PKG-012"}


@pytest.mark.parametrize("env_file", [".env", ["./.env"], [{"path": ".env", "required": True}]])
def test_an_env_file_hands_on_every_target_and_every_secret(tmp_path: Path, cache: Cache, env_file: Any) -> None:
    compose = yaml.safe_dump({"services": {"main": {"image": IMAGE, "env_file": env_file}}})
    verdict = lint(tmp_path, cache, compose=compose, env="MAIN_PORT=1\nPASSWORD=\n", profile=PROFILE)
    assert ids(verdict) == [("KEY-003", "warning")]


def test_a_target_may_be_used_through_the_env_file(tmp_path: Path, cache: Cache) -> None:
    env = "MAIN_PORT=1\nADDRESS=http://${RPC_URL}:${MAIN_PORT}\n"
    compose = yaml.safe_dump({"services": {"main": {"image": IMAGE, "command": "${ADDRESS}"}}})
    assert lint(tmp_path, cache, compose=compose, env=env).findings == ()


def test_a_keys_password_in_a_service_that_does_not_need_it(tmp_path: Path, cache: Cache) -> None:
    services = {name: {"image": IMAGE, "env_file": ".env"} for name in ("main", "proxy")}
    runtime = {**RUNTIME, "privileges": {"main": {}, "proxy": {}}}
    runtime["keys"] = [{"name": "bls", "kind": "bn254", "password": "BLS_PASSWORD", "services": ["main"]}]
    verdict = lint(tmp_path, cache, compose=yaml.safe_dump({"services": services}), runtime=runtime, env="MAIN_PORT=1\nBLS_PASSWORD=\n")
    assert [item.place for item in verdict.findings if item.id == "KEY-004"] == [
        "pkg/option-returner/docker-compose.yml: services.proxy.environment"
    ]


def test_services_that_do_not_exist(tmp_path: Path, cache: Cache) -> None:
    profile = {**PROFILE, "api": {"service": "gone", "port": 1}, "options": PROFILE["options"][:2]}
    verdict = lint(tmp_path, cache, profile=profile)
    # Without the service the gate would never open; that the profile's api names it too is odd and no more.
    assert ids(verdict) == [("PKG-016", "error"), ("PKG-016", "warning")] and all("gone" in item.message for item in verdict.findings)


@pytest.mark.parametrize("environment", [{"KEY": "${PASSWORD}"}, {"URL": "https://u:${PASSWORD:-}@h"}, ["PASSWORD"]])
def test_a_hidden_value_in_the_environment_is_told_whatever_the_variable_is_called(tmp_path: Path, cache: Cache, environment: Any) -> None:
    compose = yaml.safe_dump({"services": {"main": {"image": IMAGE, "command": "${RPC_URL} ${MAIN_PORT}", "environment": environment}}})
    assert ids(lint(tmp_path, cache, compose=compose, profile=PROFILE)) == [("KEY-003", "warning")]


def test_an_option_that_no_compose_file_but_something_else_uses(tmp_path: Path, cache: Cache) -> None:
    """A generated file, a port of runtime.yml, a file that is extended or included, the profiles of compose itself."""
    targets = ("MERGED", "PORT_OF_NODE", "EXTENDED", "INCLUDED", "COMPOSE_PROFILES")
    options = [{"name": name.lower().replace("_", "-"), "target": name, "type": "str", "default": "1", "help": "x"} for name in targets]
    runtime = {
        **RUNTIME,
        "configs": [{"path": "a.json", "format": "json", "merge": {"a": ["${MERGED}"]}}],
        "privileges": {"main": {"ports": {"PORT_OF_NODE": "loopback"}}},
    }
    files = package_files(
        profile={**PROFILE, "options": options},
        runtime=runtime,
        compose=yaml.safe_dump(
            {"include": ["more.yml"], "services": {"main": {"image": IMAGE, "extends": {"file": "base.yml", "service": "b"}}}}
        ),
        checksums=False,
    )
    files["pkg/option-returner/base.yml"] = "services: {b: {environment: {A: '${EXTENDED}'}}}\n"
    files["pkg/option-returner/more.yml"] = "services: {c: {image: 'x:${INCLUDED}'}}\n"
    verdict = judge(PackageRequest({"path": str(write(tmp_path / "p", files))}), [], cache)
    assert [item.place for item in verdict.findings if item.id == "PKG-012"] == []


def test_the_plugins_image(tmp_path: Path, cache: Cache) -> None:
    verdict = lint(tmp_path, cache, manifest={**MANIFEST, "plugin": {"image": "x/y:latest"}})
    assert ids(verdict) == [("IMG-001", "warning")]


def test_several_compose_files_and_extensions(tmp_path: Path, cache: Cache) -> None:
    files = package_files(runtime={**RUNTIME, "compose": {"files": ["docker-compose.yml", "more.yml"]}}, checksums=False)
    files["pkg/option-returner/more.yml"] = "x-base: &base {privileged: true}\nservices: {main: {<<: *base, ports: !reset []}}\n"
    verdict = judge(PackageRequest({"path": str(write(tmp_path / "p", files))}), [], cache)
    assert [item.id for item in verdict.findings if item.severity == "error"] == ["PRIV-002"]


@pytest.mark.parametrize(
    "compose",
    [
        "services: [",
        "services: []",
        "[]",
        "",
        "services: {main: 5}",
        "services: {main: {ports: 5, volumes: x, env_file: 5, environment: 5}}",
    ],
)
def test_odd_compose_files_never_raise(tmp_path: Path, cache: Cache, compose: str) -> None:
    assert lint(tmp_path, cache, compose=compose).package is not None


@pytest.mark.parametrize(
    ("env", "text"),
    [
        ("A0=" + "x" * 60_000 + "\n" + "".join(f"A{n}=${{A0}}${{A0}}\n" for n in range(1, 400)), "${A1}"),
        ("A0=" + "x" * 120_000 + "\n", "${A0}"),
    ],
)
def test_variables_that_multiply_are_said_to(tmp_path: Path, cache: Cache, env: str, text: str) -> None:
    compose = {"services": {"main": {"image": IMAGE, "labels": {f"l{n}": text for n in range(5000)}}}}
    verdict = lint(tmp_path, cache, compose=yaml.safe_dump(compose), env=env)
    assert "become more than 8 MiB" in " ".join(item.message for item in verdict.findings if item.id == "PKG-018")


HEX = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


def test_a_package_with_a_key_is_refused(tmp_path: Path, cache: Cache) -> None:
    verdict = lint(tmp_path, cache, env=f"MAIN_PORT=1\nPRIVATE_KEY={HEX}\n")
    assert ("KEY-001", "error") in ids(verdict)
    assert HEX not in json.dumps(verdict.as_dict())


@pytest.mark.parametrize(
    ("line", "value"), [("A=x#y", "x#y"), ("A= # comment", "# comment"), ("A=#c", "#c"), ("export A=8080# port", "8080# port")]
)
def test_a_comment_in_an_env_file_that_became_a_value(tmp_path: Path, cache: Cache, line: str, value: str) -> None:
    verdict = lint(tmp_path, cache, env=f"RPC_URL=\nPASSWORD=\nMAIN_PORT=\n{line}\n")
    (odd,) = [item for item in verdict.findings if item.id == "PKG-021"]
    assert odd.place.endswith(".env: A") and repr(value) in odd.message


@pytest.mark.parametrize("line", ["A=x #y", "A='x#y'", 'A="# x"', "# A=x#y", "A=http://x/#y", "A="])
def test_what_is_a_comment_or_meant(tmp_path: Path, cache: Cache, line: str) -> None:
    verdict = lint(tmp_path, cache, env=f"RPC_URL=\nPASSWORD=\nMAIN_PORT=\n{line}\n")
    assert "PKG-021" not in {item.id for item in verdict.findings}


def test_a_comment_in_yaml_that_became_a_value(tmp_path: Path, cache: Cache) -> None:
    compose = (
        f"services:\n  main:\n    image: {IMAGE}\n    environment:\n      A: b#c\n      B: 'b#c'\n      C: b #c\n      D: http://x/#c\n"
    )
    verdict = lint(tmp_path, cache, compose=compose)
    odd = [(item.place.rpartition("/")[2], item.severity) for item in verdict.findings if item.id == "PKG-021"]
    assert odd == [("docker-compose.yml: line 5", "warning")]


@pytest.mark.parametrize(("field", "value", "severity"), [
    ("volumes_from", ["main"], "error"), ("pid", "service:main", "error"),
    ("network_mode", "service:main", "warning"), ("ipc", "service:main", "warning"),
])  # fmt: skip
def test_a_service_that_could_read_a_key_that_is_for_another(
    tmp_path: Path, cache: Cache, field: str, value: str | list[str], severity: str
) -> None:
    main = {"image": IMAGE, "environment": {"RPC_URL": "${RPC_URL}", "P": "${MAIN_PORT}"}, "volumes": ["${BLS_KEYS}:/keys:ro"]}
    runtime = {**RUNTIME, "privileges": {"main": {}, "proxy": {}}}
    compose = yaml.safe_dump({"services": {"main": main, "proxy": {"image": IMAGE, field: value}}})
    told = []
    for number, services in enumerate((["main"], ["main", "proxy"])):
        runtime["keys"] = [{"name": "bls", "kind": "bn254", "folder": "BLS_KEYS", "services": services}]
        verdict = lint(tmp_path / str(number), cache, compose=compose, runtime=runtime)
        told.append([(item.place, item.severity) for item in verdict.findings if item.id == "KEY-004"])
    assert told == [[(f"pkg/option-returner/docker-compose.yml: services.proxy.{field}", severity)], []]
