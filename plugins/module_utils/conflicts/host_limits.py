# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings this host's kernel, devices, addresses or engine do not take (rules PKG-020, NET-002), though others may."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..docker.engine import Engine
from ..docker.model import Model, services
from ..docker.names import project
from ..policy.ports import Published
from .taken import Host, Wanted

_CORRECT = "Correct it."
# Each network of a container has its own of these, by interface.
_BY_INTERFACE = re.compile(r"net\.ipv[46]\.(?:conf|neigh)\.")
# From this release on the engine takes a subnet of IPv6 by itself.
_OWN_IPV6 = 27


def check(wanted: Wanted, host: Host, engine: Engine, volumes: Collection[str], proc: str = "/proc") -> list[Finding]:
    """``wanted`` as it is to run; ``volumes``: names of those there are."""
    instance, model = wanted.instance, wanted.model
    return [
        *(item for name, service in services(model).items() for item in _service(f"{instance}: services.{name}", service, proc)),
        *_addresses(instance, wanted.ports),
        *_subpaths(instance, model, volumes),
        *_of_the_engine(instance, model, engine, host.networks, proc),
    ]


def _service(place: str, service: Mapping[str, Any], proc: str) -> Iterator[Finding]:
    for name, value in (service.get("sysctls") or {}).items():
        problem = _sysctl(str(name), str(value), proc)
        if problem:
            yield finding("PKG-020", f"{place}.sysctls", problem, _CORRECT)
    limit = (service.get("ulimits") or {}).get("nofile")
    asked = limit.get("hard") if isinstance(limit, Mapping) else limit
    most = _read(f"{proc}/sys/fs/nr_open")
    if most.isdigit() and re.fullmatch("[0-9]{1,20}", str(asked)) and int(str(asked)) > int(most):
        message = f"{asked} files are more than this host's kernel takes, {most}"
        yield finding("PKG-020", f"{place}.ulimits.nofile", message, "Lower it, or raise fs.nr_open on the host (sysctl).")
    for field, entries in (service.get("blkio_config") or {}).items():
        for entry in entries if isinstance(entries, list) else ():
            if not _is_disk(str(entry.get("path") or "")):
                message = f"{entry.get('path')} is no disk of this host"
                yield finding("PKG-020", f"{place}.blkio_config.{field}", message, "Name one that is there, or remove it.")


def _sysctl(name: str, value: str, proc: str) -> str:
    """The host has the same settings as a container, each with a value of its own."""
    path = f"{proc}/sys/{name.replace('.', '/')}"
    if _BY_INTERFACE.match(name):
        return ""
    if not os.path.lexists(path):
        return f"this host's kernel has no setting {name}"
    now = _read(path)
    if now and _numbers(now) and value.strip() and not _numbers(value):
        return f"{name} takes numbers, not {value[:80]!r}"
    return ""


def _numbers(text: str) -> bool:
    return all(re.fullmatch(r"[+-]?(?:0[xX][0-9A-Fa-f]+|[0-9]+)", part) for part in text.split())


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as handle:
            return handle.read().strip()
    except OSError:
        return ""


def _is_disk(path: str) -> bool:
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


def _addresses(instance: str, ports: Iterable[Published]) -> Iterator[Finding]:
    for port in ports:
        if port.address and not _may_listen(port.address):
            message = f"port {port.port} is to be published on {port.address}, which no interface of this host has"
            yield finding("NET-002", f"{instance}: ports", message, "Publish it on an address of the host (`ip address` lists them).")


def _may_listen(address: str) -> bool:
    try:
        family, kind, _protocol, _name, where = socket.getaddrinfo(address, 0, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        with socket.socket(family, kind) as asked:
            asked.bind(where)
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def _subpaths(instance: str, model: Model, volumes: Collection[str]) -> Iterator[Finding]:
    """A folder in a volume is there once somebody who has the whole volume made it."""
    uses = [(name, mount) for name, service in services(model).items() for mount in service.get("volumes") or ()]
    volumed = [(name, mount, (mount.get("volume") or {}).get("subpath")) for name, mount in uses if mount.get("type") == "volume"]
    whole = {mount.get("source") for _name, mount, inner in volumed if not inner}
    for name, mount, inner in volumed:
        called = ((model.get("volumes") or {}).get(mount.get("source")) or {}).get("name") or f"{project(instance)}_{mount.get('source')}"
        if inner and mount.get("source") not in whole and called not in volumes:
            message = f"mounts the folder {inner} of the volume {mount.get('source')}, which is new, and nobody makes it there"
            remedy = "Leave subpath out, or have a service that starts before make the folder."
            yield finding("PKG-020", f"{instance}: services.{name}.volumes", message, remedy)


def _of_the_engine(instance: str, model: Model, engine: Engine, networks: Collection[str], proc: str) -> Iterator[Finding]:
    """Asks the engine only where a package asks for what not every engine has."""
    sized = [name for name, service in services(model).items() if service.get("storage_opt")]
    sixth = [
        name
        for name, network in (model.get("networks") or {}).items()
        if not network.get("external") and network.get("enable_ipv6") and network.get("name") not in networks and not _has_ipv6(network)
    ]
    if not sized and not sixth:
        return
    known = json.loads(engine.ask(["info", "--format", "{{json .}}"]) or "{}")
    if not _has_quota(known, proc):
        for name in sized:
            message = "bounds the container's file system, which takes an engine on XFS with pquota"
            yield finding("PKG-020", f"{instance}: services.{name}.storage_opt", message, "Remove it, or mount the engine's data so.")
    pools = [str(pool.get("Base") or "") for pool in known.get("DefaultAddressPools") or ()]
    release = engine.versions()[0].partition(".")[0]
    if release.isdigit() and int(release) < _OWN_IPV6 and not any(":" in pool for pool in pools):
        for name in sixth:
            message = "asks for IPv6 and names no subnet; this engine takes none by itself"
            remedy = "Name a subnet under ipam, or give the engine a pool of IPv6 (default-address-pools in docker_daemon_options)."
            yield finding("PKG-020", f"{instance}: networks.{name}.enable_ipv6", message, remedy)


def _has_ipv6(network: Mapping[str, Any]) -> bool:
    return any(":" in str((config or {}).get("subnet") or "") for config in (network.get("ipam") or {}).get("config") or ())


def _has_quota(known: Mapping[str, Any], proc: str) -> bool:
    """Whether an engine can bound a container's file system; of storage drivers other than overlay2 that is not known here."""
    if known.get("Driver") != "overlay2":
        return True
    backing = dict(item for item in known.get("DriverStatus") or () if len(item) == 2).get("Backing Filesystem")
    mounts = [line.split() for line in _read(f"{proc}/self/mountinfo").splitlines()]
    root = os.path.realpath(str(known.get("DockerRootDir") or "/"))
    around = [line for line in mounts if len(line) > 9 and (root == line[4] or root.startswith(line[4].rstrip("/") + "/"))]
    options = max(around, key=lambda line: len(line[4]))[-1] if around else "pquota"
    return backing in (None, "xfs") and re.search(r"(?:^|,)(?:pquota|prjquota)(?:,|$)", options) is not None
