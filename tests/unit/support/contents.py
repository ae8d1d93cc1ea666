# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One sound content of each kind of document, with every field of the format in it."""

from __future__ import annotations

from typing import Any

COMMIT = "a" * 40
SHA256 = "b" * 64

REQUIREMENTS = {"min_cpu_cores": 2, "min_ram": 2048, "min_free_space": 5120, "stop_if_requirements_are_not_met": True}
PLUGIN = {
    "image": "registry.example.org/plugin:v1",
    "git": "https://git.example.org/plugin.git",
    "build_from": "https://git.example.org/plugin.git#v1",
}
MANIFEST = {
    "version": "0.1.0",
    "name": "mock-avs",
    "upgrade": "recommended",
    "hardware_requirements": REQUIREMENTS,
    "plugin": PLUGIN,
    "profiles": ["option-returner", {"name": "old-form"}],
    "node_version": "v5.5.2",
}
OPTION = {"name": "o", "target": "O", "help": "What it is for", "hidden": False}
# A default and all rules of each type.
TYPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "int": (5, {"min_value": 1, "max_value": 9}),
    "float": (1.5, {"min_value": 0.5, "max_value": 9.5}),
    "bool": (True, {}),
    "str": ("abc", {"re2_regex": "^[a-c]+$"}),
    "port": (8080, {}),
    "path_dir": ("/var/lib/x", {}),
    "path_file": ("/etc/x.json", {"format": "json"}),
    "uri": ("https://example.org", {"uri_scheme": ["https"]}),
    "select": ("a", {"options": ["a", "b"]}),
    "id": ("abc", {"re2_regex": "^[a-c]+$"}),
}
PROFILE = {
    "name": "p",
    "options": [{**OPTION, "type": "port", "default": 8080, "validate": {}}],
    "monitoring": {"targets": [{"service": "main", "port": 8090, "path": "/metrics"}]},
    "api": {"service": "main", "port": 8080},
    "hardware_requirements_overrides": REQUIREMENTS,
    "plugin_overrides": PLUGIN,
}
HEALTH: dict[str, dict[str, Any]] = {
    "node_api": {"service": "node", "port": 8080},
    "http": {"service": "node", "port": 8080, "path": "/ready", "status": [200, 206]},
    "tcp": {"service": "node", "port": 8080},
    "metric": {"service": "node", "port": 9092, "path": "/metrics", "name": "up", "min": 1, "max": 2.5},
    "container": {"service": "node"},
}


def _container() -> dict[str, Any]:
    return {"network": "default", "mounts": ["node-data:/data:ro", "data/db"], "timeout": 60, "user": "1000:1000", "read_only": False}


RUNTIME = {
    "schema": 1,
    "source": {"git": "https://git.example.org/x.git", "commit": COMMIT, "path": "mainnet", "tree_sha256": SHA256},
    "compose": {"files": ["docker-compose.yml"], "env_files": [".env"], "profiles": ["full"]},
    "keys": [
        {
            "name": "bls",
            "kind": "bn254",
            "keystore": "KEY_FILE",
            "password": "KEY_PASSWORD",
            "password_file": "KEY_PASSWORD_FILE",
            "folder": "KEYS_DIR",
            "mount": "/keys",
            "services": ["node"],
            "owner": "1000:1000",
            "optional": True,
        }
    ],
    "privileges": {
        "node": {
            "cap_add": ["NET_BIND_SERVICE"],
            "user": "1000:1000",
            "read_only": True,
            "tmpfs": ["/tmp"],
            "ports": {"9092": "loopback", "NODE_PORT": "192.0.2.1"},
        }
    },
    "artifacts": [{"url": "https://example.org/g1.point", "sha256": SHA256, "path": "resources/g1.point", "size": 8}],
    "directories": [{"path": "data/db", "owner": "1000:1000", "mode": "0700"}],
    "configs": [{"path": "config.json", "format": "json", "merge": {"rpc_url": "${RPC}"}}],
    "health": {"type": "http", **HEALTH["http"], "timeout": 60, "steady": 15, "ends": ["init"]},
    "metrics": [{"service": "node", "port": 9092, "path": "/metrics"}],
    "commands": {
        "migrate": {"run": "run", "service": "node", "args": ["up", "5"], "chain": True, "needs": ["bls"], **_container()},
        "keep": {"run": "run", "service": "node", "args": ["keep"], "chain": False, "needs": [], **_container()},
    },
    "migrations": [{"to": "v2.0.0", "command": "migrate", "revert": "migrate"}],
    "volumes": {
        "node-data": "data",
        "signer-db": "monotonic",
        "records": {"class": "monotonic", "live": True, "backup": "keep", "watermark": "keep"},
    },
    "renames": {"an-old-name": "port"},
    "upgrade_before": {"time": "2027-01-15T00:00:00Z"},
    "contact": {"security": "mailto:s@example.org", "announcements": "https://example.org/a", "support": "https://example.org/s"},
}
TAP = {"schema": 1, "name": "core", "contact": "mailto:tap@example.org", "expires": "2999-12-31"}
INDEX = {
    "name": "mock-avs",
    "url": "https://git.example.org/mock-avs.git",
    "description": "A mock",
    "networks": ["mainnet"],
    "contact": "mailto:s@example.org",
    "signers": ["release@example.org"],
    "versions": [{"version": "v5.5.2", "commit": COMMIT, "tree_sha256": SHA256, "upgrade": "required"}],
}
TAPS = [{"name": "core", "url": "https://git.example.org/tap.git", "ref": "v1", "allowed_signers": "files/signers"}]
_ENTRY = {"version": "v1.0.0", "profile": "hoodi"}
INSTANCES = [
    {
        **_ENTRY,
        "package": "core/demo-avs",
        "commit": COMMIT,
        "tag": "op1",
        "state": "started",
        "purge": False,
        "options": {
            "node-name": "a",
            "main-port": 8080,
            "verbose": True,
            "rpc-token": {"source": "vault", "path": "avs/op1/rpc", "field": "token", "mount_point": "operators", "version": 3},
            "license": {"source": "file", "path": "files/license"},
            "api-key": {"source": "env", "name": "API_KEY"},
            "pin": {"source": "prompt", "name": "pin", "prompt": "The PIN", "confirm": True},
            "feed": {
                "source": "aws",
                "secret_id": "avs/op1/feed",
                "version_id": "7" * 32,
                "version_stage": "AWSPREVIOUS",
                "field": "token",
            },
        },
        "keys": [
            {
                "name": "bls",
                "kind": "bn254",
                "source": "vault",
                "path": "avs/op1/bls",
                "mount_point": "operators",
                "version": 3,
                "field": "keystore",
                "password_field": "password",
            },
            {"name": "ecdsa", "kind": "ecdsa", "source": "file", "keystore": "files/ecdsa.json", "password_file": "files/ecdsa.password"},
            {
                "name": "p2p",
                "kind": "file",
                "source": "vault",
                "path": "avs/op1/p2p",
                "encoding": "base64",
                "keystore_env": "P2P_FILE",
                "folder_env": "P2P_DIR",
                "mount": "/p2p",
                "password_env": "P2P_PASSWORD",
                "password_file_env": "P2P_PASSWORD_FILE",
                "services": ["node"],
                "owner": "1000:1000",
                "password": {"source": "env", "name": "P2P_SECRET"},
            },
            {"name": "raw", "kind": "ecdsa", "source": "file", "keystore": "files/raw", "value_env": "RAW_KEY"},
            {
                "name": "cloud",
                "kind": "file",
                "source": "aws",
                "secret_id": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:avs/op1/cloud-AbCdEf",
                "version_id": "7" * 32,
                "version_stage": "AWSCURRENT",
                "field": "key",
                "password_field": "password",
                "encoding": "base64",
            },
            {"name": "shell", "kind": "file", "source": "env", "variable": "SHELL_KEY", "encoding": "base64"},
            {"name": "typed", "kind": "ecdsa", "source": "prompt", "prompt": "The key", "confirm": True},
        ],
        "ports": {"9092": "loopback", "API_PORT": "192.0.2.1"},
        "exceptions": [{"service": "node", "allow": ["network_host"], "reason": "the vendor asked"}],
        "limits": {"node": {"memory": "2g", "cpus": 1.5, "pids": 512}},
        "gate_timeout": 60,
        "require_checksum": True,
    },
    {**_ENTRY, "tag": "op2", "package": {"git": "https://git.example.org/x.git"}},
    {**_ENTRY, "tag": "op3", "package": {"path": "../pkg"}},
    {**_ENTRY, "tag": "op4", "package": {"archive": "x.tar.gz"}},
]
