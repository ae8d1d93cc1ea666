# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources whose secrets have versions, which tell without a value whether a host holds it; versions are read once a run."""

from __future__ import annotations

import abc
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, replace
from typing import Any, ClassVar, Protocol, TypeVar

from ...module_utils.common.digests import digest
from ...module_utils.common.errors import SecretError
from .base import Need, Problem
from .run_folder import RunFolder
from .source import Found, Source, Surroundings, parted, settled

_Wish = TypeVar("_Wish")
_Version = TypeVar("_Version")


class Numbered(Protocol[_Wish, _Version]):
    """A store that numbers versions. Wishes and versions are frozen dataclasses of texts and numbers."""

    version: type[_Version]

    @property
    def digest(self) -> str:
        """Tells stores and logins apart."""

    def versions(self, wishes: Iterable[_Wish]) -> Mapping[_Wish, _Version | Problem]:
        """The version each wish stands for now."""


class RunVersions:
    """The versions of secrets as this task saw them first: read once, for all hosts of the play where their wishes are known."""

    def __init__(self, folder: RunFolder, task: str) -> None:
        self._folder = folder
        self._task = digest(task)[:16]

    def get(
        self, store: Numbered[_Wish, _Version], wanted: Iterable[_Wish], others: Callable[[], Iterable[_Wish]] = tuple
    ) -> dict[_Wish, _Version | Problem]:
        """``others`` is asked for once, by the worker that reads first: what the play's other hosts are going to want."""
        wishes = sorted(set(wanted), key=_key)
        if not wishes:
            return {}
        name = f"versions-{self._task}-{store.digest}"
        record = self._folder.read(name)
        if record is None or any(_key(wish) not in record for wish in wishes):
            with self._folder.locked(name):
                record = self._folder.read(name)
                known = record or {}
                asked = {*wishes, *(others() if record is None else ())}
                found = store.versions(wish for wish in asked if _key(wish) not in known)
                record = {**known, **{_key(wish): _dump(item) for wish, item in found.items()}}
                self._folder.write(name, record)
        return {wish: _load(store.version, record[_key(wish)]) for wish in wishes}


def _key(wish: Any) -> str:
    return json.dumps(astuple(wish))


def _dump(item: Any) -> dict[str, Any]:
    return asdict(item)


def _load(version: type[_Version], record: Mapping[str, Any]) -> _Version | Problem:
    return Problem(**record) if "rule" in record else version(**record)


class Versioned(Source):
    """A source that numbers versions: identities come from those, and values are those of the version that was read first."""

    # What versions are read of: a frozen dataclass, made of what ``wishes`` tells.
    wish: ClassVar[type[Any]]

    def __init__(self, run: Surroundings) -> None:
        super().__init__(run)
        self._versions = RunVersions(run.folder, run.task)

    @abc.abstractmethod
    def store(self) -> Numbered[Any, Any]:
        """Who numbers the versions. Raises ``SecretError`` where that is not set up."""

    @abc.abstractmethod
    def wanted(self, request: Any) -> Any:
        """The ``wish`` of a request."""

    @abc.abstractmethod
    def version_of(self, request: Any, version: Any) -> str:
        """The identity of what is requested: compared as a whole, never taken apart."""

    @abc.abstractmethod
    def read(self, versions: Mapping[Need, Any]) -> Mapping[Need, str | Problem]:
        """The values of needs in these very versions, in the form in which they travel; each secret read once."""

    def identify(self, needs: Sequence[Need]) -> Found:
        try:
            known, problems = self._known(needs)
        except SecretError as error:
            return {}, [
                replace(item, place=need.place, message=f"{item.message} ({item.place})") for need in needs for item in error.findings
            ]
        return {need: {"version": self.version_of(need.request, version)} for need, version in known.items()}, problems

    def values(self, needs: Sequence[Need]) -> Found:
        known, problems = self._known(needs)
        values, more = parted(self.read(known))
        return {need: settled(need, value) for need, value in values.items()}, [*problems, *more]

    def _known(self, needs: Sequence[Need]) -> Found:
        store = self.store()

        def others() -> list[Any]:
            return [self.wish(*wish) for wish in self.run.wishes.get(self.name, {}).get(store.digest, ())]

        versions = self._versions.get(store, {self.wanted(need.request) for need in needs}, others)
        return parted({need: versions[self.wanted(need.request)] for need in needs})
