# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ``NODE_*`` environment of EigenDA's operator setup, as far as a host can get it wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from demo_avs.config import ConfigError


@dataclass(frozen=True)
class KeyFile:
    """``password`` is a secret."""

    name: str
    path: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settings:
    """Ports are container ports; ``points`` are the files of the trusted setup, ``folders`` what the node writes to."""

    hostname: str
    keys: tuple[KeyFile, ...]
    points: tuple[str, ...]
    folders: tuple[str, ...]
    log_file: str
    api_port: int
    metrics_port: int
    grpc_ports: tuple[int, ...]


_PORTS_27 = ("NODE_INTERNAL_V2_DISPERSAL_PORT", "NODE_INTERNAL_V2_RETRIEVAL_PORT")
_PORTS_26 = ("NODE_INTERNAL_DISPERSAL_PORT", "NODE_INTERNAL_RETRIEVAL_PORT")


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises ``ConfigError`` naming every variable that is missing or wrong; values are not repeated."""
    problems = []

    def text(name: str) -> str:
        value = environ.get(name, "")
        if not value:
            problems.append(f"{name} is not set")
        return value

    def port(name: str) -> int:
        value = text(name)
        if value and not (value.isdecimal() and 0 < int(value) < 65536):
            problems.append(f"{name} is not a port")
            return 0
        return int(value or 0)

    rpc = text("NODE_CHAIN_RPC")
    if rpc and urlsplit(rpc).scheme not in ("http", "https", "ws", "wss"):
        problems.append("NODE_CHAIN_RPC is not a URL")
    for name in ("NODE_CHAIN_ID", "NODE_EIGENDA_DIRECTORY", "NODE_CHURNER_URL", "NODE_PUBLIC_IP_PROVIDER"):
        text(name)
    # 2.6.0 has the first generation's ports too; 2.7.0 dropped them.
    names = _PORTS_27 + tuple(name for name in _PORTS_26 if environ.get(name))
    log_file = text("NODE_LOG_PATH")
    settings = Settings(
        hostname=text("NODE_HOSTNAME"),
        keys=(
            KeyFile("ecdsa", text("NODE_ECDSA_KEY_FILE"), environ.get("NODE_ECDSA_KEY_PASSWORD", "")),
            KeyFile("bls", text("NODE_BLS_KEY_FILE"), environ.get("NODE_BLS_KEY_PASSWORD", "")),
        ),
        points=(text("NODE_G1_PATH"), text("NODE_G2_POWER_OF_2_PATH")),
        folders=(text("NODE_DB_PATH"), text("NODE_CACHE_PATH"), _folder(log_file)),
        log_file=log_file,
        api_port=port("NODE_API_PORT"),
        metrics_port=port("NODE_METRICS_PORT"),
        grpc_ports=tuple(port(name) for name in names),
    )
    if problems:
        raise ConfigError(problems)
    return settings
