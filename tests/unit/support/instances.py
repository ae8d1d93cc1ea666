# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.records import plain
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import KeyFile
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.instance import key_files
from ansible_collections.restaking.avs.plugins.module_utils.instance.identity import spec_digest
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import read_state
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store

from tests.unit.support.models import typed

ME = f"{os.getuid()}:{os.getgid()}"


SECRETS = {"option.token": {"ref": {"version": "v#1"}, "env": ["T"], "services": []}}


VIEW = {"bls.json": KeyFile(secret="option.token", owner=ME)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "lib"), str(tmp_path / "run"), str(tmp_path / "locks"))


def installed(store: Store) -> tuple[InstanceStore, dict[str, Any], list[Container]]:
    """An instance with one container, one secret and one key file, as a run leaves it; its record as the document it is."""
    own = store.instance("demo-avs-op1")
    own.make()
    (Path(own.releases) / "1-v1.0.0").mkdir(parents=True)
    (Path(own.releases) / "1-v1.0.0" / "compose.json").write_text("{}\n")
    own.switch("1-v1.0.0")
    key_files.write_secrets(own, {"option.token": "t"}, {"option.token": "v#1"}, {"option.token": "AVS_SECRET_1"})
    key_files.place_view(own, "node", VIEW, {"option.token": "t"})
    state = {
        "phase": "committed",
        "desired": "started",
        "committed_at": "2026-01-01T00:00:00Z",
        "spec_digest": spec_digest(typed(secrets=SECRETS), {"option.token": "v#1"}),
        "release": "1-v1.0.0",
        "package": {"name": "demo-avs", "version": "v1.0.0", "commit": "a" * 40, "tree_sha256": "t" * 64},
        "profile": "hoodi",
        "containers": {"node": {"name": "avs-demo-avs-op1-node", "spec": "s", "ends": False, "image": "i"}},
        "secrets": {"option.token": {"identity": "v#1"}},
        "views": plain({"node": VIEW}),
        "volumes": ["avs-demo-avs-op1_d"],
        "keys": {},
    }
    own.write_state(read_state(state))
    return own, state, [Container("id", "avs-demo-avs-op1-node", "running", "demo-avs-op1", "node", "s", "Up 1 minute")]
