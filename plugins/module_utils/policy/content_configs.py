# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configs whose content stands in the compose file (rule PKG-020): compose copies them into a container it made, not always with luck. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec, Privileges
from ..docker.model import Model, services
from .mounts import below

_AS_A_FILE = "Ship it as a file of the package (configs.<name>.file), which is mounted."


def judge_content(spec: InstanceSpec, model: Model) -> Iterator[Finding]:
    """``model`` has its mounts in their final form."""
    for name, service in services(model).items():
        place = f"{spec.id}: services.{name}.configs"
        closed = service.get("read_only") or spec.privileges.get(name, Privileges()).read_only
        volumes = [str(mount.get("target")) for mount in service.get("volumes") or () if mount.get("type") in ("bind", "volume")]
        for use in _copied(service, model):
            target = posixpath.join("/", str(use.get("target") or use["source"]))
            if closed and not any(below(target, volume) for volume in volumes):
                message = f"{use['source']} has its content in the compose file, and cannot be copied into a container that is read_only"
                yield finding("PKG-020", place, message, _AS_A_FILE)
            for field in ("uid", "gid"):
                if use.get(field) and not str(use[field]).isdigit():
                    yield finding("PKG-020", place, f"{field} {use[field]} of {use['source']} is no number", "Write a number.")


def judge_owners(instance: str, model: Model, users: Mapping[str, str]) -> Iterator[Finding]:
    """The engine looks the container's user up on the host to copy for one, and takes ``1000:1000`` for a name. ``users``: image -> the
    user it runs as."""
    for name, service in services(model).items():
        user = str(service.get("user") or users.get(str(service.get("image") or "")) or "")
        for use in _copied(service, model) if ":" in user else ():
            if use.get("uid") or use.get("gid"):
                message = f"{use['source']} cannot be copied with an owner into a container that runs as {user}"
                yield finding("PKG-020", f"{instance}: services.{name}.configs", message, f"Leave uid and gid out. {_AS_A_FILE}")


def _copied(service: Mapping[str, Any], model: Model) -> Iterator[Mapping[str, Any]]:
    for use in service.get("configs") or ():
        entry = (model.get("configs") or {}).get(use.get("source") if isinstance(use, Mapping) else use) or {}
        if isinstance(use, Mapping) and entry.get("content") is not None and not entry.get("file"):
            yield use
