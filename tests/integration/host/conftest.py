# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a host in small, and keys for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup.restic import Restic

from tests.integration.host.support import IMAGE, RUN, Bench, docker, lab_image, package
from tests.integration.quick_keys import quicken
from tests.lab.apt import install, read_machine
from tests.lab.keystores import make_keystore


@pytest.fixture(scope="session", autouse=True)
def restic() -> None:
    """As a host has it, from the distribution."""
    if shutil.which("restic") is None:
        machine = read_machine()
        assert machine is not None, "install restic: backups on this machine's engine are made with it"
        install(machine, ["restic"])


@pytest.fixture(scope="session", autouse=True)
def image() -> Iterator[None]:
    docker("tag", lab_image("1.0.0"), IMAGE)
    yield
    docker("rmi", IMAGE, check=False)


@pytest.fixture(scope="session", autouse=True)
def quick_keys() -> Iterator[None]:
    """Repositories made here are opened in a moment. On lab hosts they are as restic makes them."""
    make = Restic.make

    def quick(self: Restic) -> None:
        make(self)
        quicken(Path(self.repository), Path(self._password).read_text())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Restic, "make", quick)
        yield


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Named after its module, and gone with it."""
    name = f"avshost{RUN}" + str(request.module.__name__).rsplit("_", 1)[-1]
    bench = Bench(tmp_path_factory.mktemp(name), name)
    bench.wipe()
    yield bench
    bench.wipe()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    """Keystores and passwords of a node, with every character a shell or compose might trip over."""
    found = {}
    for name, kind in (("bls", "bn254"), ("ecdsa", "ecdsa")):
        password = f"pass-{name}-'\"\\$HOME`#"
        found[f"key.{name}.password"] = password
        found[f"key.{name}.keystore"] = make_keystore(kind, password, None, 4096)[0]
    return found
