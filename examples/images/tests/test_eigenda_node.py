# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in for EigenDA's node: settings, keys, files, folders, and calls answered with UNIMPLEMENTED."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from demo_avs.config import ConfigError
from demo_avs.log import Log
from eigenda_node import grpc
from eigenda_node.node import EigendaNode
from eigenda_node.settings import read_settings

from examples.images.tests.support import PASSWORDS, Reply, put_keys, read_metrics, request, wait_for


def free_ports(count: int) -> list[str]:
    listening = [socket.create_server(("127.0.0.1", 0)) for _port in range(count)]
    ports = [str(each.getsockname()[1]) for each in listening]
    for each in listening:
        each.close()
    return ports


def environment(folder: Path) -> dict[str, str]:
    """A host as it should be, and the settings that name it."""
    put_keys(folder / "keys")
    for name in ("db", "cache", "logs"):
        (folder / name).mkdir()
    for name in ("g1.point", "g2.point.powerOf2"):
        (folder / name).write_bytes(bytes(64))
    api, metrics, dispersal, retrieval = free_ports(4)
    return {
        "NODE_HOSTNAME": "203.0.113.7",
        "NODE_CHAIN_RPC": "http://127.0.0.1:8545",
        "NODE_CHAIN_ID": "560048",
        "NODE_EIGENDA_DIRECTORY": "0x5a44e56e88abcf610c68340c6814ae7f5c4369fd",
        "NODE_CHURNER_URL": "churner.example.org:443",
        "NODE_PUBLIC_IP_PROVIDER": "seeip",
        "NODE_ECDSA_KEY_FILE": str(folder / "keys" / "ecdsa.json"),
        "NODE_BLS_KEY_FILE": str(folder / "keys" / "bls.json"),
        "NODE_ECDSA_KEY_PASSWORD": PASSWORDS["ecdsa"],
        "NODE_BLS_KEY_PASSWORD": PASSWORDS["bls"],
        "NODE_G1_PATH": str(folder / "g1.point"),
        "NODE_G2_POWER_OF_2_PATH": str(folder / "g2.point.powerOf2"),
        "NODE_DB_PATH": str(folder / "db"),
        "NODE_CACHE_PATH": str(folder / "cache"),
        "NODE_LOG_PATH": str(folder / "logs" / "opr.log"),
        "NODE_API_PORT": api,
        "NODE_METRICS_PORT": metrics,
        "NODE_INTERNAL_V2_DISPERSAL_PORT": dispersal,
        "NODE_INTERNAL_V2_RETRIEVAL_PORT": retrieval,
    }


@contextmanager
def running(environ: dict[str, str]) -> Iterator[tuple[EigendaNode, io.StringIO]]:
    stream = io.StringIO()
    node = EigendaNode(read_settings(environ), "2.7.0", Log("eigenda-node", "debug", stream), interval=0.02)
    node.start()
    try:
        yield node, stream
    finally:
        node.stop()


def get(node: EigendaNode, path: str) -> Reply:
    return request(node.api.port, path)


def down(node: EigendaNode) -> list[str]:
    return [service["id"] for service in get(node, "/eigen/node/services").json()["services"] if service["status"] != "Up"]


def test_a_host_as_it_should_be(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    with running(environ) as (node, stream):
        assert get(node, "/eigen/node/health").code == 200
        assert get(node, "/eigen/node").json()["node_version"] == "v2.7.0"
        assert down(node) == []
        assert [key["kind"] for key in get(node, "/keys").json()["keys"]] == ["bn254", "ecdsa"]
        found = read_metrics(request(node.metrics.port, "/metrics").body)
        assert found["eigen_performance_score"].value("eigen_performance_score", avs_name="da-node") == 100
        assert node.api.port == int(environ["NODE_API_PORT"])
    for name in ("db", "cache", "logs"):
        assert json.loads((tmp_path / name / "heartbeat.json").read_text())["beat"] >= 1
    assert "key-bls up" in (tmp_path / "logs" / "opr.log").read_text()
    assert not [password for password in PASSWORDS.values() if password in stream.getvalue()]


def test_what_is_missing_or_a_folder_or_wrong_is_down_and_comes_back(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    with running(environ) as (node, stream):
        (tmp_path / "g1.point").unlink()
        (tmp_path / "g1.point").mkdir()
        (tmp_path / "g2.point.powerOf2").write_bytes(b"")
        (tmp_path / "keys" / "bls.json").rename(tmp_path / "kept")
        (tmp_path / "keys" / "bls.json").mkdir()
        wait_for(lambda: down(node) == ["key-bls", "g1", "g2"])
        assert get(node, "/eigen/node/health").code == 503
        reasons = {line["part"]: line["reason"] for line in map(json.loads, stream.getvalue().splitlines()) if "part" in line}
        assert "is a folder" in reasons["key-bls"] and "is not a file" in reasons["g1"] and "is empty" in reasons["g2"]
        (tmp_path / "keys" / "bls.json").rmdir()
        (tmp_path / "kept").rename(tmp_path / "keys" / "bls.json")
        (tmp_path / "g1.point").rmdir()
        (tmp_path / "g1.point").write_bytes(bytes(32))
        (tmp_path / "g2.point.powerOf2").write_bytes(bytes(32))
        wait_for(lambda: get(node, "/eigen/node/health").code == 200)


def test_a_wrong_password_and_a_swapped_keystore_are_down(tmp_path: Path) -> None:
    environ = {**environment(tmp_path), "NODE_ECDSA_KEY_PASSWORD": "not this one"}
    with running(environ) as (node, stream):
        assert down(node) == ["key-ecdsa"]
        assert "does not open" in stream.getvalue() and "not this one" not in stream.getvalue()
    swapped = {**environ, "NODE_ECDSA_KEY_FILE": environ["NODE_BLS_KEY_FILE"], "NODE_ECDSA_KEY_PASSWORD": PASSWORDS["bls"]}
    with running({**swapped, **dict(zip(("NODE_API_PORT", "NODE_METRICS_PORT"), free_ports(2)))}) as (node, stream):
        assert down(node) == ["key-ecdsa"]
        assert "kind bn254, not ecdsa" in stream.getvalue()


def test_a_folder_that_is_not_there_is_down(tmp_path: Path) -> None:
    with running({**environment(tmp_path), "NODE_DB_PATH": str(tmp_path / "nothing")}) as (node, _stream):
        assert down(node) == ["db"]


def test_every_bad_setting_is_named(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    del environ["NODE_HOSTNAME"]
    with pytest.raises(ConfigError) as caught:
        read_settings({**environ, "NODE_CHAIN_RPC": "localhost", "NODE_API_PORT": "99999", "NODE_METRICS_PORT": ""})
    assert sorted(problem.split(" ")[0] for problem in caught.value.problems) == [
        "NODE_API_PORT",
        "NODE_CHAIN_RPC",
        "NODE_HOSTNAME",
        "NODE_METRICS_PORT",
    ]
    assert PASSWORDS["bls"] not in repr(read_settings(environment(tmp_path / "other")))


def test_2_6_0_has_the_first_generation_s_ports_too(tmp_path: Path) -> None:
    old = {"NODE_INTERNAL_DISPERSAL_PORT": "32005", "NODE_INTERNAL_RETRIEVAL_PORT": "32004"}
    assert read_settings({**environment(tmp_path), **old}).grpc_ports[2:] == (32005, 32004)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        assert part, "the connection was closed"
        data += part
    return data


def frames(connection: socket.socket) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, flags, stream, payload)"""
    while True:
        head = receive(connection, 9)
        yield head[3], head[4], int.from_bytes(head[5:], "big"), receive(connection, int.from_bytes(head[:3], "big"))


def test_calls_are_answered_once_the_request_has_ended(tmp_path: Path) -> None:
    with running(environment(tmp_path)) as (node, _stream):
        for server in node.grpc:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(grpc.PREFACE + grpc.frame(4, 0, 0) + grpc.frame(1, 4, 1, b"\x83") + grpc.frame(6, 0, 0, b"12345678"))
                seen = frames(connection)
                assert [next(seen)[:3] for _frame in range(3)] == [(4, 0, 0), (4, 1, 0), (6, 1, 0)]
                connection.sendall(grpc.frame(0, 1, 1, b"\0\0\0\0\0"))
                assert [next(seen) for _frame in range(2)] == [(8, 0, 0, b"\0\0\0\5"), (8, 0, 1, b"\0\0\0\5")]
                kind, flags, stream, payload = next(seen)
                assert (kind, flags, stream) == (1, 5, 1)
                assert payload.startswith(b"\x88") and b"grpc-status\x0212" in payload
                connection.sendall(grpc.frame(7, 0, 0))
                assert connection.recv(1) == b""


def test_what_is_no_http2_is_hung_up_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        node, _stream = stack.enter_context(running(environment(tmp_path)))
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", node.grpc[0].port), timeout=5))
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1) == b""
