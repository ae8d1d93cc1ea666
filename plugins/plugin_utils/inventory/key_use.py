# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs which key. Two nodes with one key sign twice, and signing twice is slashed (rule KEY-006)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.keystores import marks_of, record_of
from ...module_utils.common.rules import finding
from .entries import Entry

_MARK = "the "
_CONTENT = f"{_MARK}content "


@dataclass(frozen=True, order=True)
class Use:
    """One key of one instance on one host; ``mark`` is what makes two keys the same: where they lie, their public id, or what is in them.

    ``instance`` is an id, or ``tag <tag>`` as long as the package's name is not known.
    """

    mark: str
    host: str
    instance: str
    place: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def uses_of(host: str, entries: Iterable[Entry], find: Callable[[str], str | None] = lambda _name: None) -> list[Use]:
    """Keys of a host's entries by where they lie; ``find`` turns the name of a file into its path.

    An entry that is to be absent counts as long as it names keys: hosts are worked on side by side, and one that cannot be reached
    still runs its node. So a key moves in two runs: first away, then to its new place.
    """
    return [Use(key.origin(find), host, entry.instance, f"{entry.place}.keys.{key.name}") for entry in entries for key in entry.keys]


def public_uses(host: str, results: Iterable[Mapping[str, Any]]) -> list[Use]:
    """Keys of a host's instances by all that tells them apart, from the module's results, also an older library's."""
    return [
        use
        for result in results
        if result.get("state") != "absent"
        for name, key in (result.get("keystores") or {}).items()
        for use in _uses(host, str(result.get("id", "")), name, key)
    ]


def still_held(held: Iterable[Mapping[str, Any]], values: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """What instances hold whatever this run does: their keys without those for which ``values`` brings others."""
    return [
        {
            **entry,
            "keystores": {
                name: key for name, key in (entry.get("keystores") or {}).items() if _keystore_of(name) not in values.get(entry["id"], {})
            },
        }
        for entry in held
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


def shared_keys(mine: Sequence[Use], all_uses: Iterable[Use]) -> list[Finding]:
    """A finding for each of my keys that is used a second time, by me or by somebody else."""
    by_mark: dict[str, set[Use]] = {}
    for use in (*all_uses, *mine):
        by_mark.setdefault(use.mark, set()).add(use)
    clashes: dict[tuple[str, str, str], dict[str, set[str]]] = {}
    for use in sorted(set(mine)):
        others = {f"{other.instance} on {other.host} ({other.place})" for other in by_mark[use.mark] - {use} if _is_another(use, other)}
        if others:
            clashes.setdefault((use.host, use.instance, use.place), {})[use.mark] = others
    findings = []
    for (_host, _instance, place), marks in clashes.items():
        # Two keystores may have several things in common; the id is the one a person knows.
        mark = min(marks, key=lambda mark: (mark.startswith(_CONTENT), mark))
        where = ", ".join(sorted(set().union(*marks.values())))
        findings.append(finding("KEY-006", place, f"{mark} is used by {where} too"))
    return findings


def _is_another(use: Use, other: Use) -> bool:
    """One instance may be given one file twice, which makes no second node of it."""
    return not use.mark.startswith(_CONTENT) or (use.host, use.instance) != (other.host, other.instance)
