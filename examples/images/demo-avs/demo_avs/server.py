# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP and TCP listeners, a thread a connection, with the limits that keep one bad peer from taking the node down."""

from __future__ import annotations

import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Optional

from .api import Answer, as_json
from .log import Log

Route = Callable[[str], Optional[Answer]]
_LONGEST_PATH = 2048


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "demo-avs", ""
    server: HttpServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if len(path) > _LONGEST_PATH:
            self.send_error(414)
            return
        answer = self.server.route(path)
        self._send(answer if answer is not None else as_json({"error": "not found"}, 404))

    do_HEAD = do_GET

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Malformed requests and methods the API does not have end up here: an event each, without what was sent."""
        self.server.log.security("warning", "bad_request", peer=self.client_address[0], code=int(code))
        self.close_connection = True
        self._send(as_json({"error": self.responses.get(code, ("error",))[0]}, code))

    def log_message(self, format: str, *args: Any) -> None:
        self.server.log.event("debug", "request", peer=self.client_address[0], line=(format % args)[:200])


class _Lifecycle(socketserver.TCPServer):
    """What both listeners share; a port of 0 takes a free one, see ``port``."""

    log: Log

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that hangs up is no event of ours; anything else is a mistake of ours, named without what was sent."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.log.event("debug", "connection_lost", peer=client_address[0])
        else:
            self.log.event("error", "request_failed", peer=client_address[0], reason=type(error).__name__)

    def start(self) -> None:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class HttpServer(_Lifecycle, ThreadingHTTPServer):
    """Serves ``route``."""

    daemon_threads = True

    def __init__(self, port: int, route: Route, log: Log, host: str = "0.0.0.0") -> None:
        self.route = route
        self.log = log
        super().__init__((host, port), _Handler)


class TcpServer(_Lifecycle, socketserver.ThreadingTCPServer):
    """Hands each connection's socket to ``talk``."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, talk: Callable[[Any], None], log: Log, host: str = "0.0.0.0") -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.settimeout(5)
                talk(self.request)

        self.log = log
        super().__init__((host, port), Handler)
