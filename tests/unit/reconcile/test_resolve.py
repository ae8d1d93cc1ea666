# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package is resolved with the values of an instance, over a compose in memory, and everything is judged before anything is done."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

from tests.unit.support.memory_host import ID, ME, PACKAGE, MemoryHost, with_service

EXTRA = {"image": "registry.example.org/demo-avs:1.0.0", "entrypoint": ["true"], "restart": "no", "profiles": ["extra"]}


def refused(host: MemoryHost, **changes: Any) -> list[str]:
    with pytest.raises(HostError) as caught:
        host.call(host.spec(**changes))
    assert not host.project() and os.listdir(host.scratch) == []
    return sorted(item.as_line() for item in caught.value.findings)


def test_services_of_other_profiles_are_told_from_mistakes(memory_host: MemoryHost) -> None:
    host = memory_host
    package = with_service(PACKAGE, "side", **EXTRA)
    assert any("sidee" in line and "side " not in line for line in refused(host, package=package, limits={"sidee": {}, "side": {}}))
    host.well(host.spec(package, limits={"side": {"memory": "64m"}}))
    assert "side" not in host.states()


def test_a_limit_of_nobody_is_refused(memory_host: MemoryHost) -> None:
    assert any("limits" in line and "sidee" in line for line in refused(memory_host, limits={"sidee": {"memory": "64m"}}))


def test_a_model_with_all_profiles_may_not_resolve(memory_host: MemoryHost) -> None:
    """Nobody can say then what is in it."""
    package = with_service(PACKAGE, "side", **EXTRA, depends_on={"nobody": {"condition": "service_started"}})
    assert any("sidee" in line for line in refused(memory_host, package=package, limits={"sidee": {"memory": "64m"}}))


def test_what_compose_refuses_is_told_with_its_words(memory_host: MemoryHost) -> None:
    package = with_service(PACKAGE, "gateway", depends_on={"nobody": {"condition": "service_started"}})
    lines = refused(memory_host, package=package)
    assert any("undefined service nobody" in line for line in lines)
    assert any("undefined network inner" in line for line in refused(memory_host, package={**PACKAGE, "networks": {}}))


def test_an_example_of_an_environment_file_is_read_as_if_copied(memory_host: MemoryHost) -> None:
    host = memory_host
    spec = host.spec(files={".env.example": "LEVEL=debug\nPORT=24680\n"})
    spec["compose"] = {**spec["compose"], "env_files": [".env.example"]}
    host.well(spec)
    assert host.container("node").service["environment"]["LEVEL"] == "debug"


def test_a_variable_nobody_sets_is_told(memory_host: MemoryHost) -> None:
    package = with_service(PACKAGE, "gateway", environment={"LOST": "${LOST}"})
    entry = memory_host.well(memory_host.spec(package))
    assert "the variable LOST is used and set nowhere; it is empty" in [item["message"] for item in entry["findings"]]


def test_a_config_is_written_beside_the_release_and_seen_by_its_service(memory_host: MemoryHost) -> None:
    host = memory_host
    mount = {"type": "bind", "source": "./config.json", "target": "/config.json", "read_only": True}
    package = with_service(PACKAGE, "gateway", volumes=[mount])
    files = {"config.json": '{"url": "x", "port": 1}'}
    config = {"path": "config.json", "format": "json", "merge": {"url": "${URL}"}}
    env = {"URL": "https://example.org"}
    host.well(host.spec(package, files=files, configs=[config], env=env))
    source = host.container("gateway").mounts["/config.json"][1]
    assert json.loads(Path(source).read_text()) == {"url": "https://example.org", "port": 1}
    before = host.ids()
    assert not host.call(host.spec(package, files=files, configs=[config], env=env))["changed"]
    host.well(host.spec(package, files=files, configs=[config], env={"URL": "https://example.com"}))
    assert [name for name, ident in host.ids().items() if before[name] != ident] == [f"avs-{ID}-gateway"]
    assert json.loads(Path(host.container("gateway").mounts["/config.json"][1]).read_text())["url"] == "https://example.com"


def test_a_tree_that_was_not_sent_or_is_another(memory_host: MemoryHost) -> None:
    host = memory_host
    spec = host.spec()
    digest = spec["package"]["tree_sha256"]
    sent = host.trees[digest]
    for wrong in ("not base64!", host.trees[host.tree(PACKAGE, files={"more": "x"})]):
        host.trees[digest] = wrong
        with pytest.raises(HostError) as caught:
            host.call(spec)
        assert [item.id for item in caught.value.findings] == ["SRC-003"]
    host.trees[digest] = sent
    host.well(spec)


def test_keys_belong_to_the_user_the_service_runs_as(memory_host: MemoryHost) -> None:
    host = memory_host
    spec = host.spec(with_service(PACKAGE, "node", user=ME))
    spec["keys"] = [{**spec["keys"][0], "owner": None}]
    host.well(spec)
    path = Path(host.store.instance(ID).keys, "node", "bls.json")
    assert f"{path.stat().st_uid}:{path.stat().st_gid}" == ME and path.stat().st_mode & 0o777 == 0o400
