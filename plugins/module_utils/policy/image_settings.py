# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service leaves to its image, and the image does not have (rule PKG-020). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.model import Model, services
from .content_configs import judge_owners
from .waits import HEALTHY, no_check, waits


def judge_image_settings(instance: str, model: Model, configs: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """``configs``: image as the vendor names it -> the engine's ``Config`` of it, for those that are on the host."""
    known = services(model)
    for name, service in known.items():
        config = configs.get(str(service.get("image") or ""))
        if config is not None and not _starts(service, config):
            message = f"names no command, and neither does its image {service['image']}"
            yield finding("PKG-020", f"{instance}: services.{name}.command", message, "Add a command or an entrypoint.")
    for name, other, condition in waits(model):
        awaited = known.get(other) or {}
        config = configs.get(str(awaited.get("image") or ""))
        if condition != HEALTHY or config is None or no_check(awaited) or (awaited.get("healthcheck") or {}).get("test"):
            continue
        if ((config.get("Healthcheck") or {}).get("Test") or ["NONE"])[0] == "NONE":
            message = f"waits for {other} to become healthy, and neither {other} nor its image {awaited['image']} has a health check"
            remedy = f"Give {other} a health check, or wait for it to be started."
            yield finding("PKG-020", f"{instance}: services.{name}.depends_on", message, remedy)
    yield from judge_owners(instance, model, {image: str(config.get("User") or "") for image, config in configs.items()})


def _starts(service: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """An entrypoint of the service's own leaves the image's command out."""
    if service.get("entrypoint") is not None:
        return bool(service.get("entrypoint") or service.get("command"))
    return bool(service.get("command") or config.get("Entrypoint") or config.get("Cmd"))
