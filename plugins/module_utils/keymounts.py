# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key files: which service sees which, under which name, and the binds that show them (rules KEY-002, KEY-004)."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .findings import INFO, Finding
from .model import Model, services, with_services
from .mounts import below
from .rules import finding

Views = dict[str, dict[str, dict[str, str]]]


@dataclass(frozen=True)
class Keyed:
    """``views``: service -> file name below the service's key folder -> ``{"secret": name, "owner": user}``,
    the user as somebody wrote it, empty where nobody did (``settle_owners``)."""

    model: Model
    views: Views = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class _File:
    """A file of a key: the secret it holds, its usual name, the container folder it is expected in."""

    key: Mapping[str, Any]
    secret: str
    name: str
    mount: str | None = None


def variables(spec: Mapping[str, Any], keys: str) -> dict[str, str]:
    """Compose variable -> the host path it gets. ``keys`` is the instance's key folder; ``place_keys`` finds the paths again."""
    found = {}
    for key in spec.get("keys") or ():
        for field_name in ("folder_env", "keystore_env", "password_file_env"):
            if key.get(field_name):
                found[key[field_name]] = posixpath.join(keys, key[field_name])
    return found


def place_keys(spec: Mapping[str, Any], model: Model, keys: str) -> Keyed:
    """Binds of key paths become binds of the service's own key folder, read-only; nobody else's service sees a key."""
    folders, files = _by_variable(spec)
    views: Views = {}
    findings: list[Finding] = []
    changed = {}
    for name, service in services(_as_binds(model, keys)).items():
        placer = _Placer(spec, name, service, keys, folders, files)
        mounts = [*placer.mounts()]
        changed[name] = {**service, "volumes": mounts}
        if not mounts:
            changed[name].pop("volumes")
        if placer.view:
            views[name] = placer.view
        findings += placer.findings
    shown = {entry["secret"] for view in views.values() for entry in view.values()}
    for key in spec.get("keys") or ():
        in_files = key.get("folder_env") or key.get("keystore_env")
        if in_files and key["keystore"] not in shown:
            message = f"no service mounts key {key['name']} ({in_files})"
            findings.append(
                finding(
                    "PKG-012",
                    f"{spec['id']}: keys.{key['name']}",
                    message,
                    "Correct the variable in runtime.yml, or mount it in the compose file.",
                )
            )
    return Keyed(with_services(_without_key_files(model, keys), changed), views, findings)


def settle_owners(spec: Mapping[str, Any], views: Views, image_users: Mapping[str, str]) -> tuple[Views, list[Finding]]:
    """Views with numeric owners. Where neither the package nor the compose file names a user, the image's runs the service.

    ``image_users``: service -> the user of its image. A user that is a name has a number in the image only.
    """
    findings = []
    settled: Views = {}
    for service, view in views.items():
        settled[service] = {}
        for name, entry in view.items():
            user = entry["owner"] or image_users.get(service, "")
            owner = _owner(user or "0")
            if owner is None and user.partition(":")[0] != "root":
                message = f"{name} belongs to root: which number the user {user} has is known to the image alone"
                remedy = "State keys[].owner or a numeric user under privileges in runtime.yml."
                findings.append(finding("KEY-002", f"{spec['id']}: services.{service}.user", message, remedy))
            settled[service][name] = {**entry, "owner": owner or "0:0"}
    return settled, findings


def public_id(kind: str, keystore: str) -> str | None:
    """The public id a keystore claims; not checked against the key itself."""
    import json

    try:
        content = json.loads(keystore)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    for name in {"ecdsa": ("address",), "bn254": ("pubKey", "pubkey"), "bls12381": ("pubkey",)}.get(kind, ()):
        if isinstance(content.get(name), str) and content[name]:
            return str(content[name])
    return None


def _by_variable(spec: Mapping[str, Any]) -> tuple[dict[str, list[_File]], dict[str, _File]]:
    folders: dict[str, list[_File]] = {}
    files: dict[str, _File] = {}
    for key in spec.get("keys") or ():
        parts = [_File(key, key["keystore"], f"{key['name']}.json", key.get("mount"))]
        if key.get("password"):
            parts.append(_File(key, key["password"], f"{key['name']}.password", key.get("mount")))
        if key.get("folder_env"):
            folders.setdefault(key["folder_env"], []).extend(parts)
        if key.get("keystore_env"):
            files[key["keystore_env"]] = parts[0]
        if key.get("password_file_env") and len(parts) > 1:
            files[key["password_file_env"]] = parts[1]
    return folders, files


def _as_binds(model: Model, keys: str) -> Model:
    """Compose's own ``secrets`` and ``configs`` that come from a key path, as the binds compose would make of them."""
    entries = {
        section: {
            name: entry["file"]
            for name, entry in (model.get(section) or {}).items()
            if below(entry.get("file") or "/", keys) is not None
        }
        for section in ("secrets", "configs")
    }
    if not any(entries.values()):
        return model
    changed = {}
    for name, service in services(model).items():
        service = dict(service)
        for section, known in entries.items():
            uses = service.get(section) or []
            for use in uses:
                if use.get("source") in known:
                    usual = f"/run/secrets/{use['source']}" if section == "secrets" else f"/{use['source']}"
                    target = posixpath.join(posixpath.dirname(usual), use.get("target") or usual)
                    bind = {"type": "bind", "source": known[use["source"]], "target": target}
                    service["volumes"] = [*(service.get("volumes") or ()), bind]
            kept = [use for use in uses if use.get("source") not in known]
            service.pop(section, None)
            if kept:
                service[section] = kept
        changed[name] = service
    return with_services(model, changed)


def _without_key_files(model: Model, keys: str) -> Model:
    changed = dict(model)
    for section in ("secrets", "configs"):
        entries = {
            name: entry
            for name, entry in (model.get(section) or {}).items()
            if below(entry.get("file") or "/", keys) is None
        }
        changed.pop(section, None)
        if entries:
            changed[section] = entries
    return changed


class _Placer:
    """The mounts of one service."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        name: str,
        service: Mapping[str, Any],
        keys: str,
        folders: Mapping[str, list[_File]],
        files: Mapping[str, _File],
    ) -> None:
        self.name, self.service, self.keys = name, service, keys
        self.folders, self.files = folders, files
        self.place = f"{spec['id']}: services.{name}.volumes"
        declared = (spec.get("privileges") or {}).get(name) or {}
        self.user = str(declared.get("user") or service.get("user") or "")
        self.view: dict[str, dict[str, str]] = {}
        self.findings: list[Finding] = []
        self.shown: set[str] = set()

    def mounts(self) -> Iterator[dict[str, Any]]:
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
                finding(
                    "KEY-002",
                    self.place,
                    f"{target} holds keys and was writable; it is mounted read-only",
                    severity=INFO,
                )
            )
        yield from self._bind_folder(target)

    def _may_see(self, file: _File, target: str) -> bool:
        wanted = file.key.get("services") or ()
        if not wanted or self.name in wanted:
            return True
        message = f"{target} is kept from this service: key {file.key['name']} is for {', '.join(wanted)}"
        self.findings.append(finding("KEY-004", self.place, message, severity=INFO))
        return False

    def _add(self, name: str, file: _File) -> None:
        owner = file.key.get("owner") or self.user
        before = self.view.get(name)
        if before is not None and before["secret"] != file.secret:
            self.findings.append(
                finding(
                    "PKG-019",
                    self.place,
                    f"two keys are expected under the name {name}",
                    "Give the keys mounts of their own in runtime.yml.",
                )
            )
        self.view[name] = {"secret": file.secret, "owner": owner}

    def _single(self, target: str) -> None:
        message = (
            f"{target} is mounted as a single file, which never sees a rotation; the container is recreated instead"
        )
        self.findings.append(finding("KEY-002", self.place, message))

    def _bind_folder(self, target: str) -> Iterator[dict[str, Any]]:
        if target not in self.shown:
            self.shown.add(target)
            yield self._bind("", target)

    def _bind(self, inner: str, target: str) -> dict[str, Any]:
        source = posixpath.join(self.keys, self.name, inner) if inner else posixpath.join(self.keys, self.name)
        return {
            "type": "bind",
            "source": source,
            "target": target,
            "read_only": True,
            "bind": {"create_host_path": False},
        }


def _owner(user: str) -> str | None:
    """``uid:gid`` of a numeric user; the group is the user's number where none is given."""
    uid, _colon, gid = user.partition(":")
    if not uid.isdigit() or (gid and not gid.isdigit()):
        return None
    return f"{int(uid)}:{int(gid or uid)}"
