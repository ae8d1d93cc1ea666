# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate's request, at servers of every temper."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.health import probes
from ansible_collections.restaking.avs.plugins.module_utils.health.probes import Answer, http_get

HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def served(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            line, _peer = server.accept()
            with line:
                line.recv(1000)
                answer(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def dripping(begin: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    def answer(line: socket.socket) -> None:
        line.sendall(begin)
        until = time.monotonic() + 5
        try:
            while time.monotonic() < until:
                line.sendall(drop)
                time.sleep(0.02)
        except OSError:
            pass

    return answer


def test_an_answer() -> None:
    with served(lambda line: line.sendall(HEAD + b"Content-Length: 4\r\n\r\nfine")) as port:
        assert http_get("127.0.0.1", port, "/") == Answer(200, "fine")


@pytest.mark.parametrize(
    ("begin", "drop"),
    [(b"", b"H"), (HEAD, b"X-A: b\r\n"), (HEAD + b"\r\n", b"x"), (HEAD + b"Content-Length: 9999\r\n\r\n", b"x")],
    ids=["status", "headers", "body", "announced body"],
)
def test_an_answer_that_never_ends_is_none(monkeypatch: pytest.MonkeyPatch, begin: bytes, drop: bytes) -> None:
    monkeypatch.setattr(probes, "_REQUEST_TOTAL", 0.3)
    with served(dripping(begin, drop)) as port:
        began = time.monotonic()
        assert http_get("127.0.0.1", port, "/") == Answer(0, "did not end its answer within 0.3 s")
        assert time.monotonic() - began < 3


def test_what_is_no_http_and_nobody_there() -> None:
    with served(lambda line: line.sendall(b"hello\r\n\r\n")) as port:
        assert http_get("127.0.0.1", port, "/").status == 0
    assert http_get("127.0.0.1", port, "/") == Answer(0, "connection refused")
