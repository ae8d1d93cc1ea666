# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files compose reads by itself lie in the package and within the format's limits, or there is no install."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import inspect_package, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.locate import PackageRequest

from tests.unit.support.builders import package_files, write

MAIN: dict[str, Any] = {"image": "registry.example.org/node:v1.0.0"}
FOLDER = "pkg/option-returner"
BOMB = "x-a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))


def found(tmp_path: Path, cache: Cache, compose: Any, **more: str) -> list[tuple[str, str, str]]:
    """Findings on compose files: rule, severity, place."""
    text = compose if isinstance(compose, str) else yaml.safe_dump(compose)
    files = {**package_files(compose=text, checksums=False), **{f"{FOLDER}/{name}": content for name, content in more.items()}}
    request = PackageRequest({"path": str(write(tmp_path / "p", files))})
    items = [item for item in inspect_package(request, [], cache).findings if item.id in ("PKG-001", "PKG-018")]
    if any(item.severity == "error" for item in items):
        with pytest.raises(InputError) as caught:
            load_package(request, [], cache)
        assert set(caught.value.findings) >= {item for item in items if item.severity == "error"}
    return [(item.id, item.severity, item.place) for item in items]


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/1/environ", "../../../x.env", "~/x.env", "https://example.org/x.git", "git://example.org/x",
                                  "oci://example.org/x", "git@example.org:x.git"])  # fmt: skip
@pytest.mark.parametrize(
    ("field", "compose"),
    [
        ("services.main.env_file", lambda path: {"services": {"main": {**MAIN, "env_file": path}}}),
        ("services.main.env_file", lambda path: {"services": {"main": {**MAIN, "env_file": [".env", {"path": path}]}}}),
        ("services.main.label_file", lambda path: {"services": {"main": {**MAIN, "label_file": [path]}}}),
        ("services.main.extends.file", lambda path: {"services": {"main": {**MAIN, "extends": {"file": path, "service": "x"}}}}),
        ("include", lambda path: {"include": [path], "services": {"main": MAIN}}),
        ("include", lambda path: {"include": [{"path": ["./more.yml", path]}], "services": {"main": MAIN}}),
        ("include", lambda path: {"include": [{"path": "more.yml", "env_file": path}], "services": {"main": MAIN}}),
    ],
)
def test_what_is_read_lies_in_the_package(tmp_path: Path, cache: Cache, field: str, compose: Any, path: str) -> None:
    more = {"more.yml": "services: {}\n"}
    assert found(tmp_path, cache, compose(path), **more) == [("PKG-018", "error", f"{FOLDER}/docker-compose.yml: {field}")]


def test_what_need_not_be_there_is_odd(tmp_path: Path, cache: Cache) -> None:
    compose = {"services": {"main": {**MAIN, "env_file": [{"path": "/etc/x.env", "required": False}]}}}
    assert found(tmp_path, cache, compose) == [("PKG-018", "warning", f"{FOLDER}/docker-compose.yml: services.main.env_file")]


@pytest.mark.parametrize(
    "compose",
    [
        {
            "services": {
                "main": {**MAIN, "env_file": [".env", "./.env", "../option-returner/.env", {"path": "gone.env", "required": False}]}
            }
        },
        {"services": {"main": {**MAIN, "env_file": "${WHERE}/x.env"}}},
        {"include": ["more.yml", "../option-returner/more.yml"], "services": {"main": MAIN}},
        {"services": {"main": {**MAIN, "extends": {"file": "docker-compose.yml", "service": "main"}}}},
        {"services": {"main": {**MAIN, "extends": "other"}, "other": MAIN}},
        {"include": [{"path": "more.yml", "project_directory": "/x"}, 5, None, []], "services": {"main": MAIN, "odd": 5}},
        {"include": "more.yml"},
        "a: [",
        "- x\n",
    ],
)
def test_what_is_sound_or_left_to_compose(tmp_path: Path, cache: Cache, compose: Any) -> None:
    assert found(tmp_path, cache, compose, **{"more.yml": "include: [docker-compose.yml]\nservices: {}\n"}) == []


@pytest.mark.parametrize("text", [BOMB, "x: " + "[" * 60 + "]" * 60 + "\n", "x: " + "y" * (2 << 20) + "\n"])
def test_the_limits_hold_for_compose_files_and_those_they_name(tmp_path: Path, cache: Cache, text: str) -> None:
    started = time.monotonic()
    assert [item[:2] for item in found(tmp_path, cache, text + "services: {}\n")] == [("PKG-001", "error")]
    for named in ({"include": ["more.yml"]}, {"services": {"main": {"extends": {"file": "more.yml", "service": "x"}}}}):
        (item,) = found(tmp_path / str(len(named)) / str("include" in named), cache, named, **{"more.yml": text})
        assert item[:2] == ("PKG-001", "error") and item[2].startswith(f"{FOLDER}/more.yml")
    assert time.monotonic() - started < 20


def test_environment_files_have_a_size(tmp_path: Path, cache: Cache) -> None:
    big = "A=" + "x" * (2 << 20) + "\n"
    files = {**package_files(checksums=False), f"{FOLDER}/.env": big}
    items = inspect_package(PackageRequest({"path": str(write(tmp_path / "p", files))}), [], cache).findings
    assert ("PKG-001", f"{FOLDER}/.env") in [(item.id, item.place) for item in items]
    assert found(tmp_path / "more", cache, {"services": {"main": {**MAIN, "env_file": "more.env"}}}, **{"more.env": big}) == [
        ("PKG-001", "error", f"{FOLDER}/docker-compose.yml: services.main.env_file")
    ]


def test_a_chain_of_compose_files_ends(tmp_path: Path, cache: Cache) -> None:
    more = {f"m{n}.yml": f"include: [m{n + 1}.yml]\n" for n in range(150)}
    assert [item[:2] for item in found(tmp_path, cache, {"include": ["m0.yml"]}, **more)] == [("PKG-001", "error")]
