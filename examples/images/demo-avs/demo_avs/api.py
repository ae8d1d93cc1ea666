# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node API of the EigenLayer AVS node specification, as a pure function from a path and a status to an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from .release import SPEC_VERSION

UP, DOWN, INITIALIZING = "Up", "Down", "Initializing"
_CODES = {UP: 200, INITIALIZING: 206, DOWN: 503}


@dataclass(frozen=True)
class Service:
    """``vital`` services decide about the node's health; another one being down leaves it partially healthy."""

    id: str
    name: str
    description: str
    status: str
    vital: bool = True

    def as_dict(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name, "description": self.description, "status": self.status}


@dataclass(frozen=True)
class Status:
    """What the node says about itself at one moment."""

    name: str
    version: str
    services: Sequence[Service]


@dataclass(frozen=True)
class Answer:
    code: int
    body: bytes = b""
    content_type: str = "application/json"


def health_code(services: Sequence[Service]) -> int:
    """200 healthy, 206 initializing or a backing service down, 503 a vital service down."""
    if any(service.vital and service.status == DOWN for service in services):
        return 503
    return 200 if all(service.status == UP for service in services) else 206


def as_json(value: object, code: int = 200) -> Answer:
    return Answer(code, json.dumps(value).encode())


def respond(path: str, status: Status) -> Answer | None:
    """The answer to ``GET path``; ``None`` for a path that is not the node API's."""
    if path == "/eigen/node":
        return as_json({"node_name": status.name, "spec_version": SPEC_VERSION, "node_version": f"v{status.version}"})
    if path == "/eigen/node/spec-version":
        return as_json({"api_version": SPEC_VERSION})
    if path == "/eigen/node/version":
        return as_json({"version": f"v{status.version}"})
    if path == "/eigen/node/health":
        return Answer(health_code(status.services))
    if path == "/eigen/node/services":
        return as_json({"services": [service.as_dict() for service in status.services]})
    parts = path.split("/")
    if len(parts) == 6 and parts[:4] == ["", "eigen", "node", "services"] and parts[5] == "health":
        found = [service for service in status.services if service.id == unquote(parts[4])]
        return Answer(_CODES[found[0].status]) if found else as_json({"error": "no such service"}, 404)
    return None
