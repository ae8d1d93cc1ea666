# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in: what it needs, whether it has it, and the node API and metrics that say so."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from functools import partial
from typing import Any, Callable

from demo_avs.api import DOWN, UP, Answer, Service, Status, as_json, respond
from demo_avs.keystore import KeystoreError, OpenKey, open_keystore
from demo_avs.log import Log
from demo_avs.metrics import CONTENT_TYPE, Family, RequestStats, Sample, counter, gauge, render
from demo_avs.server import HttpServer, TcpServer

from .grpc import answer_calls
from .settings import KeyFile, Settings

_NAME = "da-node"


class Problem(Exception):
    """Why a part of the node is down."""


def check_key(key: KeyFile) -> OpenKey:
    """Opens a key; raises ``Problem``."""
    try:
        if os.path.isdir(key.path):
            raise Problem(f"{key.path} is a folder: the engine made it, because the file was missing on the host")
        with open(key.path, encoding="utf-8") as handle:
            opened = open_keystore(handle.read(1 << 20), key.password)
    except OSError as error:
        raise Problem(f"{key.path}: {error.strerror}") from None
    except (KeystoreError, UnicodeDecodeError) as error:
        raise Problem(f"{key.path}: {error}") from None
    expected = {"ecdsa": "ecdsa", "bls": "bn254"}[key.name]
    if opened.kind != expected:
        raise Problem(f"{key.path} holds a key of kind {opened.kind}, not {expected}")
    return opened


def check_point(path: str) -> None:
    """A file of the trusted setup has to be a file with something in it; raises ``Problem``."""
    try:
        seen = os.stat(path)
        if not stat.S_ISREG(seen.st_mode):
            raise Problem(f"{path} is not a file")
        with open(path, "rb") as handle:
            if not handle.read(32):
                raise Problem(f"{path} is empty")
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None


def check_folder(path: str, beat: int) -> None:
    """Writes a heartbeat file; raises ``Problem``."""
    try:
        with open(os.path.join(path, "heartbeat.json"), "w", encoding="utf-8") as handle:
            json.dump({"beat": beat, "time": int(time.time())}, handle)
    except OSError as error:
        raise Problem(f"{path} cannot be written: {error.strerror}") from None


class EigendaNode:
    """Checks everything once a second; health follows."""

    def __init__(self, settings: Settings, version: str, log: Log, interval: float = 1.0) -> None:
        self._settings = settings
        self._version = version
        self._log = log
        self._interval = interval
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._problems: dict[str, str] = {}
        self._keys: dict[str, OpenKey] = {}
        self._stamps: dict[str, object] = {}
        self._beats = 0
        self._calls = RequestStats("eigen_rpc_request", "JSON-RPC requests")
        self.api = HttpServer(settings.api_port, self._route, log)
        self.metrics = HttpServer(settings.metrics_port, self._metrics_route, log)
        self.grpc = [TcpServer(port, answer_calls, log) for port in settings.grpc_ports]
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._log.security("info", "started", version=self._version, hostname=self._settings.hostname)
        self.check()
        for server in self._servers():
            server.start()
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=4)
        for server in self._servers():
            server.stop()
        self._log.security("info", "stopped")

    def _servers(self) -> list[HttpServer | TcpServer]:
        return [self.api, self.metrics, *self.grpc]

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.check()

    def check(self) -> None:
        """One look at keys, points and folders; a state that changed is logged, here and in the node's log file."""
        self._beats += 1
        for key in self._settings.keys:
            self._note(f"key-{key.name}", partial(self._look_at, key))
        for number, path in enumerate(self._settings.points, start=1):
            self._note(f"g{number}", partial(check_point, path))
        for name, path in zip(("db", "cache", "logs"), self._settings.folders):
            self._note(name, partial(check_folder, path, self._beats))

    def _look_at(self, key: KeyFile) -> None:
        # Deriving the key takes scrypt's time and memory: only once a file.
        try:
            seen = os.stat(key.path)
            stamp: object = (seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size, seen.st_mode)
        except OSError as error:
            stamp = error.errno
        if self._stamps.get(key.name) != stamp:
            self._keys.pop(key.name, None)
            self._stamps[key.name] = stamp
            opened = check_key(key)
            self._keys[key.name] = opened
            self._log.security("info", "key_loaded", name=key.name, kind=opened.kind, public_id=opened.public_id)
        elif key.name not in self._keys:
            raise Problem(self._problems.get(f"key-{key.name}", "it cannot be opened"))

    def _note(self, part: str, look: Callable[[], None]) -> None:
        try:
            look()
            problem = ""
        except Problem as error:
            problem = str(error)
        if problem == self._problems.get(part):
            return
        with self._lock:
            self._problems[part] = problem
        if problem:
            self._log.security("error", "part_down", part=part, reason=problem)
        self._append(part, problem)

    def _append(self, part: str, problem: str) -> None:
        try:
            with open(self._settings.log_file, "a", encoding="utf-8") as handle:
                handle.write(f"{int(time.time())} {part} {problem or 'up'}\n")
        except OSError as error:
            self._log.event("warning", "log_file_unusable", reason=error.strerror)

    def services(self) -> list[Service]:
        with self._lock:
            problems = dict(self._problems)
        return [Service(part, part, problem or "as it should be", DOWN if problem else UP) for part, problem in problems.items()]

    def _route(self, path: str) -> Answer | None:
        if path == "/keys":
            return as_json(
                {"keys": [{"name": name, "kind": key.kind, "public_id": key.public_id} for name, key in sorted(self._keys.items())]}
            )
        return respond(path, Status(_NAME, self._version, self.services()))

    def _metrics_route(self, path: str) -> Answer | None:
        return Answer(200, render(self.families()).encode(), CONTENT_TYPE) if path == "/metrics" else None

    def families(self) -> list[Family]:
        services = self.services()
        up: Any = [Sample(float(service.status == UP), {"id": service.id}) for service in services]
        score = 100 * sum(sample.value for sample in up) / len(up) if up else 0
        stakes = (Sample(32.0, {"quorum_number": "0", "quorum_name": "eth"}), Sample(32.0, {"quorum_number": "1", "quorum_name": "eigen"}))
        return [
            Family("eigen_registered_stakes", "gauge", "Stake of the operator by quorum.", stakes),
            gauge("eigen_performance_score", "Share of the node's parts that are up, 0 to 100.", score, avs_name=_NAME),
            *self._calls.families(),
            counter("eigen_fees_earned_total", "Fees earned.", 0, token="ETH", unit="ether", strategy="eth"),
            gauge("eigen_slashing_status", "1 if the operator was slashed.", 0, avs=_NAME),
            counter("eigenda_stand_in_checks_total", "Looks at keys, files and folders.", self._beats),
            Family("eigenda_stand_in_up", "gauge", "1 if a part of the node is up.", tuple(up)),
        ]
