# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the demo share: key folders, running nodes, HTTP, and a reader of the metrics format."""

from __future__ import annotations

import http.client
import io
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo_avs.config import node_config
from demo_avs.log import Log
from demo_avs.node import Node

from tests.lab.keystores import make_keystore, write_pair

PASSWORDS = {"bls": "bls pass-word", "ecdsa": "ecdsa/päss"}
KINDS = {"bls": "bn254", "ecdsa": "ecdsa"}
TOKEN = "token-that-must-not-leak"
_LINE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>[-+.0-9eE]+)")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def put_keys(folder: Path) -> dict[str, str]:
    """A BLS and an ECDSA key as a host places them; name -> public id."""
    found = {}
    for name, kind in KINDS.items():
        document, found[name] = make_keystore(kind, PASSWORDS[name], None, 16)
        write_pair(folder, name, document, PASSWORDS[name])
    return found


def wait_for(true: Callable[[], Any], seconds: float = 5.0) -> Any:
    """What ``true`` returns as soon as that is true; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@dataclass(frozen=True)
class Reply:
    code: int
    body: str
    content_type: str = ""

    def json(self) -> Any:
        return json.loads(self.body)


def request(port: int, path: str, method: str = "GET") -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return Reply(response.status, response.read().decode(), response.getheader("Content-Type") or "")
    finally:
        connection.close()


@dataclass
class Running:
    """A node in this process, and what it logged."""

    node: Node
    stream: io.StringIO = field(default_factory=io.StringIO)

    def get(self, path: str) -> Reply:
        return request(self.node.api.port, path)

    def health(self) -> int:
        return self.get("/eigen/node/health").code

    def metrics(self) -> Reply:
        return request(self.node.metrics.port, "/metrics")

    def events(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """Settings of a node that ticks fast and takes free ports; its files are below ``folder``."""
    (folder / "work").mkdir(exist_ok=True)
    (folder / "data").mkdir(exist_ok=True)
    found = {
        "DEMO_VERSION": "1.0.0",
        "RPC_TOKEN": TOKEN,
        "WARM_UP": "0",
        "KEYS_DIR": str(folder / "keys"),
        "DATABASE": str(folder / "data" / "demo.sqlite"),
        "WORK_DIR": str(folder / "work"),
        "API_PORT": "0",
        "METRICS_PORT": "0",
        "PEER_PORT": "0",
        "TICK": "0.02",
        "LOG_LEVEL": "debug",
    }
    return {**found, **changes}


@contextmanager
def running(folder: Path, **changes: str) -> Iterator[Running]:
    """A started node; stopped at the end."""
    stream = io.StringIO()
    node = Node(node_config(environment(folder, **changes)), Log("node", "debug", stream))
    node.start()
    try:
        yield Running(node, stream)
    finally:
        node.stop()


@dataclass(frozen=True)
class Metric:
    """``samples``: (name, labels) -> value."""

    kind: str
    samples: Mapping[tuple[str, tuple[tuple[str, str], ...]], float]

    def value(self, name: str, /, **labels: str) -> float:
        return self.samples[name, tuple(sorted(labels.items()))]


def read_metrics(text: str) -> dict[str, Metric]:
    """The families of a scrape; fails on a line that is not of the format or not of the family announced above it."""
    assert text.endswith("\n")
    kinds: dict[str, str] = {}
    samples: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], float]] = {}
    family = ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert len(line.split(" ", 3)) == 4
        elif line.startswith("# TYPE "):
            _hash, _type, family, kind = line.split(" ")
            assert family not in kinds
            kinds[family], samples[family] = kind, {}
        else:
            match = _LINE.fullmatch(line)
            assert match, line
            suffixes = ("_bucket", "_sum", "_count") if kinds[family] == "histogram" else ("",)
            assert match["name"] in [family + suffix for suffix in suffixes], line
            labels = tuple(sorted(_LABEL.findall(match["labels"] or "")))
            assert (match["name"], labels) not in samples[family], line
            samples[family][match["name"], labels] = float(match["value"])
    return {name: Metric(kinds[name], samples[name]) for name in kinds}
