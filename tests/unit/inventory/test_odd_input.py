# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever YAML can make of an inventory or a package ends in a finding, never in a traceback."""

from __future__ import annotations

import copy
import datetime
import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.fleet import references_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.key_use import uses_of
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.lint import lint_profile
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.verdict import Intent, judge
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import wishes_of
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.locate import PackageRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import parse_taps

from tests.unit.support.builders import MANIFEST, PROFILE, RUNTIME, package_files, write
from tests.unit.support.fakes import Numbered, entry, package, profile

# More rounds than a test takes: AVS_FUZZ=2000 python -m pytest tests/unit/inventory/test_odd_input.py
ROUNDS = int(os.environ.get("AVS_FUZZ", "6"))
ENTRY = entry(
    commit="a" * 40,
    ports={"8080": "public"},
    exceptions=[{"service": "node", "allow": ["privileged"], "reason": "x"}],
    limits={"node": {"memory": "2g", "cpus": 1.5, "pids": 5}},
    gate_timeout=5,
    keys=[
        *entry()["keys"],
        {"name": "a", "kind": "file", "source": "aws", "secret_id": "avs/a", "version_stage": "AWSPREVIOUS", "encoding": "base64"},
        {"name": "e", "kind": "bn254", "source": "env", "variable": "E", "mount": "/e", "password": {"source": "env", "name": "P"}},
        {
            "name": "f",
            "kind": "file",
            "source": "file",
            "keystore": "f.key",
            "mount": "/f",
            "password": {"source": "aws", "secret_id": "f"},
        },
        {
            "name": "p",
            "kind": "ecdsa",
            "source": "prompt",
            "confirm": True,
            "value_env": "P",
            "password": {"source": "prompt", "name": "n"},
        },
    ],
)
RUNTIME_FULL: dict[str, Any] = {
    **RUNTIME,
    "compose": {"files": ["docker-compose.yml"], "env_files": [".env"], "profiles": []},
    "keys": [{"name": "bls", "kind": "bn254", "folder": "KEYS", "mount": "/keys", "services": ["main"], "owner": "1:1"}],
    "privileges": {"main": {"cap_add": ["CHOWN"], "user": "1:1", "tmpfs": ["/tmp"], "ports": {"8080": "loopback"}}},
    "artifacts": [{"url": "https://x/y", "sha256": "a" * 64, "path": "big", "size": 1}],
    "directories": [{"path": "data", "owner": "1:1", "mode": "0700"}],
    "configs": [{"path": "c.json", "format": "json", "merge": {"a": "${B}"}}],
    "health": {"type": "metric", "service": "main", "port": 1, "name": "up", "min": 1, "timeout": 5},
    "metrics": [{"service": "main", "port": 1, "path": "/m"}],
    "commands": {"go": {"run": "exec", "service": "main", "args": ["a"], "needs": ["bls"]}},
    "migrations": [{"to": "v2.0.0", "command": "go", "revert": "go"}],
    "volumes": {"v": "data"},
    "renames": {"old": "main-port"},
    "upgrade_before": {"time": "2027-01-15T00:00:00Z"},
}
COMPOSE: dict[str, Any] = {
    "services": {
        "main": {
            "image": "x:1",
            "profiles": ["a"],
            "env_file": [{"path": ".env"}],
            "environment": {"A": "${MAIN_PORT}"},
            "ports": [{"target": 1, "published": "2", "host_ip": "127.0.0.1"}, "1:2"],
            "volumes": ["./data:/d", {"type": "bind", "source": "/etc", "target": "/e", "read_only": True}],
            "cap_add": ["CHOWN"],
            "security_opt": ["label=disable"],
            "volumes_from": ["main"],
            "post_start": [{"command": "x", "privileged": True}],
            "networks": {"n": None},
            "configs": [{"source": "c"}],
            "secrets": ["s"],
            "deploy": {"replicas": 1, "resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}},
            "pull_policy": "always",
            "user": "1:1",
            "build": {"context": "."},
        }
    },
    "networks": {"n": {"driver": "bridge", "external": True, "name": "x"}},
    "volumes": {"v": {"driver": "local", "driver_opts": {"type": "none"}, "external": {"name": "x"}}},
    "configs": {"c": {"file": "./x"}},
    "secrets": {"s": {"environment": "X"}},
}


class Strange:
    """An object of no kind YAML has."""


def looped() -> list[Any]:
    loop: list[Any] = [1]
    loop.append({"again": loop, "and": loop})
    return loop


def odd_values() -> list[Any]:
    """Fresh ones: some are shared and changed by whoever copies them."""
    moment = datetime.datetime(2026, 1, 1, 10, tzinfo=datetime.timezone.utc)  # noqa: UP017
    return [
        None, True, False, 0, -1, 80800, 1 << 64, 1 << 20_000, 1.5, float("nan"), float("inf"), -0.0,
        "", " ", "..", "/", "~", "${", "${A", "a\nb", "\x7f", "\u2028", "\ud800", "x" * 70_000, "1e999", "nan", "0x10", "{{ x }}",
        b"bytes", datetime.date(2026, 1, 1), moment, {"a", "b"}, (1, 2), [], {}, [[]], [None], [[["x"]]], [{}], {"": ""},
        {None: None}, {1: 2}, {True: False}, {("a", "b"): "c"}, {datetime.date(2026, 1, 1): 1}, {b"k": b"v"}, {1.5: "x"},
        {"source": "vault"}, {"source": ["vault"]}, {"source": {"a": 1}}, {"git": None}, {"path": 5}, looped(),
    ]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(item, (*path, key))


def put(document: Any, path: tuple[Any, ...], value: Any, as_key: bool = False) -> Any:
    """A copy of the document with the value in one place, or as one more key beside it."""
    if not path:
        return value
    made = copy.deepcopy(document)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if as_key and isinstance(inner, dict) and value.__hash__ is not None:
        inner[value] = inner[path[-1]]
    else:
        inner[path[-1]] = value
    return made


def shown(value: Any) -> str:
    try:
        return repr(value)[:80]
    except ValueError:
        return "a number too large to show"


def built(item: Any) -> None:
    entries, findings = parse_instances(plain(item))
    assert all(found.place.startswith("avs_instances") for found in findings)
    wishes_of(references_of(entries), {}.get)
    uses_of("host", entries)
    try:
        made = build_specs(entries, lambda _entry: package(), Numbered(), findings)
    except AvsError as error:
        json.dumps(error.as_result())
        return
    json.dumps(made.specs, allow_nan=False)


def test_every_odd_value_in_every_place_of_an_entry() -> None:
    for path in places(ENTRY):
        try:
            # All of a place in one list: an entry does not know its neighbours.
            built([ENTRY, *(put(ENTRY, path, value, as_key) for value in odd_values() for as_key in (False, True))])
        except Exception:
            for value in odd_values():
                try:
                    built([ENTRY, put(ENTRY, path, value)])
                    built([put(ENTRY, path, value, as_key=True)])
                except Exception as error:
                    pytest.fail(f"{path} = {shown(value)}: {error!r}")
            raise
    for value in odd_values():
        built(value)
        built([value])


def test_odd_taps() -> None:
    tap = {"name": "core", "url": "https://x/y", "ref": "main", "allowed_signers": "a"}
    for value in odd_values():
        for given in (value, [value], *([put(tap, path, value)] for path in places(tap))):
            try:
                parse_taps(plain(given), Path("/x"))
            except AvsError:
                continue
            except Exception as error:
                pytest.fail(f"{shown(given)}: {error!r}")


def test_odd_compose_files(tmp_path: Path) -> None:
    folder = tmp_path / "pkg/hoodi"
    folder.mkdir(parents=True)
    judged = profile(tree=tmp_path, compose_profiles=("a",))
    values = [value for value in odd_values() if not isinstance(value, int) or abs(value) < 1 << 100]
    for number, path in enumerate(places(COMPOSE)):
        # Each place meets a few of them; all of them at all places take minutes.
        for value in values[number % 13 :: 13]:
            text = yaml.dump(put(COMPOSE, path, value), allow_unicode=True)
            (folder / "docker-compose.yml").write_bytes(text.encode("utf-8", "replace"))
            try:
                lint_profile(judged)
            except Exception as error:
                pytest.fail(f"{path} = {shown(value)}: {error!r}")


def odd_yaml(chance: random.Random, document: Any) -> str:
    """The document as YAML with an odd value in it, tags of other languages and anchors into themselves included."""
    made = document
    for _change in range(chance.choice((1, 1, 2))):
        path = chance.choice(list(places(document)))
        value = chance.choice([*odd_values()[:8], *odd_values()[8:]])
        value = "9" * 5000 if isinstance(value, int) and value.bit_length() > 1000 else value
        try:
            made = put(made, path, value, chance.random() < 0.2)
        except (TypeError, KeyError, IndexError):
            continue
    return yaml.dump(made, allow_unicode=True)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_packages_with_odd_values_in_their_files(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    documents: dict[str, Any] = {
        "manifest": MANIFEST, "profile": PROFILE, "runtime": RUNTIME_FULL, "compose": COMPOSE,
    }  # fmt: skip
    cache = Cache(tmp_path / "cache", None)
    for part in documents:
        texts = {name: yaml.safe_dump(document) for name, document in documents.items()}
        texts[part] = odd_yaml(chance, documents[part])
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            files = {name: text.encode("utf-8", "replace").decode() for name, text in package_files(**texts, checksums=False).items()}
            root = write(Path(folder), files)
            options = {"main-port": chance.choice(list(map(plain, odd_values())))}
            try:
                json.dumps(judge(PackageRequest({"path": str(root)}), [], cache, Intent("option-returner", options)).as_dict())
            except AvsError:
                pass
            except Exception as error:
                pytest.fail(f"{part}: {error!r}\n{texts[part][:2000]}")
