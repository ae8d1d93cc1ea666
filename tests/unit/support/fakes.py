# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small stand-ins: a store that speaks just enough of Vault's HTTP API, and packages made of a few lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.plugin_utils.packages.manifest import Requirements
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.options import parse_options
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.profile import Profile
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.runtime import RULES, parse_runtime, with_health
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need

Answer = tuple[int, Any]

RUNTIME = b"""
schema: 1
keys:
  - {name: bls, kind: bn254, folder: KEYS_DIR, services: [node]}
  - {name: ecdsa, kind: ecdsa, keystore: ECDSA_FILE, password: ECDSA_PASSWORD, services: [node], owner: "1000:1000"}
  - {name: tls, kind: file, keystore: TLS_FILE, optional: true}
privileges:
  node: {user: "1000:1000", read_only: true}
"""
OPTIONS = [
    {"name": "main-port", "target": "MAIN_PORT", "type": "port", "help": "Port", "default": 8080},
    {"name": "rpc-url", "target": "RPC_URL", "type": "uri", "help": "RPC"},
    {"name": "rpc-token", "target": "RPC_TOKEN", "type": "str", "help": "Token", "hidden": True},
]


class Store:
    """Answers by ``METHOD path``, JSON or the bytes of a page; what was asked is kept. A path without an answer is 404 as KV's is."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.bodies: list[Any] = []
        self.url = ""
        # Tokens the store no longer knows.
        self.dead: set[str] = set()

    def metadata(self, path: str, version: int = 1, created: str = "2026-01-01T00:00:00Z", **fields: Any) -> None:
        entry = {"created_time": created, "deletion_time": "", "destroyed": False, **fields}
        answer = {"data": {"current_version": version, "versions": {str(version): entry}}}
        self.answers[f"GET /v1/secret/metadata/{path}"] = (200, answer)

    def data(self, path: str, values: Mapping[str, Any], version: int = 1, created: str = "2026-01-01T00:00:00Z") -> None:
        metadata = {"version": version, "created_time": created, "deletion_time": "", "destroyed": False}
        self.answers[f"GET /v1/secret/data/{path}"] = (200, {"data": {"data": dict(values), "metadata": metadata}})

    def put(self, path: str, values: Mapping[str, Any], version: int = 1) -> None:
        self.metadata(path, version)
        self.data(path, values, version)

    def login(self, token: str, **auth: Any) -> None:
        answer = {"auth": {"client_token": token, "lease_duration": 1200, "token_type": "service", **auth}}
        self.answers["POST /v1/auth/approle/login"] = (200, answer)
        self.answers["POST /v1/auth/token/revoke-self"] = (204, None)

    def fail(self, request: str, status: int, *errors: str) -> None:
        self.answers[request] = (status, {"errors": list(errors)})


@contextmanager
def serving(store: Store) -> Iterator[Store]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            request = f"{self.command} {self.path.partition('?')[0]}"
            store.asked.append(f"{self.command} {self.path}")
            store.headers.append(dict(self.headers))
            store.bodies.append(json.loads(body) if body else None)
            status, content = store.answers.get(request, (404, {"errors": []}))
            if self.headers.get("X-Vault-Token") in store.dead:
                status, content = 403, {"errors": ["permission denied"]}
            page = isinstance(content, bytes)
            sent = content if page else b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if page else "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def profile(name: str = "hoodi", runtime: bytes = RUNTIME, options: Any = None, tree: Path = Path("/nowhere"), **changes: Any) -> Profile:
    report = Report("profile.yml", RULES)
    api = {"service": "node", "port": 8080}
    parsed = parse_runtime(runtime, report)
    health = with_health(parsed, api, report)
    assert [item for item in report.findings if item.severity == "error"] == []
    fields: dict[str, Any] = {
        "name": name,
        "options": parse_options(OPTIONS if options is None else options, report),
        "api": api,
        "monitoring": {"targets": []},
        "requirements": Requirements(2, 1024, 2048, True),
        "plugin": {"image": "example.org/plugin:v1"},
        "runtime": type(parsed)(**{**parsed.as_dict(), "health": health}),
        "tree": tree,
        "tree_sha256": "ab" * 32,
        "compose_dir": f"pkg/{name}",
        "compose_files": ("docker-compose.yml",),
        "env_files": (".env",),
        "compose_profiles": (),
    }
    return Profile(**{**fields, **changes})


def package(name: str = "demo-avs", profiles: Mapping[str, Profile] | None = None, **changes: Any) -> Package:
    fields: dict[str, Any] = {
        "name": name,
        "version": "v1.0.0",
        "commit": "c" * 40,
        "spec_version": "v0.1",
        "upgrade": "optional",
        "source": "https://git.example.org/avs/demo-avs.git",
        "profiles": profiles or {"hoodi": profile()},
        "requirements": Requirements(),
        "plugin": None,
        "findings": (),
        "versions": ("v1.0.0",),
    }
    return Package(**{**fields, **changes})


class Numbered:
    """Gives every need a version, in the order asked."""

    def __init__(self) -> None:
        self.needs: list[Need] = []

    def identify(self, needs: Any) -> tuple[dict[Need, dict[str, Any]], list[Any]]:
        self.needs += needs
        return {need: {"version": str(number)} for number, need in enumerate(needs)}, []


def entry(**changes: Any) -> dict[str, Any]:
    """A well-formed item of ``avs_instances``; a change to ``None`` removes the field."""
    fields: dict[str, Any] = {
        "package": "demo-avs",
        "version": "v1.0.0",
        "profile": "hoodi",
        "tag": "op1",
        "options": {"rpc-url": "https://rpc.example.org", "rpc-token": {"source": "vault", "path": "avs/op1/rpc", "field": "token"}},
        "keys": [
            {"name": "bls", "kind": "bn254", "source": "vault", "path": "avs/op1/bls"},
            {"name": "ecdsa", "kind": "ecdsa", "source": "vault", "path": "avs/op1/ecdsa", "mount_point": "operators", "version": 3},
        ],
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}
