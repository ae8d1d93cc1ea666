# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document a host gets: every field read, written as it came, and nothing odd in it taken for something else."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.common.records import Odd
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec, read_spec, read_specs

from tests.unit.support.models import spec

# Every field there is, in the shapes a controller writes them.
WHOLE: dict[str, Any] = {
    **spec(),
    "package": {
        "name": "demo-avs", "version": None, "commit": None, "spec_version": "0.1", "upgrade": None, "tree_sha256": "t", "source": "/srv/demo",
    },
    "env": {"A": "1"},
    "paths": ["/srv"],
    "secrets": {
        "option.token": {"ref": {"version": "v#1"}, "env": ["T"], "services": None},
        "key.bls.keystore": {"ref": {"nonce": "00ff", "mac": "aa"}, "env": [], "services": ["node"]},
    },
    "keys": [{
        "name": "bls", "kind": "bn254", "source": "vault", "keystore": "key.bls.keystore", "password": None, "keystore_env": None,
        "password_file_env": None, "folder_env": "KEYS", "mount": None, "services": ["node"], "owner": "1:2",
    }],
    "privileges": {"node": {"cap_add": ["KILL"], "user": None, "read_only": True, "tmpfs": ["/tmp"], "ports": {"80": "loopback"}}},
    "ports": {"80": "public"},
    "exceptions": [{"service": "node", "allow": ["network_host"], "reason": "peers"}],
    "limits": {"node": {"memory": "2g", "cpus": 1.5, "pids": 512}, "side": {"cpus": 2}},
    "artifacts": [{"url": "https://example.org/a", "sha256": "0", "path": "a", "size": None}],
    "directories": [{"path": "d", "owner": None, "mode": "0755"}],
    "configs": [{"path": "c.json", "format": "json", "merge": {"a": [None, 1, "x"]}}],
    "volumes": {"data": "monotonic"},
    "health": {"type": "metric", "service": "node", "port": "P", "path": "/m", "name": "up", "min": 1, "max": None, "timeout": 5, "steady": 3},
    "metrics": [{"service": "node", "port": 9090, "path": "/metrics"}],
    "api": {"service": "node", "port": 8080},
    "plugin": {"image": "p:1"},
    "commands": {"status": {"run": "exec", "service": "node", "args": ["x"]}},
    "migrations": [{"to": "v2.0.0", "command": "status", "revert": None}],
    "contact": {"security": "mailto:a@example.org"},
    "requirements": {"min_cpu_cores": 1, "min_ram": 2, "min_free_space": 3, "stop": True},
    "findings": [{"id": "KEY-003", "severity": "warning", "place": "p", "message": "m", "remedy": "r"}],
}  # fmt: skip
HEALTHS = [
    {"type": "container"},
    {"type": "container", "service": None, "timeout": 300},
    {"type": "http", "service": "node", "port": 80, "path": "/", "status": [200, 204], "timeout": 300},
    {"type": "tcp", "service": "node", "port": 80, "timeout": 300},
]


def written(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True)


def test_every_field_is_in_the_whole_document() -> None:
    """A field nobody tries here is one whose bytes nobody knows to be kept."""
    for name, read in InstanceSpec._readers.items():
        assert name in WHOLE and read(WHOLE[name]) is not None, name


@pytest.mark.parametrize("document", [WHOLE, spec(), *(spec(health=health) for health in HEALTHS)])
def test_a_document_is_written_as_it_was_read(document: dict[str, Any]) -> None:
    assert written(read_spec(document).as_dict()) == written(document)
    assert read_spec(json.loads(written(document))) == read_spec(document)


def test_one_that_is_taken_down_has_next_to_nothing() -> None:
    document = {"schema": 1, "id": "a-b", "tag": "b", "state": "absent", "purge": True, "package": {"name": "a"}}
    read = read_spec(document)
    assert read.as_dict() == document
    assert (read.package.version, read.secrets, read.health.type, read.requirements.stop) == (None, {}, "container", False)


def paths(value: Any, *way: Any) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [way, *(path for name in value for path in paths(value[name], *way, name))]
    if isinstance(value, list):
        return [way, *(path for position in range(len(value)) for path in paths(value[position], *way, position))]
    return [way]


# Kept as they are, whatever is in them.
OPAQUE = ("configs.0.merge", "plugin", "commands", "migrations", "findings.0")


@pytest.mark.parametrize("way", [path for path in paths(WHOLE) if path], ids=lambda way: ".".join(map(str, way)))
def test_no_odd_value_goes_unseen(way: tuple[Any, ...]) -> None:
    place = ".".join(map(str, way))
    if any(place.startswith(f"{name}.") for name in OPAQUE) or place == "configs.0.merge":
        assert read_spec(WHOLE).as_dict() == WHOLE
        return
    document = copy.deepcopy(WHOLE)
    within: Any = document
    for step in way[:-1]:
        within = within[step]
    within[way[-1]] = object()
    with pytest.raises(Odd) as caught:
        InstanceSpec.read(document)
    assert caught.value.place == place


@pytest.mark.parametrize("name", ["compose", "env", "secrets", "keys", "health", "profile"])
def test_what_an_instance_that_runs_has_to_have(name: str) -> None:
    document = {field: value for field, value in WHOLE.items() if field != name}
    with pytest.raises(Odd, match=f"lacks {name}"):
        read_spec(document)
    read_spec({**document, "state": "stopped"})


def test_every_problem_of_every_spec_is_told_at_once() -> None:
    specs = [{**WHOLE, "env": []}, {**WHOLE, "id": "b", "keys": [{"name": 1}]}, {**WHOLE, "id": "../x"}, 5, {**WHOLE, "id": "c"}]
    with pytest.raises(HostError) as caught:
        read_specs({"schema": 1, "specs": specs})
    assert {(item.id, item.place, item.message) for item in caught.value.findings} == {
        ("INV-001", "specs.demo-avs-op1.env", "is not a mapping"),
        ("INV-001", "specs.b.keys.0.name", "is not a text"),
        ("INV-001", "specs.../x", "is not a valid id"),
        ("INV-001", "specs.None", "is not a valid id"),
    }


@pytest.mark.parametrize("document", [{"schema": 2, "specs": []}, {"schema": 1, "specs": [{**WHOLE, "schema": 2}]}, {"schema": "1"}])
def test_a_document_of_a_newer_release_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(HostError, match=r"reads 1; nothing was changed") as caught:
        read_specs(document)
    assert [(item.id, item.severity) for item in caught.value.findings] == [("OPS-014", "error")]
    assert "release" in caught.value.findings[0].remedy


def test_a_document_of_an_older_release_is_read() -> None:
    """It may lack its schema, and fields that came later."""
    older = {name: value for name, value in WHOLE.items() if name not in ("schema", "paths", "requirements", "plugin", "contact")}
    (read,) = read_specs({"specs": [older]})
    assert read.as_dict() == older and read.paths == ()
