# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compose files in the shape of the model compose resolves on the host, so that the host's own rules can judge them.

Only what holds whatever the operator sets: what depends on an option without a default, or on a path the operator chooses, is left out,
and so is what lies in other files (``extends``, ``include``). The host judges those.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...module_utils.docker import dotenv
from ...module_utils.docker.model import Model
from ..packages.profile import Profile
from ..parsing.env_file import Budget, interpolate, parse_env, resolve_env
from . import compose_fields as fields
from .compose_file import ComposeFiles, env_files, environment, included
from .compose_graph import cycles, include_cycle, undefined
from .compose_refusals import refused_form, refused_texts, refused_yaml

# Where the package's tree is taken to lie; nothing a package may mount is there.
ROOT = "/avs-package"
# No text of YAML holds it: marks values that only the host knows.
OPEN = "\0"
UNKNOWN_IMAGE = f"open@sha256:{'0' * 64}"
_LISTS = ("cap_add", "security_opt", "volumes_from")
_TEXTS = ("pid", "ipc", "network_mode", "uts", "userns_mode", "cgroup", "user", "pull_policy", "container_name", "hostname", "domainname",
          "working_dir", "restart", "stop_signal", "cpus", "cpu_quota", "cpu_period", "cpuset", "mem_limit", "mem_reservation",
          "memswap_limit", "mem_swappiness", "platform")  # fmt: skip
_SHAPES: dict[str, Callable[[Any], Any]] = {
    "depends_on": fields.dependencies,
    "dns": fields.texts,
    "dns_opt": fields.texts,
    "dns_search": fields.texts,
    "expose": fields.texts,
    "healthcheck": fields.healthcheck,
    "links": fields.texts,
    "networks": fields.networks,
    "sysctls": fields.pairs,
    "tmpfs": fields.texts,
    "ulimits": fields.ulimits,
}
_SIZES = ("mem_limit", "mem_reservation", "memswap_limit", "shm_size")
# As the engine's library reads sizes (go-units).
_SIZE = re.compile(r"\d+(?:\.\d+)* ?[kmgtpKMGTP]?[iI]?[bB]?\Z")
_SECTIONS = ("networks", "volumes", "configs", "secrets")
Values = Mapping[str, str]


def model_of(profile: Profile, files: ComposeFiles, values: Values) -> Model:
    """Active services and the networks, volumes, configs and secrets they use, as ``docker compose config`` prints them.

    ``values``: compose variable -> value, ``OPEN`` where only the host knows it. Raises ``Outgrown`` where variables multiply what is written.
    """
    budget = Budget()
    folder = posixpath.join(ROOT, profile.compose_dir)
    services = {
        name: _service(_known(settings, values, budget), settings, folder, _environment(settings, profile, values))
        for name, settings in files.services.items()
        if is_active(settings, profile, values)
    }
    model: Model = {"services": services}
    for section in _SECTIONS:
        used = {name for service in services.values() for name in _used(section, service)}
        declared = _known(files.sections.get(section) or {}, values, budget)
        model[section] = {name: _entry(entry, folder) for name, entry in declared.items() if name in used}
    # Others are the host's to refuse, whatever they hold.
    model.update({section: _known(entries, values, budget) for section, entries in files.sections.items() if section not in _SECTIONS})
    return model


def refused(profile: Profile, files: ComposeFiles, values: Values) -> list[str]:
    """Why compose itself would refuse the files: form, references and names (``compose_refusals``, ``compose_graph``), a required
    variable nobody sets, a mount one side of which is empty, ports that are none, sizes that are none, files that are not there.
    Nothing of a service that depends on what only the host knows. Raises ``Outgrown``."""
    budget = Budget()
    found = [problem for text in files.texts for problem in refused_yaml(text)]
    found += [problem for document in files.documents for problem in (*refused_form(document), *refused_texts(document))]
    found += [problem for name in profile.env_files for problem in _refused_env(profile, name)]
    if found:
        # Compose looks no further.
        return list(dict.fromkeys(found))
    for variable, colon in re.findall(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)(:?)\?", files.written):
        if values.get(variable, None if not colon else "") in (None, *([""] if colon else [])):
            found.append(f"the variable {variable} is required, and nothing sets it")
    # Of services of other compose profiles, too: compose reads them all.
    for name, settings in files.services.items():
        known = _known(settings, values, budget)
        bad = [item for item in fields.as_list(known.get("volumes")) if isinstance(item, str) and "" in item.split(":")]
        found += [f"services.{name}.volumes: {item!r} has an empty part" for item in bad]
        bad = [item for item in fields.as_list(known.get("ports")) if not fields.ports(item)]
        found += [f"services.{name}.ports: {item!r} is no port, or a range of another length" for item in bad]
        without = any(port["target"] == 0 for item in fields.as_list(known.get("ports")) for port in fields.ports(item))
        found += [f"service ports services.{name}.ports is missing a target port"] if without else []
        found += [f"error decoding 'services[{name}].{field}': invalid size: {text!r}" for field, text in _bad_sizes(known)]
    active = {name: settings for name, settings in files.services.items() if is_active(settings, profile, values)}
    filled = {name: _known(settings, values, budget) for name, settings in active.items()}
    if not files.includes:
        found += undefined(filled, files.sections, files.services)
    found += cycles(filled)
    found += include_cycle(profile.compose_files[0], lambda path: included(profile, path))
    found += [f"env file {name} not found" for settings in active.values() for name in _missing_env(settings, profile)]
    return list(dict.fromkeys(found))


def _refused_env(profile: Profile, name: str) -> Iterator[str]:
    path = profile.compose_path(name)
    text = path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else ""
    problem = dotenv.problem(text)
    if problem:
        yield f"failed to read {name}: {problem}"


def _bad_sizes(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in _SIZES:
        text = known.get(field)
        if isinstance(text, str) and text != OPEN and not _SIZE.match(text):
            yield field, text


def _missing_env(settings: Mapping[str, Any], profile: Profile) -> Iterator[str]:
    """Files a service cannot do without. ``.env`` is made on a host where the package has none."""
    declared = settings.get("env_file")
    for item in declared if isinstance(declared, list) else [declared]:
        given = fields.mapping(item)
        name = given.get("path") if given else item
        if not isinstance(name, str) or not name or "$" in name or (given and given.get("required") is False):
            continue
        path = posixpath.normpath(name)
        if path != ".env" and not path.startswith(("/", "..", "~")) and not profile.compose_path(path).is_file():
            yield path


def is_active(settings: Mapping[str, Any], profile: Profile, values: Values) -> bool:
    """Whether compose starts a service with the package's compose profiles."""
    asked = settings.get("profiles")
    chosen = {*profile.compose_profiles, *values.get("COMPOSE_PROFILES", "").split(",")}
    return not (isinstance(asked, list) and asked) or "*" in chosen or not chosen.isdisjoint(map(str, asked))


def values_of(profile: Profile, given: Values) -> dict[str, str]:
    """Every variable of the environment files with the ``given`` values in place."""
    return resolve_env(profile.env_values, given)


def _known(value: Any, values: Values, budget: Budget) -> Any:
    """A copy with variables filled; what depends on one without a value is left out of lists and mappings."""
    if isinstance(value, str):
        text = budget.take(interpolate(value, values, unset=""))
        return OPEN if text is None or OPEN in text else text
    if isinstance(value, Mapping):
        filled = {str(name): _known(item, values, budget) for name, item in value.items()}
        return {name: item for name, item in filled.items() if item != OPEN}
    if isinstance(value, list):
        return [item for item in (_known(entry, values, budget) for entry in value) if item != OPEN]
    return value


def _environment(settings: Mapping[str, Any], profile: Profile, values: Values) -> dict[str, str]:
    """What a service's process gets: its env files, ``environment`` laid over them. A variable nobody knows the value of is empty."""
    found: dict[str, str] = {}
    own = {posixpath.normpath(name) for name in profile.env_files}
    for name in env_files(settings):
        if name in own or name == ".env":
            found.update({variable: values.get(variable, "") for variable in (*profile.env_values, *values)})
        elif (path := profile.compose_path(name)).is_file():
            # Of its own lines alone, and what they say: a variable of the package may have the same name.
            for variable, written in parse_env(path.read_bytes()).items():
                found[variable] = interpolate(written, {**values, **found}, unset="") or ""
    for variable, value in environment(settings).items():
        text = values.get(variable) if value is None else fields.scalar(value)
        if text is not None:
            found[str(variable)] = (interpolate(text, values, unset="") or "") if value is not None else text
    return {name: "" if OPEN in text else text for name, text in found.items()}


def _service(known: Mapping[str, Any], written: Mapping[str, Any], folder: str, handed: Mapping[str, str]) -> dict[str, Any]:
    service = {name: value for name, value in known.items() if value not in (None, "", [], {}, False)}
    for name in _LISTS:
        _keep(service, name, fields.texts(fields.as_list(service.get(name))))
    for name in _TEXTS:
        _keep(service, name, fields.scalar(service.get(name)))
    for name, shaped in _SHAPES.items():
        _keep(service, name, shaped(service.get(name)))
    _keep(service, "environment", dict(handed))
    _keep(service, "ports", [port for item in fields.as_list(service.get("ports")) for port in fields.ports(item)])
    hosts = service.get("extra_hosts")
    _keep(service, "extra_hosts", fields.pairs(hosts) or [text for text in fields.texts(fields.as_list(hosts)) if "=" not in text])
    _keep(service, "privileged", fields.is_true(service.get("privileged")))
    # An image of a variable, or of a service in another file, is one all the same.
    hidden = written.get("image") is not None or "extends" in written
    _keep(service, "image", fields.scalar(service.get("image")) or (UNKNOWN_IMAGE if hidden else None))
    for name in ("configs", "secrets"):
        uses = [item for item in fields.as_list(service.get(name)) if isinstance(item, (str, Mapping))]
        named = [{"source": item} if isinstance(item, str) else {**item, "source": fields.scalar(item.get("source"))} for item in uses]
        _keep(service, name, [item for item in named if item["source"]])
    mounts = [fields.mount(item, folder) for item in fields.as_list(service.get("volumes"))]
    _keep(service, "volumes", [item for item in mounts if item])
    for hook in ("post_start", "pre_stop"):
        steps = [step for step in fields.as_list(service.get(hook)) if isinstance(step, Mapping)]
        _keep(service, hook, [{**step, "privileged": fields.is_true(step.get("privileged"))} for step in steps])
    _keep(service, "scale", fields.whole(known.get("scale")))
    _keep(service, "deploy", _deploy(fields.mapping(service.get("deploy"))))
    return service


def _deploy(given: Mapping[str, Any]) -> dict[str, Any]:
    resources = fields.mapping(given.get("resources"))
    found: dict[str, Any] = {}
    for part in ("limits", "reservations"):
        block = fields.mapping(resources.get(part))
        kept: dict[str, Any] = {name: text for name in ("cpus", "memory", "pids") if (text := fields.scalar(block.get(name)))}
        if part == "reservations" and block.get("devices"):
            kept["devices"] = block["devices"]
        _keep(found, part, kept)
    if fields.mapping(given.get("restart_policy")):
        return {"restart_policy": dict(fields.mapping(given["restart_policy"])), **_deploy({**given, "restart_policy": None})}
    return {**({"replicas": fields.whole(given["replicas"])} if "replicas" in given else {}), "resources": found}


def _used(section: str, service: Mapping[str, Any]) -> list[str]:
    used = service.get(section) or ()
    if section == "networks":
        return list(used) or ([] if service.get("network_mode") else ["default"])
    if section == "volumes":
        return [item["source"] for item in used if item["type"] == "volume" and item.get("source")]
    return [item["source"] for item in used]


def _entry(given: Any, folder: str) -> dict[str, Any]:
    """An item of a top section."""
    entry = dict(fields.mapping(given))
    for name in ("driver", "name", "file", "environment"):
        _keep(entry, name, fields.scalar(entry.get(name)))
    options = {option: str(value) for option, value in fields.mapping(entry.get("driver_opts")).items()}
    _keep(entry, "driver_opts", options)
    ipam = fields.mapping(entry.get("ipam"))
    configs = [_addresses(config) for config in fields.as_list(ipam.get("config")) if isinstance(config, Mapping)]
    _keep(entry, "ipam", {name: value for name, value in (("driver", fields.scalar(ipam.get("driver"))), ("config", configs)) if value})
    external = entry.get("external")
    if isinstance(external, Mapping):
        _keep(entry, "name", fields.scalar(external.get("name")) or entry.get("name"))
    _keep(entry, "external", fields.is_true(external) or isinstance(external, Mapping))
    if "file" in entry:
        entry["file"] = posixpath.normpath(posixpath.join(folder, entry["file"]))
    return entry


def _addresses(config: Mapping[str, Any]) -> dict[str, Any]:
    """One of ``ipam.config``."""
    others = fields.pairs(config.get("aux_addresses"))
    return {**fields.pairs(config), **({"aux_addresses": others} if others else {})}


def _keep(data: dict[str, Any], name: str, value: Any) -> None:
    """Compose prints no empty settings."""
    if value or (value == 0 and value is not False):
        data[name] = value
    else:
        data.pop(name, None)
