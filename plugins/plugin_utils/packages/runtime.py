# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``runtime.yml``, schema 1: what the package format leaves out. Every unknown key is an error (PKG-016)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ...module_utils.common import command_mounts
from ...module_utils.common.names import is_inside, is_name, is_part, is_variable
from ..parsing import schema
from ..parsing.report import Report, Rules, kind_of, path_of, shown
from ..parsing.schema import Field, list_of, map_of, one_of, record, text
from ..parsing.yaml_file import load_mapping
from .options import is_option
from .volume_uses import check_uses, volume_use

RULES = Rules("PKG-016", "PKG-016", "PKG-016")
COMPOSE_FILE = "docker-compose.yml"
ENV_FILE = ".env"
HEALTH_TIMEOUT = 300

_VERBATIM = frozenset(("args", "user", "owner", "mode"))
_PORT_KEY = re.compile(r"[0-9]{1,5}(?:/(?:tcp|udp|sctp))?\Z")
_METRIC = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*\Z")
_SIZE = 1 << 50

_name = text(is_name, "a name ([a-z0-9][a-z0-9-]{0,62})")
_variable = text(is_variable, "the name of a compose variable")
_string = text(lambda value: "\0" not in value, "a text")
_timeout = schema.seconds(1, 86_400)
_services = list_of(schema.service, unique="")
_volume_name = text(lambda value: re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value) is not None, "the name of a volume")
_contact = text(lambda value: re.fullmatch(r"(?:mailto:|https?://)\S+", value) is not None, "a mailto: or https: address")


def _is_web(value: str) -> bool:
    try:
        return re.fullmatch(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", value) is not None and urlsplit(value).port != 0
    except ValueError:  # a port that is none, an address with half its brackets
        return False


_web = text(_is_web, "an http or https URL without credentials")


def _port_name(value: str) -> bool:
    return is_variable(value) or (_PORT_KEY.match(value) is not None and 1 <= int(value.split("/")[0]) <= 65535)


def _listening_port(value: Any, path: str, report: Report) -> Any:
    """A node may listen where an option tells it to: then the compose variable is named instead of a number."""
    if isinstance(value, str) and is_variable(value):
        return str(value)
    return schema.port(value, path, report)


def _tmpfs(value: str) -> bool:
    path, _colon, _options = value.partition(":")
    return schema.is_container_path(path) and value.isprintable()


def _merge(value: Any, path: str, report: Report) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    report.add(RULES.type, path, f"a {kind_of(value)} is not a mapping of values to merge")
    return None


def _argument(value: Any, path: str, report: Report) -> Any:
    """Of a command line: whatever stands there is text as it is spelled, `true` and `5` too."""
    if isinstance(value, str) and "\0" not in value:
        return str(value)
    report.add(RULES.type, path, f"{shown(value)} is not an argument of a command line")
    return None


def _key(value: Any, path: str, report: Report) -> Any:
    checked = _KEY(value, path, report)
    if isinstance(value, Mapping) and all(value.get(name) is None for name in _WAYS):
        message = "names no variable or folder the node reads the key from"
        report.add(RULES.missing, path, message, "Add keystore, folder or mount.")
    return checked


def _command(value: Any, path: str, report: Report) -> Any:
    checked = _COMMAND(value, path, report)
    if not checked:
        return checked
    if checked["run"] in ("exec", "run") and value.get("service") is None:
        report.add(RULES.missing, path_of(path, "service"), f"is missing: {checked['run']} needs a service")
    for name in _CONTAINER if checked["run"] == "exec" else ():
        if value.get(name) is not None:
            problem = "is not for exec: it runs in the container of its service, as that is"
            report.add(RULES.type, path_of(path, name), problem, "Take it away, or write run: run.")
    for name in (*_CONTAINER, "timeout"):
        if checked[name] is None or (name == "read_only" and checked[name]):
            # Part of the spec only where it says something: what was installed before it was known is not to change.
            del checked[name]
    return checked


_source = record({
    "git": Field(_string, required=True),
    "commit": Field(schema.commit, required=True),
    "path": Field(text(lambda value: value == "." or is_inside(value), "a folder below the repository's root"), default=lambda: "."),
    "tree_sha256": Field(schema.sha256),
})  # fmt: skip
_compose = record({
    "files": Field(list_of(schema.inside, unique="", nonempty=True), default=lambda: [COMPOSE_FILE]),
    "env_files": Field(list_of(schema.inside, unique=""), default=lambda: [ENV_FILE]),
    "profiles": Field(list_of(schema.service, unique=""), default=list),
})  # fmt: skip
_KEY = record({
    "name": Field(_name, required=True),
    "kind": Field(one_of("ecdsa", "bn254", "bls12381", "file"), required=True),
    "keystore": Field(_variable),
    "password": Field(_variable),
    "password_file": Field(_variable),
    "folder": Field(_variable),
    "mount": Field(schema.container_path),
    "services": Field(_services),
    "owner": Field(schema.owner),
    "optional": Field(schema.boolean, default=lambda: False),
})  # fmt: skip
_WAYS = ("keystore", "password", "password_file", "folder", "mount")
_keys = list_of(_key, unique="name")
_privileges = map_of(schema.service, record({
    "cap_add": Field(list_of(schema.capability, unique=""), default=list),
    "user": Field(schema.user),
    "read_only": Field(schema.boolean, default=lambda: False),
    "tmpfs": Field(list_of(text(_tmpfs, "an absolute path in the container, options after a colon"), unique=""), default=list),
    "ports": Field(map_of(text(_port_name, "a container port or a compose variable"), schema.binding), default=dict),
}))  # fmt: skip
_artifacts = list_of(record({
    "url": Field(_web, required=True),
    "sha256": Field(schema.sha256, required=True),
    "path": Field(schema.inside, required=True),
    "size": Field(schema.integer(0, _SIZE, "a number of bytes")),
}), unique="path")  # fmt: skip
_directories = list_of(record({
    "path": Field(schema.inside, required=True),
    "owner": Field(schema.owner),
    "mode": Field(schema.mode, default=lambda: "0755"),
}), unique="path")  # fmt: skip
_configs = list_of(record({
    "path": Field(schema.inside, required=True),
    "format": Field(one_of("json"), required=True),
    "merge": Field(_merge, required=True),
}), unique="path")  # fmt: skip
_metrics = list_of(record({
    "service": Field(schema.service, required=True),
    "port": Field(_listening_port, required=True),
    "path": Field(schema.url_path, default=lambda: "/metrics"),
}))  # fmt: skip
_MOUNT = "a volume, or a folder as data/<path>, with :/place in the container and :ro behind it where they are meant"
_COMMAND = record({
    "run": Field(one_of("plugin", "exec", "run"), required=True),
    "service": Field(schema.service),
    "args": Field(list_of(_argument), default=list),
    "chain": Field(schema.boolean, default=lambda: False),
    "needs": Field(list_of(_name, unique=""), default=list),
    "network": Field(text(is_part, "none, or the name of a network of the compose file")),
    "mounts": Field(list_of(text(lambda value: command_mounts.read(value) is not None, _MOUNT), unique="")),
    "timeout": Field(_timeout),
    "user": Field(schema.owner),
    "read_only": Field(schema.boolean),
})  # fmt: skip
# What says how its container is made.
_CONTAINER = ("network", "mounts", "user", "read_only")
_commands = map_of(_name, _command)
_migrations = list_of(record({
    "to": Field(schema.version, required=True),
    "command": Field(_name, required=True),
    "revert": Field(_name),
}), unique="to")  # fmt: skip
# Which names an option may have: packages.options; whether there are such options is for the profile to say (renames.py).
_renames = map_of(text(is_option, "the name of an option"), text(is_option, "the name of an option"))
_upgrade_before = record({"time": Field(schema.instant, required=True)})
_contacts = record({name: Field(_contact) for name in ("security", "announcements", "support")})

_HEALTH: Mapping[str, Mapping[str, Field]] = {
    "node_api": {"service": Field(schema.service), "port": Field(_listening_port)},
    "http": {
        "service": Field(schema.service, required=True),
        "port": Field(_listening_port, required=True),
        "path": Field(schema.url_path, default=lambda: "/"),
        "status": Field(list_of(schema.integer(100, 599, "an HTTP status"), nonempty=True), default=lambda: [200]),
    },
    "tcp": {"service": Field(schema.service, required=True), "port": Field(_listening_port, required=True)},
    "metric": {
        "service": Field(schema.service, required=True),
        "port": Field(_listening_port, required=True),
        "path": Field(schema.url_path, default=lambda: "/metrics"),
        "name": Field(text(lambda value: _METRIC.match(value) is not None, "the name of a metric"), required=True),
        "min": Field(schema.number),
        "max": Field(schema.number),
    },
    "container": {"service": Field(schema.service)},
}


_HEALTH_FIELDS = dict.fromkeys(name for fields in _HEALTH.values() for name in fields)


def _health(value: Any, path: str, report: Report) -> Any:
    if not isinstance(value, Mapping):
        report.add(RULES.type, path, f"{shown(value)} is not a mapping", f"Write type: {' | '.join(_HEALTH)} below it.")
        return None
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _HEALTH:
        problem = "is missing" if kind is None else f"{shown(kind)} is not one of {', '.join(_HEALTH)}"
        if kind is None:
            report.unknown_fields(value, ("type", "timeout", "steady", "ends", *_HEALTH_FIELDS), path)
        report.add(RULES.type, path_of(path, "type"), problem, f"Use one of: {', '.join(_HEALTH)}.")
        return None
    common = {
        "type": Field(_string),
        "timeout": Field(_timeout, default=lambda: HEALTH_TIMEOUT),
        "steady": Field(_timeout),
        "ends": Field(_services),
    }
    checked = record({**common, **_HEALTH[kind]})(value, path, report)
    for name in ("steady", "ends"):
        if checked and not checked[name]:
            # Part of the spec only where it is written: what was installed before it was known is not to change.
            del checked[name]
    return checked


def _schema_version(value: Any, path: str, report: Report) -> Any:
    if value == 1 and not isinstance(value, bool):
        return 1
    report.add(RULES.type, path, f"{shown(value)} is not a schema this collection knows", "Write schema: 1, or use a newer restaking.avs.")
    return None


_FIELDS = {
    "schema": Field(_schema_version, required=True),
    "source": Field(_source),
    "compose": Field(_compose, default=lambda: _compose({}, "compose", Report(""))),
    "keys": Field(_keys, default=list),
    "privileges": Field(_privileges, default=dict),
    "artifacts": Field(_artifacts, default=list),
    "directories": Field(_directories, default=list),
    "configs": Field(_configs, default=list),
    "health": Field(_health),
    "metrics": Field(_metrics, default=list),
    "commands": Field(_commands, default=dict),
    "migrations": Field(_migrations, default=list),
    "renames": Field(_renames, default=dict),
    "volumes": Field(map_of(_volume_name, volume_use), default=dict),
    "upgrade_before": Field(_upgrade_before),
    "contact": Field(_contacts, default=dict),
}


@dataclass(frozen=True)
class Runtime:
    """Plain JSON-able parts, every field present, defaults filled; shapes as docs/package-format.md lists them.

    ``health`` is ``None`` only until the profile's ``api`` is known (``with_health``).
    """

    compose: Mapping[str, Any]
    source: Mapping[str, Any] | None = None
    keys: list[dict[str, Any]] = field(default_factory=list)
    privileges: Mapping[str, Any] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    directories: list[dict[str, Any]] = field(default_factory=list)
    configs: list[dict[str, Any]] = field(default_factory=list)
    health: Mapping[str, Any] | None = None
    metrics: list[dict[str, Any]] = field(default_factory=list)
    commands: Mapping[str, Any] = field(default_factory=dict)
    migrations: list[dict[str, Any]] = field(default_factory=list)
    renames: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, Any] = field(default_factory=dict)
    upgrade_before: Mapping[str, str] | None = None
    contact: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def parse_runtime(data: bytes | None, report: Report) -> Runtime:
    """``None`` for a profile without the file. ``report`` should carry this module's ``RULES``."""
    loaded = {"schema": 1} if data is None else load_mapping(data, report, _VERBATIM)
    if not loaded and report.findings:
        # What the file lacks is no news to one who has to write it anew.
        loaded = {"schema": 1}
    found = record(_FIELDS)(loaded, "", report)
    found.pop("schema")
    found["contact"] = {name: value for name, value in found["contact"].items() if value}
    runtime = Runtime(**found)
    _cross_check(runtime, loaded.get("migrations"), report)
    return runtime


def _cross_check(runtime: Runtime, migrations: Any, report: Report) -> None:
    """What one section says of another; a section that is wrong in itself is no ground to judge others by."""
    keys = {key["name"] for key in runtime.keys}
    judge_needs, judge_commands = not report.has_errors("keys"), not report.has_errors("commands")
    for name, command in runtime.commands.items():
        for need in command["needs"] if judge_needs else ():
            if need not in keys:
                report.add(RULES.type, f"commands.{name}.needs", f"{need} is not one of the keys ({', '.join(sorted(keys)) or 'none'})")
    if not report.has_errors("volumes"):
        check_uses(runtime.volumes, runtime.commands if judge_commands else None, RULES.type, report)
    entries = enumerate(migrations if isinstance(migrations, list) else ())
    given = [(position, entry) for position, entry in entries if isinstance(entry, Mapping)]
    for (position, entry), migration in zip(given, runtime.migrations, strict=False):
        for part in ("command", "revert") if judge_commands else ():
            if migration[part] and migration[part] not in runtime.commands:
                report.add(RULES.type, f"migrations[{position}].{part}", f"{migration[part]} is not one of the commands")
        if migration["command"] and entry.get("revert") is None:
            report.add("UPG-004", f"migrations[{position}]", f"the migration to {migration['to']} cannot be reverted")


def with_health(runtime: Runtime, api: Mapping[str, Any] | None, report: Report) -> dict[str, Any]:
    """The health condition that ends an install: what ``runtime.yml`` says, else the node API where there is one, else the containers."""
    given = runtime.health
    if given is None:
        if api is None:
            return {"type": "container", "service": None, "timeout": HEALTH_TIMEOUT}
        given = {"type": "node_api", "service": None, "port": None, "timeout": HEALTH_TIMEOUT}
    health = dict(given)
    if health["type"] == "node_api":
        for name in ("service", "port"):
            if health[name] is None and api is not None:
                health[name] = api[name]
            if health[name] is None:
                report.add(RULES.missing, f"health.{name}", "is missing: neither health nor the profile's api names it")
    return health
