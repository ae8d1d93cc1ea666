# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sections 1 and 3 of the format, rule by rule: what is odd in a file, and which finding says so."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Inspection, PackageRequest, inspect_package

from tests.unit.support.builders import MANIFEST, PROFILE, RUNTIME, checksum_of, package_files, write

MISSING = object()


def inspect(root: Path, cache: Cache, files: dict[str, str], **request: Any) -> Inspection:
    return inspect_package(PackageRequest({"path": str(write(root, files))}, **request), [], cache)


def changed(base: dict[str, Any], **fields: Any) -> dict[str, Any]:
    data = {**copy.deepcopy(base), **fields}
    return {name: value for name, value in data.items() if value is not MISSING}


def seen(inspection: Inspection) -> list[tuple[str, str, str]]:
    return [(item.id, item.severity, item.place) for item in inspection.findings]


def test_a_sound_package_has_no_findings(tmp_path: Path, cache: Cache) -> None:
    inspection = inspect(tmp_path / "p", cache, package_files())
    assert inspection.findings == ()
    package = inspection.package
    assert package is not None
    found = package.as_dict()
    assert (found["name"], found["spec_version"], found["upgrade"], found["commit"]) == ("mock-avs", "0.1.0", "recommended", None)
    profile = found["profiles"]["option-returner"]
    assert profile["options"][0] == {
        "name": "main-port",
        "target": "MAIN_PORT",
        "type": "port",
        "help": "Port of the node",
        "default": 8080,
        "hidden": False,
        "validate": {},
    }
    assert profile["hardware_requirements"] == {
        "min_cpu_cores": 2,
        "min_ram": 2048,
        "min_free_space": 5120,
        "stop_if_requirements_are_not_met": False,
    }
    assert profile["api"] == {"service": "main", "port": 8080}
    assert profile["monitoring"] == {"targets": [{"service": "main", "port": 8090, "path": "/metrics"}]}
    assert profile["plugin"] == {"image": "registry.example.org/mock-avs-plugin:v0.1.0"}
    assert package.profiles["option-returner"].runtime.health == {"type": "node_api", "service": "main", "port": 8080, "timeout": 300}


@pytest.mark.parametrize(("fields", "rule", "severity", "field"), [
    ({"version": MISSING}, "PKG-004", "error", "version"),
    ({"version": [1]}, "PKG-002", "error", "version"),
    ({"name": MISSING}, "PKG-004", "error", "name"),
    ({"name": "Mock AVS"}, "PKG-005", "error", "name"),
    ({"name": "../x"}, "PKG-005", "error", "name"),
    ({"name": "a" * 64}, "PKG-005", "error", "name"),
    ({"upgrade": "urgent"}, "PKG-007", "warning", "upgrade"),
    ({"surprise": 1}, "PKG-003", "warning", "surprise"),
    ({"node_version": "v5.5.0"}, "PKG-009", "warning", "node_version"),
    ({"hardware_requirements": {"min_ram": -1}}, "PKG-002", "error", "hardware_requirements.min_ram"),
    ({"hardware_requirements": {"min_ram": "much"}}, "PKG-002", "error", "hardware_requirements.min_ram"),
    ({"hardware_requirements": {"min_cpu_cores": True}}, "PKG-002", "error", "hardware_requirements.min_cpu_cores"),
    ({"hardware_requirements": {"stop_if_requirements_are_not_met": "perhaps"}}, "PKG-002", "error",
     "hardware_requirements.stop_if_requirements_are_not_met"),
    ({"hardware_requirements": {"gpu": 1}}, "PKG-003", "warning", "hardware_requirements.gpu"),
    ({"hardware_requirements": [1]}, "PKG-002", "error", "hardware_requirements"),
    ({"plugin": {"git": "https://example.org/p.git"}}, "PKG-008", "warning", "plugin.git"),
    ({"plugin": {"build_from": "https://example.org/p.git#main"}}, "PKG-008", "warning", "plugin.build_from"),
    ({"plugin": {"image": "not an image"}}, "PKG-002", "error", "plugin.image"),
    ({"profiles": MISSING}, "PKG-004", "error", "profiles"),
    ({"profiles": []}, "PKG-004", "error", "profiles"),
    ({"profiles": "option-returner"}, "PKG-002", "error", "profiles"),
    ({"profiles": [{"name": "option-returner"}]}, "PKG-017", "warning", "profiles[0]"),
    ({"profiles": ["option-returner", "option-returner"]}, "PKG-002", "error", "profiles[1]"),
    ({"profiles": ["option-returner", "../../etc"]}, "PKG-005", "error", "profiles[1]"),
    ({"profiles": ["option-returner", ["x"]]}, "PKG-002", "error", "profiles[1]"),
])  # fmt: skip
def test_manifest(tmp_path: Path, cache: Cache, fields: dict[str, Any], rule: str, severity: str, field: str) -> None:
    inspection = inspect(tmp_path / "p", cache, package_files(changed(MANIFEST, **fields)), version="v5.5.2")
    assert (rule, severity, f"pkg/manifest.yml: {field}") in seen(inspection)
    assert (severity == "error") == any(item.severity == "error" for item in inspection.findings)


@pytest.mark.parametrize("node_version", ["v5.5.2", "5.5.2"])
def test_a_node_version_that_agrees_is_no_finding(tmp_path: Path, cache: Cache, node_version: str) -> None:
    files = package_files(changed(MANIFEST, node_version=node_version))
    assert inspect(tmp_path / "p", cache, files, version="v5.5.2").findings == ()


def test_absent_requirements_are_zeros_and_numbers_in_names_stay_text(tmp_path: Path, cache: Cache) -> None:
    manifest = changed(MANIFEST, hardware_requirements=MISSING, plugin=MISSING)
    text = "version: 1.10\n" + "".join(
        line for line in package_files(manifest)["pkg/manifest.yml"].splitlines(True) if "version" not in line
    )
    package = inspect(tmp_path / "p", cache, package_files(text)).package
    assert package is not None
    assert package.spec_version == "1.10"
    assert set(package.requirements.as_dict().values()) == {0}
    assert package.plugin is None


OPTION = {"name": "o", "target": "O", "type": "str", "help": "h"}


@pytest.mark.parametrize(("option", "rule", "severity", "field"), [
    *[({name: MISSING}, "PKG-004", "error", name) for name in ("name", "target", "type", "help")],
    ({"type": "integer"}, "PKG-010", "error", "type"),
    ({"type": ["str"]}, "PKG-002", "error", "type"),
    ({"type": "id"}, "PKG-017", "warning", "type"),
    ({"target": "NOT-A-VAR"}, "PKG-010", "error", "target"),
    ({"name": "a\nb"}, "PKG-010", "error", "name"),
    ({"hidden": "perhaps"}, "PKG-002", "error", "hidden"),
    ({"hidden": True, "default": "secret"}, "PKG-010", "warning", "default"),
    ({"type": "port", "default": 70000}, "PKG-010", "error", "default"),
    ({"type": "int", "default": "x"}, "PKG-010", "error", "default"),
    ({"type": "int", "default": 5, "validate": {"max_value": 4}}, "PKG-010", "error", "default"),
    ({"type": "int", "validate": {"min_value": 5, "max_value": 4}}, "PKG-010", "error", "validate"),
    ({"type": "int", "validate": {"min_value": "low"}}, "PKG-010", "error", "validate.min_value"),
    ({"type": "select"}, "PKG-010", "error", "validate.options"),
    ({"type": "select", "validate": {"options": []}}, "PKG-010", "error", "validate.options"),
    ({"type": "select", "validate": {"options": "a"}}, "PKG-010", "error", "validate.options"),
    ({"type": "select", "default": "c", "validate": {"options": ["a", "b"]}}, "PKG-010", "error", "default"),
    ({"validate": {"re2_regex": "(a"}}, "PKG-010", "error", "validate.re2_regex"),
    ({"validate": {"re2_regex": r"(a)\1"}}, "PKG-010", "error", "validate.re2_regex"),
    ({"validate": {"min_value": 1}}, "PKG-003", "warning", "validate.min_value"),
    ({"type": "uri", "validate": {"uri_scheme": [1.5, []]}}, "PKG-010", "error", "validate.uri_scheme[0]"),
    ({"validate": "strict"}, "PKG-010", "error", "validate"),
    ({"colour": "red"}, "PKG-003", "warning", "colour"),
])  # fmt: skip
def test_option_declarations(tmp_path: Path, cache: Cache, option: dict[str, Any], rule: str, severity: str, field: str) -> None:
    profile = changed(PROFILE, options=[changed(OPTION, **option)])
    inspection = inspect(tmp_path / "p", cache, package_files(profile=profile))
    assert (rule, severity, f"pkg/option-returner/profile.yml: options[0].{field}") in seen(inspection)
    assert (severity == "error") == any(item.severity == "error" for item in inspection.findings)
    assert "secret" not in str(inspection.findings)


@pytest.mark.parametrize(("fields", "rule", "severity", "field"), [
    ({"options": {"a": 1}}, "PKG-002", "error", "options"),
    ({"options": ["text"]}, "PKG-002", "error", "options[0]"),
    ({"options": [OPTION, OPTION]}, "PKG-010", "error", "options[1].name"),
    ({"options": [OPTION, {**OPTION, "name": "p"}]}, "PKG-011", "warning", "options[1].target"),
    ({"monitoring": []}, "PKG-002", "error", "monitoring"),
    ({"monitoring": {"targets": [{"service": "main", "port": 0, "path": "/m"}]}}, "PKG-002", "error", "monitoring.targets[0].port"),
    ({"monitoring": {"targets": [{"service": "main", "port": 1, "path": "m"}]}}, "PKG-002", "error", "monitoring.targets[0].path"),
    ({"monitoring": {"targets": [{"service": "main", "port": 1}]}}, "PKG-004", "error", "monitoring.targets[0].path"),
    ({"monitoring": {"rules": []}}, "PKG-003", "warning", "monitoring.rules"),
    ({"api": {"service": "main"}}, "PKG-004", "error", "api.port"),
    ({"api": {"service": "main", "port": 65536}}, "PKG-002", "error", "api.port"),
    ({"plugin_overrides": {"image": "a b"}}, "PKG-002", "error", "plugin_overrides.image"),
    ({"hardware_requirements_overrides": {"min_ram": 1.5}}, "PKG-002", "error", "hardware_requirements_overrides.min_ram"),
    ({"name": 5.5, "unknown": 1}, "PKG-003", "warning", "unknown"),
])  # fmt: skip
def test_profile(tmp_path: Path, cache: Cache, fields: dict[str, Any], rule: str, severity: str, field: str) -> None:
    inspection = inspect(tmp_path / "p", cache, package_files(profile=changed(PROFILE, **fields)))
    assert (rule, severity, f"pkg/option-returner/profile.yml: {field}") in seen(inspection)


@pytest.mark.parametrize("options", [MISSING, None, []])
def test_options_may_be_absent_or_empty(tmp_path: Path, cache: Cache, options: Any) -> None:
    inspection = inspect(tmp_path / "p", cache, package_files(profile=changed(PROFILE, options=options)))
    assert inspection.findings == ()
    assert inspection.package is not None and inspection.package.profiles["option-returner"].options == ()


def test_overrides_replace_whole_blocks_and_every_target_is_kept(tmp_path: Path, cache: Cache) -> None:
    targets = [{"service": "main", "port": port, "path": "/metrics"} for port in (1, 2)]
    overrides = {
        "hardware_requirements_overrides": {"min_ram": 1},
        "plugin_overrides": {"image": "x/y:v2"},
        "monitoring": {"targets": targets},
    }
    package = inspect(tmp_path / "p", cache, package_files(profile=changed(PROFILE, **overrides))).package
    assert package is not None
    profile = package.profiles["option-returner"]
    assert profile.requirements.as_spec() == {"min_cpu_cores": 0, "min_ram": 1, "min_free_space": 0, "stop": False}
    assert profile.plugin == {"image": "x/y:v2"}
    assert profile.runtime.metrics == targets


@pytest.mark.parametrize(("text", "value", "variable"), [
    ("1.10", 1.1, "1.10"), ("1", 1.0, "1"), ('"2.50"', 2.5, "2.50"),
])  # fmt: skip
def test_a_default_keeps_its_spelling(tmp_path: Path, cache: Cache, text: str, value: float, variable: str) -> None:
    profile = f"options:\n  - {{name: o, target: O, type: float, help: h, default: {text}}}\n"
    package = inspect(tmp_path / "p", cache, package_files(profile=profile)).package
    assert package is not None
    option = package.profiles["option-returner"].options[0]
    assert (option.default, option.default_text) == (value, variable)


@pytest.mark.parametrize(("kind", "text", "value"), [
    ("bool", "yes", True), ("bool", "off", False), ("bool", "1", True), ("bool", "T", True), ("str", "0123", "0123"), ("str", "2024-01-01", "2024-01-01"),
    ("str", "yes", "yes"), ("str", "12:30", "12:30"),
])  # fmt: skip
def test_yaml_never_changes_a_default(tmp_path: Path, cache: Cache, kind: str, text: str, value: Any) -> None:
    profile = f"options:\n  - {{name: o, target: O, type: {kind}, help: h, default: {text}}}\n"
    package = inspect(tmp_path / "p", cache, package_files(profile=profile)).package
    assert package is not None
    assert package.profiles["option-returner"].options[0].default == value


@pytest.mark.parametrize(("path", "rule", "severity", "place"), [
    ("pkg/manifest.yml", "PKG-006", "error", "pkg/manifest.yml"),
    ("pkg/option-returner/profile.yml", "PKG-006", "error", "pkg/option-returner/profile.yml"),
    ("pkg/option-returner/docker-compose.yml", "PKG-006", "error", "pkg/option-returner/docker-compose.yml"),
    ("pkg/option-returner/.env", "PKG-006", "warning", "pkg/option-returner/.env"),
    ("CHANGELOG.md", "UPG-002", "warning", "CHANGELOG.md"),
    ("checksum.txt", "PKG-014", "warning", "checksum.txt"),
])  # fmt: skip
def test_missing_files(tmp_path: Path, cache: Cache, path: str, rule: str, severity: str, place: str) -> None:
    files = package_files()
    del files[path]
    if "checksum.txt" in files:
        files["checksum.txt"] = checksum_of(files)
    assert [item for item in seen(inspect(tmp_path / "p", cache, files)) if item[1] == severity] == [(rule, severity, place)]


@pytest.mark.parametrize("name", ["RELEASE_NOTES.md", "release-notes.txt", "CHANGES", "pkg/CHANGELOG.rst", "History.md"])
def test_release_notes_by_other_names(tmp_path: Path, cache: Cache, name: str) -> None:
    files = package_files(notes=False, checksums=False)
    files[name] = "notes"
    files["checksum.txt"] = checksum_of(files)
    assert inspect(tmp_path / "p", cache, files).findings == ()


def test_every_problem_is_reported_at_once(tmp_path: Path, cache: Cache) -> None:
    files = package_files(
        changed(MANIFEST, name="NO", upgrade="x"),
        changed(PROFILE, options=[changed(OPTION, type="x"), changed(OPTION, name="p", type="port", default=0)]),
        changed(RUNTIME, surprise=1),
    )
    files["checksum.txt"] = "nonsense\n"
    rules = {item.id for item in inspect(tmp_path / "p", cache, files).findings}
    assert {"PKG-005", "PKG-007", "PKG-010", "PKG-013", "PKG-016"} <= rules


@pytest.mark.parametrize(
    "text", ["", "null", "- a", "just text", "a: [", "a: 1\na: 2", "a: &a [*a]", "x: !!python/object:os.system ls", "\xff", "--- 1\n--- 2"]
)
@pytest.mark.parametrize("path", ["pkg/manifest.yml", "pkg/option-returner/profile.yml", "pkg/option-returner/runtime.yml"])
def test_broken_yaml_is_an_error_with_its_file(tmp_path: Path, cache: Cache, path: str, text: str) -> None:
    files = package_files(checksums=False)
    root = write(tmp_path / "p", files)
    (root / path).write_bytes(text.encode("latin-1"))
    inspection = inspect_package(PackageRequest({"path": str(root)}), [], cache)
    assert any(item.severity == "error" and item.place.startswith(path) for item in inspection.findings)


@pytest.mark.parametrize("name", ["docker-compose.yaml", "compose.yaml", "compose.yml"])
def test_other_compose_names_are_odd_but_work(tmp_path: Path, cache: Cache, name: str) -> None:
    files = package_files(checksums=False)
    files[f"pkg/option-returner/{name}"] = files.pop("pkg/option-returner/docker-compose.yml")
    inspection = inspect(tmp_path / "p", cache, files)
    assert ("PKG-017", "warning", f"pkg/option-returner/{name}") in seen(inspection)
    assert inspection.package is not None and inspection.package.profiles["option-returner"].compose_files == (name,)


def test_a_folder_that_no_manifest_lists(tmp_path: Path, cache: Cache) -> None:
    files = package_files(checksums=False)
    files["pkg/forgotten/profile.yml"] = "options: []\n"
    assert ("PKG-006", "warning", "pkg/manifest.yml: profiles") in seen(inspect(tmp_path / "p", cache, files))
