# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the release an instance runs says that its commands may ask for: networks, volumes and folders, files of keys, and where its
services have them."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..common import command_mounts
from ..common.contents import as_bytes
from ..common.errors import HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..instance.store import InstanceStore
from ..system import files
from ..system.trees import tree_files
from .one_off import Mount

NONE = "none"
# Where a container sees a key that no service of the package has anywhere.
KEYS = "/keys"


class Undeclared(Exception):
    """What a command asks for and its release does not have; the text says what, ``field`` is the command's."""

    def __init__(self, field: str, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.field, self.problem, self.remedy = field, problem, remedy


@dataclass(frozen=True)
class Bind:
    """A mount of a service, as the release has it."""

    service: str
    kind: str
    source: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class Release:
    """``model``: what compose runs, secrets as variables in it; ``values``: the secrets in memory, by name."""

    own: InstanceStore
    spec: InstanceSpec
    model: Mapping[str, Any]
    values: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, own: InstanceStore, spec: InstanceSpec, values: Mapping[str, str]) -> Release:
        """Raises ``HostError`` where no release is there."""
        try:
            model = files.read_json(os.path.join(own.current, "compose.json"))
        except (OSError, ValueError):
            model = None
        if not isinstance(model, dict) or not isinstance(model.get("services"), dict):
            problem = "has no release whose command could be run"
            raise HostError(f"{own.id} {problem}", [finding("CMD-001", own.id, problem, "Run restaking.avs.install.")])
        return cls(own, spec, model, values)

    def service(self, name: str) -> Mapping[str, Any]:
        """Raises ``Undeclared``."""
        found = self.model["services"].get(name)
        if not isinstance(found, Mapping):
            raise Undeclared("service", f"the package runs no service {name}")
        return found

    def networks(self, wanted: str | None, service: str | None) -> list[str]:
        """Names on the host; nothing: no network at all. Nobody gets the host's own, whatever a service was granted."""
        sections = {str(key): str((entry or {}).get("name") or key) for key, entry in (self.model.get("networks") or {}).items()}
        if wanted == NONE:
            return []
        if wanted is not None:
            if wanted not in sections:
                raise Undeclared("network", f"{wanted} is no network of the package ({', '.join(sorted(sections)) or 'it has none'})")
            return [sections[wanted]]
        if service is not None:
            found = self.service(service)
            mode = str(found.get("network_mode") or "")
            if mode.startswith("service:"):
                return self.networks(None, mode.partition(":")[2])
            return [sections[str(key)] for key in found.get("networks") or () if str(key) in sections]
        if "default" in sections or len(sections) < 2:
            return [sections["default"]] if "default" in sections else [*sections.values()]
        raise Undeclared("network", f"is not named, and the package has several: {', '.join(sorted(sections))}")

    def binds(self, service: str | None = None) -> Iterator[Bind]:
        """All that a service (of all of them, where none is named) has mounted."""
        for name, entry in self.model["services"].items():
            if service not in (None, name):
                continue
            for mount in entry.get("volumes") or ():
                source, target = (str(mount.get(key) or "").replace("$$", "$") for key in ("source", "target"))
                yield Bind(str(name), str(mount.get("type")), source, target, bool(mount.get("read_only")))

    def mounts(self, wanted: Sequence[str], service: str | None) -> list[Mount]:
        """What a command names, by its place on the host. Raises ``Undeclared``."""
        found = []
        for text in wanted:
            named = command_mounts.read(text)
            if named is None:
                raise Undeclared("mounts", f"{text!r} is no mount")
            found.append(self._folder(named, service) if named.is_folder else self._volume(named, service))
        doubled = sorted({one.target for one in found if sum(one.target == other.target for other in found) > 1})
        if doubled:
            raise Undeclared("mounts", f"{', '.join(doubled)}: two things are to be mounted there")
        return found

    def _volume(self, named: command_mounts.Named, service: str | None) -> Mount:
        volumes = self.model.get("volumes") or {}
        if named.source not in volumes:
            raise Undeclared("mounts", f"{named.source} is no volume of the package ({', '.join(sorted(volumes)) or 'it has none'})")
        name = str((volumes[named.source] or {}).get("name") or named.source)
        places = [one for one in self.binds(service) if one.kind == "volume" and one.source == named.source]
        return Mount("volume", name, self._target(named, places), named.read_only)

    def _folder(self, named: command_mounts.Named, service: str | None) -> Mount:
        relative = named.source[len(command_mounts.FOLDER) :]
        path = os.path.join(self.own.data, relative)
        if files.has_link(self.own.data, relative) or not files.is_folder(path):
            raise Undeclared("mounts", f"{named.source} is no folder of the instance")
        above = sorted(one for one in self._writable() if path.startswith(f"{one}/"))
        if above:
            # Whoever writes there may put a link to the host in its place at any moment.
            inner = f"data/{os.path.relpath(above[0], self.own.data)}"
            raise Undeclared("mounts", f"{named.source} lies in {inner}, which the package mounts as a whole", f"Mount {inner}.")
        places = [one for one in self.binds(service) if one.kind == "bind" and os.path.normpath(one.source) == path]
        return Mount("bind", path, self._target(named, places), named.read_only)

    def _writable(self) -> set[str]:
        """Folders somebody of the package has mounted: its services, and its commands."""
        named = [command_mounts.read(text) for command in self.spec.commands.values() for text in command.get("mounts") or ()]
        folders = [one.source[len(command_mounts.FOLDER) :] for one in named if one is not None and one.is_folder]
        return {os.path.normpath(one.source) for one in self.binds() if one.kind == "bind"} | {
            os.path.join(self.own.data, one) for one in folders
        }

    def _target(self, named: command_mounts.Named, places: Sequence[Bind]) -> str:
        """Where the command says, else where the service has it, else where all that have it do."""
        if named.target is not None:
            return named.target
        targets = sorted({one.target for one in places})
        if len(targets) != 1:
            where = f"in several places ({', '.join(targets)})" if targets else "nowhere"
            remedy = "Name the service that has it, or write NAME:/place/in/the/container."
            raise Undeclared(
                "mounts", f"{named.source}: the package's services have it {where}, so it is not known where it is to be", remedy
            )
        return targets[0]

    def key_files(self, service: str | None = None) -> Iterator[tuple[Bind, str, frozenset[str]]]:
        """Each file of a key a service sees: the mount, its path below that (``.``: the file itself is mounted), and the secrets it may be,
        by what is in it."""
        contents = {name: as_bytes(value) for name, value in self.values.items() if name.startswith("key.")}
        for bind in self.binds(service):
            below = _below(bind.source, self.own.keys)
            if bind.kind != "bind" or below is None:
                continue
            for name, content in _files(bind.source):
                yield bind, name, frozenset(secret for secret, value in contents.items() if value == content)

    def key_place(self, secret: str, service: str | None) -> tuple[str, str] | None:
        """Folder and name of a key's file in the container, ``None`` where no service (or not this one) has it. Raises ``Undeclared``
        where services have it in different places."""
        found = sorted(
            {
                posixpath.split(bind.target if name == "." else posixpath.join(bind.target, name))
                for bind, name, secrets in self.key_files(service)
                if secret in secrets
            }
        )
        if len(found) > 1:
            raise Undeclared("service", f"is not named, and {secret} is in {' and '.join('/'.join(one) for one in found)}")
        return found[0] if found else None


def _below(path: str, root: str) -> str | None:
    relative = os.path.relpath(os.path.normpath(path), root)
    return None if relative.startswith("..") else relative


def _files(place: str) -> list[tuple[str, bytes]]:
    """Names and contents below a service's key folder, or of a single file there."""
    try:
        if files.is_folder(place):
            root = os.path.realpath(os.path.join(place, "..data"))
            return [(name, files.read(os.path.join(root, name))) for name in sorted(tree_files(root))]
        return [(".", files.read(os.path.realpath(place)))]
    except OSError:
        return []
