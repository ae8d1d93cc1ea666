# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of a spec: what the operator has, mapped onto what the package declares, or onto what the operator says of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..parsing.report import did_you_mean
from ..secrets.base import Form, Need, Request
from ..secrets.sources import OFFERED, request_of
from .entries import Entry
from .key_entries import WAY, KeyEntry


@dataclass
class Keys:
    """``keys`` and ``secrets`` as a spec has them, the ``needs`` behind them, what is wrong."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def variables_of(entry: Entry) -> dict[str, str]:
    """Compose variable -> the key that fills it, where the operator says so."""
    return {key.way[name]: key.name for key in entry.keys for name in WAY if name.endswith("_env") and name in key.way}


def keys_of(instance: str, entry: Entry, declared: Sequence[Mapping[str, Any]]) -> Keys:
    """The keys of an entry. ``declared``: ``keys`` of the package's ``runtime.yml``."""
    known = {key["name"]: key for key in declared}
    given = {key.name for key in entry.keys}
    where = f"{entry.place}.keys"
    made = Keys()
    for name, declaration in known.items():
        if name not in given and not declaration["optional"]:
            remedy = f"Add {{name: {name}, kind: {declaration['kind']}, source: ...}} to {where}."
            made.findings.append(finding("KEY-009", where, f"key {name} ({declaration['kind']}) is missing: the package needs it", remedy))
    made.findings += _filled_twice(entry, known)
    for key in entry.keys:
        place = f"{where}.{key.name}"
        wanted = _wanted(key, known)
        problem = _problem(instance, key, wanted, known, place)
        if problem is not None or wanted is None:
            made.findings += [problem] if problem is not None else []
            continue
        _add(made, instance, key, wanted, place)
    return made


def _wanted(key: KeyEntry, known: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """What the node expects, in the words of ``runtime.yml``: from there, else from the operator."""
    if key.name in known:
        return known[key.name]
    if not key.way:
        return None
    way = key.way
    return {
        "kind": key.kind,
        "keystore": way.get("keystore_env"),
        "password": way.get("password_env"),
        "password_file": way.get("password_file_env"),
        "folder": way.get("folder_env"),
        "mount": way.get("mount"),
        "services": way.get("services"),
        "owner": way.get("owner"),
        "value": way.get("value_env"),
    }


def _problem(
    instance: str, key: KeyEntry, wanted: Mapping[str, Any] | None, known: Mapping[str, Mapping[str, Any]], place: str
) -> Finding | None:
    if wanted is None:
        names = ", ".join(known) or "none"
        message = f"the package declares no such key{did_you_mean(key.name, known)}"
        remedy = f"Use one of: {names}; or say how the node gets it (keystore_env, folder_env, mount or value_env, docs/secrets.md)."
        return finding("INV-001", place, message, remedy)
    if key.name in known and key.way:
        message = f"the package says itself how the node gets this key, so {', '.join(key.way)} would do nothing"
        return finding("INV-001", place, message, "Remove them.")
    if wanted["kind"] != key.kind:
        message = f"the package declares kind {wanted['kind']}, not {key.kind}"
        return finding("INV-001", f"{place}.kind", message, f"Set kind: {wanted['kind']}.")
    if _has_password(key, wanted) and _requests(instance, key, False)[1] is None:
        source = OFFERED[key.source]
        return finding(
            "INV-001", f"{place}.{source.password_field}", "is missing: the node needs the key's password", source.password_remedy
        )
    return None


def _filled_twice(entry: Entry, known: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    """A variable has one value: two keys that name one would leave the node without the first."""
    holders: dict[str, str] = {}
    for name, wanted in known.items():
        fields = ("keystore", "password", "password_file", "folder")
        holders.update({wanted[one]: name for one in fields if wanted.get(one)})
    findings = []
    for key in entry.keys:
        for name in key.way if key.name not in known else ():
            variable = key.way[name]
            # Several keys may lie in one folder.
            if not name.endswith("_env") or (name == "folder_env" and variable not in holders):
                continue
            before = holders.setdefault(variable, f"{key.name}.{name}")
            if before != f"{key.name}.{name}":
                place = f"{entry.place}.keys.{key.name}.{name}"
                findings.append(finding("INV-001", place, f"{variable} is filled by key {before} already", "Name another variable."))
    return findings


def _add(made: Keys, instance: str, key: KeyEntry, wanted: Mapping[str, Any], place: str) -> None:
    has_password = _has_password(key, wanted)
    value = wanted.get("value")
    keystore, password = _requests(instance, key, bool(value))
    services = list(wanted["services"] or ())
    named = f"key.{key.name}"
    name = f"{named}.keystore"
    made.secrets[name] = {"ref": {}, "env": [value] if value else [], "services": services}
    made.needs.append(Need(instance, name, place, keystore, line=bool(value), form=Form(name, key.kind, variable=bool(value))))
    if has_password and password is not None:
        name, env = f"{named}.password", wanted["password"]
        made.secrets[name] = {"ref": {}, "env": [env] if env else [], "services": services}
        form = Form(name, key.kind, password=True)
        made.needs.append(Need(instance, name, place, password, line=True, form=form))
    made.keys.append({
        "name": key.name,
        "kind": key.kind,
        "source": key.source,
        "keystore": f"{named}.keystore",
        "password": f"{named}.password" if has_password else None,
        "keystore_env": wanted["keystore"],
        "password_file_env": wanted["password_file"],
        "folder_env": wanted["folder"],
        "mount": wanted["mount"],
        "services": services,
        "owner": wanted["owner"],
    })  # fmt: skip


def _has_password(key: KeyEntry, wanted: Mapping[str, Any]) -> bool:
    """An opaque file has a password only where the operator or the package says so."""
    if wanted["password"] or wanted["password_file"] or key.password or key.reference.get(OFFERED[key.source].password_field):
        return True
    return key.kind != "file" and bool(wanted["folder"] or wanted["mount"])


def _requests(instance: str, key: KeyEntry, is_value: bool) -> tuple[Request, Request | None]:
    """Where keystore and password lie; ``is_value``: the key becomes the value of a variable."""
    owner = f"{instance} key.{key.name}"
    opaque = key.kind == "file" and not is_value
    keystore, password = OFFERED[key.source].of_key(key.reference, f"{owner}.keystore", opaque, is_value)
    return keystore, request_of(key.password, f"{owner}.password") if key.password else password
