# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose over ``memory_world``: what ``config`` makes of a package, and what ``up`` does with the file that runs.

Nothing here reads YAML or the many short forms of compose files. Packages of these tests are compose files in JSON (which is YAML), in
the long form that ``docker compose config --format json`` prints, and only what every package needs is worked out here: variables,
paths that begin with ``./``, and names of networks and volumes. So nobody has to record models and keep them in step with packages,
and the contract tests give the same files to the real Compose and compare. A field that is not in the tables below is an error.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.unit.support.memory_world import PROJECT, SERVICE, Container, Refused, World

# Fields of a service that decide something here, and those that are only recorded.
_DECIDE = {
    "image", "entrypoint", "command", "environment", "networks", "network_mode", "volumes", "ports", "depends_on", "restart", "labels",
    "container_name", "stop_grace_period", "stop_signal", "init", "healthcheck", "mem_limit", "pids_limit", "cpus",
}  # fmt: skip
_RECORDED = {"user", "cap_add", "cap_drop", "security_opt", "read_only", "tmpfs", "logging", "hostname", "profiles"}
_SECTIONS = {"name", "services", "networks", "volumes"}
_COMPLETED, _HEALTHY, _STARTED = "service_completed_successfully", "service_healthy", "service_started"


class Wrong(Refused):
    """What compose itself says."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass
class Line:
    """A command line of compose, its options by name."""

    words: list[str] = field(default_factory=list)
    options: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        assert len(self.options.get(name, ())) == 1, f"{name} is to be given once: {self.options}"
        return self.options[name][0]


_VALUED = ("--project-directory", "-p", "-f", "--env-file", "--profile", "--ansi", "--progress", "--format", "--pull", "--timeout")
_PLAIN = ("-d", "--no-deps", "--no-recreate", "--no-build", "--quiet-pull", "--no-start", "--force-recreate", "--short", "--rm", "-T")


def read_line(arguments: Sequence[str]) -> Line:
    """Raises ``AssertionError`` for an option nobody taught it."""
    line, rest = Line(), list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            line.words += rest
            break
        if word in _VALUED:
            line.options.setdefault(word, []).append(rest.pop(0))
        elif word in _PLAIN:
            line.options[word] = []
        else:
            assert not word.startswith("-"), f"the engine in memory does not know the option {word} of compose: {arguments}"
            line.words.append(word)
    return line


def variables(text: str) -> dict[str, str]:
    """Of an environment file in two forms: a bare value, and what ``dotenv.quote`` writes."""
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([\w./:-]*))', line)
        assert match, f"the engine in memory does not read this line of an environment file: {line!r}"
        found[match[1]] = match[3] if match[2] is None else re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), match[2])
    return found


def interpolated(value: Any, known: Mapping[str, str], missing: set[str]) -> Any:
    if isinstance(value, str):

        def put(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            assert match[1], f"the engine in memory does not know this expression: {value!r}"
            if match[1] not in known and match[2] is None:
                missing.add(match[1])
            return known.get(match[1]) or (match[2] or "")

        return re.sub(r"\$\$|\$(?:\{(\w+)(?::-([^}]*))?\})?", put, value)
    if isinstance(value, dict):
        return {name: interpolated(item, known, missing) for name, item in value.items()}
    return [interpolated(item, known, missing) for item in value] if isinstance(value, list) else value


def load(line: Line) -> tuple[dict[str, Any], set[str]]:
    """The files of a command line as one model, and variables nobody set. Raises ``Refused`` for what compose itself would refuse."""
    known: dict[str, str] = {}
    for path in line.options.get("--env-file", ()):
        if not os.path.exists(path):
            raise Wrong(f"couldn't find env file: {path}")
        with open(path, encoding="utf-8") as handle:
            known.update(variables(handle.read()))
    whole: dict[str, Any] = {}
    missing: set[str] = set()
    for path in line.options["-f"]:
        with open(path, encoding="utf-8") as handle:
            try:
                part = json.load(handle)
            except ValueError:
                raise Wrong(f"yaml: {path} cannot be read") from None
        assert set(part) <= _SECTIONS, f"the engine in memory does not know a section of {path}: {sorted(part)}"
        for section in ("services", "networks", "volumes"):
            whole.setdefault(section, {}).update(interpolated(part.get(section) or {}, known, missing))
    chosen = line.options.get("--profile", [])
    whole["services"] = {
        name: service
        for name, service in whole["services"].items()
        if not service.get("profiles") or "*" in chosen or set(service["profiles"]) & set(chosen)
    }
    for name, service in whole["services"].items():
        unknown = set(service) - _DECIDE - _RECORDED
        assert not unknown, f"the engine in memory does not know {sorted(unknown)} of the service {name}"
        for other in service.get("depends_on") or ():
            if other not in whole["services"]:
                raise Wrong(f'service "{name}" depends on undefined service {other}: invalid compose project')
    return {"name": line.one("-p"), **whole}, missing


def config(line: Line) -> tuple[str, str]:
    """What ``config --format json`` prints, and its messages."""
    model, missing = load(line)
    folder, name = line.one("--project-directory"), model["name"]
    used: dict[str, set[str]] = {"networks": set(), "volumes": set()}
    for service in model["services"].values():
        service.setdefault("command", None)
        service.setdefault("entrypoint", None)
        if not service.get("network_mode"):
            service.setdefault("networks", {"default": None})
        for other in (service.get("depends_on") or {}).values():
            other.setdefault("required", True)
        used["networks"] |= set(service.get("networks") or ())
        for mount in service.get("volumes") or ():
            if mount["type"] == "bind" and mount["source"].startswith("./"):
                mount["source"] = os.path.normpath(os.path.join(folder, mount["source"]))
            if mount["type"] == "volume" and mount.get("source"):
                used["volumes"].add(mount["source"])
    for section, names in used.items():
        entries = model.get(section) or {}
        for key in sorted(names):
            if key not in entries and (section, key) != ("networks", "default"):
                raise Wrong(f"service refers to undefined {section[:-1]} {key}: invalid compose project")
        made = {key: _named(name, section, key, entries.get(key)) for key in sorted(names)}
        model.pop(section, None)
        if made:
            model[section] = made
    said = "".join(
        f'time="" level=warning msg="The \\"{one}\\" variable is not set. Defaulting to a blank string."\n' for one in sorted(missing)
    )
    # As compose prints it, to be read once more.
    return json.dumps(_doubled(model), indent=2), said


def _doubled(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _doubled(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_doubled(item) for item in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def _named(project: str, section: str, key: str, entry: Mapping[str, Any] | None) -> dict[str, Any]:
    entry = dict(entry or {})
    entry.setdefault("name", key if entry.get("external") else f"{project}_{key}")
    if section == "networks":
        entry.setdefault("ipam", {})
    return entry


class Up:
    """One ``up`` of some services, without those they depend on."""

    def __init__(self, world: World, line: Line) -> None:
        self.world, self.line = world, line
        self.model, _missing = load(line)
        self.project = str(self.model["name"])
        self.services: list[str] = line.words[1:]
        unknown = sorted(set(self.services) - set(self.model["services"]))
        if unknown:
            raise Wrong(f"no such service: {unknown[0]}")

    def run(self) -> None:
        assert "--no-deps" in self.line.options and self.line.one("--pull") == "never", self.line
        again, only = "--force-recreate" in self.line.options, "--no-start" in self.line.options
        assert again != ("--no-recreate" in self.line.options) and only != ("-d" in self.line.options), self.line
        order = list(self._order())
        for name in order:
            self.world.image(self.model["services"][name]["image"])
        self._surroundings()
        for name in order:
            found = self._existing(name)
            if found is None:
                self.world.add(self._made(name, str(self.model["services"][name]["container_name"]), None))
            elif again:
                self._replace(name, found)
        if not only:
            for name in order:
                self._await(name)
                found = self._existing(name)
                assert found is not None
                if found.state not in ("running", "restarting"):
                    self.world.start(found)

    def _order(self) -> Iterator[str]:
        """Those that are depended on first."""
        left = sorted(self.services)
        while left:
            free = [name for name in left if not set(self.model["services"][name].get("depends_on") or ()) & set(left)]
            assert free, f"services wait for each other in a circle: {left}"
            yield from free
            left = [name for name in left if name not in free]

    def _surroundings(self) -> None:
        """Networks and volumes of these services."""
        for section, has, make in (
            ("networks", self.world.networks, self.world.make_network),
            ("volumes", self.world.volumes, self.world.make_volume),
        ):
            for key in sorted({key for name in self.services for key in _uses(self.model["services"][name], section)}):
                entry = self.model[section][key]
                if entry["name"] in has:
                    continue
                if entry.get("external"):
                    raise Wrong(f"{section[:-1]} {entry['name']} declared as external, but could not be found")
                make(entry["name"], entry, {PROJECT: self.project, f"com.docker.compose.{section[:-1]}": key})

    def _existing(self, service: str) -> Container | None:
        found = [
            item
            for item in self.world.containers.values()
            if (item.labels.get(PROJECT), item.labels.get(SERVICE)) == (self.project, service)
            and item.labels.get("com.docker.compose.oneoff") != "True"
        ]
        assert len(found) <= 1, f"two containers of {service}: the engine in memory does not scale"
        return found[0] if found else None

    def _replace(self, service: str, old: Container) -> None:
        """The successor is there, under a passing name, before its predecessor goes."""
        name = str(self.model["services"][service]["container_name"])
        successor = self._made(service, f"{old.id[:12]}_{name}", old)
        self.world.add(successor)
        self.world.stop(old)
        self.world.remove(old)
        self.world.rename(successor, name)

    def _made(self, name: str, called: str, old: Container | None) -> Container:
        service = self.model["services"][name]
        kept = {target: mount for target, mount in (old.mounts if old else {}).items() if mount[0] == "volume"}
        mounts = {}
        for mount in service.get("volumes") or ():
            source = mount.get("source") or ""
            if mount["type"] == "volume":
                anonymous = kept.get(mount["target"], ("volume", self.world.new_id("anonymous")))
                mounts[mount["target"]] = ("volume", self.model["volumes"][source]["name"]) if source else anonymous
            elif mount["type"] == "bind":
                mounts[mount["target"]] = ("bind", source)
        depends = ",".join(f"{other}:{how['condition']}:false" for other, how in sorted((service.get("depends_on") or {}).items()))
        labels = {
            **(self.world.image(service["image"])["Config"].get("Labels") or {}),
            **(service.get("labels") or {}),
            PROJECT: self.project,
            SERVICE: name,
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.depends_on": depends,
        }
        nets, mode = self._networks(name, service)
        return Container(self.world.new_id("container"), called, service["image"], labels, dict(service), nets, mounts, mode)

    def _networks(self, name: str, service: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], str]:
        mode = str(service.get("network_mode") or "")
        if mode.startswith("service:"):
            other = self._existing(mode.partition(":")[2])
            if other is None:
                raise Wrong(f"no such service: {mode.partition(':')[2]}")
            return {}, f"container:{other.id}"
        if mode:
            return {mode: {"id": self.world.networks[mode]["Id"], "aliases": [], "address": ""}}, mode
        nets: dict[str, dict[str, Any]] = {}
        for key, settings in (service.get("networks") or {}).items():
            network = self.model["networks"][key]["name"]
            address = self.world.networks[network]["IPAM"]["Config"][0]["Subnet"].rpartition(".")[0]
            aliases = [str(service["container_name"]), name, *((settings or {}).get("aliases") or ())]
            nets[network] = {
                "id": self.world.networks[network]["Id"],
                "aliases": aliases,
                "address": f"{address}.{2 + self.world.made % 250}",
            }
        return nets, next(iter(sorted(nets)), "none")

    def _await(self, name: str) -> None:
        for other, how in (self.model["services"][name].get("depends_on") or {}).items():
            if other not in self.services:
                continue
            found = self._existing(other)
            assert found is not None
            self.world.tick()
            if how["condition"] == _COMPLETED and (found.state, found.code) != ("exited", 0):
                raise Wrong(f'service "{other}" didn\'t complete successfully: exit {found.code}')
            if how["condition"] == _HEALTHY and found.check != "healthy":
                raise Wrong(f"dependency failed to start: container {found.name} is unhealthy")
            assert how["condition"] in (_COMPLETED, _HEALTHY, _STARTED), how


def _uses(service: Mapping[str, Any], section: str) -> list[str]:
    if section == "networks":
        return list(service.get("networks") or ())
    return [str(mount["source"]) for mount in service.get("volumes") or () if mount["type"] == "volume" and mount.get("source")]


def seconds(text: str) -> int:
    """``1m30s`` in seconds."""
    match = re.fullmatch(r"(?:(\d+)m)?(?:(\d+)s)?", text)
    assert match and text, f"the engine in memory does not know this time: {text}"
    return int(match[1] or 0) * 60 + int(match[2] or 0)
