# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.policy.mount_points import Points, mount_points

from tests.unit.support.models import CURRENT, DATA, KEYS, layout, model, told, typed

TREE = f"{CURRENT}/tree/pkg/hoodi"
CONF = {"type": "bind", "source": f"{TREE}/conf", "target": "/conf", "read_only": True}
REFUSED = [("PKG-019", "error", "services.node.volumes")]


def bound(source: str, target: str, read_only: bool = False) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": target, **({"read_only": True} if read_only else {})}


FILE = {"url": "https://example.org/x", "sha256": "0" * 64}


def points(*mounts: dict[str, Any], **more: Any) -> Points:
    tmpfs = {"tmpfs": more.pop("tmpfs")} if "tmpfs" in more else {}
    return mount_points("demo-avs-op1", typed(**more).artifacts, model(node={"volumes": list(mounts), **tmpfs}), layout())


@pytest.mark.parametrize(
    ("inner", "tree"),
    [
        ({"type": "volume", "source": "v", "target": "/conf/deep/er"}, {"pkg/hoodi/conf/deep/er"}),
        (bound(f"{DATA}/x", "/conf/x"), {"pkg/hoodi/conf/x"}),
        (bound(f"{TREE}/conf/a.json", "/conf/a.json"), set()),
    ],
)
def test_a_folder_below_the_packages_own_is_made(inner: dict[str, Any], tree: set[str]) -> None:
    found = points(CONF, inner)
    assert (found.tree, found.data, found.findings) == (tree, set(), [])


def test_a_tmpfs_counts_as_a_folder() -> None:
    assert points(CONF, tmpfs=["/conf/tmp:size=1m"]).tree == {"pkg/hoodi/conf/tmp"}


def test_a_folder_below_read_only_data_is_made() -> None:
    assert points(bound(f"{DATA}/d", "/d", True), bound(f"{DATA}/e", "/d/e")).data == {"d/e"}


@pytest.mark.parametrize(
    "mounts",
    [
        (CONF, bound(f"{TREE}/peers.json", "/conf/peers.json")),
        (CONF, {"type": "volume", "source": "v", "target": "/conf/a.json"}),
        (bound(f"{KEYS}/node", "/keys", True), bound(f"{TREE}/peers.json", "/keys/peers.json")),
        (bound(f"{TREE}/peers.json", "/x"), {"type": "volume", "source": "v", "target": "/x/y"}),
        ({"type": "volume", "source": "v", "target": "/x"}, {"type": "volume", "source": "w", "target": "/x/"}),
        ({"type": "volume", "source": "v", "target": "x"},),
        ({"type": "volume", "source": "v", "target": "/"},),
        ({"type": "volume", "source": "v", "target": "/proc/"},),
        ({"type": "volume", "source": "v", "target": "v:/x"},),
        ({"type": "volume", "source": "v", "target": "/proc/sys"},),
        ({"type": "volume", "source": "v", "target": "/proc/meminfo"},),
        ({"type": "tmpfs", "target": "/proc/x"},),
        ({"type": "volume", "source": "v", "target": "/sys/x"},),
        ({"type": "volume", "source": "v", "target": "/etc/resolv.conf"},),
        ({"type": "tmpfs", "target": "/etc/hosts"},),
        (bound(f"{DATA}/x", "/etc/hostname"),),
        ({"type": "volume", "source": "v", "target": "/dev/null"},),
        ({"type": "volume", "source": "v", "target": "/" + "a" * 256},),
        ({"type": "volume", "source": "v", "target": "/a" * 2100},),
        (bound(f"{KEYS}/node", "/etc", True),),
        (bound(f"{TREE}/conf", "/etc", True),),
    ],
)
def test_what_the_engine_could_not_mount(mounts: tuple[dict[str, Any], ...]) -> None:
    assert told(points(*mounts).findings) == REFUSED


def test_what_it_makes_itself() -> None:
    writable = points(bound(f"{DATA}/d", "/d"), bound(f"{TREE}/peers.json", "/d/peers.json"), {"type": "volume", "target": "/d/e"})
    assert (writable.tree, writable.data, writable.findings) == (set(), set(), [])
    assert points(tmpfs=["/x", "/x:size=1m"]).findings == []


def test_an_artifact_is_there_before_the_container_starts() -> None:
    artifacts = [{"path": "r/big.bin", **FILE}]
    assert points(bound(f"{DATA}/r", "/r", True), bound(f"{DATA}/r/big.bin", "/r/big.bin", True), artifacts=artifacts).findings == []


def test_a_file_of_an_artifact_is_a_file() -> None:
    artifacts = [{"path": "big.bin", **FILE}]
    assert told(points(CONF, bound(f"{DATA}/big.bin", "/conf/big.bin"), artifacts=artifacts).findings) == REFUSED


@pytest.mark.parametrize(
    "mount",
    [
        {"type": "tmpfs", "target": "/proc/acpi"},
        {"type": "tmpfs", "target": "/sys/firmware"},
        {"type": "volume", "source": "v", "target": "/etc"},
        {"type": "volume", "source": "v", "target": "/dev/shm"},
        bound(f"{TREE}/peers.json", "/etc/hosts"),
        bound(f"{TREE}/peers.json", "/proc/meminfo"),
        bound(f"{DATA}/etc", "/etc", True),
        bound(f"{KEYS}/node", "/etc/keys", True),
    ],
)
def test_places_beside_the_kernels_and_the_engines(mount: dict[str, Any]) -> None:
    assert points(mount).findings == []
