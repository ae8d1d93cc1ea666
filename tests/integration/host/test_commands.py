# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package's plugin and commands on a real engine: what they reach, what they do not, and that nothing of them stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.commands import declared, images
from ansible_collections.restaking.avs.plugins.module_utils.commands.one_off import Ended
from ansible_collections.restaking.avs.plugins.module_utils.common.spec import InstanceSpec

from tests.integration.host.small import Small, Way
from tests.integration.host.support import IMAGE, RUN, Bench, docker

SHELL = f"avs-host-test/shell-{RUN}:1.0.0"
KEYS = [{"name": name, "kind": "file", "folder": "KEYS_DIR", "services": ["node"]} for name in ("one", "two")]
MOUNTS = ["rows:/data", "${KEYS_DIR}:/keys:ro"]
COMMANDS: dict[str, Any] = {
    "shell": {"run": "plugin", "service": "node", "mounts": ["rows"], "needs": ["one"], "user": "1000:1000", "timeout": 20}
}


@pytest.fixture(scope="module")
def shell() -> Iterator[None]:
    """An image whose containers do what their arguments say."""
    made = docker("create", "--network", "none", IMAGE).strip()
    docker("commit", "--change", 'ENTRYPOINT ["sh", "-c"]', "--change", "USER root", made, SHELL)
    docker("rm", "-f", made)
    yield
    docker("rmi", SHELL, check=False)


class Installed:
    def __init__(self, bench: Bench, folder: Path, tag: str, commands: dict[str, Any]) -> None:
        self.bench, self.id = bench, f"{bench.name}-{tag}"
        keys = [{"name": name, "kind": "file", "source": "file", "keystore": str(folder / name)} for name in ("one", "two")]
        for key in keys:
            Path(key["keystore"]).write_text(f"secret of {key['name']} 0123456789")
        node = {"volumes": MOUNTS, "user": "1000:1000", "environment": {"TELLS": "me"}}
        case = Small(
            services={"node": node}, compose={"volumes": {"rows": {}}}, env="KEYS_DIR=./keys\n",
            runtime={"keys": KEYS, "commands": commands, "health": {"type": "container", "steady": 1}},
            profile={"plugin_overrides": {"image": SHELL}}, entry={"keys": keys},
        )  # fmt: skip
        entry = Way(bench, folder).install({tag: case})[tag]
        assert entry["error"] is None, entry
        self.own = bench.store.instance(self.id)
        spec = self.own.spec()
        assert spec is not None
        self.spec: InstanceSpec = spec
        images.ensure(bench.engine, self.own, spec)

    def run(self, name: str, *args: str) -> Ended:
        return declared.run_declared(self.bench.engine, self.own, self.spec, name, (), args)


@pytest.fixture(scope="module")
def node(bench: Bench, tmp_path_factory: pytest.TempPathFactory, shell: None) -> Installed:
    return Installed(bench, tmp_path_factory.mktemp("node"), "a", COMMANDS)


def test_it_has_what_it_declares(node: Installed) -> None:
    done = node.run("shell", "id -u; cat /keys/*; echo x > /data/x 2>&1; getent hosts node >/dev/null && echo neighbour; exit 7")
    print(done)
    assert done.code == 7
