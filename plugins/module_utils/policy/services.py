# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package may not ask of a host (rules PRIV, PKG-015, IMG-001, UPG-001): checks of the resolved model.

Which settings are known at all, and which values they may have, says the table in ``settings``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..common.findings import ERROR, WARNING, Finding, errors_of
from ..common.rules import finding
from ..common.spec import InstanceSpec, Privileges
from ..docker.model import Model, services
from ..docker.references import floats, reference_problem, tag_of
from .command_names import unknown_names
from .engine_limits import judge_limits
from .exceptions import capability, granted, grants
from .model_names import judge_names
from .service_names import unknown_services
from .setting_values import REMOVE
from .settings import judge_settings

# Beyond these, a capability reaches the host's kernel, devices, network or other processes.
HARMLESS_CAPABILITIES = frozenset(
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "IPC_LOCK"]
)
_UPDATERS = ("watchtower", "ouroboros", "shepherd", "dockcheck")


def check(spec: InstanceSpec, model: Model, image_policy: str = "tag", inactive: Collection[str] = ()) -> list[Finding]:
    """Everything wrong with the services as the vendor wrote them; mounts and ports are judged where they are changed.

    ``inactive``: services of compose profiles that are not chosen.
    """
    found: list[Finding] = []
    instance = spec.id
    known = services(model)
    allowed = grants(spec.exceptions)
    for name, service in known.items():
        place = f"{instance}: services.{name}"
        found += _privileges(place, spec.privileges.get(name), service, allowed.get(name, {}))
        found += _image(place, service, image_policy)
        found += _upgrades(place, service)
        found += _shape(place, service)
    found += judge_names(instance, model)
    found += _untold(judge_settings(instance, model, allowed), found)
    found += unknown_services(spec, known, inactive)
    found += unknown_names(spec, model, inactive)
    found += _untold(judge_limits(spec, model), found)
    if not known:
        found.append(
            finding("PKG-018", instance, "the compose files declare no service", "Name a compose profile, or correct the compose files.")
        )
    return found


def _untold(more: Iterable[Finding], told: Iterable[Finding]) -> list[Finding]:
    """Those about settings of which nothing was refused yet: one fault is told once, by the rule that comes first."""
    places = [item.place for item in errors_of(told) if item.id in ("PKG-005", "PRIV-002")]
    return [item for item in more if not any(_same(item.place, place) for place in places)]


def _same(place: str, other: str) -> bool:
    """Whether one setting is the other, or a part of it: ``ulimits`` and ``ulimits.nofile``. What is said of a whole service is about no
    setting: one with a bad name may have other faults."""
    short, long = sorted((place, other), key=len)
    about_one = short.count(".") > (1 if ": services." in short else 0)
    return short == long or (about_one and long.startswith(f"{short}."))


def _privileges(place: str, declared: Privileges | None, service: Mapping[str, Any], allowed: Mapping[str, str]) -> Iterator[Finding]:
    if declared is None:
        yield finding("PRIV-001", place, "the package does not state the privileges of this service; it gets none")
    wanted = [capability(item) for item in (service.get("cap_add") or () if declared is None else declared.cap_add)]
    for item in wanted:
        if item not in HARMLESS_CAPABILITIES:
            yield granted(f"{place}.cap_add", f"cap:{item}", f"asks for the capability {item}", allowed)


def _image(place: str, service: Mapping[str, Any], image_policy: str) -> Iterator[Finding]:
    if service.get("build"):
        yield finding("PKG-015", f"{place}.build", "asks for an image to be built on the host")
    image = service.get("image")
    if not image:
        if not service.get("build"):
            yield finding("PKG-018", f"{place}.image", "names no image")
        return
    problem = reference_problem(str(image))
    if problem:
        yield finding("PKG-018", f"{place}.image", problem, "Name the image as its registry does, with a tag or a digest.")
        return
    if "@" in image:
        return
    if image_policy == "digest":
        yield finding("IMG-001", f"{place}.image", f"{image} is not a digest", "Name the image by digest.", severity=ERROR)
    elif floats(image):
        yield finding(
            "IMG-001",
            f"{place}.image",
            f"{image} floats: its tag {tag_of(image) or '(none)'} names no release; what is installed now stays until the package's version changes",
        )


def _upgrades(place: str, service: Mapping[str, Any]) -> Iterator[Finding]:
    name = str(service.get("image") or "").partition("@")[0].rsplit("/", 1)[-1].split(":")[0]
    if name in _UPDATERS:
        yield finding("UPG-001", f"{place}.image", f"{name} replaces running containers on its own")
    elif any(updater in name for updater in _UPDATERS):
        message = f"{name} is called like a program that replaces running containers"
        yield finding("UPG-001", f"{place}.image", message, "Make sure that it is none.", severity=WARNING)
    policy = str(service.get("pull_policy") or "")
    if policy in ("always", "daily", "weekly", "refresh") or policy.startswith("every_"):
        message = f"pull_policy {policy} is not obeyed: an image changes with the package's version only"
        yield finding("UPG-001", f"{place}.pull_policy", message, REMOVE, severity=WARNING)


def _shape(place: str, service: Mapping[str, Any]) -> Iterator[Finding]:
    replicas = (service.get("deploy") or {}).get("replicas", service.get("scale"))
    if isinstance(replicas, int) and replicas > 1:
        message = f"asks for {replicas} containers; an instance runs one a service"
        yield finding("PKG-018", f"{place}.deploy.replicas", message, "Remove replicas and scale.", severity=WARNING)
