# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node: its API, health, metrics, keys, database and chain, over real sockets."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from demo_avs.config import ConfigError, node_config
from demo_avs.release import RELEASES

from examples.images.tests.conftest import IMAGES
from examples.images.tests.support import PASSWORDS, TOKEN, environment, put_keys, read_metrics, request, running, wait_for
from tests.lab.keystores import make_keystore, write_pair


@pytest.fixture
def home(tmp_path: Path) -> Path:
    put_keys(tmp_path / "keys")
    return tmp_path


def test_the_node_api_in_full(home: Path) -> None:
    with running(home, NODE_NAME="op 1") as it:
        wait_for(lambda: it.health() == 200)
        assert it.get("/eigen/node").json() == {"node_name": "op 1", "spec_version": "v0.2.0", "node_version": "v1.0.0"}
        assert it.get("/eigen/node/spec-version").json() == {"api_version": "v0.2.0"}
        assert it.get("/eigen/node/version").json() == {"version": "v1.0.0"}
        services = it.get("/eigen/node/services").json()["services"]
        assert [service["id"] for service in services] == ["signer", "database", "worker", "rpc"]
        assert all(set(service) == {"id", "name", "description", "status"} for service in services)
        assert {service["status"] for service in services} == {"Up"}
        assert [it.get(f"/eigen/node/services/{service['id']}/health").code for service in services] == [200] * 4
        assert it.get("/eigen/node/services/nothing/health").code == 404
        assert it.get("/eigen/node/services/signer").code == 404
        assert it.get("/nothing").code == 404
        assert it.get("/eigen/node/health?x=1").code == 200


def test_partially_healthy_while_warming_up(home: Path) -> None:
    with running(home, WARM_UP="600") as it:
        wait_for(lambda: it.get("/height").json()["height"])
        assert it.health() == 206
        assert it.get("/eigen/node/services/worker/health").code == 206
        it.node._started -= 600
        assert it.health() == 200


@pytest.mark.parametrize(
    ("changes", "down"),
    [
        ({"DEMO_BROKEN": "true"}, "worker"),
        ({"DEMO_VERSION": "2.1.0"}, "worker"),
        ({"KEYS_DIR": "/nothing/here"}, "signer"),
        ({"DATABASE": "/nothing/here.sqlite"}, "database"),
    ],
)
def test_unhealthy_when_a_vital_part_is_down(home: Path, changes: dict[str, str], down: str) -> None:
    with running(home, **changes) as it:
        others = [part for part in ("signer", "database", "worker", "rpc") if part != down]
        wait_for(lambda: all(it.get(f"/eigen/node/services/{part}/health").code == 200 for part in others))
        assert it.health() == 503
        assert it.get(f"/eigen/node/services/{down}/health").code == 503
        assert it.metrics().code == 200


@pytest.mark.parametrize(("old", "new"), [("1.1.0", "2.0.0"), ("2.0.0", "1.1.0"), ("2.0.0", "2.2.0")])
def test_a_database_of_another_schema_is_refused(home: Path, old: str, new: str) -> None:
    with running(home, DEMO_VERSION=old) as it:
        wait_for(lambda: it.get("/height").json()["height"] >= 2)
    before = (home / "data" / "demo.sqlite").read_bytes()
    with running(home, DEMO_VERSION=new) as it:
        time.sleep(0.1)
        assert it.health() == 503
        [event] = it.events("database_refused")
        assert event["security"]
        assert f"has schema {RELEASES[old].schema}" in event["reason"]
        assert f"works with schema {RELEASES[new].schema}" in event["reason"]
    assert (home / "data" / "demo.sqlite").read_bytes() == before


@pytest.mark.parametrize("version", list(RELEASES))
def test_a_new_database_has_the_release_s_schema(home: Path, version: str) -> None:
    with running(home, DEMO_VERSION=version) as it:
        wait_for(lambda: it.get("/height").json()["height"] >= 1)
        assert it.get("/height").json()["schema"] == RELEASES[version].schema
        assert read_metrics(it.metrics().body)["demo_schema_version"].value("demo_schema_version") == RELEASES[version].schema


def test_what_is_no_database_is_refused(home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "demo.sqlite").write_text("something else" * 100)
    with running(home) as it:
        assert it.health() == 503
        assert "not a database" in it.events("database_refused")[0]["reason"]


def test_the_height_grows_and_survives_restarts(home: Path) -> None:
    seen = []
    for _restart in range(3):
        with running(home) as it:
            for _look in range(3):
                seen.append(wait_for(lambda: it.get("/height").json()["height"]))
                time.sleep(0.05)
    assert seen == sorted(seen) and seen[-1] > seen[3] > seen[0]
    with sqlite3.connect(home / "data" / "demo.sqlite") as connection, pytest.raises(sqlite3.IntegrityError, match="grows"):
        connection.execute("UPDATE progress SET height = 1")


def test_metrics_have_names_and_types_of_the_specification(home: Path) -> None:
    with running(home, NODE_NAME="op1") as it:
        wait_for(lambda: it.health() == 200)
        reply = it.metrics()
        found = read_metrics(reply.body)
        keys = it.get("/keys").json()["keys"]
    assert reply.content_type.startswith("text/plain; version=0.0.4")
    kinds = {name: metric.kind for name, metric in found.items() if name.startswith("eigen_")}
    assert kinds == {
        "eigen_registered_stakes": "gauge",
        "eigen_performance_score": "gauge",
        "eigen_rpc_request_duration_seconds": "histogram",
        "eigen_rpc_request_total": "counter",
        "eigen_fees_earned_total": "counter",
        "eigen_slashing_status": "gauge",
    }
    assert found["eigen_registered_stakes"].value("eigen_registered_stakes", quorum_number="0", quorum_name="eth") == 32
    assert found["eigen_performance_score"].value("eigen_performance_score", avs_name="op1") == 100
    assert found["demo_height"].value("demo_height") >= 1
    for key in keys:
        labels = {"name": key["name"], "kind": key["kind"], "public_id": key["public_id"]}
        assert found["demo_keys"].value("demo_keys", **labels) == 1
    histogram, name = found["eigen_rpc_request_duration_seconds"], "eigen_rpc_request_duration_seconds"
    method = {"method": "eth_blockNumber", "client_version": "demo/local"}
    buckets = [value for (sample, _labels), value in histogram.samples.items() if sample.endswith("_bucket")]
    assert buckets == sorted(buckets) and len(buckets) == 8
    count = histogram.value(f"{name}_count", **method)
    assert histogram.value(f"{name}_bucket", le="+Inf", **method) == count >= 1
    assert found["eigen_rpc_request_total"].value("eigen_rpc_request_total", **method) == count


def test_stakes_by_quorum_can_be_left_out(home: Path) -> None:
    with running(home, QUORUM_METRICS="false") as it:
        assert read_metrics(it.metrics().body)["eigen_registered_stakes"].samples == {}


def test_keys_are_served_and_rotation_is_seen(home: Path) -> None:
    with running(home) as it:
        before = {key["name"]: key["public_id"] for key in it.get("/keys").json()["keys"]}
        assert set(before) == {"bls", "ecdsa"}
        document, public_id = make_keystore("bn254", "fresh", None, 16)
        write_pair(home / "keys", "bls", document, "fresh")
        wait_for(lambda: it.get("/keys").json()["keys"][0].get("public_id") == public_id)
        assert it.get("/keys").json()["keys"][1]["public_id"] == before["ecdsa"]
        # Keystore and password were not replaced in one step here, so the node may have seen them apart.
        seen = [*it.events("key_changed"), *it.events("key_loaded")]
        assert public_id in [event["public_id"] for event in seen]
        (home / "keys" / "bls.password").write_text("wrong")
        wait_for(lambda: it.health() == 503)
        assert it.get("/keys").json()["keys"][0]["status"] == "failed"


def test_no_secret_is_logged_or_served(home: Path) -> None:
    with running(home) as it:
        wait_for(lambda: it.health() == 200)
        (home / "keys" / "ecdsa.password").write_text("a wrong secret")
        wait_for(lambda: it.health() == 503)
        shown = it.metrics().body + "".join(it.get(path).body for path in ("/keys", "/eigen/node", "/eigen/node/services"))
    text = it.stream.getvalue() + shown
    secrets = [TOKEN, "a wrong secret", *PASSWORDS.values()]
    secrets += [json.loads((home / "keys" / f"{name}.json").read_text())["crypto"]["ciphertext"] for name in PASSWORDS]
    assert [secret for secret in secrets if secret in text] == []
    assert TOKEN not in repr(node_config(environment(home)))


def test_start_stop_and_bad_requests_are_security_events(home: Path) -> None:
    with running(home, LOG_LEVEL="error") as it:
        assert request(it.node.api.port, "/eigen/node", "POST").code == 501
        assert request(it.node.api.port, "/" + "x" * 3000).code == 414
        with socket.create_connection(("127.0.0.1", it.node.api.port), timeout=5) as raw:
            raw.sendall(b"nonsense and more of it here\r\n\r\n")
            assert b"Bad Request" in raw.recv(200)
    assert [event["code"] for event in it.events("bad_request")] == [501, 414, 400]
    assert len(it.events("started")) == len(it.events("stopped")) == 1
    assert all(event["security"] for name in ("bad_request", "started", "stopped") for event in it.events(name))


@contextmanager
def json_rpc(answer: bytes, code: int = 200) -> Iterator[tuple[int, list[str]]]:
    """A chain that always says the same; yields its port and the authorizations it saw."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert body["method"] == "eth_blockNumber"
            seen.append(self.headers["Authorization"])
            self.send_response(code)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()


def test_the_token_goes_to_the_chain_and_nowhere_else(home: Path) -> None:
    with json_rpc(b'{"jsonrpc": "2.0", "id": 1, "result": "0x10"}') as (port, seen):
        with running(home, RPC_URL=f"http://127.0.0.1:{port}/v1") as it:
            wait_for(lambda: it.health() == 200)
            found = read_metrics(it.metrics().body)["eigen_rpc_request_total"]
        assert seen and set(seen) == {f"Bearer {TOKEN}"}
        assert found.value("eigen_rpc_request_total", method="eth_blockNumber", client_version="jsonrpc/http") >= 1
    assert TOKEN not in it.stream.getvalue()


@pytest.mark.parametrize(("answer", "code"), [(b"{}", 200), (b"no", 200), (b'{"result": "0x1"}', 401)])
def test_a_chain_that_is_down_leaves_the_node_partially_healthy(home: Path, answer: bytes, code: int) -> None:
    with ExitStack() as stack:
        port, _seen = stack.enter_context(json_rpc(answer, code))
        it = stack.enter_context(running(home, RPC_URL=f"http://127.0.0.1:{port}"))
        wait_for(lambda: it.events("rpc_unavailable"))
        wait_for(lambda: it.get("/height").json()["height"])
        assert it.health() == 206
        assert it.get("/eigen/node/services/rpc/health").code == 503


def test_the_peer_port_came_with_1_1_0(home: Path) -> None:
    with running(home, DEMO_VERSION="1.1.0", NODE_NAME="op1") as it:
        assert it.node.peer is not None
        with socket.create_connection(("127.0.0.1", it.node.peer.port), timeout=5) as peer:
            assert peer.recv(100) == b"demo-avs/1.1.0 op1\n"
    with running(home) as it:
        assert it.node.peer is None


def test_peers_are_counted(home: Path) -> None:
    (home / "peers.json").write_text('{"peers": ["a:1", "b:2"]}')
    with running(home, PEERS_FILE=str(home / "peers.json")) as it:
        assert read_metrics(it.metrics().body)["demo_peers"].value("demo_peers") == 2


def test_every_bad_setting_is_named_without_its_value(home: Path) -> None:
    changes = {"DEMO_VERSION": "1.0.0", "RPC_TOKEN": "has blank", "WARM_UP": "x", "FEE_SHARE": "1.5", "LOG_LEVEL": "loud"}
    with pytest.raises(ConfigError) as caught:
        node_config({**environment(home), **changes, "DEMO_BROKEN": "maybe", "RPC_URL": "ftp://x"})
    names = ["DEMO_BROKEN", "FEE_SHARE", "LOG_LEVEL", "RPC_TOKEN", "RPC_URL", "WARM_UP"]
    assert sorted(problem.split(":")[0] for problem in caught.value.problems) == names
    assert "has blank" not in str(caught.value)


def run(home: Path, *arguments: str, **changes: str) -> subprocess.Popen[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(IMAGES / "demo-avs"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "demo_avs", *arguments],
        env={**environ, **environment(home, **changes)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_process_stops_fast_when_told(home: Path) -> None:
    process = run(home, "node")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "started"
    while json.loads(process.stdout.readline())["event"] != "key_loaded":
        pass
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 0 and errors == ""
    assert time.monotonic() - start < 5
    assert json.loads(output.splitlines()[-1])["event"] == "stopped"


def test_the_process_refuses_bad_settings_and_usage(home: Path) -> None:
    refused = run(home, "node", RPC_TOKEN="", WARM_UP="-1")
    output, _errors = refused.communicate(timeout=10)
    assert refused.returncode == 78
    assert len(json.loads(output)["problems"]) == 2
    usage = run(home, "something")
    assert "usage" in usage.communicate(timeout=10)[1] and usage.returncode == 2
