# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What two versions of a package differ in: the example's, and those of a real AVS."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import Entry
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.offers import Offers
from ansible_collections.restaking.avs.plugins.plugin_utils.lint.between import between, facts, migrations_of, text_of
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.option_values import resolve_options
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.package import Package, PackageRequest, load_package
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.changes import Step, told_changes

from tests.unit.packages.test_eigenda import example_tap
from tests.unit.support.versions_in_git import PACKAGE


def demo(version: str, cache: Cache) -> Package:
    return load_package(PackageRequest({"path": str(PACKAGE / version)}, version), [], cache)


def lines(old: Package, new: Package, profile: str) -> list[str]:
    sides = [facts(one, one.profiles[profile], resolve_options(one.profiles[profile], {}).env) for one in (old, new)]
    return between(*sides, new.profiles[profile].runtime.renames)


def test_the_example_package(cache: Cache) -> None:
    found = lines(demo("v1.1.0", cache), demo("v2.0.0", cache), "mainnet")
    assert "~ hardware min_ram: 128 MiB -> 256 MiB" in found
    assert "~ image the plugin: registry.example.org/demo-avs-plugin:1.1.0 -> registry.example.org/demo-avs-plugin:2.0.0" in found
    first = lines(demo("v1.0.0", cache), demo("v1.1.0", cache), "hoodi")
    assert "~ option fee-share is called operator-fee now" in first and not any("+ option operator-fee" in line for line in first)
    assert any(line.startswith("~ privileges node: ") and line.endswith("port PEER_PORT public") for line in first)
    assert lines(demo("v1.0.0", cache), demo("v1.0.0", cache), "hoodi") == []


@pytest.mark.parametrize(
    ("installed", "wanted", "count"), [("v1.0.0", "v2.2.0", 2), ("v2.0.0", "v2.2.0", 1), ("v1.0.0", "v2.1.0", 1), ("v2.2.0", "v2.2.0", 0)]
)
def test_migrations_between(cache: Cache, installed: str, wanted: str, count: int) -> None:
    found = migrations_of(demo("v2.2.0", cache).profiles["hoodi"], installed, wanted)
    assert len(found) == count
    assert not found or "reverted by migrate" in found[-1]


def test_a_real_avs_drops_six_variables_and_two_ports(tmp_path: Path, cache: Cache) -> None:
    tap = example_tap(tmp_path)
    offers = Offers([tap], cache, tmp_path)
    options = {"hostname": "node.example.org", "chain-rpc": "https://rpc.example.org"}
    entry = Entry("avs_instances[0]", "core/eigenda", "op1", "mainnet", "v2.7.0", options=options)
    package = offers.package(entry)
    env = resolve_options(package.profiles["mainnet"], options).env
    answer = told_changes(
        {"changed": False, "instances": [{"id": "eigenda-op1"}]}, [Step("eigenda-op1", entry, env, "v2.6.0", ("v2.7.0",), offers)]
    )
    told = answer["instances"][0]["upgrade"]
    gone = [line for line in told["changes"] if line.startswith("- ")]
    assert gone == [
        "- port reverse-proxy 32004/tcp",
        "- port da-node 32005/tcp",
        "- option v1-dispersal-port: port, default '32005'",
        "- option v1-retrieval-port: port, default '32004'",
        "- option runtime-mode: select, default 'v1-and-v2'",
        "- variable NODE_INTERNAL_DISPERSAL_PORT",
        "- variable NODE_INTERNAL_RETRIEVAL_PORT",
        "- variable NODE_EIGENDA_SERVICE_MANAGER",
    ]
    assert "~ image da-node: ghcr.io/layr-labs/eigenda/opr-node:2.6.0 -> ghcr.io/layr-labs/eigenda/opr-node:2.7.0" in told["changes"]
    # The default of the version before is no value of the operator's: the image follows the version.
    assert env["MAIN_SERVICE_IMAGE"].endswith(":2.7.0")
    assert any("32004 and 32005" in line for line in told["notes"]["v2.7.0"])
    (before, notes) = answer["diff"]
    assert "port da-node 32005/tcp\n" in before["before"] and "32005" not in before["after"] and "v2.7.0: " in notes["after"]


def test_a_version_that_cannot_be_had_any_more_is_said_to_be_so(tmp_path: Path, cache: Cache) -> None:
    offers = Offers([example_tap(tmp_path)], cache, tmp_path)
    entry = Entry("avs_instances[0]", "core/eigenda", "op1", "mainnet", "v2.7.0", options={})
    answer = told_changes({"instances": [{"id": "eigenda-op1"}]}, [Step("eigenda-op1", entry, {}, "v2.5.0", ("v2.7.0",), offers)])
    (line,) = answer["instances"][0]["upgrade"]["changes"]
    assert line.startswith("? what v2.5.0 was cannot be had any more") and answer["diff"][0]["before"] == text_of({}) == ""
