# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator wrote in ``avs_instances``, checked field by field, every problem of every entry at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.findings import Finding, errors_of
from ...module_utils.common.names import is_name, is_profile, is_variable
from ..parsing import corrections, schema
from ..parsing.report import Report, kind_of, path_of, shown
from ..parsing.schema import Field, list_of, map_of, one_of, record, text
from ..taps.locate import KINDS as KINDS_OF_SOURCE
from ..taps.locate import PackageRequest
from .key_entries import RULES, KeyEntry, key_entry, keys, option_reference

INSTANCES = "avs_instances"
STATES = ("started", "stopped", "absent")

# What an entry is called by.
_NAMING = ("package", "version", "profile", "tag")
_PACKAGE = re.compile(r"(?:[a-z0-9][a-z0-9-]{0,62}/)?[a-z0-9][a-z0-9-]{0,62}\Z")
_GRANT = re.compile(r"(?:privileged|pid_host|ipc_host|network_host|docker_sock|host_root|cap:[A-Z][A-Z_]{1,30})\Z")
_MEMORY = re.compile(r"[1-9][0-9]{0,14}(?:[bB]|[kKmMgG][bB]?)?\Z")


@dataclass(frozen=True)
class Entry:
    """One item of ``avs_instances``. ``place`` is its path (``avs_instances[0]``); option values may be secret references.
    ``encrypted``: options whose values stand there encrypted by Ansible Vault."""

    place: str
    package: str | Mapping[str, str]
    tag: str
    profile: str | None = None
    version: str | None = None
    commit: str | None = None
    state: str = "started"
    purge: bool = False
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    keys: tuple[KeyEntry, ...] = ()
    ports: Mapping[str, str] = field(default_factory=dict)
    exceptions: tuple[Mapping[str, Any], ...] = ()
    limits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    gate_timeout: int | None = None
    require_checksum: bool = False
    encrypted: frozenset[str] = frozenset()

    @property
    def package_name(self) -> str | None:
        """Known without a look at the package where a tap's name is given."""
        return self.package.rsplit("/", 1)[-1] if isinstance(self.package, str) else None

    @property
    def instance(self) -> str:
        """The instance's id, or ``tag <tag>`` as long as the package's name is not known."""
        return f"{self.package_name}-{self.tag}" if self.package_name else f"tag {self.tag}"

    def label(self, instance: str = "") -> str:
        """As a person calls it: ``demo-avs v1.0.0, profile hoodi, demo-avs-op1``."""
        package = PackageRequest(self.package, self.version).label.strip()
        profile = f"profile {self.profile}" if self.profile else ""
        return ", ".join(filter(None, (package, profile, instance or self.instance)))


_scalar_types = (str, int, float)


def _option(value: Any, path: str, report: Report) -> Any:
    """A value, which the profile judges later, or a secret reference. Never shown: it may be a secret."""
    if isinstance(value, Mapping):
        return option_reference(value, path, report)
    if value is None or isinstance(value, _scalar_types):
        return value
    report.add(
        RULES.type, path, f"a {kind_of(value)} is not the value of an option", "Write a text, number or boolean, or a secret reference."
    )
    return None


def _options(value: Any, path: str, report: Report) -> Any:
    if not isinstance(value, Mapping):
        report.add(RULES.type, path, f"a {kind_of(value)} is not a mapping of option names to values")
        return {}
    checked = {str(name): _option(given, path_of(path, str(name)), report) for name, given in value.items()}
    return {name: given for name, given in checked.items() if given is not None}


def _package(value: Any, path: str, report: Report) -> Any:
    remedy = "Write the name of a package (core/mock-avs names the tap), {git: URL}, {path: DIR} or {archive: FILE}."
    if isinstance(value, Mapping):
        kinds = [kind for kind in KINDS_OF_SOURCE if kind in value]
        report.unknown_fields(value, KINDS_OF_SOURCE, path)
        if len(kinds) != 1:
            report.add(RULES.type, path, "is not a source of a package", remedy)
            return None
        source = value[kinds[0]]
        if isinstance(source, str) and source:
            return {kinds[0]: str(source)}
        # Not shown: an address may carry credentials.
        report.add(RULES.type, path_of(path, kinds[0]), f"a {kind_of(source)} is no address or path", remedy)
        return None
    if isinstance(value, str) and _PACKAGE.match(value):
        return str(value)
    report.add(RULES.type, path, f"{shown(value)} is not a package", remedy)
    return None


def _port_key(value: Any, path: str, report: Report) -> Any:
    if is_variable(value):
        return str(value)
    if (
        isinstance(value, (int, str))
        and not isinstance(value, bool)
        and re.fullmatch(r"[0-9]{1,5}", str(value))
        and 1 <= int(value) <= 65535
    ):
        return str(value)
    report.add(RULES.type, path, f"{shown(value)} is not a container port or the name of a compose variable")
    return None


def _cpus(value: Any, path: str, report: Report) -> Any:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else 0.0
    except ValueError:
        number = 0.0
    if 0.0 < number <= 4096.0:
        return number
    report.add(RULES.type, path, f"{shown(value)} is not a number of processors like 1.5", corrections.processors(str(value)))
    return None


def _memory(value: Any, path: str, report: Report) -> Any:
    if not isinstance(value, bool) and _MEMORY.match(str(value)):
        return str(value)
    report.add(RULES.type, path, f"{shown(value)} is not a size like 512m or 2g", corrections.size(str(value)))
    return None


_exceptions = list_of(record({
    "service": Field(schema.service, required=True),
    "allow": Field(list_of(text(lambda value: _GRANT.match(value) is not None, "a grant like network_host or cap:SYS_NICE"), nonempty=True), required=True),
    "reason": Field(schema.line, required=True),
}))  # fmt: skip
_entry = record({
    "package": Field(_package, required=True),
    "version": Field(schema.version),
    "commit": Field(schema.commit),
    "profile": Field(text(is_profile, "the name of a profile")),
    "tag": Field(text(is_name, "a tag ([a-z0-9][a-z0-9-]{0,62})", corrections.name), required=True),
    "state": Field(one_of(*STATES), default=lambda: "started"),
    "purge": Field(schema.boolean, default=lambda: False),
    "options": Field(_options, default=dict),
    "keys": Field(keys, default=list),
    "ports": Field(map_of(_port_key, schema.binding), default=dict),
    "exceptions": Field(_exceptions, default=list),
    "limits": Field(map_of(schema.service, record({
        "memory": Field(_memory),
        "cpus": Field(_cpus),
        "pids": Field(schema.integer(1, 1 << 22, "a number of processes")),
    })), default=dict),
    "gate_timeout": Field(schema.seconds(1, 86_400)),
    "require_checksum": Field(schema.boolean, default=lambda: False),
})  # fmt: skip


def parse_instances(
    value: Any, place: str = INSTANCES, is_encrypted: Callable[[int, str], bool] = lambda _position, _option: False
) -> tuple[list[Entry], list[Finding]]:
    """The well-formed entries, and a finding for every problem of the others (rule INV-001). ``is_encrypted``: whether an option of the
    entry at this position was written as an inline ``!vault`` value, of which ``value`` shows only what is in it."""
    report = Report("", RULES)
    entries: list[Entry] = []
    if not isinstance(value, Sequence) or isinstance(value, str):
        report.add(RULES.type, place, f"a {kind_of(value)} is not a list of instances", "Write a list; an empty one is [].")
        return [], report.findings
    for position, item in enumerate(value):
        where = path_of(place, position)
        before = len(report.findings)
        if not isinstance(item, Mapping):
            report.add(RULES.type, where, f"a {kind_of(item)} is not an instance", "Write package, tag and so on below it.")
            continue
        checked = _entry(item, where, report)
        _cross_check(item, checked, where, report)
        if not errors_of(report.findings[before:]):
            own = tuple(key_entry(key) for key in checked.pop("keys"))
            encrypted = frozenset(name for name in checked["options"] if is_encrypted(position, name))
            entries.append(Entry(where, keys=own, encrypted=encrypted, exceptions=tuple(checked.pop("exceptions")), **checked))
    return entries, report.findings


def parse_package(value: Any, place: str = "package") -> tuple[Any, list[Finding]]:
    """A package as an entry names it (a name, ``{git: URL}``, ``{path: DIR}``, ``{archive: FILE}``), ``None`` where that is none."""
    report = Report("", RULES)
    return _package(value, place, report), report.findings


def parse_exceptions(value: Any, place: str = "exceptions") -> tuple[list[Mapping[str, Any]], list[Finding]]:
    """``exceptions`` of an entry: the well-formed ones, and what is wrong with the others."""
    report = Report("", RULES)
    found = [item for item in _exceptions(value, place, report) if item["service"] and item["allow"] and item["reason"]]
    return found, report.findings


def labels(value: Any, place: str = INSTANCES) -> dict[str, str]:
    """Place of each entry -> what a person calls it; of one that is not well formed, as far as it can be read."""
    found = {}
    for position, item in enumerate(value if isinstance(value, Sequence) and not isinstance(value, str) else ()):
        if isinstance(item, Mapping):
            where = path_of(place, position)
            read = _entry({name: item.get(name) for name in _NAMING}, where, Report("", RULES))
            entry = Entry(where, read["package"] or "", read["tag"] or "", read["profile"], read["version"])
            found[where] = entry.label("" if entry.tag else where)
    return found


def _cross_check(given: Mapping[str, Any], checked: Mapping[str, Any], place: str, report: Report) -> None:
    if checked["purge"] and checked["state"] != "absent" and not report.has_errors(f"{place}.state"):
        report.add("INV-001", f"{place}.purge", "only an absent instance is purged", "Set state: absent, or remove purge.")
    if checked["state"] == "absent":
        return
    if given.get("profile") is None:
        report.add("INV-001", f"{place}.profile", "is missing", "Name one of the package's profiles.")
    if given.get("version") is None and not (isinstance(given.get("package"), Mapping) and "path" in given["package"]):
        report.add("INV-001", f"{place}.version", "is missing", "Name a version like v1.2.3: what runs is never left to chance.")
