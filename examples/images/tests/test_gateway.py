# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gateway in front of a node."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from demo_avs.config import ConfigError, gateway_config
from demo_avs.gateway import Gateway
from demo_avs.log import Log

from examples.images.tests.support import put_keys, read_metrics, request, running, wait_for


@contextmanager
def gateway(upstream: int, **changes: str) -> Iterator[tuple[int, io.StringIO]]:
    stream = io.StringIO()
    environ = {"UPSTREAM": f"http://127.0.0.1:{upstream}", "GATEWAY_PORT": "0", **changes}
    server = Gateway(gateway_config(environ), Log("gateway", "debug", stream))
    server.start()
    try:
        yield server.api.port, stream
    finally:
        server.stop()


def test_reads_are_forwarded(tmp_path: Path) -> None:
    ids = put_keys(tmp_path / "keys")
    with running(tmp_path) as it, gateway(it.node.api.port) as (port, _stream):
        wait_for(lambda: request(port, "/eigen/node/health").code == 200)
        assert request(port, "/eigen/node").json() == it.get("/eigen/node").json()
        assert {key["name"]: key["public_id"] for key in request(port, "/keys").json()["keys"]} == ids
        assert request(port, "/eigen/node/services/nothing/health").code == 404
        assert request(port, "/anything/else").code == 404
        found = read_metrics(request(port, "/metrics").body)
    assert found["demo_gateway_timeout_seconds"].value("demo_gateway_timeout_seconds") == 3
    assert found["demo_gateway_request_total"].value("demo_gateway_request_total", code="404") == 1


def test_a_node_that_does_not_answer_is_a_bad_gateway() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, gateway(silent.getsockname()[1], GATEWAY_TIMEOUT="0.1") as (port, stream):
        assert request(port, "/eigen/node/health").code == 502
    assert "node_unavailable" in [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def test_every_bad_setting_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        gateway_config({"UPSTREAM": "https://node", "GATEWAY_TIMEOUT": "0", "LOG_LEVEL": "x"})
    assert sorted(problem.split(":")[0] for problem in caught.value.problems) == ["GATEWAY_TIMEOUT", "LOG_LEVEL", "UPSTREAM"]
