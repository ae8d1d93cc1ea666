# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one worker has to know of the other hosts: their keys, and what those of the play want of the secret store."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import astuple
from typing import Any

from ...module_utils.common.errors import InputError, SecretError
from ...module_utils.common.findings import Finding
from ..parsing.plain import plain
from ..secrets.base import SecretPath, vault_request
from ..secrets.connection import VARIABLES, Connection, connection
from ..secrets.run_cache import RunFolder
from .entries import INSTANCES, Entry, parse_instances
from .key_use import Use, claimed_uses, kinds_of, public_uses, shared_keys, still_held, uses_of

Find = Callable[[str], "str | None"]


class Fleet:
    """All hosts of the inventory, as the worker of one of them has to know them. ``record``: a ``survey``; ``find`` turns the name of a
    file of the controller into its path;
    ``target`` is the host that is asked where the task is delegated."""

    def __init__(
        self, folder: RunFolder, host: str, record: Mapping[str, Any], find: Find = lambda _name: None, target: str | None = None
    ) -> None:
        self._folder, self._host, self._record, self._find = folder, host, record, find
        # What runs, runs where the task was sent to, whoever's variables it has.
        self._target = target or host

    def shared(self, entries: Iterable[Entry]) -> list[Finding]:
        """Keys of this host's entries that the inventory gives to somebody else as well, by where they lie."""
        others = [Use(**use) for use in self._record["uses"] if use["host"] != self._host]
        return shared_keys(uses_of(self._host, entries, self._find), others)

    def paths(self, store: Connection) -> list[SecretPath]:
        """What the play's hosts want of a store."""
        return [SecretPath(*path) for path in self._record["paths"].get(store.digest, ())]

    def review(self, specs: Iterable[Mapping[str, Any]], first: Mapping[str, Any], values: Mapping[str, Mapping[str, str]]) -> None:
        """Compare what tells keys apart (public id, content) of running keys and of those about to be sent with what other hosts of this
        run reported. ``first``: the host's first answer; ``values``: instance -> secret -> value.

        Raises ``InputError`` where a key would run twice.
        """
        # A node nobody lists any more still signs, and so does one that is about to be changed.
        held = still_held(first.get("held") or (), values)
        mine = [*public_uses(self._target, [*(first.get("instances") or ()), *held]), *claimed_uses(self._target, values, kinds_of(specs))]
        with self._folder.locked("public"):
            known = self._folder.read("public") or {"uses": []}
            others = [Use(**use) for use in known["uses"] if use["host"] != self._target]
            self._folder.write("public", {"uses": [use.as_dict() for use in (*others, *mine)]})
        problems = shared_keys(mine, others)
        if problems:
            raise InputError("a key would run twice", problems)


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


def survey(
    hosts: Iterable[str], play: Container[str], variables: Callable[[str], Mapping[str, Any]], find: Find = lambda _name: None
) -> dict[str, Any]:
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
        uses += [use.as_dict() for use in uses_of(host, entries, find)]
        if store is not None:
            known = paths.setdefault(store.digest, [])
            known += [list(astuple(path)) for path in wanted]
    return {"uses": uses, "paths": paths}


def connection_of(variables: Mapping[str, Any]) -> Connection | None:
    """The connection a host's variables describe, ``None`` where they describe none."""

    def get(option: str) -> Any:
        return next((plain(variables[name]) for name in VARIABLES[option] if name in variables), None)

    try:
        return connection(get)
    except SecretError:
        return None
