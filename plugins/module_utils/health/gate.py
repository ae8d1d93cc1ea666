# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health condition that ends an install: asked of the containers themselves, over the host's bridge."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from ..common.errors import GateError
from ..common.rules import finding
from ..common.spec import Condition
from ..docker.engine import Engine
from ..docker.last_end import last_end
from ..system.clock import seconds_since
from .last_lines import last_lines
from .probes import HEALTHY, PROBES, STARTING, UNHEALTHY, Fetch, Health, Target, http_get, paths_of

DEFAULT_TIMEOUT = 300
# Restarts seen while waiting that no longer look like waiting for a neighbour.
RESTARTS = 3
# Seconds a container without a health check of its own has to keep running, and any container once it was restarted. Most nodes that
# cannot work with what they were given end within them.
STEADY = 10.0
_FIRST_PAUSE, _LAST_PAUSE = 0.1, 1.0


@dataclass(frozen=True)
class Peer:
    """A container of the instance as the engine inspects it."""

    id: str
    service: str
    state: str
    exit_code: int
    restarts: int
    started: str
    check: str
    address: str

    @classmethod
    def of(cls, inspected: Mapping[str, Any], networked: Mapping[str, Any] | None = None) -> Peer:
        """``networked``: the container in whose network it lives, by default its own."""
        state = inspected.get("State") or {}
        return cls(
            inspected["Id"],
            (inspected.get("Config") or {}).get("Labels", {}).get("avs.service", ""),
            str(state.get("Status", "")),
            int(state.get("ExitCode", 0)),
            int(inspected.get("RestartCount", 0)),
            str(state.get("StartedAt", "")),
            str((state.get("Health") or {}).get("Status", "")),
            _address(inspected if networked is None else networked),
        )


def peers_of(inspected: Sequence[Mapping[str, Any]]) -> list[Peer]:
    """The containers of an instance; one that joined another's network (``network_mode: service:x``) has that one's address."""
    known = {item["Id"]: item for item in inspected}
    return [Peer.of(item, _networked(item, known)) for item in inspected]


def _networked(inspected: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    for _step in known:
        word, _colon, other = _mode(inspected).partition(":")
        if word != "container" or other not in known:
            break
        inspected = known[other]
    return inspected


def _mode(inspected: Mapping[str, Any]) -> str:
    return str((inspected.get("HostConfig") or {}).get("NetworkMode") or "")


def _address(inspected: Mapping[str, Any]) -> str:
    if _mode(inspected) == "host":
        return "127.0.0.1"
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    return next((item["IPAddress"] for _name, item in sorted(networks.items()) if item.get("IPAddress")), "")


@dataclass(frozen=True)
class Means:
    """By what a gate asks and waits; ``mask`` hides secrets in logs. ``idle``: nothing has to run, every service ends by itself; ``heed``
    raises where there is nothing to wait for any more."""

    mask: Callable[[str], str] = str
    fetch: Fetch = http_get
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    idle: bool = False
    heed: Callable[[], None] = lambda: None


class Gate:
    """Waits for one instance. ``ends``: services that are done once they exit with 0."""

    def __init__(self, engine: Engine, instance: str, health: Condition, ends: Mapping[str, bool], means: Means | None = None) -> None:
        means = means or Means()
        self.engine, self.instance, self.health, self.ends, self.mask = engine, instance, health, ends, means.mask
        self._fetch, self._clock, self._sleep, self._idle, self._heed = means.fetch, means.clock, means.sleep, means.idle, means.heed
        self._restarts: dict[str, int] = {}
        self._steady: dict[str, tuple[str, float]] = {}

    def wait(self, containers: Sequence[str]) -> Health:
        """Returns once healthy. Raises ``GateError`` (OPS-006) with the last log lines when that is out of reach or time is up."""
        timeout = float(self.health.timeout or DEFAULT_TIMEOUT)
        deadline = self._clock() + timeout
        while True:
            peers = peers_of(self.engine.inspect(containers))
            self._heed()
            broken = self._broken(peers)
            if broken is not None:
                peer, problem = broken
                raise self._error(f"{peer.service} {problem}", peer)
            health = self.probe(peers, steady=True)
            if health.status == HEALTHY:
                return health
            left = deadline - self._clock()
            if left <= 0:
                raise self._error(f"not healthy within {timeout:g} s: {health.detail}", self._suspect(peers))
            # Asking late costs a twentieth of the wait at most, asking often costs the engine an inspect each time.
            self._sleep(min(max((timeout - left) / 20, _FIRST_PAUSE), _LAST_PAUSE, left))

    def probe(self, peers: Sequence[Peer], steady: bool = False) -> Health:
        """One look. ``steady``: containers must also have been running for a while."""
        down = [peer for peer in peers if peer.state != "running" and not self._ended(peer)]
        if down or not peers:
            return Health(UNHEALTHY, "; ".join(f"{peer.service} is {peer.state}" for peer in down) or "there are no containers")
        if self._at_rest(peers):
            if not self._idle:
                return Health(UNHEALTHY, f"nothing runs: {', '.join(peer.service for peer in peers)} ended with code 0")
            return Health(HEALTHY, "every service has done its work")
        if steady:
            unsettled = self._unsettled(peers)
            if unsettled is not None:
                return unsettled
        kind, service = self.health.type, self.health.service
        peer = next((item for item in peers if item.service == service), None)
        if kind == "container" and (peer is not None or not service):
            return self._containers(peers)
        if peer is None:
            return Health(UNHEALTHY, f"there is no service {service} to ask")
        if peer.state != "running":
            return Health(UNHEALTHY, f"{service} has ended, and cannot be asked")
        if not peer.address:
            return Health(STARTING, f"{service} has no address yet")
        return PROBES[kind](Target(peer.address, int(self.health.port or 0), str(service)), self.health, self._fetch)

    def _containers(self, peers: Sequence[Peer]) -> Health:
        wanted = self.health.service
        for peer in peers:
            if (wanted and peer.service != wanted) or peer.state != "running":
                continue
            if peer.check and peer.check != HEALTHY:
                return Health(STARTING if peer.check == "starting" else UNHEALTHY, f"{peer.service}'s health check says {peer.check}")
        return Health(HEALTHY, "all containers run")

    def _unsettled(self, peers: Sequence[Peer]) -> Health | None:
        """A container that was restarted is not well before it has run for a while, whatever it answers; where nothing but its running
        speaks for it, nor is one that has just started."""
        wanted = self.health.service
        bare = self.health.type == "container"
        window = min(float(self.health.steady or STEADY), float(self.health.timeout or DEFAULT_TIMEOUT))
        for peer in peers:
            age = self._age(peer)
            if peer.state != "running" or age >= window:
                continue
            if peer.restarts:
                times = "once" if peer.restarts == 1 else f"{peer.restarts} times"
                return Health(STARTING, f"{peer.service} was restarted {times}, and has run for {age:.0f} s since")
            if bare and not peer.check and (not wanted or peer.service == wanted):
                return Health(STARTING, f"{peer.service} has just started")
        return None

    def _age(self, peer: Peer) -> float:
        """Seconds since a container was started: by the engine's account, or as long as it was seen, should the clock have been set."""
        started, first = self._steady.setdefault(peer.id, (peer.started, self._clock()))
        if started != peer.started:
            first = self._clock()
            self._steady[peer.id] = (peer.started, first)
        return max(self._clock() - first, seconds_since(peer.started) or 0.0)

    def _ended(self, peer: Peer) -> bool:
        return self.ends.get(peer.service, False) and peer.state == "exited" and peer.exit_code == 0

    def _at_rest(self, peers: Sequence[Peer]) -> bool:
        return bool(peers) and all(map(self._ended, peers))

    def _broken(self, peers: Sequence[Peer]) -> tuple[Peer, str] | None:
        for peer in peers:
            first = self._restarts.setdefault(peer.id, peer.restarts)
            if peer.restarts - first >= RESTARTS:
                code = last_end(self.engine, peer.id)[0] if peer.state == "running" else peer.exit_code
                return peer, "keeps restarting" + ("" if code is None else f" (exit code {code})")
            if peer.state in ("exited", "dead") and not self._ended(peer):
                return peer, f"has exited with code {peer.exit_code}"
        if self._at_rest(peers) and not self._idle:
            return peers[0], "has exited with code 0, and nothing else runs; a service that ends by itself is named in health.ends"
        return None

    def _suspect(self, peers: Sequence[Peer]) -> Peer | None:
        named = [peer for peer in peers if peer.service == self.health.service]
        failing = [peer for peer in peers if peer.state != "running" and not self._ended(peer)]
        return next(iter([*failing, *named, *peers]), None)

    def _error(self, problem: str, peer: Peer | None) -> GateError:
        message = self.mask(problem)
        if peer is not None:
            message += last_lines(self.engine, peer.id, peer.service, self.mask, paths_of(self.health))
        service = peer.service if peer is not None else "<service>"
        remedy = (
            f"Read more with `docker logs avs-{self.instance}-{service}` on the host; a slow start may need a longer gate_timeout. "
            "It was left as it is, and the next run goes on from here."
        )
        return GateError(f"{self.instance} did not become healthy", [finding("OPS-006", self.instance, message, remedy)])
