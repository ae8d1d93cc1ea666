# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the table of compose settings refuses on a host, package_info refuses before: values as an author writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding, errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.lint import lint_profile
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import inspect_package
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.locate import PackageRequest

from tests.unit.support.builders import RUNTIME, package_files, write
from tests.unit.support.compose_settings import HARMFUL, HARMLESS, model_with

# Of the host alone: what an option may still change, what lies on it, and long forms that authors write short.
_HOST = ("cap_add", "image", "ports", "networks.*", "volumes[].bind", "volumes[].volume", "volumes[].tmpfs", "volumes[].consistency",
         "volumes[].read_only", "volumes[].target", "volumes[]", "deploy.resources", "profiles")  # fmt: skip


def linted(tmp_path: Path, cache: Cache, document: dict[str, Any]) -> list[Finding]:
    runtime = {**RUNTIME, "privileges": {"main": {}}, "directories": []}
    root = write(tmp_path / "p", package_files(compose=yaml.safe_dump(document), runtime=runtime, checksums=False))
    package = inspect_package(PackageRequest({"path": str(root)}), [], cache).package
    assert package is not None
    # What is harmless and no engine takes is another matter.
    return [item for item in errors_of(lint_profile(package.profiles["option-returner"])) if item.id != "PKG-020"]


def judged_before(tried: dict[str, list[Any]]) -> dict[str, str]:
    """Service -> setting, one service a value: whatever lint can know."""
    wanted = {
        path: values
        for path, values in tried.items()
        if path.startswith("services.*.") and not path[len("services.*.") :].startswith(_HOST)
    }
    return {
        f"s{number}": f"{path} {position}"
        for number, (path, position) in enumerate((path, at) for path in wanted for at in range(len(wanted[path])))
    }


def services(names: dict[str, str], tried: dict[str, list[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"main": {"image": "demo:1.0.0"}, "other": {"image": "demo:1.0.0"}}
    for name, path, position in ((name, *setting.split(" ")) for name, setting in names.items()):
        settings = model_with(path, tried[path][int(position)])["services"]["node"]
        for item in (*(settings.get("configs") or ()), *(settings.get("secrets") or ())):
            if isinstance(item, dict):
                item.setdefault("source", "a")
        found[name] = {**settings, "image": settings.get("image", "demo:1.0.0")}
    return found


def document(given: dict[str, Any]) -> dict[str, Any]:
    """Services beside the config and secret that they name. Compose refuses what is empty, and takes -1 for a size as a number alone."""
    stated = {
        name: {field: -1 if value == "-1" else value for field, value in settings.items() if value is not None}
        for name, settings in given.items()
    }
    return {
        "services": stated,
        "configs": {name: {"content": "x"} for name in "ac"},
        "secrets": {name: {"file": "./profile.yml"} for name in "ac"},
    }


def test_what_is_harmful_is_said_before_an_install(tmp_path: Path, cache: Cache) -> None:
    names = judged_before(HARMFUL)
    assert len(names) > 150
    given = services(names, HARMFUL)
    # What compose itself refuses ends it: of the others nothing is said then.
    stopped = linted(tmp_path / "1", cache, document(given))
    assert {item.id for item in stopped} == {"PKG-018"}
    refused = {found for item in stopped for found in re.findall(r"\bs\d+\b", item.message)}
    left = {name: settings for name, settings in given.items() if name not in refused}
    refused |= {item.place.partition(": services.")[2].split(".")[0] for item in linted(tmp_path / "2", cache, document(left))}
    assert {setting for name, setting in names.items() if name not in refused} == set()
    assert refused - {""} <= set(names)


def test_what_is_harmless_is_not(tmp_path: Path, cache: Cache) -> None:
    names = judged_before({path: values for path, values in HARMLESS.items() if path != "services.*.build"})
    assert len(names) > 150
    assert linted(tmp_path, cache, document(services(names, HARMLESS))) == []


def test_files_of_the_package_and_sections_nobody_knows(tmp_path: Path, cache: Cache) -> None:
    main = {
        "image": "demo:1.0.0",
        "env_file": [".env", "../shared.env", {"path": "/none", "required": False}],
        "extends": {"service": "other"},
    }
    document = {"include": ["more.yml", {"path": "../more.yml"}], "services": {"main": main, "other": {"image": "demo:1.0.0"}}}
    assert linted(tmp_path, cache, document) == []
    (found,) = linted(
        tmp_path / "2", cache, {"services": {"main": {"image": "demo:1.0.0"}}, "models": {"m": {"model": "x"}}, "x-ours": {"a": 1}}
    )
    assert (found.id, found.place) == ("PRIV-002", "profile option-returner: models")
