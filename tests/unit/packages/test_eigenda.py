# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real files of EigenDA's operator setup, wrapped by an adapter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.verdict import judge
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_values import resolve_options
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import PackageRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig

from tests.eigenda import eigenda_files
from tests.unit.support.builders import GitRepo, as_yaml, write

ROOT = Path(__file__).resolve().parents[3]


def tap_with(tmp_path: Path) -> tuple[TapConfig, str]:
    upstream = GitRepo(tmp_path / "upstream")
    shutil.copytree(eigenda_files(), upstream.root, dirs_exist_ok=True)
    commit = upstream.commit({})
    keys = [
        {
            "name": "ecdsa",
            "kind": "ecdsa",
            "keystore": "NODE_ECDSA_KEY_FILE_HOST",
            "password": "NODE_ECDSA_KEY_PASSWORD",
            "services": ["da-node"],
        },
        {
            "name": "bls",
            "kind": "bn254",
            "keystore": "NODE_BLS_KEY_FILE_HOST",
            "password": "NODE_BLS_KEY_PASSWORD",
            "services": ["da-node"],
        },
    ]
    options = [
        {"name": "hostname", "target": "NODE_HOSTNAME", "type": "str", "help": "Public name of the node"},
        {"name": "rpc", "target": "NODE_CHAIN_RPC", "type": "uri", "help": "RPC of the chain"},
    ]
    folder = "packages/eigenda/v2.7.0"
    files = {
        "tap.yml": "schema: 1\nname: core\n",
        f"{folder}/manifest.yml": as_yaml({"version": "0.1.0", "name": "eigenda", "upgrade": "required", "profiles": ["mainnet", "hoodi"]}),
    }
    for network in ("mainnet", "hoodi"):
        runtime = {
            "schema": 1,
            "source": {"git": upstream.url, "commit": commit, "path": network},
            "compose": {"env_files": [".env.example"]},
            "keys": keys,
        }
        files[f"{folder}/{network}/profile.yml"] = as_yaml({"options": options})
        files[f"{folder}/{network}/runtime.yml"] = as_yaml(runtime)
    return TapConfig("core", str(write(tmp_path / "tap", files))), commit


def test_the_adapter_loads_and_says_what_is_odd(tmp_path: Path, cache: Cache) -> None:
    tap, commit = tap_with(tmp_path)
    verdict = judge(PackageRequest("core/eigenda", "v2.7.0"), [tap], cache)
    package = verdict.package
    assert package is not None and package.commit == commit
    # The paths of its .env lead out of the package; this adapter makes no options of them, as one for real does.
    assert {(item.id, item.place) for item in verdict.findings if item.severity == "error"} == {
        ("PKG-019", f"{network}/docker-compose.yml: services.da-node.volumes") for network in ("mainnet", "hoodi")
    }
    mainnet = package.profiles["mainnet"]
    assert (mainnet.tree / "resources/rate-limit-nginx.conf").is_file()
    assert mainnet.compose_dir == "mainnet" and mainnet.env_files == (".env.example",)
    assert mainnet.env_values["NODE_LOG_PATH_HOST"] == "${EIGENDA_HOME}/logs"
    assert mainnet.env_values["NODE_BLS_KEY_PASSWORD"] == ""
    found = {(item.id, item.place) for item in verdict.findings}
    assert ("IMG-001", "mainnet/docker-compose.yml: services.reverse-proxy.image") in found
    assert {place for rule, place in found if rule == "NET-001" and place.startswith("mainnet")} == {
        f"mainnet/docker-compose.yml: services.{service}.ports" for service in ("reverse-proxy", "da-node")
    }
    assert {"PRIV-001", "OPS-001"} <= {rule for rule, _place in found}


def example_tap(tmp_path: Path) -> TapConfig:
    """The tap of the examples, with both versions of the upstream in a repository of its own."""
    shutil.copytree(ROOT / "examples/tap/packages/eigenda", tmp_path / "tap/packages/eigenda")
    write(tmp_path / "tap", {"tap.yml": "schema: 1\nname: core\n"})
    for version in ("2.6.0", "2.7.0"):
        upstream = GitRepo(tmp_path / f"upstream-{version}")
        shutil.copytree(eigenda_files(version), upstream.root, dirs_exist_ok=True)
        commit = upstream.commit({})
        for path in (tmp_path / "tap/packages/eigenda" / f"v{version}").rglob("runtime.yml"):
            runtime = yaml.safe_load(path.read_text())
            runtime["source"].update(git=upstream.url, commit=commit)
            path.write_text(as_yaml(runtime))
    return TapConfig("core", str(tmp_path / "tap"))


@pytest.mark.parametrize("version", ["v2.6.0", "v2.7.0"])
def test_the_example_adapter_is_valid(tmp_path: Path, cache: Cache, version: str) -> None:
    verdict = judge(PackageRequest("core/eigenda", version), [example_tap(tmp_path)], cache)
    assert [item.as_line() for item in verdict.findings if item.severity == "error"] == []


def test_what_the_env_file_leaves_open_must_be_given(tmp_path: Path, cache: Cache) -> None:
    tap, _commit = tap_with(tmp_path)
    package = judge(PackageRequest("core/eigenda", "v2.7.0"), [tap], cache).package
    assert package is not None
    missing = resolve_options(package.profiles["mainnet"], {}).findings
    assert [item.place for item in missing] == ["options.rpc"]
    resolved = resolve_options(package.profiles["hoodi"], {})
    assert resolved.findings == () and resolved.env == {}
