# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host library called directly, on this machine's own engine, with folders of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import os
import secrets
import shutil
import subprocess
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Engine
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.control import start_what_went_back
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import failures, reconcile
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.process import run_command

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "examples" / "packages" / "demo-avs" / "v1.0.0" / "pkg"
# Two runs of the tests on one machine stay out of each other's way.
RUN = os.getpid()
IMAGE = f"avs-host-test/demo-avs-{RUN}:1.0.0"


def docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    if arguments[0] in ("stop", "kill", "wait", "start", "restart"):
        _listed(arguments[1:])
    return done.stdout


def _listed(words: Sequence[str]) -> None:
    """An engine's list is behind what it has just answered, by as long as a busy disk takes."""
    until = time.monotonic() + 20
    for name in words:
        while time.monotonic() < until:
            asked = (
                ["inspect", "--type", "container", "-f", "{{.State.Status}} {{.Id}}", name],
                ["ps", "-a", "--no-trunc", "--format", "{{.State}} {{.ID}}"],
            )
            state, states = (subprocess.run(["docker", *one], capture_output=True, text=True, check=False).stdout for one in asked)
            if not state.strip() or state.strip() in states.splitlines():
                break
            time.sleep(0.05)


def lab_image(version: str) -> str:
    """The lab's own build of the demo node."""
    found = docker(
        "image",
        "ls",
        "-q",
        "--filter",
        "label=org.opencontainers.image.title=demo-avs",
        "--filter",
        f"label=org.opencontainers.image.version={version}",
    ).split()
    assert found, "the lab's images are missing: make lab-images"
    return found[0]


def package(target: Path, profile: str = "hoodi") -> Path:
    """A copy of the example package that names the local image."""
    shutil.copytree(PACKAGE, target / "pkg")
    compose = target / "pkg" / profile / "docker-compose.yml"
    compose.write_text(compose.read_text().replace("registry.example.org/demo-avs:1.0.0", IMAGE))
    return target


def pack(tree: Path) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path in sorted(tree.rglob("*")):
            if path.is_file():
                archive.add(path, str(path.relative_to(tree)), recursive=False)
    return base64.b64encode(buffer.getvalue()).decode()


def reference(value: str) -> dict[str, str]:
    """A reference to a secret whose store numbers no versions."""
    nonce = secrets.token_hex(16)
    return {"nonce": nonce, "mac": hmac.new(bytes.fromhex(nonce), value.encode(), hashlib.sha256).hexdigest()}


class Bench:
    """A host in small: roots of its own, instances named after it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.memory = Path("/dev/shm") / f"avs-host-test-{name}"
        self.store = Store(str(folder / "lib"), str(self.memory / "run"), str(folder / "locks"))
        self.engine = Engine(run_command)
        self.trees: dict[str, Path] = {}
        self.tags: dict[str, int] = {}
        self.values: dict[str, dict[str, str]] = {}

    def spec(self, tag: str, tree: Path, secret: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        """A spec of the demo node as the controller builds it, with ``secret`` values by name."""
        base = 20000 + RUN % 300 * 30 + 3 * self.tags.setdefault(tag, len(self.tags))
        digest = tree_digest(str(tree))
        self.trees[digest] = tree
        values = {"option.rpc-token": "token-0123456789", **(secret or {})}
        wiring = {
            "option.rpc-token": (["RPC_TOKEN"], []),
            "key.bls.keystore": ([], ["node"]),
            "key.bls.password": ([], ["node"]),
            "key.ecdsa.keystore": ([], ["node"]),
            "key.ecdsa.password": ([], ["node"]),
        }
        instance = f"{self.name}-{tag}"
        self.values[instance] = values
        keys = [
            {"name": name, "kind": kind, "source": "file", "keystore": f"key.{name}.keystore", "password": f"key.{name}.password", "keystore_env": None,
             "password_file_env": None, "folder_env": "KEYS_DIR", "mount": None, "services": ["node"], "owner": None}
            for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")) if f"key.{name}.keystore" in values
        ]  # fmt: skip
        runtime = {"user": "1000:1000", "cap_add": [], "read_only": True, "tmpfs": ["/tmp"]}
        spec = {
            "schema": 1, "id": instance, "tag": tag, "state": "started", "purge": False,
            "package": {"name": self.name, "version": "v1.0.0", "commit": "1" * 40, "spec_version": "0.1.0", "upgrade": "optional",
                        "tree_sha256": digest, "source": "test"},
            "profile": "hoodi",
            "compose": {"dir": "pkg/hoodi", "files": ["docker-compose.yml"], "env_files": [".env"], "profiles": []},
            "env": {"MAIN_PORT": str(base), "METRICS_PORT": str(base + 1), "GATEWAY_PORT": str(base + 2), "WARM_UP": "0"},
            "secrets": {name: {"ref": reference(value), "env": wiring[name][0], "services": wiring[name][1]} for name, value in values.items()},
            "keys": keys,
            "privileges": {
                "node": {**runtime, "ports": {"MAIN_PORT": "loopback", "METRICS_PORT": "loopback"}},
                "gateway": {**runtime, "ports": {"GATEWAY_PORT": "loopback"}},
            },
            "ports": {}, "exceptions": [], "limits": {}, "artifacts": [],
            "directories": [{"path": "data/work", "owner": "1000:1000", "mode": "0700"}], "configs": [], "volumes": {"node-data": "data"},
            "health": {"type": "node_api", "service": "node", "port": 8080, "timeout": 30},
            "metrics": [{"service": "node", "port": 9090, "path": "/metrics"}], "api": {"service": "node", "port": 8080},
            "plugin": None, "commands": {}, "migrations": [], "contact": {},
            "requirements": {"min_cpu_cores": 1, "min_ram": 128, "min_free_space": 64, "stop": True}, "findings": [],
        }  # fmt: skip
        return {**spec, **changes}

    def call(
        self,
        specs: list[dict[str, Any]],
        check: bool = False,
        diff: bool = False,
        timeout: float = 5,
        settings: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Both calls of the action plugin; raises what the library raises."""
        document = {
            "schema": 1, "specs": specs, "trees": {}, "holder": "test", "lock_timeout": timeout, "settings": settings or {}, "complete": False,
        }  # fmt: skip
        document = json.loads(json.dumps(document))
        first = reconcile(Call(document, {}, check, diff), self.engine, self.store)
        if "needs" not in first:
            return first
        known = {spec["id"]: spec for spec in specs}
        document["complete"] = True
        document["trees"] = {
            known[name]["package"]["tree_sha256"]: pack(self.trees[known[name]["package"]["tree_sha256"]])
            for name, need in first["needs"].items()
            if need["tree"]
        }
        given = (
            {}
            if check
            else {name: {secret: self.values[name][secret] for secret in need["secrets"]} for name, need in first["needs"].items()}
        )
        found = reconcile(Call(document, given, check, diff), self.engine, self.store)
        start_what_went_back(self.store, self.engine, found["instances"], Way("test", timeout))
        return {**found, **failures(found["instances"])}

    def containers(self) -> dict[str, str]:
        lines = docker("ps", "-a", "--no-trunc", "--filter", f"name=avs-{self.name}-", "--format", "{{.Names}} {{.ID}}").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def running(self) -> list[str]:
        return sorted(docker("ps", "--filter", f"name=avs-{self.name}-", "--format", "{{.Names}}").split())

    def volumes(self) -> list[str]:
        return sorted(docker("volume", "ls", "-q", "--filter", f"name=avs-{self.name}-").split())

    def networks(self) -> list[str]:
        return sorted(docker("network", "ls", "-q", "--filter", f"name=avs-{self.name}-").split())

    def files(self) -> dict[str, str]:
        """Everything in the private roots: path -> kind, mode, owner, content digest."""
        found = {}
        for root in (self.store.root, self.store.run, self.store.locks):
            for folder, folders, names in os.walk(root):
                for name in [*folders, *names]:
                    path = os.path.join(folder, name)
                    status = os.lstat(path)
                    content = (
                        os.readlink(path)
                        if os.path.islink(path)
                        else hashlib.sha256(Path(path).read_bytes()).hexdigest()
                        if os.path.isfile(path)
                        else ""
                    )
                    found[path] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {content}"
        return found

    def wipe(self) -> None:
        for kind, listed, remove in (
            ("container", list(self.containers().values()), ("rm", "-f")),
            ("network", self.networks(), ("network", "rm")),
            ("volume", self.volumes(), ("volume", "rm", "-f")),
        ):
            assert kind
            if listed:
                docker(*remove, *listed, check=False)
        shutil.rmtree(self.memory, ignore_errors=True)
