# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images of this machine's own engine: those nobody needs go, those of anybody else stay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.instance.state import State
from ansible_collections.restaking.avs.plugins.module_utils.upkeep.prune import prune

from tests.integration.host.support import Bench, docker
from tests.integration.host.tiny_registry import TinyRegistry


@pytest.fixture
def registry() -> Iterator[TinyRegistry]:
    server = TinyRegistry()
    yield server
    for reference in server.published:
        docker("rmi", "-f", reference, check=False)
    server.stop()


def pulled(registry: TinyRegistry, name: str, by_digest: bool = True) -> dict[str, str]:
    """Reference -> digest of an image this engine now has."""
    tag, digest = registry.publish(name, "1.0.0")
    docker("pull", "-q", digest if by_digest else tag)
    return {tag: digest}


def was_removed(bench: Bench, tag: str, images: Mapping[str, str]) -> None:
    """What a removal leaves of an instance that used these images."""
    own = bench.store.instance(f"{bench.name}-{tag}")
    own.write_state(State(schema=1, id=own.id, phase="absent", removed_at="2026-01-01T00:00:00Z", images=dict(images)))


def pruned(bench: Bench, check: bool = False) -> dict[str, Any]:
    return prune(bench.engine, "test", 5, check, bench.store)


def there(image: str) -> bool:
    return bool(docker("image", "inspect", "-f", "{{.Id}}", image, check=False).strip())


@pytest.mark.parametrize("by_digest", [True, False])
def test_an_image_nobody_uses(bench: Bench, registry: TinyRegistry, by_digest: bool) -> None:
    (digest,) = (images := pulled(registry, f"gone{by_digest}".lower(), by_digest)).values()
    was_removed(bench, "gone", images)
    other = pulled(registry, "other")
    volume = docker("volume", "create", f"{bench.name}-unused").strip()
    would = pruned(bench, check=True)
    assert there(digest) and would["changed"] and would["bytes"] > 0
    found = pruned(bench)
    assert found == would and [item["instances"] for item in found["images"]] == [[f"{bench.name}-gone"]]
    assert not there(digest) and not there(next(iter(images)))
    # What no instance of ours used is nobody's business.
    assert there(next(iter(other.values()))) and pruned(bench)["changed"] is False
    docker("volume", "rm", volume)


def test_an_image_a_container_uses(bench: Bench, registry: TinyRegistry) -> None:
    """Of somebody else, and it never ran."""
    (digest,) = (images := pulled(registry, "used")).values()
    was_removed(bench, "gone", images)
    docker("create", "--name", f"{bench.name}-theirs", digest)
    try:
        assert pruned(bench)["changed"] is False and there(digest)
    finally:
        docker("rm", "-f", f"{bench.name}-theirs")
    assert pruned(bench)["changed"] is True and not there(digest)


def test_an_image_with_a_name_of_somebody_else(bench: Bench, registry: TinyRegistry) -> None:
    (digest,) = (images := pulled(registry, "named")).values()
    was_removed(bench, "gone", images)
    name = f"{bench.name}-mine:1"
    docker("tag", digest, name)
    try:
        found = pruned(bench)
        assert not found["changed"] and found["kept"] == [{"image": digest, "why": f"it also has the name {name}, which is not ours"}]
        assert there(digest) and there(name)
    finally:
        docker("rmi", name)
    assert pruned(bench)["changed"] is True
