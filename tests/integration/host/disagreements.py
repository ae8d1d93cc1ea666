# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that compose refuses, though each setting of theirs is one of those it knows; and odd ones that it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.integration.host.small import IDLE, Small, as_yaml


def node(**settings: Any) -> Small:
    return Small(services={"node": settings})


def two(one: Mapping[str, Any], other: Mapping[str, Any]) -> Small:
    return Small(services={"a": one, "b": other})


def raw(text: str, **files: str) -> Small:
    """The compose file as it stands; ``files``: more of them, ``_yml`` for the ending."""
    return Small(files={"docker-compose.yml": text, **{name.replace("_yml", ".yml"): content for name, content in files.items()}})


def env(text: str) -> Small:
    return Small(services={"node": {"environment": {"A": "${A:-}"}}}, env=text)


def subnets(*texts: str) -> Small:
    return Small(
        services={"node": {"networks": [f"n{number}" for number in range(len(texts))]}},
        compose={"networks": {f"n{number}": {"ipam": {"config": [{"subnet": text}]}} for number, text in enumerate(texts)}},
    )


WHOLE = as_yaml({"services": {"node": IDLE}})
JSON: dict[str, Any] = {"configs": [{"path": "app.json", "format": "json", "merge": {"a": 1}}]}
MOUNTED = {"node": {"volumes": ["./app.json:/app.json:ro"]}}

BOTH_REFUSE: dict[str, Small] = {
    "cycle-depends": two({"depends_on": ["b"]}, {"depends_on": ["a"]}),
    "cycle-self": node(depends_on=["node"]),
    "cycle-links": two({"links": ["b"]}, {"links": ["a"]}),
    "cycle-network": two({"network_mode": "service:b"}, {"network_mode": "service:a"}),
    "cycle-pid": two({"pid": "service:b"}, {"pid": "service:a"}),
    "cycle-ipc": two({"ipc": "service:b"}, {"ipc": "service:a"}),
    "cycle-volumes": two({"volumes_from": ["b"]}, {"volumes_from": ["a"]}),
    "cycle-mixed": two({"depends_on": ["b"]}, {"network_mode": "service:a"}),
    "cycle-extends": two({"extends": "b"}, {"extends": {"service": "a"}}),
    "cycle-include": raw("include: [other.yml]\n" + WHOLE, other_yml="include: [docker-compose.yml]\nservices: {}\n"),
    "nobody-depends": node(depends_on=["nobody"]),
    "nobody-optional": node(depends_on={"nobody": {"condition": "service_started", "required": False}}),
    "nobody-links": node(links=["nobody"]),
    "nobody-network": node(network_mode="service:nobody"),
    "nobody-pid": node(pid="service:nobody"),
    "nobody-ipc": node(ipc="service:nobody"),
    "nobody-volumes": node(volumes_from=["nobody"]),
    "nobody-extends": node(extends={"service": "nobody"}),
    "no-network": node(networks=["n"]),
    "no-volume": node(volumes=["vol:/v"]),
    "drive": node(volumes=["v:/v"]),
    "no-config": node(configs=["c"]),
    "no-secret": node(secrets=[{"source": "s", "target": "/s"}]),
    "no-env-file": node(env_file=["gone.env"]),
    "empty-service": raw(WHOLE + "  x:\n"),
    "number-service": raw(WHOLE + f"  7: {{image: {IDLE['image']}}}\n"),
    "version-of-yaml": raw("%YAML 1.2\n---\n" + WHOLE),
    "null-volumes": raw(WHOLE + "    volumes:\n"),
    "infinite": raw(WHOLE + "    cpus: .inf\n"),
    "open-brace": node(environment={"A": "${B"}),
    "no-name": node(environment={"A": "${}"}),
    "negative-memory": node(mem_limit="-1"),
    "oom-text": node(oom_score_adj="-1001"),
    "oom": node(oom_score_adj=2000),
    "port-zero": node(ports=["127.0.0.1:33105:0"]),
    "port-zero-long": node(ports=[{"target": 0, "published": "33105"}]),
    "env-quote": env('A="x\n'),
    "env-no-name": env("=x\n"),
    "env-two-words": env("A B=2\n"),
    "env-nul": env("A=x\0y\n"),
    "not-json": Small(services=MOUNTED, files={"app.json": "{'a': 1}"}, runtime=JSON),
    "subnet": subnets("10.211.999.0/24"),
    "subnets": subnets("10.211.12.0/24", "10.211.12.128/25"),
}
BOTH_TAKE: dict[str, Small] = {
    "documents": raw(WHOLE + "---\nservices: {node: {environment: {A: b}}}\n"),
    "include-empty": raw("include: [other.yml]\nservices: {}\n", other_yml=WHOLE),
    "port-colon": node(ports=[":33105:80"]),
    "binary": raw(WHOLE + "    environment: {A: !!binary aGVsbG8=}\n"),
    "optional-env-file": node(env_file=[{"path": "gone.env", "required": False}]),
    "inactive": Small(services={"node": {}, "off": {"profiles": ["x"], "env_file": ["gone.env"], "depends_on": ["nobody"]}}),
    "merged": raw("x-a: &a {init: true}\n" + WHOLE + "    <<: *a\n"),
    "ports-colons": node(ports=["::33106"]),
    "dollars": node(environment={"A": "$${B", "B": "$", "C": "a$ b"}),
}
