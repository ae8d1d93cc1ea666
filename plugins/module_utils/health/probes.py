# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One question to a node, and what its answer says of its health: a function a kind of question, and their table at the end."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from ..common.spec import Condition

HEALTHY, STARTING, UNHEALTHY, UNKNOWN = "healthy", "starting", "unhealthy", "unknown"
_REQUEST_TIMEOUT = 5.0
_REQUEST_TOTAL = 10.0
_BODY = 4 << 20
Fetch = Callable[[str, int, str], "Answer"]


@dataclass(frozen=True)
class Answer:
    """``status`` 0: nobody answered, ``body`` then says why."""

    status: int
    body: str


@dataclass(frozen=True)
class Health:
    """``status`` as in the module's result, ``detail`` for a person."""

    status: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        return {"status": self.status, "detail": self.detail}


@dataclass(frozen=True)
class Target:
    """Whom to ask: a container's address and port, and the service it is of."""

    address: str
    port: int
    service: str

    @property
    def name(self) -> str:
        return f"{self.service}:{self.port}"


# Of the node API; older nodes name themselves elsewhere than newer ones.
_HEALTH, _NAMES = "/eigen/node/health", ("/eigen/node", "/eigen/node/spec-version")


def node_api(get: Callable[[str], Answer], where: str) -> Health:
    """The node API of the AVS node specification: 200 healthy, 206 partially, 503 unhealthy."""
    answer = get(_HEALTH)
    if not answer.status:
        return Health(STARTING, f"{where}: {answer.body}")
    if answer.status == 206:
        return Health(STARTING, f"{where} is partially healthy (206)")
    if answer.status == 503:
        return Health(UNHEALTHY, f"{where} is unhealthy (503)")
    if answer.status != 200:
        return Health(UNHEALTHY, f"{where}{_HEALTH} answers {answer.status}")
    if any(get(path).status == 200 for path in _NAMES):
        return Health(HEALTHY, f"{where} is healthy")
    return Health(UNHEALTHY, f"{where} says it is healthy, but serves no node API")


def metric(health: Condition, answer: Answer, where: str) -> Health:
    """A metric that exists, and whose every sample is within the bounds."""
    name = str(health.name)
    if answer.status != 200:
        return Health(STARTING, f"{where} answers {answer.status}")
    samples = re.findall(rf"^{re.escape(name)}(?:\{{[^\n]*\}})?[ \t]+(\S+)", answer.body, re.MULTILINE)
    if not samples:
        return Health(STARTING, f"{where} has no metric {name}")
    low, high = health.min, health.max
    for sample in samples:
        try:
            value = float(sample)
        except ValueError:
            return Health(STARTING, f"{where}: {name} is {sample[:40]!r}, not a number")
        if math.isnan(value) or (low is not None and value < low) or (high is not None and value > high):
            bounds = f"{'' if low is None else low}..{'' if high is None else high}"
            return Health(STARTING, f"{name} is {sample}, not within {bounds}")
    return Health(HEALTHY, f"{name} is {samples[0]}")


def http_get(address: str, port: int, path: str) -> Answer:
    """One request; never raises."""
    import http.client
    import socket
    import threading

    connection = http.client.HTTPConnection(address, port, timeout=_REQUEST_TIMEOUT)
    late = threading.Event()

    def cut(line: socket.socket) -> None:
        late.set()
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    # The connection's timeout is one a read: a node that sends a byte now and then would hold the gate for ever.
    clock = None
    try:
        connection.connect()
        clock = threading.Timer(_REQUEST_TOTAL, cut, (connection.sock,))
        clock.daemon = True
        clock.start()
        connection.request("GET", path, headers={"Accept": "*/*", "Connection": "close"})
        response = connection.getresponse()
        answer = Answer(response.status, response.read(_BODY).decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException) as error:
        answer = Answer(0, _why(error))
    finally:
        if clock is not None:
            clock.cancel()
        connection.close()
    return Answer(0, f"did not end its answer within {_REQUEST_TOTAL:g} s") if late.is_set() else answer


def tcp_connect(address: str, port: int) -> Answer:
    """Status 1 where somebody accepts; never raises."""
    import socket

    try:
        with socket.create_connection((address, port), timeout=_REQUEST_TIMEOUT):
            return Answer(1, "")
    except OSError as error:
        return Answer(0, _why(error))


def _why(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).lower()


def paths_of(health: Condition) -> tuple[str, ...]:
    """What a gate may ask a node for over HTTP."""
    if health.type == "node_api":
        return (_HEALTH, *_NAMES)
    return (str(health.path or "/"),) if health.type in ("http", "metric") else ()


def _ask_node_api(target: Target, _health: Condition, fetch: Fetch) -> Health:
    return node_api(lambda path: fetch(target.address, target.port, path), target.name)


def _ask_tcp(target: Target, _health: Condition, _fetch: Fetch) -> Health:
    answer = tcp_connect(target.address, target.port)
    if answer.status:
        return Health(HEALTHY, f"{target.name} accepts connections")
    return Health(STARTING, f"{target.name}: {answer.body}")


def _ask_http(target: Target, health: Condition, fetch: Fetch) -> Health:
    (path,) = paths_of(health)
    answer = fetch(target.address, target.port, path)
    where = f"{target.name}{path}"
    if not answer.status:
        return Health(STARTING, f"{where}: {answer.body}")
    wanted = health.status or (200,)
    return Health(HEALTHY if answer.status in wanted else STARTING, f"{where} answers {answer.status}")


def _ask_metric(target: Target, health: Condition, fetch: Fetch) -> Health:
    (path,) = paths_of(health)
    answer = fetch(target.address, target.port, path)
    where = f"{target.name}{path}"
    return metric(health, answer, where) if answer.status else Health(STARTING, f"{where}: {answer.body}")


Probe = Callable[[Target, Condition, Fetch], Health]
# Type of gate -> how one look is taken. The type ``container`` asks nobody: gate.py looks at the containers themselves.
PROBES: Mapping[str, Probe] = {"node_api": _ask_node_api, "http": _ask_http, "tcp": _ask_tcp, "metric": _ask_metric}
