# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where secrets are, as an entry says it: the fields of ``avs_instances[].keys`` and of secret options."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ...module_utils.common.names import is_inside, is_name, is_variable
from ..parsing import schema
from ..parsing.report import Report, Rules, path_of, shown
from ..parsing.schema import Check, Field, list_of, one_of, record, text

RULES = Rules("INV-001", "INV-001", "INV-001")
KINDS = ("ecdsa", "bn254", "bls12381", "file")
# How a key reaches a node whose package does not say it; the names are those of a spec (docs/architecture.md, 2).
PLACES = ("keystore_env", "folder_env", "mount", "value_env")
WAY = (*PLACES, "password_env", "password_file_env", "services", "owner")


@dataclass(frozen=True)
class KeyEntry:
    """A key of an entry. ``reference`` is the entry as checked, unset fields left out; it says where key and password lie, never what
    they are. ``way``: how the operator has the key brought to a node whose package says nothing of it."""

    name: str
    kind: str
    source: str
    reference: Mapping[str, Any]
    way: Mapping[str, Any] = field(default_factory=dict)

    def origin(self, find: Callable[[str], str | None] = lambda _name: None) -> str:
        """The one place the key comes from: the same for two entries that would run one key twice, however each spells it.

        ``find`` turns the name of a file into its path (``None``: nowhere).
        """
        if self.source == "file":
            name = str(self.reference["keystore"])
            path = find(name)
            return f"file {posixpath.realpath(path) if path else posixpath.normpath(name)}"
        reference = self.reference
        place = f"{_as_stored(reference.get('mount_point', 'secret'))}/{_as_stored(reference['path'])}"
        return f"{place} field {reference.get('field', 'keystore')}"


def _as_stored(path: str) -> str:
    """A path as the store sees it: slashes count once, and its address may hold any character as ``%2f``."""
    return re.sub("/+", "/", unquote(path)).strip("/")


_secret_path = text(lambda value: is_inside(value.strip("/")) and value.isprintable(), "a path in the store like avs/op1/bls")
_mount = text(lambda value: is_inside(value.strip("/")) and value.isprintable(), "the path a store is mounted at, like secret")
_number = schema.integer(1, 1 << 31, "the number of a version")
_file = text(lambda value: bool(value) and value.isprintable(), "the path of a file")
_variable = text(is_variable, "the name of a compose variable")

_vault_option = {
    "source": Field(one_of("vault")),
    "path": Field(_secret_path, required=True),
    "field": Field(schema.line, required=True),
    "mount_point": Field(_mount),
    "version": Field(_number),
}
_file_option = {"source": Field(one_of("file")), "path": Field(_file, required=True)}
_every_key = {
    "name": Field(text(is_name, "a name ([a-z0-9][a-z0-9-]{0,62})"), required=True),
    "kind": Field(one_of(*KINDS), required=True),
    "keystore_env": Field(_variable),
    "folder_env": Field(_variable),
    "value_env": Field(_variable),
    "password_env": Field(_variable),
    "password_file_env": Field(_variable),
    "mount": Field(schema.container_path),
    "services": Field(list_of(schema.service, unique="", nonempty=True)),
    "owner": Field(schema.owner),
}
_vault_key = {
    **_every_key,
    "source": Field(one_of("vault")),
    "path": Field(_secret_path, required=True),
    "mount_point": Field(_mount),
    "version": Field(_number),
    "field": Field(schema.line),
    "password_field": Field(schema.line),
    "encoding": Field(one_of("base64")),
}
_file_key = {**_every_key, "source": Field(one_of("file")), "keystore": Field(_file, required=True), "password_file": Field(_file)}
Sources = Mapping[str, Mapping[str, Field]]
_OPTION_SOURCES: Sources = {"vault": _vault_option, "file": _file_option}
_KEY_SOURCES: Sources = {"vault": _vault_key, "file": _file_key}


def _by_source(sources: Sources) -> Check:
    fields = dict.fromkeys(name for one in sources.values() for name in one)

    def check(value: Any, path: str, report: Report) -> Any:
        if not isinstance(value, Mapping):
            report.add(RULES.type, path, f"{shown(value)} is not a mapping", "Write name, kind and source below it.")
            return None
        source = value.get("source")
        if not isinstance(source, str) or source not in sources:
            problem = "is missing" if source is None else f"{shown(source)} is not one of {', '.join(sources)}"
            report.add(RULES.type, path_of(path, "source"), problem, f"Set source to one of: {', '.join(sources)}.")
            if source is None:
                report.unknown_fields(value, fields, path)
            return None
        return record(sources[source])(value, path, report)

    return check


option_reference = _by_source(_OPTION_SOURCES)
_key_fields = _by_source(_KEY_SOURCES)


def _key(value: Any, path: str, report: Report) -> Any:
    checked = _key_fields(value, path, report)
    if checked is None:
        return None
    given = {name for name in (*WAY, "encoding") if checked.get(name) is not None}
    if "encoding" in given and checked["kind"] not in (None, "file"):
        report.add(RULES.type, path_of(path, "encoding"), "only a key of kind file is bytes; a keystore is text", "Remove encoding.")
    if given & set(WAY) and not given & set(PLACES):
        message = "says how the password reaches the node, or whom the key is for, and not where the key goes"
        report.add(RULES.missing, path, message, f"Add one of: {', '.join(PLACES)}.")
    if "value_env" in given and given & {"keystore_env", "folder_env", "mount", "password_file_env", "owner"}:
        remedy = "Remove value_env, or the fields of the file (keystore_env, folder_env, mount, password_file_env, owner)."
        report.add(RULES.type, path_of(path, "value_env"), "the key is to be the value of a variable and a file too", remedy)
    return checked


keys = list_of(_key, unique="name")


def key_entry(checked: Mapping[str, Any]) -> KeyEntry:
    """The key of a checked mapping."""
    known = {name: value for name, value in checked.items() if name not in ("name", "kind", "source") and value is not None}
    way = {name: known.pop(name) for name in WAY if name in known}
    return KeyEntry(checked["name"], checked["kind"], checked["source"], known, way)
