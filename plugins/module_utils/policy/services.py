# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package may not ask of a host (rules PRIV, PKG-015, IMG-001, UPG-001): checks of the resolved model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..common.findings import ERROR, Finding
from ..common.rules import finding
from ..docker.model import Model, services
from ..docker.references import floats, tag_of
from .exceptions import capability, granted, grants
from .networks import judge_networks
from .service_names import unknown_services

# What compose may ask of the engine without a way out of the container. Anything newer is refused until somebody looked at it.
KNOWN = frozenset(
    [
        "annotations",
        "attach",
        "blkio_config",
        "build",
        "cap_add",
        "cap_drop",
        "cgroup",
        "command",
        "configs",
        "container_name",
        "cpu_count",
        "cpu_percent",
        "cpu_period",
        "cpu_quota",
        "cpu_rt_period",
        "cpu_rt_runtime",
        "cpu_shares",
        "cpus",
        "cpuset",
        "depends_on",
        "deploy",
        "develop",
        "dns",
        "dns_opt",
        "dns_search",
        "domainname",
        "entrypoint",
        "env_file",
        "environment",
        "expose",
        "extends",
        "external_links",
        "extra_hosts",
        "group_add",
        "healthcheck",
        "hostname",
        "image",
        "init",
        "ipc",
        "label_file",
        "labels",
        "links",
        "logging",
        "mac_address",
        "mem_limit",
        "mem_reservation",
        "mem_swappiness",
        "memswap_limit",
        "network_mode",
        "networks",
        "oom_kill_disable",
        "oom_score_adj",
        "pid",
        "pids_limit",
        "platform",
        "ports",
        "post_start",
        "pre_stop",
        "privileged",
        "profiles",
        "pull_policy",
        "pull_refresh_after",
        "read_only",
        "restart",
        "runtime",
        "scale",
        "secrets",
        "security_opt",
        "shm_size",
        "stdin_open",
        "stop_grace_period",
        "stop_signal",
        "storage_opt",
        "sysctls",
        "tmpfs",
        "tty",
        "ulimits",
        "user",
        "userns_mode",
        "uts",
        "volumes",
        "volumes_from",
        "working_dir",
    ]
)
# Beyond these, a capability reaches the host's kernel, devices, network or other processes.
HARMLESS_CAPABILITIES = frozenset(
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "IPC_LOCK"]
)
_HARMLESS_OPTIONS = ("no-new-privileges", "no-new-privileges:true", "apparmor:docker-default")
_UPDATERS = ("watchtower", "ouroboros", "shepherd", "dockcheck")
_REMOVE = "Remove it from the package."


def check(spec: Mapping[str, Any], model: Model, image_policy: str = "tag") -> list[Finding]:
    """Everything wrong with the services as the vendor wrote them; mounts and ports are judged where they are changed."""
    found: list[Finding] = []
    instance = spec["id"]
    known = services(model)
    allowed = grants(spec)
    for name, service in known.items():
        place = f"{instance}: services.{name}"
        if name in (".", ".."):
            found.append(finding("PKG-005", place, f"{name!r} cannot be part of a path"))
        found += _privileges(spec, place, name, service, allowed.get(name, {}))
        found += _image(place, service, image_policy)
        found += _upgrades(place, service)
        found += _shape(place, service)
    found += judge_networks(instance, model)
    found += unknown_services(spec, known)
    if not known:
        found.append(
            finding("PKG-018", instance, "the compose files declare no service", "Name a compose profile, or correct the compose files.")
        )
    return found


def _privileges(
    spec: Mapping[str, Any], place: str, name: str, service: Mapping[str, Any], allowed: Mapping[str, str]
) -> Iterator[Finding]:
    declared = (spec.get("privileges") or {}).get(name)
    if declared is None:
        yield finding("PRIV-001", place, "the package does not state the privileges of this service; it gets none")
    if service.get("privileged"):
        yield granted(f"{place}.privileged", "privileged", "asks for privileged mode", allowed)
    for field, grant in (("pid", "pid_host"), ("ipc", "ipc_host"), ("network_mode", "network_host")):
        value = str(service.get(field) or "")
        if value == "host":
            yield granted(f"{place}.{field}", grant, f"asks for the host's {field.partition('_')[0]} namespace", allowed)
        elif value.startswith("container:"):
            yield finding("PRIV-002", f"{place}.{field}", "joins a container of somebody else", _REMOVE)
        elif field == "network_mode" and value not in ("", "none", "bridge") and not value.startswith("service:"):
            yield finding("PRIV-002", f"{place}.{field}", f"joins the network {value} of somebody else", _REMOVE)
    for field in ("uts", "userns_mode", "cgroup"):
        if service.get(field) == "host":
            yield finding("PRIV-002", f"{place}.{field}", f"asks for the host's {field.partition('_')[0]} namespace", _REMOVE)
    for option in service.get("security_opt") or ():
        # A seccomp profile, a label or a switch of the package's choice is as good as none.
        if str(option).replace("=", ":", 1) not in _HARMLESS_OPTIONS:
            yield finding("PRIV-002", f"{place}.security_opt", f"may switch a protection off ({option})", _REMOVE)
    devices = (((service.get("deploy") or {}).get("resources") or {}).get("reservations") or {}).get("devices")
    if devices:
        yield finding("PRIV-002", f"{place}.deploy.resources.reservations.devices", "asks for devices of the host", _REMOVE)
    for origin in service.get("volumes_from") or ():
        if str(origin).startswith("container:"):
            yield finding("PRIV-002", f"{place}.volumes_from", "mounts what belongs to a container of somebody else", _REMOVE)
    for hook in ("post_start", "pre_stop"):
        if any(isinstance(step, Mapping) and step.get("privileged") for step in service.get(hook) or ()):
            yield finding("PRIV-002", f"{place}.{hook}", "runs a privileged command", _REMOVE)
    for field in sorted(set(service) - KNOWN):
        if not field.startswith("x-"):
            yield finding("PRIV-002", f"{place}.{field}", f"{field} is not a setting known to be safe", _REMOVE)
    wanted = [capability(item) for item in (service.get("cap_add") or () if declared is None else declared.get("cap_add") or ())]
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
    if any(updater in name for updater in _UPDATERS):
        yield finding("UPG-001", f"{place}.image", f"{name} replaces running containers on its own")
    policy = str(service.get("pull_policy") or "")
    if policy in ("always", "daily", "weekly", "refresh") or policy.startswith("every_"):
        yield finding("UPG-001", f"{place}.pull_policy", f"pull_policy {policy} changes the image behind the operator's back")


def _shape(place: str, service: Mapping[str, Any]) -> Iterator[Finding]:
    replicas = (service.get("deploy") or {}).get("replicas", service.get("scale"))
    if isinstance(replicas, int) and replicas > 1:
        yield finding(
            "PKG-018",
            f"{place}.deploy.replicas",
            f"asks for {replicas} containers; an instance runs one a service",
            "Remove replicas and scale.",
        )
