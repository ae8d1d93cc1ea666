# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs which key. Two nodes with one key sign twice, and signing twice is slashed (rule KEY-006)."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.keystores import claimed_id
from ...module_utils.common.rules import finding
from .entries import Entry


@dataclass(frozen=True, order=True)
class Use:
    """One key of one instance on one host; ``mark`` is what makes two keys the same: where they lie, or their public id.

    ``instance`` is an id, or ``tag <tag>`` as long as the package's name is not known.
    """

    mark: str
    host: str
    instance: str
    place: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def uses_of(host: str, entries: Iterable[Entry]) -> list[Use]:
    """Keys of a host's entries by where they lie.

    An entry that is to be absent counts as long as it names keys: hosts are worked on side by side, and one that cannot be reached
    still runs its node. So a key moves in two runs: first away, then to its new place.
    """
    return [Use(key.origin, host, entry.instance, f"{entry.place}.keys.{key.name}") for entry in entries for key in entry.keys]


def public_uses(host: str, results: Iterable[Mapping[str, Any]]) -> list[Use]:
    """Keys of a host's instances by public id, from the module's results; a keystore that claims none says nothing."""
    found = []
    for result in results:
        for name, key in (result.get("keystores") or {}).items():
            public = key.get("public_id")
            if public and result.get("state") != "absent":
                found.append(_public_use(host, str(result.get("id", "")), name, str(public)))
    return found


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


def claimed_uses(host: str, values: Mapping[str, Mapping[str, str]]) -> list[Use]:
    """Keys about to be sent, by the public id their keystores claim; ``values``: instance -> secret name -> value."""
    found = []
    for instance, secrets in values.items():
        for secret, value in secrets.items():
            name = secret.removeprefix("key.").removesuffix(".keystore")
            public = claimed_id(value) if secret == _keystore_of(name) else None
            if public:
                found.append(_public_use(host, instance, name, public))
    return found


def _keystore_of(key: str) -> str:
    """The secret that is a key's keystore."""
    return f"key.{key}.keystore"


def _public_use(host: str, instance: str, key: str, public: str) -> Use:
    spelled = public.lower().removeprefix("0x")
    mark = spelled if set(spelled) <= set(string.hexdigits) else public
    return Use(f"the key {mark}", host, instance, f"{instance}.keys.{key}")


def shared_keys(mine: Sequence[Use], all_uses: Iterable[Use]) -> list[Finding]:
    """A finding for each of my keys that is used a second time, by me or by somebody else."""
    by_mark: dict[str, set[Use]] = {}
    for use in (*all_uses, *mine):
        by_mark.setdefault(use.mark, set()).add(use)
    findings = []
    for use in sorted(set(mine)):
        others = sorted(by_mark[use.mark] - {use})
        if others:
            where = ", ".join(f"{other.instance} on {other.host} ({other.place})" for other in others)
            findings.append(finding("KEY-006", use.place, f"{use.mark} is used by {where} too"))
    return findings
