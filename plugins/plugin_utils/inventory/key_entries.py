# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where secrets are, as an entry says it: the fields of ``avs_instances[].keys`` and of secret options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.names import is_name, is_variable
from ..parsing import corrections, schema
from ..parsing.report import Report, Rules, path_of, shown
from ..parsing.schema import Check, Field, list_of, one_of, record, text
from ..secrets.source import Written
from ..secrets.sources import OFFERED

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

    def origin(self, find: Callable[[str], str | None] = lambda _name: None) -> str | None:
        """The one place the key comes from: the same for two entries that would run one key twice, however each spells it. ``None``: only
        its content tells. ``find`` turns the name of a file into its path (``None``: nowhere)."""
        return OFFERED[self.source].origin(self.reference, find)

    @property
    def password(self) -> Mapping[str, Any] | None:
        """Where the password is, if it is in another place than the key."""
        return self.reference.get("password")

    @property
    def references(self) -> list[Mapping[str, Any]]:
        """The key's own reference, and that of its password where it has one."""
        return [{**self.reference, "source": self.source}, *([self.password] if self.password else [])]


_variable = text(is_variable, "the name of a compose variable")


def _by_source(sources: Mapping[str, Mapping[str, Written]], every: Mapping[str, Field] | None = None) -> Check:
    """A mapping whose ``source`` says which fields it has, beside those that ``every`` one has."""
    records = {
        name: {**(every or {}), "source": Field(one_of(name)), **{field: written.field for field, written in own.items()}}
        for name, own in sources.items()
    }
    fields = dict.fromkeys(name for one in records.values() for name in one)

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
        return record(records[source])(value, path, report)

    return check


option_reference = _by_source({name: source.option_fields for name, source in OFFERED.items()})
_every_key = {
    "name": Field(text(is_name, "a name ([a-z0-9][a-z0-9-]{0,62})", corrections.name), required=True),
    "kind": Field(one_of(*KINDS), required=True),
    "keystore_env": Field(_variable),
    "folder_env": Field(_variable),
    "value_env": Field(_variable),
    "password_env": Field(_variable),
    "password_file_env": Field(_variable),
    "mount": Field(schema.container_path),
    "services": Field(list_of(schema.service, unique="", nonempty=True)),
    "owner": Field(schema.owner),
    "password": Field(option_reference),
}
_key_fields = _by_source({name: source.key_fields for name, source in OFFERED.items()}, _every_key)


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
    source = OFFERED[checked["source"]] if checked["source"] else None
    if (
        source is not None
        and checked["password"] is not None
        and source.password_field != "password"
        and checked.get(source.password_field)
    ):
        report.add(
            RULES.type, path_of(path, "password"), f"{source.password_field} says already where the password is", "Remove one of them."
        )
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
