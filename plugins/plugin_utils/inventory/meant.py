# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entries of the inventory are meant by ids, or by all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...module_utils.common.findings import Finding
from ...module_utils.common.names import is_name
from ...module_utils.common.rules import finding
from .entries import INSTANCES, Entry
from .spec import Built


@dataclass(frozen=True)
class Ids:
    """What was asked for. ``names``: each once; empty with ``all``: every instance of the host."""

    names: tuple[str, ...]
    all: bool = False

    def choose(self, given: Any, entries: Sequence[Entry], findings: list[Finding]) -> tuple[list[Entry], list[Finding]]:
        """The entries that may be meant (which package a folder holds is not known yet), and what was found wrong with those. One that is
        to be down is no instance to upgrade: named it is an error, else left alone."""
        chosen = [entry for entry in entries if self.all or self._may_be(entry.package, entry.tag)]
        foreign = [
            f"{INSTANCES}[{number}]" for number, item in enumerate(given if isinstance(given, list) else ()) if not self._concerns(item)
        ]
        found = [item for item in findings if not item.place.startswith(tuple(f"{place}{char}" for place in foreign for char in ".:"))]
        if not self.all:
            found += [_down(entry) for entry in chosen if entry.state != "started" and entry.instance in self.names]
        return [entry for entry in chosen if entry.state == "started"], found

    def only(self, built: Built) -> Built:
        """What is built of entries that turned out to be meant."""
        if self.all:
            return built
        pairs = [(spec, entry) for spec, entry in zip(built.specs, built.entries) if spec["id"] in self.names]
        dropped = [entry.place for spec, entry in zip(built.specs, built.entries) if spec["id"] not in self.names]
        kept = tuple(
            item for item in built.findings if not item.place.startswith(tuple(f"{place}{char}" for place in dropped for char in ".:"))
        )
        return replace(built, specs=tuple(pair[0] for pair in pairs), entries=tuple(pair[1] for pair in pairs), findings=kept)

    def unknown(self, entries: Sequence[Entry], built: Built) -> list[str]:
        """Ids of no entry of this host."""
        known = {spec["id"] for spec in built.specs} | {entry.instance for entry in entries}
        return [name for name in self.names if name not in known]

    def _concerns(self, item: Any) -> bool:
        """Whether what is wrong with an item is anything to one who asks for these: of one that cannot be read nobody knows."""
        if not isinstance(item, Mapping) or not isinstance(item.get("tag"), str):
            return True
        return self.all or self._may_be(item.get("package"), item["tag"])

    def _may_be(self, package: Any, tag: str) -> bool:
        if isinstance(package, str):
            return f"{package.rpartition('/')[2]}-{tag}" in self.names
        return any(name.endswith(f"-{tag}") for name in self.names)


def asked(ids: Any, everything: bool) -> Ids:
    """Raises ``ValueError`` with what is wrong with what was asked for."""
    names = [part.strip() for part in ids.split(",")] if isinstance(ids, str) else ids or []
    if not isinstance(names, list) or not all(isinstance(name, (str, int)) for name in names):
        raise ValueError("ids is neither a list of ids nor a text of them")
    found = tuple(dict.fromkeys(str(name) for name in names if str(name)))
    wrong = [name for name in found if not is_name(name)]
    if wrong:
        raise ValueError(f"{', '.join(map(repr, wrong))}: not the id of an instance (<package>-<tag>)")
    if bool(found) == everything:
        raise ValueError("say which instances: ids, or all of the host" + (", not both" if found else ""))
    return Ids(found, everything)


def _down(entry: Entry) -> Finding:
    message = f"is {entry.state} in the inventory: an upgrade ends with a node that runs and is well"
    return finding("INV-001", f"{entry.place}.state", message, "Let it run (state: started, restaking.avs.install), then upgrade it.")
