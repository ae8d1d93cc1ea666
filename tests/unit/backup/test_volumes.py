# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which volumes and folders are saved."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup.uses import Use
from ansible_collections.restaking.avs.plugins.module_utils.backup.volumes import There, plan
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError

MODEL: dict[str, Any] = {
    "volumes": {"d": {"name": "p_d"}, "m": {"name": "p_m"}, "c": {"name": "p_c"}, "s": {"name": "p_s"}, "later": {"name": "p_later"}},
    "services": {"node": {"volumes": [{"type": "bind", "source": "/srv/own/data/x", "target": "/x"}]}},
}


def volume(name: str, **changes: Any) -> dict[str, Any]:
    return {"Name": name, "Driver": "local", "Options": None, "Mountpoint": f"/v/{name}", **changes}


def there(model: dict[str, Any] | None = None, volumes: list[dict[str, Any]] | None = None, **changes: Any) -> There:
    known = [volume(name) for name in ("p_d", "p_m", "p_c", "p_s")] if volumes is None else volumes
    return There(**{"instance": "i", "model": model or MODEL, "volumes": known, "data": "/srv/own/data", "own": ["/srv/own"], **changes})


DECLARED = {"m": Use("monotonic"), "c": Use("cache"), "s": Use("secret"), "of another profile": Use("data")}


def test_data_and_monotonic_are_saved_and_cache_and_secret_never() -> None:
    found = plan(there(), DECLARED, {})
    assert [(item.name, item.path, item.cls) for item in found.items] == [
        ("volumes/d", "/v/p_d", "data"), ("volumes/m", "/v/p_m", "monotonic"), ("data", "/srv/own/data", "data"),
    ]  # fmt: skip
    assert (found.omitted, found.left) == ({"c": "cache", "s": "secret"}, {})
    # One that has no class is taken for data, and told of.
    assert [(item.id, item.place) for item in found.findings] == [("BAK-001", "i: volumes.d")]


def test_the_operator_counts_before_the_package() -> None:
    found = plan(there(), DECLARED, {"c": "data", "d": "cache", "data/x": "cache", "data/y": "monotonic"})
    assert [item.name for item in found.items] == ["volumes/c", "volumes/m", "data"]
    assert found.findings == [] and found.items[-1].spared == ["x"] and found.items[-1].inner == {"x": "cache", "y": "monotonic"}


@pytest.mark.parametrize(
    ("entry", "described", "word"),
    [
        ({"external": True}, {}, "is external"),
        ({}, {"Driver": "sshfs"}, "plugin sshfs"),
        ({}, {"Options": {"type": "nfs", "o": "addr=1", "device": ":/x"}}, "no folder of the engine's"),
    ],
)
def test_what_cannot_be_saved_is_named_until_it_is_acknowledged(entry: dict[str, Any], described: dict[str, Any], word: str) -> None:
    model = {"volumes": {"d": {"name": "p_d", **entry}}}
    with pytest.raises(HostError, match=word):
        plan(there(model, [volume("p_d", **described)]), {"d": Use("data")}, {})
    found = plan(there(model, [volume("p_d", **described)]), {"d": Use("data")}, {}, ["d"])
    assert [item.name for item in found.items] == ["data"] and word in found.left["d"]
    # One of which nothing is to be saved needs no word.
    assert plan(there(model, [volume("p_d", **described)]), {"d": Use("cache")}, {}).left == {}


def test_volumes_without_a_name_links_and_folders_of_the_host_are_named() -> None:
    mounts = [
        {"type": "bind", "source": "/mnt/chain", "target": "/a"},
        {"type": "bind", "source": "/mnt/read", "target": "/b", "read_only": True},
        {"type": "bind", "source": "/etc/localtime", "target": "/c"},
        {"type": "bind", "source": "/srv/own/releases/1/tree/x", "target": "/d"},
        {"type": "tmpfs", "target": "/tmp"},
    ]
    have = there({"services": {"node": {"volumes": mounts}}}, [], unnamed=["node:/x"], astray=["/srv/own/data/far"])
    with pytest.raises(HostError) as error:
        plan(have, {}, {})
    assert [item.place for item in error.value.findings] == ["i: /mnt/chain", "i: /srv/own/data/far", "i: node:/x"]
    assert len(plan(have, {}, {}, ["/mnt/chain", "node:/x", "/srv/own/data/far"]).left) == 3


def test_a_volume_of_a_version_before_is_named() -> None:
    assert plan(there(volumes=[volume("p_old")]), {}, {}).omitted == {"p_old": "unused"}


@pytest.mark.parametrize(
    "wanted",
    [
        {"x": "data"},
        {"d": "gold"},
        {"data/../x": "cache"},
        {"data//x": "cache"},
        {"data/.": "cache"},
        {"data/a": "cache", "data/a/b": "data"},
    ],
)
def test_a_class_that_means_nothing_is_refused(wanted: dict[str, str]) -> None:
    with pytest.raises(HostError):
        plan(there(), {}, wanted)
