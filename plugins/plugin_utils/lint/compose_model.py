# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compose files in the shape of the model compose resolves on the host, so that the host's own rules can judge them.

Only what holds whatever the operator sets: a value that depends on an option without a default, a path the operator chooses or a key
is left out, and so is what lies in other files (``extends``, ``include``). The host judges those.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from typing import Any

from ...module_utils.docker.model import Model
from ...module_utils.policy.mounts import below
from ..packages.profile import Profile
from ..parsing.env_file import Budget, interpolate, resolve_env
from .compose_file import ComposeFiles

# Where the package's tree is taken to lie; nothing a package may mount is there.
ROOT = "/avs-package"
# No text of YAML holds it: marks values that only the host knows.
_OPEN = "\0"
_OPEN_IMAGE = f"open@sha256:{'0' * 64}"
_TRUE = frozenset(("true", "yes", "y", "on", "1"))
_LISTS = ("cap_add", "security_opt", "volumes_from")
_TEXTS = ("pid", "ipc", "network_mode", "uts", "userns_mode", "cgroup", "user", "pull_policy")
_SECTIONS = ("networks", "volumes", "configs", "secrets")


def model_of(profile: Profile, files: ComposeFiles) -> Model:
    """Active services and the networks, volumes, configs and secrets they use, as ``docker compose config`` prints them.

    Raises ``Outgrown`` where variables multiply what is written.
    """
    values, budget = _values(profile), Budget()
    folder = posixpath.join(ROOT, profile.compose_dir)
    keys = [key["mount"] for key in profile.runtime.keys if key["mount"]]
    services = {
        name: _service(_known(settings, values, budget), settings, folder, keys)
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


def is_active(settings: Mapping[str, Any], profile: Profile, values: Mapping[str, str]) -> bool:
    """Whether compose starts a service with the package's compose profiles."""
    asked = settings.get("profiles")
    chosen = {*profile.compose_profiles, *values.get("COMPOSE_PROFILES", "").split(",")}
    return not (isinstance(asked, list) and asked) or "*" in chosen or not chosen.isdisjoint(map(str, asked))


def _values(profile: Profile) -> dict[str, str]:
    left = {part for key in profile.runtime.keys for part in (key["keystore"], key["password"], key["password_file"], key["folder"])}
    given: dict[str, str] = {name: _OPEN for name in left if name}
    for option in profile.options:
        chosen = option.hidden or option.type in ("path_dir", "path_file")
        if not chosen and option.default_text is not None:
            given[option.target] = option.default_text
        elif chosen or option.target not in profile.env_values:
            given[option.target] = _OPEN
    return resolve_env(profile.env_values, given)


def _known(value: Any, values: Mapping[str, str], budget: Budget) -> Any:
    """A copy with variables filled; what depends on one without a value is left out of lists and mappings."""
    if isinstance(value, str):
        text = budget.take(interpolate(value, values))
        return _OPEN if text is None or _OPEN in text else text
    if isinstance(value, Mapping):
        filled = {str(name): _known(item, values, budget) for name, item in value.items()}
        return {name: item for name, item in filled.items() if item != _OPEN}
    if isinstance(value, list):
        return [item for item in (_known(entry, values, budget) for entry in value) if item != _OPEN]
    return value


def _service(known: Mapping[str, Any], written: Mapping[str, Any], folder: str, keys: Collection[str]) -> dict[str, Any]:
    service = {name: value for name, value in known.items() if value not in (None, "", [], {}, False)}
    for name in _LISTS:
        _keep(service, name, [item for item in map(_text, _list(service.get(name))) if item])
    for name in _TEXTS:
        _keep(service, name, _text(service.get(name)))
    _keep(service, "privileged", _is_true(service.get("privileged")))
    # An image of a variable, or of a service in another file, is one all the same.
    hidden = written.get("image") is not None or "extends" in written
    _keep(service, "image", _text(service.get("image")) or (_OPEN_IMAGE if hidden else None))
    for name in ("configs", "secrets"):
        uses = [item for item in _list(service.get(name)) if isinstance(item, (str, Mapping))]
        _keep(service, name, [{"source": item} if isinstance(item, str) else item for item in uses])
    mounts = [_mount(item, folder) for item in _list(service.get("volumes"))]
    free = [item for item in mounts if item and not any(below(item["target"], key) is not None for key in keys)]
    _keep(service, "volumes", free)
    for hook in ("post_start", "pre_stop"):
        _keep(service, hook, [
            {**step, "privileged": _is_true(step.get("privileged"))} for step in _list(service.get(hook)) if isinstance(step, Mapping)
        ])  # fmt: skip
    deploy = _mapping(service.get("deploy"))
    reserved = _mapping(_mapping(deploy.get("resources")).get("reservations"))
    _keep(service, "scale", _whole(service.get("scale")))
    _keep(service, "deploy", {
        **({"replicas": _whole(deploy["replicas"])} if "replicas" in deploy else {}),
        "resources": {"reservations": {"devices": reserved.get("devices")}},
    })  # fmt: skip
    return service


def _mount(item: Any, folder: str) -> dict[str, Any] | None:
    """A mount in long form; ``None`` for one that cannot be known, or that compose itself refuses."""
    if isinstance(item, str):
        source, colon, rest = item.partition(":")
        if not colon:
            return {"type": "volume", "target": item}
        target, _colon, mode = rest.partition(":")
        kind = "bind" if source.startswith((".", "/", "~")) else "volume"
        mount: dict[str, Any] = {"type": kind, "source": source, "target": target, "read_only": "ro" in mode.split(",")}
    else:
        given = _mapping(item)
        mount = {name: _text(given.get(name)) for name in ("type", "target")}
        mount |= {"source": _text(given.get("source", given.get("src"))), "read_only": _is_true(given.get("read_only"))}
        mount["target"] = mount["target"] or _text(given.get("destination", given.get("dst")))
    if not mount["type"] or not mount["target"]:
        return None
    if mount["type"] == "bind":
        # What ~ is, is the host's to say.
        if not mount["source"] or mount["source"].startswith("~"):
            return None
        mount["source"] = posixpath.normpath(posixpath.join(folder, mount["source"]))
    return mount


def _used(section: str, service: Mapping[str, Any]) -> list[str]:
    used = service.get(section) or ()
    if section == "networks":
        if not used and not service.get("network_mode"):
            return ["default"]
        return [str(name) for name in used] if isinstance(used, (list, Mapping)) else []
    if section == "volumes":
        return [item["source"] for item in used if item["type"] == "volume" and item.get("source")]
    return [str(item.get("source")) for item in used]


def _entry(given: Any, folder: str) -> dict[str, Any]:
    """An item of a top section."""
    entry = dict(_mapping(given))
    for name in ("driver", "name", "file", "environment"):
        _keep(entry, name, _text(entry.get(name)))
    options = {option: str(value) for option, value in _mapping(entry.get("driver_opts")).items()}
    _keep(entry, "driver_opts", options)
    _keep(entry, "ipam", {"driver": driver} if (driver := _text(_mapping(entry.get("ipam")).get("driver"))) else None)
    external = entry.get("external")
    if isinstance(external, Mapping):
        _keep(entry, "name", _text(external.get("name")) or entry.get("name"))
    _keep(entry, "external", _is_true(external) or isinstance(external, Mapping))
    if "file" in entry:
        entry["file"] = posixpath.normpath(posixpath.join(folder, entry["file"]))
    return entry


def _keep(data: dict[str, Any], name: str, value: Any) -> None:
    """Compose prints no empty settings."""
    if value or (value == 0 and value is not False):
        data[name] = value
    else:
        data.pop(name, None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "" else None


def _is_true(value: Any) -> bool:
    return value is True or (isinstance(value, (str, int)) and str(value).lower() in _TRUE)


def _whole(value: Any) -> int | None:
    text = _text(value) or ""
    return int(text) if text.isdecimal() and len(text) < 10 else None
