# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A big file two nodes name: each has its own, whatever the other one's container does to its."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.host.support import IMAGE, Bench, docker

CONTENT = b"0123456789" * 30_000
COMPOSE = f"""
services:
  main:
    image: {IMAGE}
    init: true
    stop_grace_period: 1s
    entrypoint: [python3, -c, "import time; time.sleep(100000)"]
    volumes: ["./files:/files"]
    labels: {{level: "${{LEVEL}}"}}
"""
SPOIL = "import os; os.chmod('/files/big.bin', 0o644); f = open('/files/big.bin', 'r+b'); f.write(b'poison'); f.close()"


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "big.bin").write_bytes(CONTENT)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/big.bin"
        yield {"url": url, "sha256": hashlib.sha256(CONTENT).hexdigest(), "path": "files/big.bin", "size": len(CONTENT)}
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def two(bench: Bench, artifact: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    root = tmp_path_factory.mktemp("big")
    (root / "pkg" / "hoodi").mkdir(parents=True)
    (root / "pkg" / "hoodi" / "docker-compose.yml").write_text(COMPOSE)
    (root / "pkg" / "hoodi" / ".env").write_text("LEVEL=info\n")
    small = {"keys": [], "secrets": {}, "directories": [], "volumes": {}, "metrics": [], "api": None, "env": {}, "artifacts": [artifact],
             "health": {"type": "container", "port": 8080, "timeout": 20}, "privileges": {"main": {"user": "0:0"}}}  # fmt: skip
    return [bench.spec(tag, root, **small) for tag in ("one", "two")]


def placed(bench: Bench, spec: dict[str, Any]) -> Path:
    return Path(bench.store.instance(spec["id"]).data, "files", "big.bin")


def actions(result: dict[str, Any]) -> list[list[tuple[str, str]]]:
    return [[(item["name"], item["action"]) for item in entry["actions"] if item["kind"] == "files"] for entry in result["instances"]]


def test_what_a_container_writes_reaches_no_other_node(bench: Bench, two: list[dict[str, Any]]) -> None:
    assert bench.call(two, timeout=60)["changed"]
    one, other = (placed(bench, spec) for spec in two)
    docker("exec", f"avs-{two[0]['id']}-main", "python3", "-c", SPOIL)
    assert one.read_bytes()[:6] == b"poison"
    assert other.read_bytes() == CONTENT
    assert not bench.call(two)["changed"]
    changed = [{**spec, "env": {"LEVEL": "debug"}} for spec in two]
    wanted = [[("data/files/big.bin", "update"), ("release", "update")], [("release", "update")]]
    assert actions(bench.call(changed, check=True)) == wanted
    assert actions(bench.call(changed, timeout=60)) == wanted
    assert [placed(bench, spec).read_bytes() for spec in two] == [CONTENT, CONTENT]
    assert not bench.call(changed)["changed"]


def test_what_an_earlier_release_linked_is_found_unchanged_and_separated_with_the_next_work(
    bench: Bench, two: list[dict[str, Any]]
) -> None:
    bench.call(two, timeout=60)
    kept = Path(bench.store.artifacts, two[0]["artifacts"][0]["sha256"])
    kept.write_bytes(CONTENT)
    kept.chmod(0o444)
    for spec in two:
        placed(bench, spec).unlink()
        os.link(kept, placed(bench, spec))
        os.unlink(bench.store.instance(spec["id"]).artifacts_file)
    containers = bench.containers()
    assert not bench.call(two)["changed"]
    assert bench.containers() == containers
    changed = [{**two[0], "env": {"LEVEL": "debug"}}, two[1]]
    assert actions(bench.call(changed, timeout=60)) == [[("data/files/big.bin", "update"), ("release", "update")], []]
    docker("exec", f"avs-{two[0]['id']}-main", "python3", "-c", SPOIL)
    assert placed(bench, two[1]).read_bytes() == CONTENT
    assert bench.containers()[f"avs-{two[1]['id']}-main"] == containers[f"avs-{two[1]['id']}-main"]
