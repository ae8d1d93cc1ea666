# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One sound document of each kind (``contents.py`` has what is in it), and what may be done to it without an error."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.manifest import Manifest, Requirements, parse_manifest
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.profile import load_profile
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.runtime import RULES, parse_runtime
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.report import Report, path_of
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import Indexed, TapConfig, open_tap, parse_taps

from tests.unit.support.contents import HEALTH, INDEX, INSTANCES, MANIFEST, OPTION, PROFILE, RUNTIME, TAP, TAPS, TYPES

Path_ = tuple[str | int, ...]

PROFILE_FILE = "pkg/p/profile.yml"
TAP_FILE = "core/tap.yml"
INDEX_FILE = "core/packages/mock-avs.yml"


@dataclass(frozen=True)
class Document:
    """``judge`` gives the findings on a content, with places as ``place`` writes them.

    The tables are keyed by place. ``required``: what must be there. ``accepts``: kinds a node takes beside its own. ``elsewhere``: (place,
    kind) of a change whose finding stands at another place. ``follows``: what is rightly found wrong too when the place is left out.
    ``names``: mappings whose keys are free. ``opaque``: nodes the format does not look into. ``within``: the parts that are of interest.
    ``file``: as findings name it.
    """

    kind: str
    content: Any
    judge: Callable[[Any], list[Finding]]
    base: str = ""
    required: frozenset[str] = frozenset()
    accepts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    elsewhere: Mapping[tuple[str, str], str] = field(default_factory=dict)
    follows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    opaque: frozenset[str] = frozenset()
    within: tuple[str, ...] = ()
    variant: str = ""
    file: str = ""

    @property
    def label(self) -> str:
        return f"{self.kind} {self.variant}".strip()

    def place(self, path: Path_) -> str:
        place = self.base
        for part in path:
            place = path_of(place, part)
        return place

    def nodes(self) -> list[Path_]:
        return [path for path in self._walk((), self.content) if self.place(path).startswith(self.within or "")]

    def _walk(self, path: Path_, value: Any) -> Iterator[Path_]:
        yield path
        if self.place(path) in self.opaque:
            return
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in inner:
            yield from self._walk((*path, key), item)

    def at(self, path: Path_) -> Any:
        value = self.content
        for part in path:
            value = value[part]
        return value


def kind_of(value: Any) -> str:
    kinds = {type(None): "null", bool: "boolean", str: "text", int: "number", float: "number"}
    return {**kinds, list: "list", dict: "mapping"}[type(value)]


def _relative(findings: list[Finding], file: str) -> list[Finding]:
    """Findings on one file with the field alone as their place."""
    return [
        Finding(item.id, item.severity, item.place.removeprefix(file).removeprefix(": "), item.message, item.remedy) for item in findings
    ]


def as_file(content: Any) -> bytes:
    """JSON is YAML, and quotes every text, so that a text stays one."""
    return json.dumps(content).encode()


def judge_manifest(content: Any) -> list[Finding]:
    report = Report("")
    parse_manifest(as_file(content), report, "v5.5.2")
    return report.findings


def judge_profile(content: Any) -> list[Finding]:
    manifest = Manifest("mock-avs", "0.1.0", None, Requirements(), None, ("p",), None)
    read = {"profile.yml": as_file(content)}.get
    _profile, findings = load_profile("p", "pkg/p", read, manifest, lambda _runtime, _report: None)
    return _relative(findings, PROFILE_FILE)


def judge_runtime(content: Any) -> list[Finding]:
    report = Report("", RULES)
    parse_runtime(as_file(content), report)
    return report.findings


def _judge_tap(tap: Any, index: Any, file: str) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "packages").mkdir()
        (root / "tap.yml").write_bytes(as_file(tap))
        (root / "packages/mock-avs.yml").write_bytes(as_file(index))
        try:
            opened = open_tap(TapConfig("core", folder), Cache(root / "cache", root))
            entry = opened.package("mock-avs")
        except InputError as error:
            return _relative(error.findings, file)
        assert isinstance(entry, Indexed)
        return _relative([*opened.findings, *entry.findings], file)


def judge_tap(content: Any) -> list[Finding]:
    return _judge_tap(content, INDEX, TAP_FILE)


def judge_index(content: Any) -> list[Finding]:
    return _judge_tap(TAP, content, INDEX_FILE)


def judge_taps(content: Any) -> list[Finding]:
    try:
        parse_taps(content)
    except InputError as error:
        return error.findings
    return []


def judge_instances(content: Any) -> list[Finding]:
    return parse_instances(content)[1]


# The types whose default may be any text, so that an unquoted number or boolean is one, as it is spelled.
_ANY_TEXT = ("str", "id")

_TEXT_TOO = frozenset(("text",))
_NUMBER_TOO = frozenset(("number",))
_SCALARS = frozenset(("text", "number", "boolean"))
_NULL_TOO = frozenset(("null",))


def _option_document(kind: str) -> Document:
    default, rules = TYPES[kind]
    place = "options[0]"
    accepts: dict[str, frozenset[str]] = {
        f"{place}.default": _SCALARS if kind in _ANY_TEXT else frozenset(),
        # Numbers may be written as text, which "no such thing" is not.
        f"{place}.validate.uri_scheme": _TEXT_TOO,
        **{f"{place}.validate.options[{position}]": _SCALARS for position in range(2)},
    }
    return Document(
        "profile.yml",
        {"options": [{**OPTION, "type": kind, "default": default, "validate": rules}]},
        judge_profile,
        required=frozenset(f"{place}.{name}" for name in ("name", "target", "type", "help", *(["validate"] if kind == "select" else [])))
        | ({f"{place}.validate.options"} if kind == "select" else frozenset()),
        accepts=accepts,
        elsewhere={
            (f"{place}.validate", "null"): f"{place}.validate.options",
            (f"{place}.validate", "missing"): f"{place}.validate.options",
        },
        # The rest of an option is the same for every type.
        within=(f"{place}.type", f"{place}.default", f"{place}.validate"),
        variant=kind,
        file=PROFILE_FILE,
    )


def _health_document(kind: str) -> Document:
    required = {"type", "service", "port", "name"} & {"type", *HEALTH[kind]}
    if kind in ("node_api", "container"):
        required = {"type"}
    return Document(
        "runtime.yml",
        {"schema": 1, "health": {"type": kind, **HEALTH[kind], "timeout": 60, "steady": 15, "ends": ["init"]}},
        judge_runtime,
        required=frozenset(f"health.{name}" for name in required),
        within=("health",),
        variant=kind,
    )


DOCUMENTS = [
    Document(
        "manifest.yml",
        MANIFEST,
        judge_manifest,
        required=frozenset(("version", "name", "profiles", "profiles[1].name")),
        # 1.10 is as good a version as "1.10".
        accepts={"version": _NUMBER_TOO, "node_version": _NUMBER_TOO},
        # The old form of a profile is a mapping, and what that lacks is said at once.
        elsewhere={("profiles[0]", "mapping"): "profiles[0].name"},
    ),
    Document(
        "profile.yml",
        PROFILE,
        judge_profile,
        required=frozenset(f"options[0].{name}" for name in ("name", "target", "type", "help"))
        | {f"monitoring.targets[0].{name}" for name in ("service", "port", "path")}
        | {"api.service", "api.port"},
        file=PROFILE_FILE,
    ),
    *(_option_document(kind) for kind in TYPES),
    Document(
        "runtime.yml",
        RUNTIME,
        judge_runtime,
        required=frozenset((
            "schema", "source.git", "source.commit", "keys[0].name", "keys[0].kind", "artifacts[0].url", "artifacts[0].sha256",
            "artifacts[0].path", "directories[0].path", "configs[0].path", "configs[0].format", "configs[0].merge", "health.type",
            "health.service", "health.port", "metrics[0].service", "metrics[0].port", "commands.migrate.run", "commands.migrate.service",
            "migrations[0].to", "migrations[0].command", "upgrade_before.time", "commands.keep.run", "commands.keep.service",
            "volumes.records.class", "renames.an-old-name",
        )),
        accepts={
            "privileges.node": _NULL_TOO,
            # A uid alone is a user and an owner.
            **dict.fromkeys(("privileges.node.user", "keys[0].owner", "directories[0].owner"), _NUMBER_TOO),
            **dict.fromkeys(("commands.migrate.user", "commands.keep.user"), _NUMBER_TOO),
            "commands.migrate.args[0]": _SCALARS,
            "commands.migrate.args[1]": _SCALARS,
            "commands.keep.args[0]": _SCALARS,
            # A class, or what else is said of a volume.
            **dict.fromkeys(("volumes.node-data", "volumes.signer-db"), frozenset(("mapping",))),
        },
        elsewhere={
            ("commands.migrate", "null"): "commands.migrate.run",
            ("commands.keep", "null"): "commands.keep.run",
        },
        follows={
            "keys": frozenset(("commands.migrate.needs",)),
            "commands": frozenset(
                ("migrations[0].command", "migrations[0].revert", "volumes.records.backup", "volumes.records.watermark")
            ),
        },
        names=frozenset(("privileges", "privileges.node.ports", "commands", "volumes", "renames")),
        opaque=frozenset(("configs[0].merge",)),
    ),
    *(_health_document(kind) for kind in HEALTH),
    Document("tap.yml", TAP, judge_tap, required=frozenset(("schema", "name")), file=TAP_FILE),
    Document(
        "index",
        INDEX,
        judge_index,
        required=frozenset(("name", "url", "versions[0].version", "versions[0].commit")),
        file=INDEX_FILE,
    ),
    Document(
        "avs_taps",
        TAPS,
        judge_taps,
        base="avs_taps",
        required=frozenset(("avs_taps[0].name", "avs_taps[0].url")),
        accepts={"avs_taps": _NULL_TOO},
    ),
    Document(
        "avs_instances",
        INSTANCES,
        judge_instances,
        base="avs_instances",
        required=frozenset(f"avs_instances[{n}].{name}" for n in range(4) for name in ("package", "version", "profile", "tag"))
        - {"avs_instances[2].version"}
        | {"avs_instances[1].package.git", "avs_instances[2].package.path", "avs_instances[3].package.archive"}
        | {f"avs_instances[0].options.rpc-token.{name}" for name in ("source", "path", "field")}
        | {f"avs_instances[0].options.license.{name}" for name in ("source", "path")}
        | {f"avs_instances[0].options.{name}" for name in ("api-key.source", "api-key.name", "pin.source", "feed.source", "feed.secret_id")}
        | {f"avs_instances[0].keys[{n}].{name}" for n in (4, 5, 6) for name in ("name", "kind", "source")}
        | {f"avs_instances[0].keys[{name}" for name in ("4].secret_id", "5].variable", "2].password.source", "2].password.name")}
        | {f"avs_instances[0].keys[{n}].{name}" for n in (0, 2) for name in ("name", "kind", "source", "path")}
        | {f"avs_instances[0].keys[{n}].{name}" for n in (1, 3) for name in ("name", "kind", "source", "keystore")}
        | {f"avs_instances[0].exceptions[0].{name}" for name in ("service", "allow", "reason")},
        accepts={
            **{
                f"avs_instances[0].options.{name}": _SCALARS | _NULL_TOO
                for name in ("node-name", "main-port", "verbose", "rpc-token", "license", "api-key", "pin", "feed")
            },
            "avs_instances[0].limits.node": _NULL_TOO,
            # Bytes.
            "avs_instances[0].limits.node.memory": _NUMBER_TOO,
            "avs_instances[0].keys[2].owner": _NUMBER_TOO,
        },
        # An option's mapping can only be a reference, and what that lacks is said at once.
        elsewhere={
            **{
                (f"avs_instances[0].options.{name}", "mapping"): f"avs_instances[0].options.{name}.source"
                for name in ("node-name", "main-port", "verbose")
            },
            **{
                (f"avs_instances[{n}].package.{kind}", "missing"): f"avs_instances[{n}].package"
                for n, kind in ((1, "git"), (2, "path"), (3, "archive"))
            },
        },
        follows={
            "avs_instances[2].package": frozenset(("avs_instances[2].version",)),
        },
        names=frozenset(f"avs_instances[0].{name}" for name in ("options", "ports", "limits")),
    ),
]  # fmt: skip
