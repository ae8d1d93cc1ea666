# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module and the lookups, as a playbook calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.support.builders import COMPOSE, GitRepo, package_files, write

ROOT = Path(__file__).resolve().parents[3]
SECRET = "hunter2-hunter2"
OPTIONS = {"rpc": "http://localhost:8545", "password": {"source": "vault", "path": "avs/op1", "field": "password"}}
TASKS: dict[str, Any] = {
    "path": {"path": "pkgdir", "profile": "option-returner", "options": OPTIONS},
    "git": {"git": "{{ repo }}", "version": "v5.5.2"},
    "tap": {"package": "core/mock-avs", "taps": "{{ avs_taps }}"},
    "bad": {"path": "pkgdir", "profile": "option-returner", "options": {"main-port": 80800, "password": SECRET}},
    "never": {"path": "pkgdir", "options": {"main-port": 80800}, "fail_on": "never"},
    "profile": {"path": "pkgdir", "profile": "nowhere"},
    "warning": {"path": "odd", "fail_on": "warning"},
    "odd": {"path": "odd"},
    "checksum": {"path": "odd", "require_checksum": True},
    "missing": {"path": "nowhere", "fail_on": "never"},
    "taps": {"package": "x", "taps": [{"name": "Not A Name", "url": "/x"}]},
    "waived": {"path": "wants", "fail_on": "error", "exceptions": [{"service": "main", "allow": ["pid_host"], "reason": "traces"}]},
    "refused": {"path": "wants"},
    "mapping": {"package": {"git": "{{ repo }}"}, "version": "v5.5.2"},
    "mapping_path": {"package": {"path": "pkgdir"}},
    "mapping_odd": {"package": {"git": "x", "path": "y"}},
    "exceptions_odd": {"path": "wants", "exceptions": [{"service": "main", "allow": ["everything"]}]},
    "two": {"path": "x", "git": "y"},
    "nothing": {"version": "v1.0.0"},
}
KEPT = [("KEY-003", "pkg/option-returner/docker-compose.yml: services.main.environment")]
LOOKUPS = {
    "lookup_package": "{{ lookup('restaking.avs.package', 'mock-avs', version='v5.5.2') }}",
    "lookup_path": "{{ lookup('restaking.avs.package', {'path': 'pkgdir'}) }}",
    "lookup_tap": "{{ lookup('restaking.avs.tap', 'core') }}",
    "lookup_taps": "{{ query('restaking.avs.tap') }}",
    "lookup_direct": "{{ lookup('restaking.avs.tap', taps=[{'name': 'other', 'url': here ~ '/tap'}]) }}",
    "lookup_unknown": "{{ lookup('restaking.avs.package', 'nothing') }}",
}


@pytest.fixture(scope="module", params=[False, True], ids=["run", "check"])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Result of every task and lookup, by name; one run of ansible-playbook for all, one more in check mode."""
    root = tmp_path_factory.mktemp("play")
    repo = GitRepo(root / "repo")
    repo.commit(package_files(), "v5.5.2")
    write(root / "pkgdir", package_files())
    write(root / "odd", package_files(checksums=False))
    write(root / "wants", package_files(compose=COMPOSE + "    pid: host\n"))
    write(root, {"tap/tap.yml": "schema: 1\nname: core\n", "tap/packages/mock-avs.yml": "name: mock-avs\nurl: ../repo\n"})
    collection = root / "collections/ansible_collections/restaking"
    collection.mkdir(parents=True)
    (collection / "avs").symlink_to(ROOT)
    tasks: list[dict[str, Any]] = []
    asked = {name: {"restaking.avs.package_info": arguments, "register": name} for name, arguments in TASKS.items()}
    asked |= {name: {"ansible.builtin.set_fact": {name: expression}} for name, expression in LOOKUPS.items()}
    for name, task in asked.items():
        failed = {"ansible.builtin.set_fact": {f"{name}_error": "{{ ansible_failed_result.msg }}"}}
        tasks.append({"block": [task], "rescue": [failed]})
    names = [*asked, *(f"{name}_error" for name in asked)]
    collected = {name: f"{{{{ {name} | default(none) }}}}" for name in names}
    copy = {"content": "{{ collected | to_json }}", "dest": str(root / "out.json")}
    tasks.append({"ansible.builtin.copy": copy, "vars": {"collected": collected}, "check_mode": False})
    variables = {"repo": str(repo.root), "avs_taps": [{"name": "core", "url": "{{ here }}/tap"}], "here": str(root)}
    play = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]
    (root / "play.yml").write_text(yaml.safe_dump(play, sort_keys=False))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(root / "collections"),
        "ANSIBLE_LOCAL_TEMP": str(root / "local"),
        "ANSIBLE_HOME": str(root / "home"),
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "XDG_CACHE_HOME": str(root / "cache"),
    }
    command = [sys.executable, "-m", "ansible.cli.playbook", "-vvv", *(["--check"] if request.param else []), str(root / "play.yml")]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((root / "out.json").read_text())
    found["leaks"] = SECRET in json.dumps(found) + done.stdout + done.stderr
    return found


def findings(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(item["id"], item["place"]) for item in result["findings"]]


def test_a_folder_with_options(results: dict[str, Any]) -> None:
    found = results["path"]
    assert found["valid"] is True and found["changed"] is False
    assert findings(found) == KEPT
    assert found["package"]["name"] == "mock-avs"
    assert set(found["package"]["profiles"]["option-returner"]) >= {"options", "monitoring", "api", "hardware_requirements", "plugin"}


def test_git_and_taps(results: dict[str, Any]) -> None:
    for name in ("git", "tap"):
        assert results[name]["package"]["version"] == "v5.5.2" and results[name]["versions"] == ["v5.5.2"]
    assert results["git"]["package"]["commit"] == results["tap"]["package"]["commit"]


def test_errors_in_options(results: dict[str, Any]) -> None:
    found = results["bad"]
    assert found["valid"] is False
    assert found["msg"].splitlines() == [
        "mock-avs, profile option-returner: 2 problems",
        "  options.main-port: 80800 is not a port (1-65535) -> Set options.main-port to a value of type port.",
        "  options.rpc: a value is required (type uri: RPC) -> Set options.rpc.",
    ]
    assert set(found["findings"][0]) == {"id", "severity", "place", "message", "remedy"}


def test_never_failing_still_tells(results: dict[str, Any]) -> None:
    found = results["never"]
    assert found["valid"] is False and "msg" not in found
    assert findings(found) == [("OPT-001", "options.main-port"), ("OPT-002", "options.password"), ("OPT-002", "options.rpc"), *KEPT]
    assert results["missing"]["package"] is None and results["missing"]["valid"] is False
    assert [rule for rule, _place in findings(results["missing"])] == ["SRC-001"]


def test_what_fails_on_which_severity(results: dict[str, Any]) -> None:
    assert results["odd"]["valid"] is True and "msg" not in results["odd"]
    assert results["warning"]["valid"] is True and "checksum.txt" in results["warning"]["msg"]
    assert results["checksum"]["valid"] is False and findings(results["checksum"]) == [("PKG-014", "checksum.txt"), *KEPT]
    assert findings(results["profile"]) == [("INV-002", "profile"), *KEPT]
    assert {rule for rule, _place in findings(results["taps"])} == {"INV-001"}


def test_what_the_operator_grants_is_no_error(results: dict[str, Any]) -> None:
    assert findings(results["refused"])[0] == ("PRIV-002", "pkg/option-returner/docker-compose.yml: services.main.pid")
    assert results["refused"]["valid"] is False and results["waived"]["valid"] is True
    assert "PRIV-005" in [rule for rule, _place in findings(results["waived"])]
    assert findings(results["exceptions_odd"]) == [("INV-001", "exceptions[0].allow[0]"), ("INV-001", "exceptions[0].reason")]


def test_a_package_as_the_inventory_writes_it(results: dict[str, Any]) -> None:
    assert results["mapping"]["package"]["version"] == "v5.5.2"
    assert results["mapping_path"]["package"]["name"] == "mock-avs"
    assert [rule for rule, _place in findings(results["mapping_odd"])] == ["INV-001"]


def test_arguments(results: dict[str, Any]) -> None:
    assert "mutually exclusive" in results["two"]["msg"] and "one of the following is required" in results["nothing"]["msg"]


def test_lookups(results: dict[str, Any]) -> None:
    package = results["lookup_package"]
    assert package["versions"] == ["v5.5.2"] and package["profiles"]["option-returner"]["options"][0]["default"] == 8080
    assert results["lookup_path"]["version"] is None
    assert results["lookup_tap"]["packages"]["mock-avs"]["versions"] == ["v5.5.2"]
    assert results["lookup_taps"] == [results["lookup_tap"]]
    assert results["lookup_direct"]["name"] == "other"
    assert "in none of the taps core" in results["lookup_unknown_error"]


def test_a_hidden_value_is_returned_nowhere(results: dict[str, Any]) -> None:
    assert results["leaks"] is False
