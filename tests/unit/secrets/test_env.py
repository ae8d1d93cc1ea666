# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of the controller's environment."""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.contents import as_bytes
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets import env
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Need
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.env import Env, EnvRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import Sources

from tests.unit.support.sources import surroundings

NAME = "AVS_TEST_TOKEN"
PLACE = "avs_instances[0].options.rpc-token"


@pytest.fixture(autouse=True)
def nothing_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "_taken", {})
    monkeypatch.delenv(NAME, raising=False)


def need(line: bool = True, **changes: Any) -> Need:
    return Need("demo-avs-op1", "option.rpc-token", PLACE, EnvRequest(NAME, **changes), line=line)


def test_a_variable_is_told_by_its_mac_and_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "canary\n")
    sources = Sources(surroundings(tmp_path))
    asked = need()
    references, (warned,) = sources.identify([asked])
    nonce = bytes.fromhex(references[asked]["nonce"])
    assert references[asked]["mac"] == hmac.new(nonce, b"canary", hashlib.sha256).hexdigest()
    assert sources.values([asked]) == ({asked: "canary"}, [])
    assert (warned.id, warned.severity, warned.place) == ("SEC-006", "warning", PLACE) and NAME in warned.message
    assert "canary" not in f"{references}{warned}{sources!r}{asked!r}"


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        (None, {}, "is not in the environment"),
        (b"", {}, "is empty"),
        (b" \n", {}, "is empty"),
        (b"canary\xff", {}, "is not UTF-8 text"),
        (b"canary!", {"opaque": True, "encoding": "base64"}, "is not base64"),
    ],
)
def test_variables_that_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, changes: dict[str, Any], words: str
) -> None:
    if content is not None:
        monkeypatch.setitem(os.environb, NAME.encode(), content)
    references, findings = Sources(surroundings(tmp_path)).identify([need(**changes)])
    (problem,) = [item for item in findings if item.severity == "error"]
    assert references == {} and problem.id == "SEC-003" and problem.place == PLACE
    assert f"the variable {NAME} {words}" in problem.message and "canary" not in problem.as_line()


def test_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "/wAB\nAg==")
    asked = need(line=False, opaque=True, encoding="base64")
    assert as_bytes(Sources(surroundings(tmp_path)).values([asked])[0][asked]) == b"\xff\x00\x01\x02"
    monkeypatch.setitem(os.environb, NAME.encode(), b"\xff\xfe\n")
    asked = need(line=False, opaque=True)
    assert as_bytes(Sources(surroundings(tmp_path)).values([asked])[0][asked]) == b"\xff\xfe\n"


def test_no_program_a_worker_starts_inherits_a_variable_of_any_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (NAME, "AVS_TEST_OTHER_HOSTS", "AVS_TEST_CONTROL"):
        monkeypatch.setenv(name, f"canary of {name}")
    sources = Sources(surroundings(tmp_path, wishes={"env": {"": [NAME, "AVS_TEST_OTHER_HOSTS", "AVS_TEST_NOT_SET"]}}))
    inherited = subprocess.run(["env"], capture_output=True, text=True, check=True).stdout
    assert [name for name in (NAME, "AVS_TEST_OTHER_HOSTS", "AVS_TEST_CONTROL") if f"canary of {name}" in inherited] == ["AVS_TEST_CONTROL"]
    # It is still known to the worker, and to the next task that runs in the same process.
    for made in (sources, Sources(surroundings(tmp_path))):
        assert made.values([need()])[0] == {need(): f"canary of {NAME}"}


def test_what_the_inventory_says_becomes_a_request() -> None:
    assert Env.of_option({"source": "env", "name": NAME}, "x") == EnvRequest(NAME)
    assert Env.of_key({"variable": NAME, "encoding": "base64"}, "x", True, False) == (EnvRequest(NAME, True, "base64"), None)
    assert Env.origin({"variable": NAME}, lambda _name: None) == f"variable {NAME}"
