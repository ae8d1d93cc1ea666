# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The default policy: what every service gets, whatever its package says (see docs/host.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.spec import InstanceSpec, Limit, Privileges
from ..docker.model import Model, services, with_services
from ..docker.names import LABEL_INSTANCE, LABEL_SERVICE, container_name, project
from .exceptions import capability, grants
from .service_names import service_of

# Part of every spec digest: raise it when the transform changes what runs, so that hosts look again.
TRANSFORM = 3
PIDS = 4096
_LOG_LIMITS = {"max-size": "10m", "max-file": "3"}
_LIMITED_DRIVERS = ("json-file", "local")
# What compose has read already, or must not do again when the result runs.
_RESOLVED = frozenset(["build", "develop", "env_file", "extends", "label_file", "profiles", "pull_policy", "pull_refresh_after"])
_SECTIONS = ("networks", "volumes", "configs", "secrets")


def apply_baseline(spec: InstanceSpec, model: Model, memory: int) -> Model:
    """Names of our own, least privilege, limits, bounded logs, labels. ``memory`` in bytes is the limit where nobody sets one."""
    instance, allowed = spec.id, grants(spec.exceptions)
    declared = (service_of(name, services(model)) for name in spec.health.ends)
    jobs = {*waited_for(model), *declared}
    changed = {}
    for name, service in services(model).items():
        service = {field: value for field, value in service.items() if field not in _RESOLVED}
        service = _named(instance, name, service)
        service = _confined(spec.privileges.get(name), allowed.get(name, {}), service)
        service = _limited(spec.limits.get(name, Limit()), service, memory)
        service["logging"] = _logging(service.get("logging") or {})
        service["restart"] = _restart(service, name in jobs)
        service["labels"] = {**(service.get("labels") or {}), LABEL_INSTANCE: instance, LABEL_SERVICE: name}
        changed[name] = service
    model = {section: model[section] for section in _SECTIONS if model.get(section)}
    model = with_services({**model, "name": project(instance)}, changed)
    for section in ("networks", "volumes"):
        entries = {name: _owned(instance, name, entry or {}) for name, entry in (model.get(section) or {}).items()}
        model.pop(section, None)
        if entries:
            model[section] = entries
    return model


def may_end(service: Mapping[str, Any]) -> bool:
    """Whether a container that ended with 0 has done its work."""
    return str(service.get("restart", "")).partition(":")[0] in ("no", "on-failure")


def waited_for(model: Model) -> set[str]:
    """Services others wait for until they end."""
    return {
        name
        for service in services(model).values()
        for name, condition in (service.get("depends_on") or {}).items()
        if (condition or {}).get("condition") == "service_completed_successfully"
    }


def _named(instance: str, name: str, service: dict[str, Any]) -> dict[str, Any]:
    vendor = service.get("container_name")
    service["container_name"] = container_name(instance, name)
    networks = service.get("networks")
    if vendor and networks and vendor != name:
        with_alias = {}
        for network, settings in networks.items():
            aliases = [*((settings or {}).get("aliases") or ())]
            with_alias[network] = {**(settings or {}), "aliases": [*aliases, *([] if vendor in aliases else [vendor])]}
        service["networks"] = with_alias
    return service


def _confined(declared: Privileges | None, allowed: Mapping[str, str], service: dict[str, Any]) -> dict[str, Any]:
    wanted = (service.get("cap_add") or ()) if declared is None else declared.cap_add
    capabilities = sorted({capability(item) for item in wanted})
    service.pop("cap_add", None)
    service["cap_drop"] = ["ALL"]
    if capabilities:
        service["cap_add"] = capabilities
    if "privileged" not in allowed:
        service.pop("privileged", None)
    options = [option for option in service.get("security_opt") or () if not str(option).startswith("no-new-privileges")]
    service["security_opt"] = [*options, "no-new-privileges:true"]
    if declared is not None:
        if declared.user:
            service["user"] = declared.user
        if declared.read_only:
            service["read_only"] = True
        places = _list(service.get("tmpfs"))
        known = {place.split(":")[0] for place in places}
        places += [place for place in declared.tmpfs if place.split(":")[0] not in known]
        if places:
            service["tmpfs"] = places
    return service


def _limited(operator: Limit, service: dict[str, Any], memory: int) -> dict[str, Any]:
    deploy = dict(service.get("deploy") or {})
    resources = dict(deploy.get("resources") or {})
    vendor = dict(resources.pop("limits", None) or {})
    deploy.pop("replicas", None)
    service.pop("scale", None)
    if resources:
        deploy["resources"] = resources
    else:
        deploy.pop("resources", None)
    service.pop("deploy", None)
    if any(deploy.values()):
        service["deploy"] = deploy
    service["mem_limit"] = str(operator.memory or _bounded(service.get("mem_limit")) or _bounded(vendor.get("memory")) or memory)
    service["pids_limit"] = int(operator.pids or _bounded(service.get("pids_limit")) or _bounded(vendor.get("pids")) or PIDS)
    if int(service.get("oom_score_adj") or 0) < 0:
        service.pop("oom_score_adj")
    service.pop("oom_kill_disable", None)
    if service.get("ulimits"):
        service["ulimits"] = {name: _both(bounds) for name, bounds in service["ulimits"].items()}
    cpus = operator.cpus or service.get("cpus") or vendor.get("cpus")
    service.pop("cpus", None)
    if cpus:
        service["cpus"] = float(cpus)
    if operator.cpus:
        # The engine takes one way to say it; the operator's wins.
        for field in ("cpu_quota", "cpu_period"):
            service.pop(field, None)
    return service


def _both(bounds: Any) -> Any:
    """Compose prints no bound of 0, and then does not read what it printed."""
    return {"soft": 0, "hard": 0, **bounds} if isinstance(bounds, Mapping) else bounds


def _bounded(limit: Any) -> Any:
    """A vendor's limit, unless it says that there is none."""
    return None if str(limit or "").startswith("-") else limit


def _logging(logging: Mapping[str, Any]) -> dict[str, Any]:
    driver = logging.get("driver") or "json-file"
    options = {name: str(value) for name, value in (logging.get("options") or {}).items()}
    if driver in _LIMITED_DRIVERS:
        # The limits are the host's: a package that asks for more, or for none, could fill its disk.
        options = {**options, **_LOG_LIMITS}
    return {"driver": driver, **({"options": options} if options else {})}


def _restart(service: Mapping[str, Any], job: bool) -> str:
    """``always`` would bring a stopped instance back when the host restarts."""
    given = str(service.get("restart") or ("no" if job else "unless-stopped"))
    return "unless-stopped" if given == "always" else given


def _owned(instance: str, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return dict(entry) if entry.get("external") else {**entry, "name": f"{project(instance)}_{name}"}


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
