# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one worker has to know of the other hosts: their keys, and what those of the play want of the secret store."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import astuple
from typing import Any

from ...module_utils.common.errors import SecretError
from ..parsing.plain import plain
from ..secrets.base import SecretPath, vault_request
from ..secrets.connection import VARIABLES, Connection, connection
from .entries import INSTANCES, Entry, parse_instances
from .key_use import Use, uses_of


def store_paths(entries: Iterable[Entry]) -> list[SecretPath]:
    """Every path of the secret store that started instances refer to."""
    paths: set[SecretPath] = set()
    for entry in entries:
        if entry.state != "started":
            continue
        references = [key.reference for key in entry.keys if key.source == "vault"]
        references += [value for value in entry.options.values() if isinstance(value, Mapping) and value.get("source") == "vault"]
        paths.update(vault_request(reference, "").path for reference in references)
    return sorted(paths)


def survey(hosts: Iterable[str], play: Container[str], variables: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """``uses``: the keys of all hosts, also of those a limit leaves out; ``paths``: connection digest -> paths the play's hosts want.

    Plain JSON, to be shared by the workers.

    ``variables`` gives a host's variables, templated on access. A host whose variables cannot be had yet (they need its facts) is left
    out: it finds its own problems when its turn comes.
    """
    uses: list[dict[str, str]] = []
    paths: dict[str, list[list[Any]]] = {}
    for host in hosts:
        try:
            own = variables(host)
            entries, _findings = parse_instances(plain(own[INSTANCES]) if INSTANCES in own else [])
            wanted = store_paths(entries) if host in play else []
            store = connection_of(own) if wanted else None
        except Exception:
            continue
        uses += [use.as_dict() for use in uses_of(host, entries)]
        if store is not None:
            known = paths.setdefault(store.digest, [])
            known += [list(astuple(path)) for path in wanted]
    return {"uses": uses, "paths": paths}


def surveyed_uses(record: Mapping[str, Any], but: str) -> list[Use]:
    """The keys of all hosts but one."""
    return [Use(**use) for use in record["uses"] if use["host"] != but]


def surveyed_paths(record: Mapping[str, Any], store: Connection) -> list[SecretPath]:
    return [SecretPath(*path) for path in record["paths"].get(store.digest, ())]


def connection_of(variables: Mapping[str, Any]) -> Connection | None:
    """The connection a host's variables describe, ``None`` where they describe none."""

    def get(option: str) -> Any:
        return next((plain(variables[name]) for name in VARIABLES[option] if name in variables), None)

    try:
        return connection(get)
    except SecretError:
        return None
