# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node begins with, and what is left of it: declared folders with files of the package, and volumes without a name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.host.small import PROFILE, Small, Way
from tests.integration.host.support import IMAGE, RUN, Bench, docker
from tests.integration.host.test_lifecycle import bare, step

CONF = Small(
    services={"node": {"volumes": ["./conf:/conf"]}},
    files={"conf/app.toml": "first", "conf/deep/more": "x", "conf/.gitkeep": ""},
    runtime={"directories": [{"path": "conf", "owner": "1000:1000"}]},
)
HOLDING = f"avs-host-test/holding-{RUN}:1"


@pytest.fixture(scope="module")
def way(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Way:
    return Way(bench, tmp_path_factory.mktemp("stays"))


def inside(bench: Bench, tag: str, *command: str) -> str:
    return docker("exec", f"avs-{bench.name}-{tag}-node", *command)


def changed(way: Way, tag: str, text: str) -> None:
    """The package with other files than those it was installed with."""
    (way.folder / tag / "pkg" / PROFILE / "conf/app.toml").write_text(text)


def test_a_declared_folder_begins_with_the_packages_files_and_is_the_nodes_from_then_on(way: Way) -> None:
    bench, (spec,) = way.bench, way.specs({"c": CONF})
    step(bench, spec)
    assert inside(bench, "c", "sh", "-c", "cd /conf && find . -type f | sort && cat app.toml") == "./app.toml\n./deep/more\nfirst"
    assert inside(bench, "c", "stat", "-c", "%u", "/conf/app.toml", "/conf/deep", "/conf") == "1000\n1000\n1000\n"
    inside(bench, "c", "sh", "-c", "echo -n mine > /conf/app.toml && rm /conf/deep/more")
    changed(way, "c", "second")
    (spec,) = way.specs({"c": CONF})
    before = bench.containers()
    step(bench, spec)
    assert bench.containers() == before
    assert inside(bench, "c", "sh", "-c", "cd /conf && find . -type f && cat app.toml") == "./app.toml\nmine"
    bench.call([bare(spec, "absent", purge=True)])


def test_an_empty_folder_of_an_earlier_release_stays_empty(way: Way) -> None:
    bench, (spec,) = way.bench, way.specs({"e": CONF})
    data = Path(bench.store.instance(spec["id"]).data)
    (data / "conf").mkdir(parents=True)
    (data / "conf").chmod(0o755)
    shutil.chown(data / "conf", 1000, 1000)
    step(bench, spec)
    assert inside(bench, "e", "ls", "-A", "/conf") == ""
    bench.call([bare(spec, "absent", purge=True)])


@pytest.fixture(scope="module")
def holding() -> Iterator[str]:
    """An image that asks for volumes itself, as those of databases do."""
    docker("create", "--name", f"avs-host-test-holding-{RUN}", IMAGE)
    change = 'VOLUME ["/var/lib/held", "/covered", "/passing"]'
    docker("commit", "--change", change, "--change", "USER 0", f"avs-host-test-holding-{RUN}", HOLDING)
    docker("rm", f"avs-host-test-holding-{RUN}")
    yield HOLDING
    docker("rmi", "-f", HOLDING, check=False)


def unnamed(bench: Bench, tag: str) -> dict[str, str]:
    """Folder in the container -> volume."""
    mounts = json.loads(docker("inspect", f"avs-{bench.name}-{tag}-node"))[0]["Mounts"]
    return {mount["Destination"]: mount["Name"] for mount in mounts if mount["Type"] == "volume" and "_" not in mount["Name"]}


def there(volumes: Any) -> list[str]:
    known = docker("volume", "ls", "-q").split()
    return sorted(name for name in volumes if name in known)


def test_volumes_without_a_name_are_told_kept_and_purged(way: Way, holding: str) -> None:
    case = Small(
        services={"node": {"image": holding, "volumes": ["/anon", "data:/covered"], "tmpfs": ["/passing"]}},
        compose={"volumes": {"data": {}}},
        runtime={"privileges": {"node": {"user": "0:0"}}},
    )
    bench, (spec,) = way.bench, way.specs({"v": case})
    (entry,) = bench.call([spec])["instances"]
    told = {(item["place"].partition(": ")[2], item["severity"]) for item in entry["findings"] if item["id"] == "PKG-022"}
    assert told == {("services.node.volumes", "warning"), ("services.node.image", "warning")}
    first = unnamed(bench, "v")
    assert sorted(first) == ["/anon", "/var/lib/held"]
    inside(bench, "v", "sh", "-c", "echo mine > /var/lib/held/file")
    assert set(first.values()) <= set(bench.store.instance(spec["id"]).state().volumes)  # type: ignore[union-attr]

    docker("rm", "-f", f"avs-{bench.name}-v-node")
    bench.call([spec])
    second = unnamed(bench, "v")
    assert not set(first.values()) & set(second.values())

    gone = bench.call([bare(spec, "absent")])["instances"][0]
    everything = [*first.values(), *second.values()]
    named = f"avs-{spec['id']}_data"
    assert gone["kept"]["volumes"] == sorted([*everything, named])
    assert there(everything) == sorted(everything)

    bench.call([spec])
    third = unnamed(bench, "v")
    step(bench, bare(spec, "absent", purge=True))
    assert there([*everything, *third.values(), named]) == []


def test_a_volume_without_a_name_that_no_record_knows_is_kept_too(way: Way, holding: str) -> None:
    case = Small(
        services={"node": {"image": holding, "tmpfs": ["/covered", "/passing"]}}, runtime={"privileges": {"node": {"user": "0:0"}}}
    )
    bench, (spec,) = way.bench, way.specs({"o": case})
    bench.call([spec])
    own = bench.store.instance(spec["id"])
    own.write_state(own.state().but(volumes=()))  # type: ignore[union-attr]
    (volume,) = unnamed(bench, "o").values()
    (gone,) = bench.call([bare(spec, "absent")])["instances"]
    assert gone["kept"]["volumes"] == [volume] == there([volume])
    step(bench, bare(spec, "absent", purge=True))
    assert there([volume]) == []
