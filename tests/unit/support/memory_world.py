# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine has: containers, networks, volumes, images, and what becomes of a container that is started, stopped or ends.

Plain data, so that a copy of it outlives the process that changed it. Programs are known by their command line: one that
ends does so as it starts, and an engine that brings it back does so at the next ``tick`` (every command is one).
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.support.memory_programs import KILLED, Program, program_of

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"


class Refused(Exception):
    """What the engine answers where it does not do what it was asked."""

    def __str__(self) -> str:
        return f"Error response from daemon: {super().__str__()}"


@dataclass
class Container:
    """``nets``: network name -> id of the very network, address and names; ``mounts``: target -> (kind, source); ``service`` is what
    compose made it of."""

    id: str
    name: str
    image: str
    labels: dict[str, str]
    service: dict[str, Any]
    nets: dict[str, dict[str, Any]]
    mounts: dict[str, tuple[str, str]]
    mode: str = ""
    state: str = "created"
    code: int = 0
    error: str = ""
    restarts: int = 0
    starts: int = 0
    by_hand: bool = False
    started: float = 0.0
    finished: float = 0.0
    check: str = ""
    log: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    image_id: str = ""

    @property
    def alive(self) -> bool:
        return self.state in ("running", "restarting", "paused")

    @property
    def program(self) -> Program:
        return program_of(
            tuple(self.service.get("entrypoint") or ()) + tuple(self.service.get("command") or ()), bool(self.service.get("init"))
        )

    @property
    def ports(self) -> list[tuple[str, str, str, str]]:
        """Address, port, port of the container, protocol."""
        return [
            (port.get("host_ip", "0.0.0.0"), str(port["published"]), str(port["target"]), port["protocol"])
            for port in self.service.get("ports") or ()
            if port.get("published")
        ]


@dataclass
class World:
    """``touch`` is told before every single change; ``busy``: ports that a process of the host has, as ``address:port``; ``broken``: what
    cannot be done (``create <service>``, ``start <service>``, ``stop <service>``), with the engine's words."""

    containers: dict[str, Container] = field(default_factory=dict)
    networks: dict[str, dict[str, Any]] = field(default_factory=dict)
    volumes: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    registry: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[tuple[float, str, str, dict[str, str]]] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    broken: dict[str, str] = field(default_factory=dict)
    made: int = 0
    touch: Callable[[str], None] = lambda _what: None

    def __post_init__(self) -> None:
        for name in ("bridge", "host", "none"):
            self.networks[name] = self._network(name, {}, {})

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "touch"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, touch=lambda _what: None)

    def new_id(self, kind: str) -> str:
        self.made += 1
        return hashlib.sha256(f"{kind} {self.made} {os.urandom(8).hex()}".encode()).hexdigest()

    def find(self, name: str) -> Container:
        """By id or by name."""
        found = self.containers.get(name) or next((item for item in self.containers.values() if item.name == name), None)
        if found is None:
            raise Refused(f"No such container: {name}")
        return found

    def image(self, name: str) -> dict[str, Any]:
        """By a name, a digest or an id."""
        for reference, item in self.images.items():
            if name in (reference, item["Id"], *item["RepoDigests"]):
                tags = [other for other, one in self.images.items() if one["Id"] == item["Id"] and "@" not in other]
                return {**item, "RepoTags": sorted(tags)}
        raise Refused(f"No such image: {name}")

    def remove_image(self, name: str) -> None:
        """Take a name away, and with the last one the image, unless a container is made of it."""
        ident = self.image(name)["Id"]
        tags, digests = self.image(ident)["RepoTags"], self.image(ident)["RepoDigests"]
        self.touch(f"remove {name}")
        if len(tags) > 1 and name in tags:
            del self.images[name]
            return
        if tags and name in digests:
            self.images.update({tag: {**self.images[tag], "RepoDigests": [one for one in digests if one != name]} for tag in tags})
            self.images.pop(name, None)
            return
        user = next((item for item in self.containers.values() if item.image_id == ident), None)
        if user is not None:
            words = f"container {user.id[:12]} is using its referenced image"
            raise Refused(f'conflict: unable to remove repository reference "{name}" (must force) - {words}')
        self.images = {other: item for other, item in self.images.items() if item["Id"] != ident}

    def _network(self, name: str, entry: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
        identity = self.new_id("network")
        configs = (entry.get("ipam") or {}).get("config") or [{"subnet": f"172.31.{self.made % 256}.0/24"}]
        return {
            "Name": name, "Id": identity, "Driver": entry.get("driver") or "bridge", "Internal": bool(entry.get("internal")),
            "Labels": {**(entry.get("labels") or {}), **labels}, "IPAM": {"Config": [{"Subnet": one["subnet"]} for one in configs]},
        }  # fmt: skip

    def make_network(self, name: str, entry: Mapping[str, Any], labels: Mapping[str, str]) -> None:
        self.touch(f"make network {name}")
        self.networks[name] = self._network(name, entry, labels)

    def inside(self, name: str) -> list[Container]:
        """Containers with an endpoint in a network: those that run."""
        identity = self.networks[name]["Id"]
        return [item for item in self.containers.values() if item.alive and (item.nets.get(name) or {}).get("id") == identity]

    def remove_network(self, name: str) -> None:
        if name not in self.networks:
            raise Refused(f"network {name} not found")
        if self.inside(name):
            raise Refused(f"error while removing network: network {name} id {self.networks[name]['Id']} has active endpoints")
        self.touch(f"remove network {name}")
        del self.networks[name]

    def make_volume(self, name: str, entry: Mapping[str, Any], labels: Mapping[str, str]) -> None:
        self.touch(f"make volume {name}")
        options = {key: str(value) for key, value in (entry.get("driver_opts") or {}).items()}
        self.volumes[name] = {
            "Name": name, "Driver": entry.get("driver") or "local", "Options": options or None,
            "Labels": {**(entry.get("labels") or {}), **labels}, "Made": self.new_id("volume"),
        }  # fmt: skip

    def remove_volume(self, name: str) -> None:
        if name not in self.volumes:
            raise Refused(f"get {name}: no such volume")
        users = [item.id for item in self.containers.values() if ("volume", name) in item.mounts.values()]
        if users:
            raise Refused(f"remove {name}: volume is in use - [{', '.join(users)}]")
        self.touch(f"remove volume {name}")
        del self.volumes[name]

    def _require(self, what: str) -> None:
        if what in self.broken:
            raise Refused(self.broken[what])

    def add(self, item: Container) -> None:
        """Create it: what can be judged without starting it is."""
        holder = next((other for other in self.containers.values() if other.name == item.name), None)
        if holder is not None:
            raise Refused(f'Conflict. The container name "/{item.name}" is already in use by container "{holder.id}".')
        item.image_id = str(self.image(item.image)["Id"])
        self._require(f"create {item.labels.get(SERVICE)}")
        self._require_binds(item)
        for kind, source in item.mounts.values():
            if kind == "volume" and source not in self.volumes:
                self.make_volume(source, {}, {"com.docker.volume.anonymous": ""})
        self.touch(f"create {item.name}")
        self.containers[item.id] = item

    def _require_binds(self, item: Container) -> None:
        for kind, source in item.mounts.values():
            if kind == "bind" and not os.path.exists(source):
                raise Refused(f'invalid mount config for type "bind": bind source path does not exist: {source}')

    def start(self, item: Container) -> None:
        """By somebody's wish: what was counted before is forgotten."""
        if item.state == "running":
            return
        if item.state == "paused":
            raise Refused("cannot start a paused container, try unpause instead")
        self.touch(f"start {item.name}")
        item.restarts, item.by_hand = 0, False
        self._require_start(item)
        self._run(item)

    def _require_start(self, item: Container) -> None:
        self._require_binds(item)
        try:
            for name, joined in item.nets.items():
                if (self.networks.get(name) or {}).get("Id") != joined["id"]:
                    raise Refused(f"network {joined['id']} not found")
            mode, _colon, other = item.mode.partition(":")
            if mode == "container" and (other not in self.containers or not self.containers[other].alive):
                raise Refused(
                    f"cannot join network of a non running container: {other}"
                    if other in self.containers
                    else f"No such container: {other}"
                )
            for address, port, _target, protocol in item.ports:
                if f"{address}:{port}" in self.busy or any(
                    (address, port, protocol) == (has[0], has[1], has[3])
                    for one in self.containers.values()
                    if one.alive and one is not item
                    for has in one.ports
                ):
                    raise Refused(
                        f"driver failed programming external connectivity on endpoint {item.name}: "
                        f"Bind for {address}:{port} failed: port is already allocated"
                    )
            self._require(f"start {item.labels.get(SERVICE)}")
            if not item.program.starts:
                item.code = 127
                raise Refused(
                    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
                    f'exec: "{item.service["entrypoint"][0]}": stat {item.service["entrypoint"][0]}: no such file or directory: unknown'
                )
        except Refused as error:
            item.error, item.code = str(error.args[0]), item.code or 128
            raise

    def _run(self, item: Container) -> None:
        program = item.program
        item.state, item.started, item.error, item.code = "running", time.time(), "", 0
        item.starts += 1
        item.check = "starting" if _check(item) else ""
        if program.says:
            item.log.append(program.says)
        if program.ends is not None and not (program.once and item.starts > 1):
            self._ended(item, program.ends)

    def _ended(self, item: Container, code: int) -> None:
        """By itself: the engine may bring it back."""
        item.state, item.code, item.finished = "exited", code, time.time()
        self.events.append((item.finished, "die", item.id, {"exitCode": str(code)}))
        policy, _colon, most = str(item.service.get("restart") or "no").partition(":")
        again = policy in ("always", "unless-stopped") or (policy == "on-failure" and code != 0 and item.restarts < int(most or 1 << 30))
        if again and not item.by_hand:
            item.state = "restarting"

    def tick(self) -> None:
        """Whatever the engine does by itself."""
        for item in list(self.containers.values()):
            if item.state == "restarting":
                item.restarts += 1
                self._run(item)
            elif item.state == "running" and item.check == "starting":
                item.check = "healthy" if _check(item) == ("true",) else "unhealthy"

    def stop(self, item: Container) -> None:
        """By somebody's wish: the engine does not bring it back."""
        if not item.alive:
            return
        self._require(f"stop {item.labels.get(SERVICE)}")
        self.touch(f"stop {item.name}")
        item.by_hand = True
        if item.state != "restarting":
            asked = item.program.asked
            if asked is None:
                self.events.append((time.time(), "kill", item.id, {"signal": "9"}))
            item.code = KILLED if asked is None else asked
            self.events.append((time.time(), "die", item.id, {"exitCode": str(item.code)}))
        item.state, item.finished, item.check = "exited", time.time(), ""

    def update(self, item: Container, policy: str) -> None:
        """Its restart policy alone."""
        self.touch(f"update {item.name}")
        item.service = {**item.service, "restart": policy}

    def remove(self, item: Container) -> None:
        """By force, as all our removals. Its volumes stay."""
        self.touch(f"remove {item.name}")
        if item.alive:
            self.events.append((time.time(), "kill", item.id, {"signal": "9"}))
        del self.containers[item.id]

    def forget(self, volumes: Iterable[str]) -> None:
        """Those of them that have no name, with the container they were made for."""
        for name in volumes:
            if "com.docker.volume.anonymous" in self.volumes[name]["Labels"]:
                del self.volumes[name]

    def rename(self, item: Container, name: str) -> None:
        if any(other.name == name for other in self.containers.values()):
            raise Refused(f'Conflict. The container name "/{name}" is already in use')
        self.touch(f"rename {item.name} to {name}")
        item.name = name

    def reboot(self) -> None:
        """The host goes down and comes back: the engine starts what its policies say. One that failed counts as such, whoever stopped it."""
        for item in self.containers.values():
            if item.alive:
                item.state, item.code, item.check = "exited", 255, ""
            policy = str(item.service.get("restart") or "no").partition(":")[0] if item.starts else "no"
            if policy == "always" or (policy == "unless-stopped" and not item.by_hand) or (policy == "on-failure" and item.code):
                try:
                    self._require_start(item)
                except Refused:
                    continue
                self._run(item)

    def age(self, seconds: float) -> None:
        """Time passes."""
        for item in self.containers.values():
            item.started -= seconds
            item.finished -= seconds


def _check(item: Container) -> tuple[str, ...]:
    """The container's own health check; ``true`` finds it well, ``false`` does not."""
    check = item.service.get("healthcheck") or {}
    if not check or check.get("disable"):
        return ()
    test = tuple(check["test"])[1:]
    assert test in (("true",), ("false",)), f"the engine in memory does not know this health check: {check}"
    return test
