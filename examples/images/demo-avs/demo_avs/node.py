# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node: keys, database and chain, and what it says about them."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from typing import Any

from .api import DOWN, INITIALIZING, UP, Answer, Service, Status, as_json, respond
from .chain import ChainError, chain_of, measured
from .config import NodeConfig
from .database import Database, DatabaseError, Progress
from .keys import KeyFolder
from .log import Log
from .metrics import CONTENT_TYPE, Family, RequestStats, Sample, counter, gauge, render
from .server import HttpServer, TcpServer

_QUORUMS = (("0", "eth"), ("1", "eigen"))
_FEE_A_BLOCK = 0.01


def read_peers(path: str) -> list[str]:
    """``{"peers": ["host:port", ...]}``; no file named is no peers. Raises ``ValueError`` for anything else."""
    if not path:
        return []
    try:
        with open(path, encoding="utf-8") as handle:
            peers = json.load(handle)["peers"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a list of peers ({type(error).__name__})") from None
    if not isinstance(peers, list) or not all(isinstance(peer, str) for peer in peers):
        raise ValueError(f"{path}: peers is not a list of strings")
    return peers


class Node:
    """Runs from ``start`` to ``stop``; a part that cannot be used leaves the node up, unhealthy and saying why."""

    def __init__(self, config: NodeConfig, log: Log) -> None:
        self._config = config
        self._log = log
        self._stop = threading.Event()
        self._started = time.monotonic()
        self._keys = KeyFolder(config.keys_dir, log)
        self._chain = chain_of(config.rpc_url, config.rpc_token)
        self._chain_problem: str | None = "it was not asked yet"
        self._calls = RequestStats("eigen_rpc_request", "JSON-RPC requests")
        self._database: Database | None = None
        self._database_problem = "it was not opened yet"
        self._progress = Progress(config.release.schema, 0, 0)
        self._scores: deque[bool] = deque(maxlen=config.score_window)
        self._peers: list[str] = []
        self._threads: list[threading.Thread] = []
        self.api = HttpServer(config.api_port, self._route, log)
        self.metrics = HttpServer(config.metrics_port, self._metrics_route, log)
        self.peer: TcpServer | None = None
        if config.peer_port is not None:
            self.peer = TcpServer(config.peer_port, self._greet, log)

    def start(self) -> None:
        """Opens everything; returns once the API answers. Raises ``ValueError`` for a peers file that cannot be read."""
        self._peers = read_peers(self._config.peers_file)
        self._log.security("info", "started", version=self._config.release.version, name=self._config.name)
        self._check_work_dir()
        for server in self._servers():
            server.start()
        self._keys.refresh()
        if not self._keys.states:
            self._log.security("error", "keys_missing", folder=self._config.keys_dir)
        try:
            self._database = Database(self._config.database, self._config.release.schema)
        except DatabaseError as error:
            self._database_problem = str(error)
            self._log.security("error", "database_refused", reason=str(error))
        for work in (self._tick, self._ask_chain, self._watch_keys):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _servers(self) -> list[HttpServer | TcpServer]:
        return [self.api, self.metrics] + ([self.peer] if self.peer is not None else [])

    def stop(self) -> None:
        """Stops at once: what is under way is one SQLite transaction at most."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=4)
        if self._database is not None:
            self._database.close()
        for server in self._servers():
            server.stop()
        self._log.security("info", "stopped", height=self._progress.height)

    def _check_work_dir(self) -> None:
        path = os.path.join(self._config.work_dir, "node.json")
        try:
            with open(path, "w", encoding="utf-8") as handle:
                json.dump({"name": self._config.name, "version": self._config.release.version}, handle)
        except OSError as error:
            self._log.event("warning", "work_dir_unusable", path=path, reason=error.strerror)

    def _watch_keys(self) -> None:
        self._keys.watch(self._stop, min(1.0, self._config.tick))

    def _tick(self) -> None:
        while self._database is not None and not self._stop.wait(self._config.tick):
            try:
                self._progress = self._database.tick()
                self._database_problem = ""
            except DatabaseError as error:
                if str(error) != self._database_problem:
                    self._log.event("error", "database_failed", reason=str(error))
                self._database_problem = str(error)
            self._scores.append(not self._database_problem and bool(self._keys.loaded))

    def _ask_chain(self) -> None:
        while True:
            try:
                measured(self._chain, self._calls)
                problem = None
            except ChainError as error:
                problem = str(error)
            if problem != self._chain_problem and problem is not None:
                self._log.event("warning", "rpc_unavailable", reason=problem)
            self._chain_problem = problem
            if self._stop.wait(max(1.0, self._config.tick)):
                return

    def _greet(self, connection: Any) -> None:
        connection.sendall(f"demo-avs/{self._config.release.version} {self._config.name}\n".encode())

    def services(self) -> list[Service]:
        """The node's parts and their state; the first three are vital."""
        warm = time.monotonic() - self._started >= self._config.warm_up
        keys = self._keys.states
        failed = not keys or any(state.key is None for state in keys)
        database = UP if self._progress.height else INITIALIZING
        if self._database is None or (self._database_problem and self._progress.height):
            database = DOWN
        worker = UP if warm else INITIALIZING
        if self._config.broken or (warm and not self._config.release.worker_starts):
            worker = DOWN
        return [
            Service("signer", "Signer", "holds the keys", DOWN if failed else UP),
            Service("database", "Database", "keeps the height", database),
            Service("worker", "Worker", "does the duties", worker),
            Service("rpc", "Chain RPC", "reads the chain", DOWN if self._chain_problem else UP, vital=False),
        ]

    def _status(self) -> Status:
        return Status(self._config.name, self._config.release.version, self.services())

    def _route(self, path: str) -> Answer | None:
        if path == "/keys":
            return as_json({"keys": [state.as_dict() for state in self._keys.states]})
        if path == "/height":
            return as_json({"height": self._progress.height, "schema": self._progress.schema})
        return respond(path, self._status())

    def _metrics_route(self, path: str) -> Answer | None:
        if path != "/metrics":
            return None
        return Answer(200, render(self.families()).encode(), CONTENT_TYPE)

    def families(self) -> list[Family]:
        """The specification's metrics, then the node's own."""
        stakes: list[Sample] = []
        if self._config.quorum_metrics:
            stakes = [Sample(32.0, {"quorum_number": number, "quorum_name": name}) for number, name in _QUORUMS]
        score = 100 * sum(self._scores) / len(self._scores) if self._scores else 0
        fees = self._progress.height * _FEE_A_BLOCK * self._config.fee_share
        keys = [
            Sample(1, {"name": state.name, "kind": state.key.kind, "public_id": state.key.public_id})
            for state in self._keys.loaded
            if state.key is not None
        ]
        features = tuple(Sample(1, {"name": name}) for name in self._progress.features)
        name = self._config.name
        return [
            Family("eigen_registered_stakes", "gauge", "Stake of the operator by quorum.", tuple(stakes)),
            gauge("eigen_performance_score", "Share of the last ticks that were signed, 0 to 100.", score, avs_name=name),
            *self._calls.families(),
            counter("eigen_fees_earned_total", "Fees earned.", fees, token="DEMO", unit="ether", strategy="demo"),
            gauge("eigen_slashing_status", "1 if the operator was slashed.", 0, avs=name),
            gauge("demo_build_info", "Version of the node.", 1, version=self._config.release.version, name=name),
            gauge("demo_height", "Height the database has reached.", self._progress.height),
            gauge("demo_schema_version", "Schema the node works with.", self._progress.schema),
            gauge("demo_peers", "Peers in the peers file.", len(self._peers)),
            Family("demo_keys", "gauge", "Keys that are loaded.", tuple(keys)),
            Family("demo_feature", "gauge", "Features that are on.", features),
            Family(
                "demo_service_up",
                "gauge",
                "1 if the part of the node is up.",
                tuple(Sample(float(service.status == UP), {"id": service.id}) for service in self.services()),
            ),
        ]
