# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest package and entry for each gate, option type, key form, port form and default that the docs name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.integration.host.small import Small
from tests.integration.host.support import RUN

BASE = 30000 + RUN % 200 * 40
WEB = ["python3", "-m", "http.server", "8080", "--directory", "/www"]
SITE = {
    "www/index.html": "x",
    "www/metrics": 'up 1\nheight{chain="a"} 5\nheight{chain="b"} 7\n',
    "www/eigen/node/health": "",
    "www/eigen/node/spec-version": "{}",
}
SERVED: dict[str, Any] = {"entrypoint": WEB, "volumes": ["./www:/www:ro"], "environment": {"PORT": "${PORT:-}"}}
API = {"service": "node", "port": 8080}


def web(health: Mapping[str, Any] | None, **more: Any) -> Small:
    return Small(services={"node": SERVED}, files=SITE, runtime={"health": dict(health)} if health else None, env="PORT=8080\n", **more)


GATES: dict[str, Small] = {
    "without-anything": Small(),
    "an-empty-runtime": Small(runtime={}),
    "container": Small(runtime={"health": {"type": "container"}}),
    "container-of-service": Small(services={"node": {}, "side": {}}, runtime={"health": {"type": "container", "service": "side"}}),
    "container-checked": Small(services={"node": {"healthcheck": {"test": ["CMD", "true"], "interval": "1s"}}}),
    "api-of-the-profile": web(None, profile={"api": API}),
    "node-api": web({"type": "node_api"}, profile={"api": API}),
    "node-api-named": web({"type": "node_api", "service": "node", "port": 8080}),
    "node-api-variable": web({"type": "node_api", "service": "node", "port": "PORT"}),
    "http": web({"type": "http", "service": "node", "port": 8080}),
    "http-path": web({"type": "http", "service": "node", "port": "PORT", "path": "/nothing", "status": [404, 200], "timeout": 20}),
    "tcp": web({"type": "tcp", "service": "node", "port": 8080}),
    "metric": web({"type": "metric", "service": "node", "port": 8080, "name": "up"}),
    "metric-bounds": web({"type": "metric", "service": "node", "port": 8080, "path": "/metrics", "name": "height", "min": 5, "max": 7.5}),
    "gate-timeout": Small(entry={"gate_timeout": 20}),
}
# Type -> default as YAML gives it, value of an operator, ``validate``, and both as the container sees them.
OPTIONS: dict[str, tuple[Any, Any, dict[str, Any] | None, str, str]] = {
    "int": (-1, "7", {"min_value": -1, "max_value": 7}, "-1", "7"),
    "float": (1.5, 2, {"min_value": 1, "max_value": 2.5}, "1.5", "2"),
    "bool": (True, "F", None, "true", "false"),
    "str": ('it\'s $5 "#1"', "🚀 \\n", {"re2_regex": "."}, 'it\'s $5 "#1"', "🚀 \\n"),
    "port": (8080, "65535", None, "8080", "65535"),
    "path_dir": ("data/x", "./other", None, "data/x", "./other"),
    "path_file": ("a.toml", "b.toml", {"format": ".toml"}, "a.toml", "b.toml"),
    "uri": (
        "http://a.example:1/x?y=1#z",
        "ws://[::1]:8546",
        {"uri_scheme": ["http", "ws"]},
        "http://a.example:1/x?y=1#z",
        "ws://[::1]:8546",
    ),
    "select": ("one", "two", {"options": ["one", "two"]}, "one", "two"),
    "id": ("x1", "x2", None, "x1", "x2"),
}
STR = {"name": "hidden", "target": "HIDDEN", "type": "str", "hidden": True, "help": "h"}


def declared() -> list[dict[str, Any]]:
    return [
        {"name": kind.replace("_", "-"), "target": f"O_{kind.upper()}", "type": kind, "default": default, "help": "h",
         **({"validate": rules} if rules else {})}
        for kind, (default, _value, rules, _shown, _seen) in OPTIONS.items()
    ]  # fmt: skip


def optioned(options: Mapping[str, Any]) -> Small:
    environment = {**{f"O_{kind.upper()}": f"${{O_{kind.upper()}}}" for kind in OPTIONS}, "HIDDEN": "${HIDDEN}", "FROM_ENV": "${FROM_ENV}"}
    asked = {"name": "from-env", "target": "FROM_ENV", "type": "str", "help": "h"}
    return Small(
        services={"node": {"environment": environment}},
        profile={"options": [*declared(), STR, asked]},
        env="FROM_ENV=of the file\n",
        entry={"options": options},
    )


SET: dict[str, Small] = {
    "defaults": optioned({"hidden": {"source": "file", "path": "token"}}),
    "given": optioned({**{kind.replace("_", "-"): row[1] for kind, row in OPTIONS.items()}, "hidden": "in-clear"}),
}
KINDS = ("bn254", "ecdsa", "bls12381", "file")


def key(name: str, kind: str = "bn254", **more: Any) -> dict[str, Any]:
    password = {} if kind == "file" else {"password_file": "password"}
    return {"name": name, "kind": kind, "source": "file", "keystore": f"{name}.json", **password, **more}


def keyed(forms: list[dict[str, Any]], service: Mapping[str, Any], given: list[dict[str, Any]]) -> Small:
    return Small(services={"node": service, "other": {}}, runtime={"keys": forms}, entry={"keys": given})


# Tag -> the package with its keys, and which files its node finds.
KEYS: dict[str, tuple[Small, list[str]]] = {
    "keystore-and-password": (
        keyed(
            [{"name": "bls", "kind": "bn254", "keystore": "KEY_FILE", "password": "KEY_PASSWORD"}],
            {"volumes": ["${KEY_FILE}:/keys/bls.json:ro"], "environment": {"KEY_PASSWORD": "${KEY_PASSWORD}"}},
            [key("bls")],
        ),
        ["bls.json"],
    ),
    "keystore-on-a-mount": (
        keyed(
            [{"name": "bls", "kind": "bn254", "keystore": "KEY_FILE", "password_file": "PASSWORD_FILE", "mount": "/keys"}],
            {"volumes": ["${KEY_FILE}:/keys/bls.json", "${PASSWORD_FILE}:/keys/bls.password"]},
            [key("bls")],
        ),
        ["bls.json", "bls.password"],
    ),
    "folder": (
        keyed([{"name": "bls", "kind": "bn254", "folder": "KEYS"}], {"volumes": ["${KEYS}:/keys"]}, [key("bls")]),
        ["bls.json", "bls.password"],
    ),
    "mount": (
        keyed(
            [{"name": kind, "kind": kind, "mount": "/keys", "services": ["node"], "owner": "1000:1000"} for kind in KINDS],
            {"user": "1000:1000"},
            [key(kind, kind) for kind in KINDS],
        ),
        ["bls12381.json", "bls12381.password", "bn254.json", "bn254.password", "ecdsa.json", "ecdsa.password", "file.json"],
    ),
    "optional": (
        keyed(
            [
                {"name": "bls", "kind": "bn254", "mount": "/keys", "services": ["node"]},
                {"name": "tls", "kind": "file", "mount": "/tls", "optional": True},
            ],
            {},
            [key("bls")],
        ),
        ["bls.json", "bls.password"],
    ),
}
PUBLISHED = {
    "ports": [
        f"{BASE}:8000",
        f"{BASE + 1}:8001/udp",
        "${OUT}:8002",
        f"{BASE + 3}:8003",
        f"{BASE + 4}-{BASE + 5}:8004-8005",
        "${RANGE}:8006-8007",
    ]
}
PORT_ENV = f"OUT={BASE + 2}\nRANGE={BASE + 6}-{BASE + 7}\n"


def published(package: Mapping[str, str], operator: Mapping[Any, str]) -> Small:
    return Small(
        services={"node": PUBLISHED}, env=PORT_ENV, runtime={"privileges": {"node": {"ports": package}}}, entry={"ports": operator}
    )


# Tag -> the package and its operator, and container port -> address it is published on.
PORTS: dict[str, tuple[Small, dict[str, str]]] = {
    "undeclared": (published({}, {}), {f"{port}/{'udp' if port == 8001 else 'tcp'}": "127.0.0.1" for port in range(8000, 8008)}),
    "declared": (
        published({"8000": "public", "8001/udp": "public", "OUT": "public", "8003": "loopback", "8004": "127.0.0.1", "RANGE": "public"}, {}),
        {"8000/tcp": "0.0.0.0", "8001/udp": "0.0.0.0", "8002/tcp": "0.0.0.0", "8003/tcp": "127.0.0.1", "8004/tcp": "127.0.0.1",
         "8005/tcp": "127.0.0.1", "8006/tcp": "0.0.0.0", "8007/tcp": "0.0.0.0"},
    ),
    "operators": (
        published({"8000": "public", "8001": "loopback"}, {8000: "loopback", "OUT": "public", "8003": "127.0.0.1", "RANGE": "public"}),
        {"8000/tcp": "127.0.0.1", "8001/udp": "127.0.0.1", "8002/tcp": "0.0.0.0", "8003/tcp": "127.0.0.1", "8004/tcp": "127.0.0.1",
         "8005/tcp": "127.0.0.1", "8006/tcp": "0.0.0.0", "8007/tcp": "0.0.0.0"},
    ),
}  # fmt: skip
GRANTS: dict[str, dict[str, Any]] = {
    "privileged": {"privileged": True},
    "pid_host": {"pid": "host"},
    "ipc_host": {"ipc": "host"},
    "network_host": {"network_mode": "host"},
    "docker_sock": {"volumes": ["/var/run/docker.sock:/s"]},
    "host_root": {"volumes": ["/etc/hostname:/h:ro"]},
    "cap:SYS_NICE": {"cap_add": ["SYS_NICE"]},
}
STATED = {"cap_add": ["CHOWN"], "user": "1000:1000", "read_only": True, "tmpfs": ["/tmp", "/cache:size=1m,uid=1000"], "ports": {}}
FORMS: dict[str, Small] = {
    "privileges": Small(runtime={"privileges": {"node": STATED}}),
    "privileges-of-nothing": Small(runtime={"privileges": {"node": {}}}),
    "directories": Small(
        services={"node": {"volumes": ["./a:/a", "./b.d:/b"], "user": "1000:1000"}},
        runtime={"directories": [{"path": "a"}, {"path": "b.d", "owner": "1000:1000", "mode": "0700"}]},
    ),
    "configs": Small(
        services={"node": {"volumes": ["./c.json:/c.json:ro"]}},
        files={"c.json": '{"a": 1}'},
        env="B=two\n",
        runtime={"configs": [{"path": "c.json", "format": "json", "merge": {"b": "${B} 🚀"}}]},
    ),
    "compose": Small(
        services={"node": {}, "more": {"profiles": ["extra"], "environment": {"X": "${X}"}}},
        files={"more.yml": "services: {node: {labels: {from: more}}}\n", "settings.env": "X=1\n"},
        runtime={"compose": {"files": ["docker-compose.yml", "more.yml"], "env_files": ["settings.env"], "profiles": ["extra"]}},
    ),
    "metrics": web({"type": "container"}, profile={"monitoring": {"targets": [{"service": "node", "port": 8080, "path": "/metrics"}]}}),
    "limits": Small(entry={"limits": {"node": {"memory": "64m", "cpus": 0.5, "pids": 50}}}),
    "renames": Small(
        services={"node": {"environment": {"LEVEL": "${LEVEL}"}}},
        profile={"options": [{"name": "level", "target": "LEVEL", "type": "str", "help": "Which.", "default": "low"}]},
        runtime={"renames": {"old-level": "level"}},
        entry={"options": {"old-level": "high"}},
    ),
    "told-only": Small(
        services={"node": {"volumes": ["chain:/chain"]}},
        compose={"volumes": {"chain": {}}},
        runtime={
            "commands": {"prune": {"run": "exec", "service": "node", "args": ["true"]}, "back": {"run": "plugin"}},
            "migrations": [{"to": "v2.0.0", "command": "prune", "revert": "back"}],
            "volumes": {"chain": "monotonic"},
            "upgrade_before": {"time": "2027-01-15T00:00:00Z"},
            "contact": {"security": "mailto:s@example.org"},
            "metrics": [{"service": "node", "port": 9090}],
        },
    ),
    **{
        f"grant-{number}": Small(
            services={"node": settings},
            runtime={"privileges": {"node": {"cap_add": settings.get("cap_add", [])}}},
            entry={"exceptions": [{"service": "node", "allow": [grant], "reason": "it is tried"}]},
        )
        for number, (grant, settings) in enumerate(GRANTS.items())
    },
}
