# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A second, small service: forwards reads to the node, so that the node's own API need not be public."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

from .api import Answer, as_json
from .config import GatewayConfig
from .log import Log
from .metrics import CONTENT_TYPE, RequestStats, gauge, render
from .server import HttpServer


class Gateway:
    """Forwards ``GET /eigen/...``, ``/keys`` and ``/height``; ``/metrics`` are its own."""

    def __init__(self, config: GatewayConfig, log: Log) -> None:
        self._config = config
        self._log = log
        upstream = urlsplit(config.upstream)
        self._host, self._port = upstream.hostname or "", upstream.port or 80
        self._stats = RequestStats("demo_gateway_request", "forwarded requests")
        self.api = HttpServer(config.port, self._route, log)

    def start(self) -> None:
        self.api.start()
        self._log.security("info", "started", upstream=self._config.upstream)

    def stop(self) -> None:
        self.api.stop()
        self._log.security("info", "stopped")

    def _route(self, path: str) -> Answer | None:
        if path == "/metrics":
            timeout = gauge("demo_gateway_timeout_seconds", "How long the node may take to answer.", self._config.timeout)
            return Answer(200, render([timeout, *self._stats.families()]).encode(), CONTENT_TYPE)
        if not path.startswith("/eigen/") and path not in ("/keys", "/height"):
            return None
        return self._forward(path)

    def _forward(self, path: str) -> Answer:
        start = time.monotonic()
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._config.timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            answer = Answer(response.status, response.read(1 << 20), response.getheader("Content-Type") or "application/json")
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._log.event("warning", "node_unavailable", reason=type(error).__name__)
            answer = as_json({"error": "the node does not answer"}, 502)
        finally:
            connection.close()
        self._stats.observe(time.monotonic() - start, code=str(answer.code))
        return answer
