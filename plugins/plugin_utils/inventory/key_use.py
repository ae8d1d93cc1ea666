# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs which key. Two nodes with one key sign twice, and signing twice is slashed (rule KEY-006)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.keystores import marks_of, record_of
from ...module_utils.common.rules import finding
from .entries import Entry

_MARK = "the "
_CONTENT = f"{_MARK}content "
_MOVE = (
    "Give each instance a key of its own. To move it takes two runs: {} has it until a run has ended that took it away "
    "(state: absent, or another key); only the next one gives it to somebody else."
)


@dataclass(frozen=True, order=True)
class Use:
    """One key of one instance on one host; ``mark`` is what makes two keys the same: where they lie, their public id, or what is in them.

    ``instance`` is an id, or ``tag <tag>`` as long as the package's name is not known.
    """

    mark: str
    host: str
    instance: str
    place: str

    @property
    def user(self) -> tuple[str, str, str]:
        """Whose key it is. One instance may have one key for two purposes, which makes no second node of it."""
        return self.host, self.instance, self.place.rpartition(".keys.")[0]

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def uses_of(host: str, entries: Iterable[Entry], find: Callable[[str], str | None] = lambda _name: None) -> list[Use]:
    """Keys of a host's entries by where they lie; ``find`` turns the name of a file into its path.

    An entry that is to be absent counts as long as it names keys: hosts are worked on side by side, and one that cannot be reached
    still runs its node. So a key moves in two runs: first away, then to its new place. Keys that come from no place (typed ones) are left
    to be compared by their content.
    """
    return [
        Use(origin, host, entry.instance, f"{entry.place}.keys.{key.name}")
        for entry in entries
        for key in entry.keys
        if (origin := key.origin(find)) is not None
    ]


def public_uses(host: str, results: Iterable[Mapping[str, Any]]) -> list[Use]:
    """Keys of a host's instances by all that tells them apart, from the module's results, also an older library's."""
    return [
        use
        for result in results
        if result.get("state") != "absent"
        for name, key in (result.get("keystores") or {}).items()
        for use in _uses(host, str(result.get("id", "")), name, key)
    ]


def kinds_of(specs: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Instance -> key -> kind."""
    return {spec["id"]: {key["name"]: key["kind"] for key in spec.get("keys") or ()} for spec in specs}


def claimed_uses(host: str, values: Mapping[str, Mapping[str, str]], kinds: Mapping[str, Mapping[str, str]] | None = None) -> list[Use]:
    """Keys about to be sent, by what their keystores say and hold; ``values``: instance -> secret name -> value; ``kinds`` as of
    ``kinds_of``."""
    found = []
    for instance, secrets in values.items():
        for secret, value in secrets.items():
            name = secret.removeprefix("key.").removesuffix(".keystore")
            if secret == _keystore_of(name):
                found += _uses(host, instance, name, record_of((kinds or {}).get(instance, {}).get(name, ""), value))
    return found


def _keystore_of(key: str) -> str:
    """The secret that is a key's keystore."""
    return f"key.{key}.keystore"


def _uses(host: str, instance: str, key: str, record: Mapping[str, Any]) -> list[Use]:
    return [Use(f"{_MARK}{mark}", host, instance, f"{instance}.keys.{key}") for mark in marks_of(record)]


def shared_keys(mine: Collection[Use], others: Collection[Use], held: Collection[Use] = ()) -> list[Finding]:
    """A finding for each of my keys that is used a second time, by me or by somebody else; ``held``: what others run already."""
    by_mark: dict[str, set[Use]] = {}
    for use in (*others, *held, *mine):
        by_mark.setdefault(use.mark, set()).add(use)
    clashes: dict[tuple[str, str, str], dict[str, set[Use]]] = {}
    for use in sorted(set(mine)):
        found = {other for other in by_mark[use.mark] if other.user != use.user}
        if found:
            clashes.setdefault((use.host, use.instance, use.place), {})[use.mark] = found
    return [_shared(place, marks, set(held)) for (_host, _instance, place), marks in clashes.items()]


def _shared(place: str, marks: Mapping[str, set[Use]], held: set[Use]) -> Finding:
    # Two keystores may have several things in common; the id is the one a person knows.
    mark = min(marks, key=lambda mark: (mark.startswith(_CONTENT), mark))
    users = set().union(*marks.values())
    where = ", ".join(sorted({f"{use.instance} on {use.host} ({use.place})" for use in users}))
    holders = ", ".join(sorted({f"{use.instance} on {use.host}" for use in users & held}))
    return finding("KEY-006", place, f"{mark} is used by {where} too", _MOVE.format(holders) if holders else None)


def new_keys(claims: Collection[Use], held: Iterable[Use]) -> list[Use]:
    """Claims of keys that their own instance does not hold already, in another file or under another password."""
    known = {(use.user, use.mark) for use in held}
    old = {(use.host, use.place) for use in claims if (use.user, use.mark) in known}
    return [use for use in claims if (use.host, use.place) not in old]
