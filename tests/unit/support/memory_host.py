# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole host in small: the library's own folders in memory, an engine in memory, and both calls of the action plugin."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec
from ansible_collections.restaking.avs.plugins.module_utils.conflicts import taken
from ansible_collections.restaking.avs.plugins.module_utils.health import gate
from ansible_collections.restaking.avs.plugins.module_utils.instance.identity import spec_digest
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import read_state
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.control import start_what_went_back
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.job import Call
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.own import Way
from ansible_collections.restaking.avs.plugins.module_utils.reconcile.reconcile import failures, reconcile
from ansible_collections.restaking.avs.plugins.module_utils.status.read import Found, read_host
from ansible_collections.restaking.avs.plugins.module_utils.system import scratch
from ansible_collections.restaking.avs.plugins.module_utils.system.trees import tree_digest

from tests.unit.support.engine_in_memory import EngineInMemory
from tests.unit.support.memory_programs import POLITE
from tests.unit.support.memory_world import PROJECT, Container, World
from tests.unit.support.models import spec

ME = f"{os.getuid()}:{os.getgid()}"
ID, OTHER, PROJECT_NAME = "demo-avs-op1", "demo-avs-op2", "avs-demo-avs-op1"
IMAGE = "registry.example.org/demo-avs:1.0.0"
SECRETS = {
    "option.token": "token-0123456789",
    "key.bls.keystore": '{"crypto": {}, "pubKey": "E([1,2])"}',
    "key.bls.password": "pass-'\"\\$HOME",
}
NODE: dict[str, Any] = {
    "image": IMAGE,
    "entrypoint": list(POLITE),
    "restart": "unless-stopped",
    "environment": {"LEVEL": "${LEVEL}", "TOKEN": "${TOKEN:-}", "WAIT": "${WAIT:-}"},
    "depends_on": {"job": {"condition": "service_completed_successfully"}},
    "networks": {"inner": None},
    "ports": [{"mode": "ingress", "target": 8080, "published": "${PORT}", "protocol": "tcp"}],
    "volumes": [
        {"type": "volume", "source": "node-data", "target": "/data"},
        {"type": "volume", "target": "/cache"},
        {"type": "bind", "source": "./conf", "target": "/conf", "read_only": True},
        {"type": "bind", "source": "${KEYS_DIR}", "target": "/keys", "read_only": True},
    ],
}
JOB: dict[str, Any] = {"image": IMAGE, "entrypoint": ["true"], "restart": "no", "networks": {"inner": None, "jobs": None}}
GATEWAY: dict[str, Any] = {
    "image": IMAGE,
    "entrypoint": list(POLITE),
    "environment": {"MODE": "${MODE:-plain}"},
    "networks": {"inner": None, "outer": None},
}
PACKAGE: dict[str, Any] = {
    "services": {"node": NODE, "job": JOB, "gateway": GATEWAY},
    "networks": {"inner": {}, "outer": {}, "jobs": {}},
    "volumes": {"node-data": {}},
}
ENV = "LEVEL=info\nPORT=24680\n"


def image(user: str = "1000:1000", labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps([user, dict(labels or {})]).encode()).hexdigest()
    return {
        "Id": f"sha256:{digest}", "RepoDigests": [f"{IMAGE.rpartition(':')[0]}@sha256:{digest}"], "Os": "linux", "Architecture": "amd64",
        "Config": {"User": user, "Labels": dict(labels or {})},
    }  # fmt: skip


def with_service(package: Mapping[str, Any], name: str, **changes: Any) -> dict[str, Any]:
    """The package with one service changed, a field of ``None`` taken away; a name nobody has makes a new service."""
    service = {**package["services"].get(name, {}), **changes}
    return {**package, "services": {**package["services"], name: {key: value for key, value in service.items() if value is not None}}}


@contextmanager
def in_memory(patch: pytest.MonkeyPatch) -> Iterator[MemoryHost]:
    """A host, whoever runs the tests: what takes root on a host (a package set apart) never starts here."""
    with tempfile.TemporaryDirectory(prefix="avs-unit-", dir="/dev/shm") as folder:
        patch.setattr(os, "geteuid", lambda: 0)
        patch.setattr(scratch, "_PARENT", f"{folder}/host/tmp")
        # Nobody has to wait and see whether a program of these tests ends: it does so as it starts.
        patch.setattr(gate, "STEADY", 0.0)
        # Nobody else listens on this host, whatever the machine has.
        patch.setattr(taken.survey, "__defaults__", (folder,))
        yield MemoryHost(Path(folder))


@cache
def _packed(document: str) -> tuple[str, str]:
    """Digest and archive of a package: a run that is cut a hundred times is told of the same one each time."""
    package, env, files = json.loads(document)
    texts = {"docker-compose.yml": json.dumps(package), ".env": env, "conf/a.json": "{}", **files}
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in sorted(texts.items()):
            path = Path(folder, "pkg/hoodi", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            archive.add(path, f"pkg/hoodi/{name}", recursive=False)
        digest = tree_digest(folder)
    return digest, base64.b64encode(buffer.getvalue()).decode()


class MemoryHost:
    """``root`` is to be in memory: keys lie there. ``engine`` outlives what calls the library, its folders do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.roots = root / "host"
        self.scratch = self.roots / "tmp"
        self.scratch.mkdir(parents=True)
        self.store = Store(str(self.roots / "lib"), str(self.roots / "run"), str(self.roots / "locks"))
        self.engine = EngineInMemory(root)
        self.engine.world.images[IMAGE] = image()
        self.trees: dict[str, str] = {}

    @property
    def world(self) -> World:
        return self.engine.world

    def tree(self, package: Mapping[str, Any], env: str = ENV, files: Mapping[str, str] | None = None) -> str:
        """Digest of a package's tree, known from now on."""
        digest, packed = _packed(json.dumps([package, env, files or {}]))
        self.trees[digest] = packed
        return digest

    def spec(self, package: Mapping[str, Any] | None = None, files: Mapping[str, str] | None = None, **changes: Any) -> dict[str, Any]:
        key = {
            "name": "bls", "kind": "bn254", "source": "file", "keystore": "key.bls.keystore", "password": "key.bls.password",
            "keystore_env": None, "password_file_env": None, "folder_env": "KEYS_DIR", "mount": None, "services": ["node"], "owner": ME,
        }  # fmt: skip
        wiring = {"option.token": (["TOKEN"], []), "key.bls.keystore": ([], ["node"]), "key.bls.password": ([], ["node"])}
        found = spec(
            secrets={name: {"ref": {"version": f"{name}#1"}, "env": env, "services": only} for name, (env, only) in wiring.items()},
            keys=[key],
            health={"type": "container", "service": None, "timeout": 5},
            directories=[{"path": "work", "owner": None, "mode": "0700"}],
            volumes={"node-data": "data"},
            **changes,
        )
        found["package"] = {**found["package"], "tree_sha256": self.tree(PACKAGE if package is None else package, files=files)}
        return found

    def gone(self, purge: bool = False) -> dict[str, Any]:
        return {"schema": 1, "id": ID, "tag": "op1", "state": "absent", "purge": purge, "package": {"name": "demo-avs"}}

    def stopped(self) -> dict[str, Any]:
        return {**self.gone(), "state": "stopped"}

    def call(
        self, *specs: Mapping[str, Any], check: bool = False, diff: bool = False, values: Mapping[str, str] | None = None, **settings: Any
    ) -> dict[str, Any]:
        """Both calls of the action plugin. Raises what the library raises."""
        document = {
            "schema": 1, "specs": list(specs), "trees": {}, "holder": "test", "lock_timeout": 0, "settings": settings, "complete": False,
        }  # fmt: skip
        document = json.loads(json.dumps(document))
        engine = self.engine.connect()
        first = reconcile(Call(document, {}, check, diff), engine, self.store)
        if "needs" not in first:
            return first
        document["complete"] = True
        sent = {spec["id"]: spec["package"].get("tree_sha256") for spec in specs}
        document["trees"] = {sent[name]: self.trees[sent[name]] for name, need in first["needs"].items() if need["tree"]}
        known = SECRETS if values is None else values
        given = {name: {secret: known[secret] for secret in need["secrets"]} for name, need in first["needs"].items()}
        try:
            found = reconcile(Call(document, {} if check else given, check, diff), self.engine.connect(), self.store)
            start_what_went_back(self.store, self.engine.connect(), found["instances"], Way("test", 0))
            return {**found, **failures(found["instances"])}
        finally:
            assert self.engine.unknown == []

    def well(self, *specs: Mapping[str, Any], **settings: Any) -> dict[str, Any]:
        """The same, for a run in which nothing fails; the first instance's entry."""
        result = self.call(*specs, **settings)
        errors = [entry["error"] for entry in result["instances"]]
        assert errors == [None] * len(specs), "\n".join(map(str, errors))
        entry: dict[str, Any] = result["instances"][0]
        return entry

    def status(self, drift: bool = False) -> Found:
        return read_host(self.engine.connect(), None, self.store, drift)

    def container(self, service: str, instance: str = ID) -> Container:
        return self.world.find(f"avs-{instance}-{service}")

    def ids(self) -> dict[str, str]:
        return {item.name: item.id for item in self.world.containers.values()}

    def states(self) -> dict[str, str]:
        return {item.labels["avs.service"]: item.state for item in self.world.containers.values()}

    def docker(self, *words: str) -> None:
        """What a person does on the host."""
        code, _out, err = self.engine._answer(list(words))
        assert code == 0, err

    def state(self, instance: str = ID) -> dict[str, Any]:
        """The record as it lies there."""
        found = self.store.instance(instance).state()
        assert found is not None
        return found.as_dict()

    def record(self, *less: str, **fields: Any) -> None:
        """Change the record: ``less`` are fields it loses."""
        kept = {name: value for name, value in self.state().items() if name not in less}
        self.store.instance(ID).write_state(read_state({**kept, **fields}))

    def by_older_rules(self, spec: Mapping[str, Any], rules: int = 2) -> None:
        """As if a release before had made it."""
        own = self.store.instance(ID).state()
        assert own is not None
        self.record(transform=rules, spec_digest=spec_digest(InstanceSpec.read(spec), own.identities, rules))

    def half_files(self) -> list[str]:
        """What only a run that was cut leaves."""
        found = [os.path.join(folder, name) for folder, folders, names in os.walk(self.roots) for name in (*folders, *names)]
        half = [path for path in found if ".tmp" in os.path.basename(path) or os.path.basename(path) in (".staging", ".partial")]
        return sorted(os.path.relpath(path, self.roots) for path in half)

    def project(self) -> list[Container]:
        return [item for item in self.world.containers.values() if item.labels.get(PROJECT) == PROJECT_NAME]


def acted(entry: Mapping[str, Any]) -> list[str]:
    """What was done, a line an action."""
    return [f"{item['action']} {item['kind']} {item['name'].replace(f'avs-{ID}', 'avs-x')}" for item in entry["actions"]]


def second(host: MemoryHost, **changes: Any) -> dict[str, Any]:
    """Another instance of the package on the same host."""
    spec = {**host.spec(**changes), "id": OTHER, "tag": "op2"}
    return {**spec, "env": {"PORT": "24690", **spec["env"]}}


def rules_of(entry: Mapping[str, Any]) -> list[str]:
    """Rules of what was found, but for the one that every package of these tests breaks."""
    return sorted({item["id"] for item in entry["findings"]} - {"PRIV-001"})
