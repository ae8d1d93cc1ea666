# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Specs, resolved models and layouts small enough to read in a test."""

from __future__ import annotations

from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.policy.mounts import Layout

SCRATCH = "/tmp/avs-x/demo-avs-op1/tree"
CURRENT = "/var/lib/avs/instances/demo-avs-op1/current"
DATA = "/var/lib/avs/instances/demo-avs-op1/data"
KEYS = "/run/avs/demo-avs-op1/keys"
FILES = frozenset(("pkg/hoodi/docker-compose.yml", "pkg/hoodi/.env", "pkg/hoodi/peers.json", "pkg/hoodi/conf/a.json", "shared/nginx.conf"))
FOLDERS = frozenset((".", "pkg", "pkg/hoodi", "pkg/hoodi/conf", "shared"))


def spec(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "schema": 1,
        "id": "demo-avs-op1",
        "tag": "op1",
        "state": "started",
        "purge": False,
        "package": {
            "name": "demo-avs",
            "version": "v1.0.0",
            "commit": "a" * 40,
            "tree_sha256": "t" * 64,
            "spec_version": "0.1",
            "source": "x",
        },
        "profile": "hoodi",
        "compose": {"dir": "pkg/hoodi", "files": ["docker-compose.yml"], "env_files": [".env"], "profiles": []},
        "env": {},
        "secrets": {},
        "keys": [],
        "privileges": {},
        "ports": {},
        "exceptions": [],
        "limits": {},
        "artifacts": [],
        "directories": [],
        "configs": [],
        "volumes": {},
        "health": {"type": "container"},
        "metrics": [],
        "findings": [],
    }
    return {**base, **changes}


def typed(**changes: Any) -> InstanceSpec:
    """The same as a host has read it."""
    return InstanceSpec.read(spec(**changes))


def model(**services: dict[str, Any]) -> dict[str, Any]:
    return {"name": "avs-demo-avs-op1", "services": {name: {"image": "demo:1.0.0", **service} for name, service in services.items()}}


def layout(**changes: Any) -> Layout:
    values: dict[str, Any] = {
        "scratch": SCRATCH,
        "folder": "pkg/hoodi",
        "tree": f"{CURRENT}/tree",
        "data": DATA,
        "keys": KEYS,
        "configs": f"{CURRENT}/configs",
        "files": FILES,
        "folders": FOLDERS,
    }
    return Layout(**{**values, **changes})


def bind(source: str, target: str = "/x", **more: Any) -> dict[str, Any]:
    """A bind as compose prints it for the short syntax."""
    return {"type": "bind", "source": source, "target": target, "bind": {"create_host_path": True}, **more}


def told(findings: list[Any]) -> list[tuple[str, str, str]]:
    """Rule, severity and place of every finding, sorted."""
    return sorted((item.id, item.severity, item.place.split(": ", 1)[-1]) for item in findings)
