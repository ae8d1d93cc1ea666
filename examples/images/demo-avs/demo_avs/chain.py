# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node's view of its chain: JSON-RPC over HTTP with a bearer token, or ``demo://``, a chain of its own."""

from __future__ import annotations

import http.client
import json
import time
from typing import Callable, Protocol
from urllib.parse import urlsplit

from .metrics import RequestStats

METHOD = "eth_blockNumber"


class ChainError(Exception):
    """The chain did not answer; never carries the token or the URL, which may hold one."""


class Chain(Protocol):
    client_version: str

    def block_number(self) -> int:
        """The newest block; raises ``ChainError``."""


class LocalChain:
    """``demo://``: blocks are 12 seconds of the wall clock, so a demo needs no network."""

    client_version = "demo/local"

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock

    def block_number(self) -> int:
        return int(self._clock() // 12)


class HttpChain:
    """``http://`` and ``https://``: one request a call, 3 s at most."""

    client_version = "jsonrpc/http"

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._https = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

    def block_number(self) -> int:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=3)
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": METHOD, "params": []})
        try:
            connection.request("POST", self._path, body, self._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise ChainError(f"it answers {response.status}")
            return int(json.loads(response.read(1 << 16))["result"], 16)
        except (OSError, http.client.HTTPException) as error:
            raise ChainError(f"it cannot be reached ({type(error).__name__})") from None
        except (ValueError, KeyError, TypeError):
            raise ChainError("its answer is not a block number") from None
        finally:
            connection.close()


def chain_of(url: str, token: str) -> Chain:
    return LocalChain() if url.startswith("demo://") else HttpChain(url, token)


def measured(chain: Chain, stats: RequestStats) -> int:
    """``block_number``, its duration observed whether it succeeds or not."""
    start = time.monotonic()
    try:
        return chain.block_number()
    finally:
        stats.observe(time.monotonic() - start, method=METHOD, client_version=chain.client_version)
