# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container as a listing of the engine shows it, and what can be told of it by that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..common.names import is_name
from .names import project

_NEVER = "no"
# Compose's own words for restart policies -> the engine's.
_CONDITIONS = {"none": _NEVER, "any": "always"}


def label(name: str) -> str:
    """As JSON: a label may hold any text, line breaks among them."""
    return f'{{{{json (.Label "{name}")}}}}'


COLUMNS = (
    label("com.docker.compose.oneoff"),
    "{{.ID}}",
    "{{.Names}}",
    "{{.State}}",
    label("avs.instance"),
    label("avs.service"),
    label("avs.spec"),
    "{{.Status}}",
    label("com.docker.compose.project"),
    "{{.Networks}}",
)


@dataclass(frozen=True)
class Container:
    """A line of ``docker ps -a``. ``status`` is the engine's text: ``Up 2 minutes (healthy)``, ``Exited (0) 1 hour ago``;
    ``networks`` are names with commas between them."""

    id: str
    name: str
    state: str
    instance: str
    service: str
    spec: str
    status: str = ""
    project: str | None = None
    networks: str | None = None

    @property
    def exit_code(self) -> int | None:
        match = re.match(r"Exited \((-?\d+)\)", self.status)
        return int(match.group(1)) if match else None

    @property
    def health(self) -> str | None:
        """Docker's own health check: healthy, unhealthy, starting; ``None`` without one."""
        match = re.search(r"\((healthy|unhealthy|health: starting)\)", self.status)
        return match.group(1).replace("health: ", "") if match else None


def is_ours(container: Container) -> bool:
    """Whether a container with our label was made by us. Where the project was not asked for, the label is believed."""
    return is_name(container.instance) and container.project in (None, project(container.instance))


def columns(line: str) -> list[str]:
    """Columns of a listing; labels come as JSON."""
    return [str(json.loads(part)) if part.startswith('"') else part for part in line.split("\t")]


def parse_ports(text: str) -> list[tuple[str, str, str]]:
    """``127.0.0.1:80->8080/tcp, :::81-82->81-82/udp`` as (address, host port or range, protocol)."""
    found = []
    for part in text.split(", "):
        match = re.fullmatch(r"(?P<address>.*):(?P<port>[0-9-]+)->[0-9-]+/(?P<protocol>\w+)", part.strip())
        if match:
            found.append((match["address"].strip("[]"), match["port"], match["protocol"]))
    return found


def done(container: Container, ends: bool) -> bool:
    """Whether a container is where it should be: running, or ended well where that is all it has to do."""
    return container.state == "running" or (ends and container.exit_code == 0)


def running(container: Container) -> bool:
    return container.state in ("running", "restarting", "paused")


def finished(container: Container, ends: bool) -> bool:
    """A one-shot that has done its work: what becomes of others, or of its networks, is no reason to run it again."""
    return container.state == "exited" and done(container, ends)


def restart_policy(service: Mapping[str, Any]) -> str:
    """The restart policy compose gives a service's container, as ``docker update --restart`` takes it: ``on-failure:3``, ``no``."""
    deployed = (service.get("deploy") or {}).get("restart_policy")
    if deployed is None:
        return str(service.get("restart") or _NEVER)
    # It wins over ``restart``, and without a condition it is none.
    condition, attempts = str(deployed.get("condition") or _NEVER), int(deployed.get("max_attempts") or 0)
    return f"{_CONDITIONS.get(condition, condition)}{f':{attempts}' if attempts else ''}"


def out_of_network(container: Container, networks: Iterable[str]) -> bool:
    """Whether a container lacks one of its networks. One that is in more than its own was put there by somebody who wants it so."""
    return container.networks is not None and not set(networks) <= set(container.networks.split(","))
