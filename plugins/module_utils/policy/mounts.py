# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where bind mounts may come from, and where they come from once installed (rule PKG-019)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..common.findings import ERROR, INFO, Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec, Privileges
from ..docker.model import Model, services, with_services
from .exceptions import granted, grants
from .unnamed_volumes import unnamed

HARMLESS = frozenset(("/etc/localtime", "/etc/timezone"))
# What keeps an empty folder in git, and nothing else: programs that insist on an empty folder of their own must find one.
PLACEHOLDERS = frozenset((".gitkeep", ".keep", ".gitignore"))
_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock", "/run/containerd", "/var/run/containerd", "/run/podman", "/var/run/podman")
# What belongs to the host itself; to mount one of these, something below or something above is to hold the host.
_HOST = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys", "/usr", "/var/run",
         "/var/lib/docker", "/var/lib/containerd", "/var/lib/avs", "/var/spool/cron")  # fmt: skip

# Endings of files; what else stands behind a dot may be a version, or part of a folder's name.
_FILE_NAME = re.compile(
    r"(?:\.(?:bin|cer|cfg|cnf|conf|config|crt|csv|db|dat|env|gz|hcl|html?|ini|ipc|jar|js|json5?|jsonl|jwt|key|keystore|list|lock|log|lua|md|p12|"
    r"pass|password|pem|pid|point|properties|proto|pub|py|rb|rules|secret|service|sh|so|sock|sql|sqlite3?|srs|ssz|tar|template|tgz|tmpl|toml|"
    r"txt|wasm|xml|ya?ml|zip|zst)|^\.(?:env.*|[a-z]+rc|gitconfig|htpasswd|netrc|pgpass|profile))\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Layout:
    """Paths on the host. ``scratch`` is where compose resolved the package's tree, ``folder`` the compose folder below it
    (``.`` for the root); ``files`` and ``folders`` are the tree's relative paths; ``written`` the compose files as their author wrote
    them: compose drops the slash that says of a path that it is a folder."""

    scratch: str
    folder: str
    tree: str
    data: str
    keys: str
    configs: str
    files: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()
    written: str = ""

    def relative(self, path: str) -> str | None:
        """The path below the tree's root, ``None`` outside of it."""
        return below(path, self.scratch)

    def in_data(self, relative: str) -> str:
        """The name below ``data/`` of a path relative to the tree: as seen from the compose folder, where that is possible."""
        inner = below(posixpath.join("/", relative), posixpath.normpath(posixpath.join("/", self.folder)))
        return inner if inner is not None else posixpath.join("_package", relative)

    def from_data(self, name: str) -> str | None:
        """The path relative to the tree whose name below ``data/`` this is; ``None`` where there is none."""
        outer = below(name, "_package")
        relative = outer if outer is not None else posixpath.normpath(posixpath.join(self.folder, name))
        return relative if self.in_data(relative) == posixpath.normpath(name) else None

    def holds(self, relative: str) -> bool:
        """Whether a folder of the tree holds more than files that only keep it in git."""
        return any(below(path, relative) is not None and posixpath.basename(path) not in PLACEHOLDERS for path in self.files)


@dataclass(frozen=True)
class Mounted:
    """``model`` with all binds in their final form. ``folders``: names below ``data/`` to be made if missing -> owner or None;
    ``content``: service -> relative paths of the tree it mounts; ``configs``: service -> generated configs it mounts;
    ``outside``: service -> host paths that must exist; ``first``: names of declared folders below ``data/`` -> the folder of the tree
    whose files they begin with."""

    model: Model
    findings: list[Finding] = field(default_factory=list)
    folders: dict[str, str | None] = field(default_factory=dict)
    content: dict[str, list[str]] = field(default_factory=dict)
    configs: dict[str, list[str]] = field(default_factory=dict)
    outside: dict[str, list[str]] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)


def below(path: str, root: str) -> str | None:
    """``path`` relative to ``root`` (``.`` for the root itself), ``None`` if it is elsewhere."""
    path, root = posixpath.normpath(path), posixpath.normpath(root)
    if path == root:
        return "."
    prefix = root if root.endswith("/") else root + "/"
    return path[len(prefix) :] if path.startswith(prefix) else None


def folders_of(known: Iterable[str]) -> frozenset[str]:
    """The folders that relative paths of files lie in, the root (``.``) included."""
    return frozenset({".", *(path.rsplit("/", count)[0] for path in known for count in range(1, path.count("/") + 1))})


def host_grant(path: str) -> str | None:
    """The exception a mount of this host path needs: ``docker_sock``, ``host_root`` or none."""
    path = posixpath.normpath(path)
    if path in HARMLESS:
        return None
    if any(below(path, socket) is not None for socket in _SOCKETS):
        return "docker_sock"
    if any(below(path, place) is not None or below(place, path) is not None for place in _HOST):
        return "host_root"
    return None


def place_mounts(spec: InstanceSpec, model: Model, layout: Layout) -> Mounted:
    """Every bind in long form with ``create_host_path: false``; sources in the package become those of the installed tree.

    A relative source that is not in the tree, or is declared under ``directories`` or ``artifacts``, lives in ``data/``; of a declared
    folder that the package has files for, they are copied once.
    """
    result = Mounted(model)
    placer = _Placer(spec, layout, result)
    changed = {}
    for name, service in services(model).items():
        mounts = [placed for mount in service.get("volumes") or () for placed in placer.mount(name, service, mount)]
        changed[name] = {**service, "volumes": mounts}
        if not changed[name]["volumes"]:
            changed[name].pop("volumes")
    placer.nested(changed)
    changed_model = with_services(model, changed)
    for section in ("configs", "secrets"):
        entries = {name: placer.file(section, name, entry) for name, entry in (model.get(section) or {}).items()}
        if entries:
            changed_model[section] = entries
            for name, service in changed.items():
                placer.uses(name, section, service, model.get(section) or {})
    for name, volume in (model.get("volumes") or {}).items():
        placer.volume(name, volume or {})
    return Mounted(changed_model, result.findings, result.folders, result.content, result.configs, result.outside, result.first)


def is_folder(source: str, target: str, written: str) -> bool:
    """Whether a mount of something that is nowhere can only mean a folder: by a slash behind it in the compose files as they were
    ``written``, or by names that no file has. Of a name that starts with a dot nobody can tell."""
    names = (posixpath.basename(source), posixpath.basename(target))
    if any(re.search(rf"(?:^|[/\s\"':]){re.escape(name)}/+(?=[\s\"':,}}\]]|$)", written, re.MULTILINE) for name in names if name):
        return True
    if _FILE_NAME.search(names[0]) or _FILE_NAME.search(names[1]):
        return False
    # A folder that programs hide is mounted from one with a plain name; ./.secret on /.secret may be either.
    return "." not in names[1] or "." not in names[0] or names[1].endswith(".d")


class _Placer:
    def __init__(self, spec: InstanceSpec, layout: Layout, result: Mounted) -> None:
        self.instance, self.privileges, self.layout, self.result = spec.id, spec.privileges, layout, result
        self.grants = grants(spec.exceptions)
        self.directories = [posixpath.normpath(item.path) for item in spec.directories]
        self.artifacts = {posixpath.normpath(item.path) for item in spec.artifacts}
        self.configs = {posixpath.normpath(item.path) for item in spec.configs}
        self.env_files = {posixpath.normpath(posixpath.join(layout.folder, name)) for name in (*spec.compose.env_files, ".env")}
        self.declared = spec.paths
        self.refused: set[str] = set()

    def mount(self, service: str, config: Mapping[str, Any], mount: Mapping[str, Any]) -> list[dict[str, Any]]:
        place = f"{self.instance}: services.{service}.volumes"
        if mount.get("type") != "bind":
            if mount.get("type") not in ("volume", "tmpfs"):
                self._refuse(place, f"{mount.get('type')} is not a kind of mount known to be safe", "Use a volume or a bind mount.")
            if mount.get("type") == "volume" and not mount.get("source"):
                self.result.findings.append(unnamed(place, service, str(mount.get("target"))))
            return [dict(mount)]
        target = str(mount.get("target"))
        source = str(mount.get("source"))
        label = f"{posixpath.basename(source)} -> {target}"
        if below(source, self.layout.keys) is not None:
            return [_bind(mount, source, read_only=True)]
        relative = self.layout.relative(source)
        if relative is None:
            self._outside(service, place, source, target)
            return [_bind(mount, posixpath.normpath(source))]
        if relative in self.env_files:
            self._refuse(
                place,
                f"{label} mounts the environment file itself, which does not hold what options set",
                "Pass the variables with environment or env_file.",
            )
            return []
        name = self.layout.in_data(relative)
        if name in self.configs:
            return [self._config(service, mount, name, target)]
        if name in self.artifacts:
            return [_bind(mount, posixpath.join(self.layout.data, name), read_only=True)]
        in_tree = relative in self.layout.files or relative in self.layout.folders
        if in_tree and not self._in_directories(name):
            self.result.content.setdefault(service, []).append(relative)
            if not mount.get("read_only"):
                message = f"{label} is part of the package and mounted read-only, though the package does not say so"
                remedy = "Write :ro behind it, or declare it under directories in runtime.yml if the service writes there."
                self.result.findings.append(finding("PKG-019", place, message, remedy, severity=INFO))
            bind = _bind(mount, posixpath.join(self.layout.tree, relative), read_only=True)
            inner = [(config, below(config, name)) for config in sorted(self.configs)]
            return [bind, *(self._config(service, mount, config, posixpath.join(target, path)) for config, path in inner if path)]
        if in_tree:
            self._begins_with(place, name)
        elif not self._in_directories(name):
            self._undeclared(service, name, mount, config)
        return [_bind(mount, posixpath.join(self.layout.data, name))]

    def nested(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        """A folder below one a service can write may be a link to anywhere by the time the engine mounts it again.

        Of a part of the host that is refused anyway this need not be said too.
        """
        binds = [
            (service, str(mount["source"]), bool(mount.get("read_only")))
            for service, config in known.items()
            for mount in config.get("volumes") or ()
            if mount.get("type") == "bind" and mount["source"] not in self.refused
        ]
        for writer, outer, read_only in binds:
            for service, inner, _read_only in binds:
                if not read_only and inner != outer and below(inner, outer) is not None:
                    self._refuse(
                        f"{self.instance}: services.{service}.volumes",
                        f"{inner} lies in {outer}, which {writer} can write: a link in its place would lead out of it",
                        "Mount the outer folder in both services, or folders beside each other.",
                    )

    def file(self, section: str, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        """A config or secret of compose that comes from a file."""
        place = f"{self.instance}: {section}.{name}"
        if entry.get("environment"):
            self._refuse(
                f"{place}.environment", "is filled from the environment, which is empty when services start", "Use file or content."
            )
        source = entry.get("file")
        if not source or below(source, self.layout.keys) is not None:
            return dict(entry)
        relative = self.layout.relative(source)
        if relative is None or relative not in self.layout.files:
            self._refuse(f"{place}.file", f"{posixpath.basename(source)} is not a file of the package", None)
            return dict(entry)
        if relative in self.env_files:
            self._refuse(
                f"{place}.file",
                "is the environment file itself, which does not hold what options set",
                "Pass the variables with environment or env_file.",
            )
        return {**entry, "file": posixpath.join(self.layout.tree, relative)}

    def uses(self, service: str, section: str, config: Mapping[str, Any], entries: Mapping[str, Any]) -> None:
        for use in config.get(section) or ():
            source = (entries.get(use.get("source")) or {}).get("file")
            relative = self.layout.relative(source) if source else None
            if relative is not None:
                self.result.content.setdefault(service, []).append(relative)

    def volume(self, name: str, volume: Mapping[str, Any]) -> None:
        """Plain local volumes of the instance's own, or memory. What else ``driver_opts`` can mount is the host."""
        place = f"{self.instance}: volumes.{name}"
        options = volume.get("driver_opts") or {}
        driver = volume.get("driver") or "local"
        if volume.get("external"):
            remedy = "Use a volume of the package's own, or a bind mount an option points at."
            self._refuse(f"{place}.external", "is a volume of somebody else", remedy)
        if driver != "local":
            self._refuse(f"{place}.driver", f"{driver} is a plugin of the engine", "Use the driver local.")
        elif options and not (options.get("type") == "tmpfs" and options.get("device") in (None, "tmpfs")):
            self._refuse(
                f"{place}.driver_opts",
                f"mounts {options.get('device') or 'something'} behind the name of a volume",
                "Use a bind mount, so that it can be judged.",
            )

    def _in_directories(self, name: str) -> bool:
        return any(below(name, folder) is not None for folder in self.directories)

    def _begins_with(self, place: str, name: str) -> None:
        """A declared folder the package has files for: they are what it holds at first, and the node's from then on."""
        outermost = min((folder for folder in self.directories if below(name, folder) is not None), key=len)
        relative = self.layout.from_data(outermost)
        if relative in (None, ".") or outermost == "." or not self.layout.holds(str(relative)):
            return
        self.result.first[outermost] = str(relative)
        message = (
            f"{outermost} is declared under directories and has files of the package: they are copied where the folder is not there yet"
        )
        remedy = "Nothing, if the service writes there; what a later version of the package changes in it does not reach the node."
        self.result.findings.append(finding("PKG-019", place, message, remedy, severity=INFO))

    def _outside(self, service: str, place: str, source: str, target: str) -> None:
        source = posixpath.normpath(source)
        grant = host_grant(source)
        if grant is not None:
            what = "the engine's socket" if grant == "docker_sock" else "a part of the host itself"
            verdict = granted(place, grant, f"{source} -> {target} mounts {what}", self.grants.get(service, {}))
            self.result.findings.append(verdict)
            if verdict.severity == ERROR:
                self.refused.add(source)
        elif source not in HARMLESS and not any(below(source, value) is not None for value in self.declared):
            remedy = (
                "Use a path below the package or a volume, or set an option of type path_dir or path_file to it in avs_instances[].options."
            )
            self._refuse(place, f"{source} -> {target} leaves the package, and the inventory sets no option to it", remedy)
            return
        self.result.outside.setdefault(service, []).append(source)

    def _config(self, service: str, mount: Mapping[str, Any], name: str, target: str) -> dict[str, Any]:
        self.result.configs.setdefault(service, []).append(name)
        return _bind({**mount, "target": target}, posixpath.join(self.layout.configs, name), read_only=True)

    def _undeclared(self, service: str, name: str, mount: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """A relative source that nothing provides. Compose would make a folder of it, whatever it was meant to be."""
        source, target = str(mount["source"]), str(mount["target"])
        label = f"{posixpath.basename(source)} -> {target}"
        place = f"{self.instance}: services.{service}.volumes"
        if not is_folder(source, target, self.layout.written):
            self._refuse(
                place,
                f"{label} is neither in the package nor among its artifacts, and may be a file or a folder",
                "A file: add it to the package, or declare it under artifacts in runtime.yml. A folder: declare it under directories.",
            )
            return
        user = str(self.privileges.get(service, Privileges()).user or config.get("user") or "")
        parts = user.split(":")
        owner = user if user and all(part.isdigit() for part in parts) else None
        self.result.folders[name] = owner
        message = f"{label} is neither in the package nor declared; an empty folder is made for it in data/"
        self.result.findings.append(finding("PKG-019", place, message, "Declare it under directories in runtime.yml.", severity=INFO))

    def _refuse(self, place: str, message: str, remedy: str | None) -> None:
        self.result.findings.append(finding("PKG-019", place, message, remedy))


def _bind(mount: Mapping[str, Any], source: str, read_only: bool = False) -> dict[str, Any]:
    options: dict[str, Any] = {"create_host_path": False}
    selinux = (mount.get("bind") or {}).get("selinux")
    if selinux:
        options["selinux"] = selinux
    bind = {"type": "bind", "source": source, "target": mount["target"], "bind": options}
    if read_only or mount.get("read_only"):
        bind["read_only"] = True
    return bind
