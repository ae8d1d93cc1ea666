# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service once more, with another command: its image, environment and limits, and of what it mounts what a command may see."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..docker.dotenv import quote
from ..docker.model import texts
from ..policy.mounts import host_grant
from ..system import files
from .one_off import KeyPlace, Mount, OneOff
from .release import Bind, Release, Undeclared

# What a service's container has that one made for a command gets, too. What an exception grants (the host's namespaces, privileged mode,
# devices) is for the service alone.
_SAME = frozenset((
    "cap_add", "cpus", "dns", "dns_opt", "dns_search", "domainname", "entrypoint", "environment", "extra_hosts", "group_add", "hostname", "init",
    "mem_limit", "memswap_limit", "pids_limit", "platform", "read_only", "security_opt", "shm_size", "stop_signal", "tmpfs", "ulimits", "user",
    "working_dir",
))  # fmt: skip


def service_again(release: Release, command: Mapping[str, Any], base: OneOff) -> OneOff:
    """Where the command names networks or mounts it has these, else those of its service; of keys those it needs. Raises ``Undeclared``."""
    name = str(command.get("service") or "")
    service = release.service(name)
    needed = _secrets_of(release, command.get("needs") or ())
    named = command.get("mounts")
    mounts = release.mounts(named, name) if named is not None else _mounts(release, name)
    placed = {one.target for one in mounts}
    return replace(
        base,
        image=str(service.get("image") or ""),
        networks=release.networks(command.get("network"), name),
        mounts=[*mounts, *(one for one in _package_files(release, name) if one.target not in placed)],
        keys=_keys(release, name, needed),
        env_file=release.own.secrets_env if os.path.exists(release.own.secrets_env) else None,
        user=command.get("user"),
        of=name,
        service=_service(release, service, needed, command.get("read_only")),
    )


def _service(release: Release, service: Mapping[str, Any], needed: frozenset[str], read_only: Any) -> dict[str, Any]:
    kept = {field: value for field, value in service.items() if field in _SAME}
    environment = kept.get("environment")
    if isinstance(environment, Mapping):
        variables = _variables(release)
        kept["environment"] = {name: value for name, value in environment.items() if not _tells(str(value or ""), variables, needed)}
    others = {field: value for field, value in kept.items() if field != "environment"}
    if any(_tells(text, _variables(release), needed) for text in texts(others)):
        raise Undeclared(
            "needs", "its service is told a key in another way than by its environment, and the command does not need that key"
        )
    if read_only is not None:
        kept["read_only"] = bool(read_only)
    return kept


def _secrets_of(release: Release, needs: Sequence[str]) -> frozenset[str]:
    keys = {key.name: key for key in release.spec.keys}
    missing = sorted(set(needs) - set(keys))
    if missing:
        raise Undeclared("needs", f"the instance has no key {missing[0]}", "Give it one (avs_instances[].keys).")
    return frozenset(secret for name in needs for secret in (keys[name].keystore, keys[name].password) if secret)


def _variables(release: Release) -> dict[str, frozenset[str]]:
    """Variable of the release's file -> the secrets it may hold, by their values."""
    try:
        lines = files.read(release.own.secrets_env).decode().splitlines()
    except (OSError, ValueError):
        return {}
    written = {name: quote(value) for name, value in release.values.items() if "\0" not in value}
    pairs = [line.partition("=")[::2] for line in lines]
    return {variable: frozenset(name for name, one in written.items() if one == quoted) for variable, quoted in pairs}


def _tells(value: str, variables: Mapping[str, frozenset[str]], needed: frozenset[str]) -> bool:
    """Whether a value of the environment has a key in it that the command does not need. What cannot be told counts as one."""
    for variable in (part.partition("}")[0] for part in value.replace("$$", "").split("${")[1:]):
        secrets = variables.get(variable, frozenset())
        if not secrets or (all(name.startswith("key.") for name in secrets) and not secrets & needed):
            return True
    return False


def _mounts(release: Release, service: str) -> list[Mount]:
    """What is the instance's own of it, and the operator's; nothing that takes an exception, and no key."""
    found = []
    for bind in release.binds(service):
        if bind.kind == "volume":
            volumes = release.model.get("volumes") or {}
            entry = volumes.get(bind.source) if bind.source in volumes else None
            # One without a name is the container's own.
            if entry is not None:
                found.append(Mount("volume", str(entry.get("name") or bind.source), bind.target, bind.read_only))
        elif bind.kind == "bind" and _is_data(release, bind):
            found.append(Mount("bind", bind.source, bind.target, bind.read_only))
    return found


def _is_data(release: Release, bind: Bind) -> bool:
    source = os.path.normpath(bind.source)
    if _inside(source, release.own.data):
        return True
    chosen = any(_inside(source, os.path.normpath(path)) for path in release.spec.paths)
    return chosen and host_grant(source) is None


def _package_files(release: Release, service: str) -> list[Mount]:
    """Files of the package, which anybody may read."""
    root = release.own.current
    return [
        Mount("bind", bind.source, bind.target, True)
        for bind in release.binds(service)
        if bind.kind == "bind" and _inside(os.path.normpath(bind.source), root)
    ]


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _keys(release: Release, service: str, needed: frozenset[str]) -> list[KeyPlace]:
    """Files of keys as the service sees them, the needed ones alone, with their owners."""
    found = []
    for bind, name, secrets in release.key_files(service):
        wanted = sorted(secrets & needed)
        if wanted:
            seen = os.stat(os.path.join(bind.source, name) if name != "." else bind.source)
            folder, file = posixpath.split(bind.target) if name == "." else (bind.target, name)
            found.append(KeyPlace(folder, file, wanted[0], (seen.st_uid, seen.st_gid)))
    return found
