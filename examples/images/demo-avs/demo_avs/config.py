# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings of the two services, read once from the environment; every problem is named in one error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable, TypeVar

from .log import LEVELS
from .release import Release, release_of

T = TypeVar("T")
_TRUE, _FALSE = {"true", "t", "1"}, {"false", "f", "0"}


class ConfigError(Exception):
    """``problems`` has one line a variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class NodeConfig:
    """``rpc_token`` is a secret. Times are in seconds, ``fee_share`` is a fraction; port 0 lets the system choose."""

    release: Release
    name: str
    rpc_url: str
    rpc_token: str = field(repr=False)
    log_level: str = "info"
    warm_up: int = 2
    fee_share: float = 0.05
    quorum_metrics: bool = True
    keys_dir: str = "/keys"
    database: str = "/data/demo.sqlite"
    work_dir: str = "/work"
    peers_file: str = ""
    broken: bool = False
    score_window: int = 60
    api_port: int = 8080
    metrics_port: int = 9090
    peer_port: int | None = None
    tick: float = 1.0


@dataclass(frozen=True)
class GatewayConfig:
    """``timeout`` is how many seconds the node may take to answer."""

    upstream: str
    log_level: str = "info"
    timeout: float = 3.0
    port: int = 8090


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def get(self, name: str, parse: Callable[[str], T], default: T, required: bool = False) -> T:
        """The parsed variable; an unset or empty one is the default. The value is never repeated in a problem."""
        text = self._environ.get(name, "")
        if not text:
            if required:
                self.problems.append(f"{name} is not set")
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.problems.append(f"{name}: {error}")
            return default

    def done(self) -> None:
        if self.problems:
            raise ConfigError(self.problems)


def _between(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise ValueError(f"has to be a number between {low} and {high}")
        return value

    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    return _between(int, low, high)  # type: ignore[return-value]


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("has to be true or false")


def _level(text: str) -> str:
    if text not in LEVELS:
        raise ValueError(f"has to be one of {', '.join(LEVELS)}")
    return text


def _matching(pattern: str, hint: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(hint)
        return text

    return parse


_port = _integer(0, 65535)
_any = _matching(r"[^\0]*", "")


def node_config(environ: Mapping[str, str]) -> NodeConfig:
    """Raises ``ConfigError`` with every problem."""
    read = _Reader(environ)
    release = read.get("DEMO_VERSION", release_of, release_of("1.0.0"), required=True)
    config = NodeConfig(
        release=release,
        name=read.get(
            "NODE_NAME", _matching(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}", "has to be a plain name of up to 63 characters"), "demo-avs"
        ),
        rpc_url=read.get("RPC_URL", _matching(r"(demo|https?)://\S+", "has to start with demo://, http:// or https://"), "demo://chain"),
        rpc_token=read.get("RPC_TOKEN", _matching(r"[!-~]+", "has to be visible ASCII characters"), "", required=True),
        log_level=read.get("LOG_LEVEL", _level, "info"),
        warm_up=read.get("WARM_UP", _integer(0, 600), 2),
        fee_share=read.get("FEE_SHARE", _between(float, 0, 1), 0.05),
        quorum_metrics=read.get("QUORUM_METRICS", _boolean, True),
        keys_dir=read.get("KEYS_DIR", _any, "/keys"),
        database=read.get("DATABASE", _any, "/data/demo.sqlite"),
        work_dir=read.get("WORK_DIR", _any, "/work"),
        peers_file=read.get("PEERS_FILE", _any, ""),
        broken=read.get("DEMO_BROKEN", _boolean, False),
        score_window=read.get("SCORE_WINDOW", _integer(1, 3600), 60),
        api_port=read.get("API_PORT", _port, 8080),
        metrics_port=read.get("METRICS_PORT", _port, 9090),
        peer_port=read.get("PEER_PORT", _port, 4001) if release.peer_port else None,
        tick=read.get("TICK", _between(float, 0.01, 60), 1.0),
    )
    read.done()
    return config


def gateway_config(environ: Mapping[str, str]) -> GatewayConfig:
    """Raises ``ConfigError`` with every problem."""
    read = _Reader(environ)
    config = GatewayConfig(
        upstream=read.get("UPSTREAM", _matching(r"http://[A-Za-z0-9._-]+(:\d+)?", "has to be http://HOST:PORT"), "", required=True),
        log_level=read.get("LOG_LEVEL", _level, "info"),
        timeout=read.get("GATEWAY_TIMEOUT", _between(float, 0.1, 60), 3.0),
        port=read.get("GATEWAY_PORT", _port, 8090),
    )
    read.done()
    return config
