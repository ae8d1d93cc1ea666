# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Adapters: packages kept in a tap around somebody else's compose files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig

from tests.unit.support.builders import COMPOSE, RUNTIME, GitRepo, as_yaml, package_files, write


def load(taps: list[TapConfig], cache: Cache, version: str | None = "v5.5.2", commit: str | None = None) -> Package:
    return load_package(PackageRequest("mock-avs", version, commit), taps, cache)


def ids(error: InputError) -> list[str]:
    return [item.id for item in error.findings]


def adapter_files(upstream: GitRepo, commit: str, /, folder: str = "packages/mock-avs/v5.5.2", **source: Any) -> dict[str, str]:
    runtime = {**RUNTIME, "source": {"git": upstream.url, "commit": commit, "path": "deploy/mainnet", **source}}
    own = package_files(runtime=runtime, prefix=f"{folder}/", notes=False, checksums=False, name="mainnet", manifest={
        "version": "0.1.0", "name": "mock-avs", "upgrade": "optional", "profiles": ["mainnet"],
    })  # fmt: skip
    kept = {path: text for path, text in own.items() if path.endswith(("manifest.yml", "profile.yml", "runtime.yml"))}
    return {"tap.yml": "schema: 1\nname: core\n", **kept, f"{folder}/CHANGELOG.md": "notes"}


@pytest.fixture
def upstream(tmp_path: Path) -> tuple[GitRepo, str]:
    repository = GitRepo(tmp_path / "upstream")
    files = {"deploy/mainnet/docker-compose.yml": COMPOSE, "deploy/mainnet/.env": "MAIN_PORT=1\n", "resources/nginx.conf": "x"}
    return repository, repository.commit(files)


def test_an_adapter_brings_the_whole_upstream_tree(tmp_path: Path, cache: Cache, upstream: tuple[GitRepo, str]) -> None:
    repository, commit = upstream
    files = adapter_files(repository, commit) | {
        path.replace("v5.5.2", "v5.6.0"): text for path, text in adapter_files(repository, commit).items()
    }
    package = load([TapConfig("core", str(write(tmp_path / "t", files)))], cache)
    assert (package.name, package.version, package.commit, package.versions) == ("mock-avs", "v5.5.2", commit, ("v5.6.0", "v5.5.2"))
    assert package.findings == ()
    profile = package.profiles["mainnet"]
    assert profile.compose_dir == "deploy/mainnet" and (profile.tree / "resources/nginx.conf").is_file()
    assert profile.env_values == {"MAIN_PORT": "1"}
    assert package.source == str(repository.root)
    assert load([TapConfig("core", str(tmp_path / "t"))], cache, version=None).version == "v5.6.0"
    with pytest.raises(InputError, match=r"v5\.6\.0, v5\.5\.2"):
        load([TapConfig("core", str(tmp_path / "t"))], cache, version="v1.0.0")


@pytest.mark.parametrize(("source", "rule"), [
    ({"commit": "0" * 40}, "SRC-001"), ({"tree_sha256": "0" * 64}, "PKG-013"), ({"path": "deploy/testnet"}, "PKG-006"),
    ({"git": "ext::true"}, "SRC-001"), ({"git": None}, "PKG-016"),
])  # fmt: skip
def test_adapter_sources_that_are_refused(
    tmp_path: Path, cache: Cache, upstream: tuple[GitRepo, str], source: dict[str, Any], rule: str
) -> None:
    repository, commit = upstream
    with pytest.raises(InputError) as caught:
        load([TapConfig("core", str(write(tmp_path / "t", adapter_files(repository, commit, **source))))], cache)
    assert rule in ids(caught.value)


def test_an_adapter_needs_a_source_and_a_native_package_must_not_have_one(
    tmp_path: Path, repo: GitRepo, cache: Cache, upstream: tuple[GitRepo, str]
) -> None:
    repository, commit = upstream
    files = adapter_files(repository, commit)
    files["packages/mock-avs/v5.5.2/mainnet/runtime.yml"] = as_yaml(RUNTIME)
    with pytest.raises(InputError, match="source: is missing"):
        load([TapConfig("core", str(write(tmp_path / "t", files)))], cache)
    runtime = {**RUNTIME, "source": {"git": "https://example.org/x.git", "commit": commit}}
    repo.commit(package_files(runtime=runtime), "v5.5.2")
    with pytest.raises(InputError, match="is for adapters"):
        load_package(PackageRequest({"git": repo.url}, "v5.5.2"), [], cache)


def test_the_operators_commit_must_be_the_adapters(tmp_path: Path, cache: Cache, upstream: tuple[GitRepo, str]) -> None:
    repository, commit = upstream
    taps = [TapConfig("core", str(write(tmp_path / "t", adapter_files(repository, commit))))]
    assert load(taps, cache, commit=commit).commit == commit
    with pytest.raises(InputError) as caught:
        load(taps, cache, commit="0" * 40)
    assert ids(caught.value) == ["SRC-002"] and commit in str(caught.value)


def test_an_adapter_without_version_folders_states_its_version(tmp_path: Path, cache: Cache, upstream: tuple[GitRepo, str]) -> None:
    repository, commit = upstream
    files = adapter_files(repository, commit, folder="packages/mock-avs")
    taps = [TapConfig("core", str(write(tmp_path / "t", files)))]
    with pytest.raises(InputError, match="node_version"):
        load(taps, cache)
    files["packages/mock-avs/manifest.yml"] += "node_version: 5.5.2\n"
    write(tmp_path / "t", files)
    assert load(taps, cache).version == load(taps, cache, version=None).version == "v5.5.2"
    with pytest.raises(InputError, match=r"Choose v5\.5\.2"):
        load(taps, cache, version="v5.5.3")


def test_an_adapter_under_work_is_read_from_its_folder(tmp_path: Path, cache: Cache, upstream: tuple[GitRepo, str]) -> None:
    repository, commit = upstream
    root = write(tmp_path / "t", adapter_files(repository, commit)) / "packages/mock-avs/v5.5.2"
    for version in (None, "v5.5.2"):
        package = load_package(PackageRequest({"path": str(root)}, version), [], cache)
        assert (package.version, package.commit, package.findings) == (version, commit, ())
