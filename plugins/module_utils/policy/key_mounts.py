# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key files: which service sees which, under which name, and the binds that show them (rules KEY-002, KEY-004)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.findings import INFO, Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec, Key, KeyFile, Privileges, Secret
from ..docker.model import Model, services, with_services
from .key_sections import as_binds, without_key_files
from .mounts import below

Views = dict[str, dict[str, KeyFile]]


@dataclass(frozen=True)
class Keyed:
    """``views``: service -> file name below the service's key folder -> what lies there, its owner as somebody wrote it, empty where
    nobody did (``key_owners``)."""

    model: Model
    views: Views = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    """A file of a key: the secret it holds, its usual name, the container folder it is expected in."""

    key: Key
    secret: str
    name: str
    mount: str | None = None


@dataclass(frozen=True)
class _Wanted:
    """Where the files of an instance's keys are expected: by the variable of a folder or of a file, or below a container's folder.
    ``keys`` is the instance's key folder."""

    keys: str
    folders: Mapping[str, list[_File]]
    files: Mapping[str, _File]
    mounted: Mapping[str, list[_File]]


def variables(wanted: Iterable[Key], keys: str) -> dict[str, str]:
    """Compose variable -> the host path it gets. ``keys`` is the instance's key folder; ``place_keys`` finds the paths again."""
    names = [name for key in wanted for name in (key.folder_env, key.keystore_env, key.password_file_env) if name]
    return {name: posixpath.join(keys, name) for name in names}


def place_keys(spec: InstanceSpec, model: Model, keys: str) -> Keyed:
    """Binds of key paths become binds of the service's own key folder, read-only; nobody else's service sees a key."""
    folders, files = _by_variable(spec.keys)
    wanted = _Wanted(keys, folders, files, _by_mount(spec.keys, spec.secrets))
    views: Views = {}
    findings: list[Finding] = []
    changed = {}
    for name, service in services(as_binds(model, keys)).items():
        declared = spec.privileges.get(name, Privileges())
        placer = _Placer(f"{spec.id}: services.{name}.volumes", name, service, wanted, str(declared.user or service.get("user") or ""))
        mounts = [*placer.mounts()]
        changed[name] = {**service, "volumes": mounts}
        if not mounts:
            changed[name].pop("volumes")
        if placer.view:
            views[name] = placer.view
        findings += placer.findings
    findings += _reach(spec.id, spec.keys, views)
    return Keyed(with_services(without_key_files(model, keys), changed), views, findings)


def _reach(instance: str, keys: Iterable[Key], views: Views) -> Iterator[Finding]:
    """Keys that reach nobody, and those that reach everybody because nobody said whom they are for."""
    for key in keys:
        place = f"{instance}: keys.{key.name}"
        reached = sorted(name for name, view in views.items() if key.keystore in {entry.secret for entry in view.values()})
        expected = key.folder_env or key.keystore_env
        if not reached and (expected or key.mount):
            remedy = (
                "Correct the variable in runtime.yml or in avs_instances[].keys, or mount it in the compose file."
                if expected
                else "Correct keys[].services in runtime.yml or in avs_instances."
            )
            yield finding("PKG-012", place, f"no service mounts key {key.name} ({expected or key.mount})", remedy)
        if not expected and not key.services and len(reached) > 1:
            yield finding("KEY-004", place, f"key {key.name} reaches {', '.join(reached)}")


def _by_variable(keys: Iterable[Key]) -> tuple[dict[str, list[_File]], dict[str, _File]]:
    folders: dict[str, list[_File]] = {}
    files: dict[str, _File] = {}
    for key in keys:
        parts = [_File(key, key.keystore, f"{key.name}.json", key.mount)]
        if key.password:
            parts.append(_File(key, key.password, f"{key.name}.password", key.mount))
        if key.folder_env:
            folders.setdefault(key.folder_env, []).extend(parts)
        if key.keystore_env:
            files[key.keystore_env] = parts[0]
        if key.password_file_env and len(parts) > 1:
            files[key.password_file_env] = parts[1]
    return folders, files


def _by_mount(keys: Iterable[Key], secrets: Mapping[str, Secret]) -> dict[str, list[_File]]:
    """Container folder -> what lies there of keys that no variable leads to. A password that is somewhere else already stays there."""
    mounted: dict[str, list[_File]] = {}
    for key in keys:
        if not key.mount or key.folder_env or key.keystore_env:
            continue
        files = mounted.setdefault(posixpath.normpath(key.mount), [])
        files.append(_File(key, key.keystore, f"{key.name}.json"))
        if key.password and not key.password_file_env and not secrets.get(key.password, Secret()).env:
            files.append(_File(key, key.password, f"{key.name}.password"))
    return mounted


class _Placer:
    """The mounts of one service. ``user`` it runs as, as far as that was said."""

    def __init__(self, place: str, name: str, service: Mapping[str, Any], wanted: _Wanted, user: str) -> None:
        self.place, self.name, self.service, self.user = place, name, service, user
        self.keys, self.folders, self.files, self.mounted = wanted.keys, wanted.folders, wanted.files, wanted.mounted
        self.view: dict[str, KeyFile] = {}
        self.findings: list[Finding] = []
        self.shown: set[str] = set()

    def mounts(self) -> Iterator[dict[str, Any]]:
        taken = {*self._tmpfs()}
        for mount in self._own():
            taken.add(posixpath.normpath(str(mount["target"])))
            yield mount
        for target, files in self.mounted.items():
            wanted = [file for file in files if self._is_for(file)]
            for file in wanted:
                self._add(file.name, file)
            if wanted and target in taken - self.shown:
                message = f"{target} is mounted already, but keys are to lie there"
                remedy = "Remove the mount from the compose file, or correct keys[].mount in runtime.yml."
                self.findings.append(finding("PKG-019", self.place, message, remedy))
            elif wanted:
                yield from self._bind_folder(target)

    def _tmpfs(self) -> Iterator[str]:
        places = self.service.get("tmpfs") or ()
        for place in [places] if isinstance(places, str) else places:
            yield posixpath.normpath(str(place).partition(":")[0])

    def _own(self) -> Iterator[dict[str, Any]]:
        for mount in self.service.get("volumes") or ():
            relative = below(str(mount.get("source") or "/"), self.keys) if mount.get("type") == "bind" else None
            if relative is None:
                yield dict(mount)
                continue
            variable, _slash, inner = relative.partition("/")
            if variable in self.files and not inner:
                yield from self._file(self.files[variable], mount)
            elif variable in self.folders:
                yield from self._folder(self.folders[variable], inner, mount)
            else:
                self.findings.append(
                    finding(
                        "PKG-019",
                        self.place,
                        f"{mount['target']} mounts the folder of all keys",
                        "Mount the variable that runtime.yml declares.",
                    )
                )

    def _file(self, file: _File, mount: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        target = str(mount["target"])
        if not self._may_see(file, target):
            return
        inner = below(target, file.mount) if file.mount else None
        if inner is not None and inner != ".":
            self._add(inner, file)
            yield from self._bind_folder(str(file.mount))
            return
        self._add(file.name, file)
        self._single(target)
        yield self._bind(file.name, target)

    def _folder(self, files: list[_File], inner: str, mount: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        target = str(mount["target"])
        allowed = [file for file in files if self._may_see(file, target)]
        wanted = [file for file in allowed if inner in ("", file.name)]
        if not wanted:
            if allowed:
                self.findings.append(
                    finding(
                        "PKG-019",
                        self.place,
                        f"{target}: {inner} is no key file; there are {', '.join(file.name for file in files)}",
                        "Correct the path in the compose file.",
                    )
                )
            return
        for file in wanted:
            self._add(file.name, file)
        if inner:
            self._single(target)
            yield self._bind(inner, target)
            return
        if not mount.get("read_only"):
            self.findings.append(
                finding("KEY-002", self.place, f"{target} holds keys and was writable; it is mounted read-only", severity=INFO)
            )
        yield from self._bind_folder(target)

    def _may_see(self, file: _File, target: str) -> bool:
        if self._is_for(file):
            return True
        message = f"{target} is kept from this service: key {file.key.name} is for {', '.join(file.key.services)}"
        self.findings.append(finding("KEY-004", self.place, message, severity=INFO))
        return False

    def _is_for(self, file: _File) -> bool:
        return not file.key.services or self.name in file.key.services

    def _add(self, name: str, file: _File) -> None:
        owner = file.key.owner or self.user
        before = self.view.get(name)
        if before is not None and before.secret != file.secret:
            self.findings.append(
                finding(
                    "PKG-019",
                    self.place,
                    f"two keys are expected under the name {name}",
                    "Give the keys mounts of their own in runtime.yml.",
                )
            )
        self.view[name] = KeyFile(secret=file.secret, owner=owner)

    def _single(self, target: str) -> None:
        message = f"{target} is mounted as a single file, which never sees a rotation; the container is recreated instead"
        self.findings.append(finding("KEY-002", self.place, message))

    def _bind_folder(self, target: str) -> Iterator[dict[str, Any]]:
        place = posixpath.normpath(target)
        if place not in self.shown:
            self.shown.add(place)
            yield self._bind("", target)

    def _bind(self, inner: str, target: str) -> dict[str, Any]:
        source = posixpath.join(self.keys, self.name, inner) if inner else posixpath.join(self.keys, self.name)
        return {"type": "bind", "source": source, "target": target, "read_only": True, "bind": {"create_host_path": False}}
