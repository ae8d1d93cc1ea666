# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest input for every gate, option type, key form, port form and default that the docs name, from the entry to the container."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory import entries, key_entries
from ansible_collections.restaking.avs.plugins.plugin_utils.packages import runtime
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_types import TYPES

from tests.integration.host.documented import FORMS, GATES, GRANTS, KEYS, OPTIONS, PORTS, SET
from tests.integration.host.small import Small, Way
from tests.integration.host.support import Bench, docker
from tests.lab.keystores import make_keystore


@pytest.fixture(scope="module")
def way(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Way:
    folder = tmp_path_factory.mktemp("documented")
    texts = {
        "token": "of a file\n",
        "password": "pass-word\n",
        "file.json": "anything",
        "bls.json": make_keystore("bn254", "pass-word", None, 4096)[0],
    }
    texts |= {f"{kind}.json": make_keystore(kind, "pass-word", None, 4096)[0] for kind in ("bn254", "ecdsa")}
    texts["bls12381.json"] = json.dumps(EIP_2335)
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o600)
    return Way(bench, folder)


EIP_2335 = {
    "crypto": {
        "kdf": {"function": "pbkdf2", "params": {"dklen": 32, "c": 262144, "prf": "hmac-sha256", "salt": "00" * 32}, "message": ""},
        "checksum": {"function": "sha256", "params": {}, "message": "00" * 32},
        "cipher": {"function": "aes-128-ctr", "params": {"iv": "00" * 16}, "message": "00" * 32},
    },
    "description": "", "pubkey": "97" + "00" * 47, "path": "m/12381/60/0/0", "uuid": str(uuid.UUID(int=5)), "version": 4,
}  # fmt: skip


def remove(way: Way, tags: Iterable[str] | Mapping[str, Any]) -> None:
    base = {"schema": 1, "state": "absent", "purge": True, "package": {"name": way.bench.name}}
    way.bench.call([{**base, "id": f"{way.bench.name}-{tag}", "tag": tag} for tag in tags])


def installed(way: Way, cases: Mapping[str, Small]) -> dict[str, dict[str, Any]]:
    """All in one call, and once more, which changes nothing."""
    found = way.install(cases)
    assert {tag: entry["error"] for tag, entry in found.items() if entry["error"]} == {}
    assert {tag: entry["health"]["status"] for tag, entry in found.items()} == dict.fromkeys(cases, "healthy")
    again = way.install(cases)
    assert {tag: entry["actions"] for tag, entry in again.items() if entry["actions"]} == {}
    return found


def inspected(way: Way, tag: str, service: str = "node") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("inspect", f"avs-{way.bench.name}-{tag}-{service}"))[0]
    return found


def test_every_gate(way: Way) -> None:
    found = installed(way, GATES)
    assert found["api-of-the-profile"]["health"]["detail"] == "node:8080 is healthy"
    assert found["http-path"]["health"]["detail"] == "node:8080/nothing answers 404"
    assert found["metric-bounds"]["health"]["detail"] == "height is 5"
    remove(way, GATES)


def test_every_option_type(way: Way) -> None:
    installed(way, SET)
    seen = {tag: dict(item.split("=", 1) for item in inspected(way, tag)["Config"]["Env"]) for tag in SET}
    for kind, (_default, _value, _rules, shown, given) in OPTIONS.items():
        assert (seen["defaults"][f"O_{kind.upper()}"], seen["given"][f"O_{kind.upper()}"]) == (shown, given), kind
    assert (seen["defaults"]["HIDDEN"], seen["given"]["HIDDEN"]) == ("of a file", "in-clear")
    assert seen["defaults"]["FROM_ENV"] == "of the file"
    remove(way, SET)


def test_every_form_of_a_key(way: Way) -> None:
    installed(way, {tag: case for tag, (case, _files) in KEYS.items()})
    for tag, (_case, files) in KEYS.items():
        assert docker("exec", f"avs-{way.bench.name}-{tag}-node", "ls", "/keys").split() == files, tag
    environment = inspected(way, "keystore-and-password")["Config"]["Env"]
    assert "KEY_PASSWORD=pass-word" in environment
    assert inspected(way, "mount", "other")["Mounts"] == []
    remove(way, KEYS)


@pytest.mark.parametrize("tag", PORTS)
def test_every_form_of_a_port(way: Way, tag: str) -> None:
    case, expected = PORTS[tag]
    installed(way, {tag: case})
    bindings = inspected(way, tag)["HostConfig"]["PortBindings"]
    assert {port: bound[0]["HostIp"] or "0.0.0.0" for port, bound in bindings.items()} == expected
    remove(way, [tag])


def test_every_other_form(way: Way) -> None:
    installed(way, FORMS)
    host = inspected(way, "privileges")["HostConfig"]
    assert (host["CapAdd"], host["ReadonlyRootfs"], set(host["Tmpfs"])) == (["CHOWN"], True, {"/tmp", "/cache"})
    assert json.loads(docker("exec", f"avs-{way.bench.name}-configs-node", "cat", "/c.json")) == {"a": 1, "b": "two 🚀"}
    assert inspected(way, "compose")["Config"]["Labels"]["from"] == "more"
    assert inspected(way, "compose", "more")["Config"]["Env"][0] == "X=1"
    assert "LEVEL=high" in inspected(way, "renames")["Config"]["Env"]
    limits = inspected(way, "limits")["HostConfig"]
    assert (limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) == (64 << 20, 500_000_000, 50)
    data = Path(way.bench.store.instance(f"{way.bench.name}-directories").data)
    assert ((data / "b.d").stat().st_mode & 0o777, (data / "b.d").stat().st_uid) == (0o700, 1000)
    remove(way, FORMS)


def test_the_tables_leave_nothing_out() -> None:
    """What the code knows and no case shows would never be run."""
    gates = {health["type"] for case in GATES.values() if case.runtime for health in [case.runtime.get("health")] if health}
    assert gates == set(runtime._HEALTH)
    for kind, fields in runtime._HEALTH.items():
        used = {name for case in GATES.values() if case.runtime and (case.runtime.get("health") or {}).get("type") == kind
                for name in case.runtime["health"]}  # fmt: skip
        assert set(fields) <= used, kind
    assert set(OPTIONS) == set(TYPES)
    rules = {kind: set(row[2] or ()) for kind, row in OPTIONS.items() if kind != "id"}
    assert rules == {kind: set(known.rules) for kind, known in TYPES.items() if kind != "id"}
    forms = {name for case, _files in KEYS.values() if case.runtime for form in case.runtime["keys"] for name in form}
    assert forms == {"name", "kind", *runtime._WAYS, "services", "owner", "optional"}
    assert {form["kind"] for case, _files in KEYS.values() if case.runtime for form in case.runtime["keys"]} == set(key_entries.KINDS)
    assert all(entries._GRANT.match(grant) for grant in GRANTS)
    sections = {
        name for case in (*FORMS.values(), *GATES.values(), *(case for case, _files in KEYS.values())) for name in case.runtime or ()
    }
    # Artifacts need a server: test_features.py has one; source is an adapter's, which test_agreement.py builds.
    assert sections == set(runtime._FIELDS) - {"schema", "source", "artifacts"}
    stated = {name for case in (FORMS["privileges"],) for name in (case.runtime or {})["privileges"]["node"]}
    assert stated == {"cap_add", "user", "read_only", "tmpfs", "ports"}
