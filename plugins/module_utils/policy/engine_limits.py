# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values compose lets through and the engine does not take (rule PKG-020): said before anything is touched, not by the engine. What no
package may have is said before by the table of settings, and not once more here.

Where the limits come from: moby's ``daemon_unix.go`` and ``container.go`` (resources, health checks), ``runconfig/hostconfig.go``
(waits), runc's ``validator.go`` (rlimits), Linux' ``sethostname(2)``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..common.findings import Finding
from ..common.rules import finding
from ..common.spec import InstanceSpec, Limit, Privileges
from ..docker.model import Model, services
from .log_limits import judge_log
from .memory import size
from .network_limits import judge_networks
from .setting_values import is_address, numeric
from .sysctls import judge_sysctls
from .user_limits import judge_users
from .waits import judge_waits

Problem = tuple[str, str, str]

_LEAST_MEMORY = 6 << 20
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_TMPFS = frozenset((
    "async", "atime", "defaults", "dev", "diratime", "dirsync", "exec", "mand", "noatime", "nodev", "nodiratime", "noexec", "nomand",
    "norelatime", "nostrictatime", "nosuid", "nosymfollow", "private", "relatime", "remount", "ro", "rprivate", "rshared", "rslave",
    "runbindable", "rw", "shared", "slave", "strictatime", "suid", "sync", "unbindable",
))  # fmt: skip
_TMPFS_VALUES = re.compile(r"(?:size=\d+[kmgtKMGT%]?|(?:mode|uid|gid)=\d+|nr_(?:inodes|blocks)=\d+[kmgKMG]?|mpol=\S+)\Z")
_TMPFS_REMEDY = "Use size=64m, mode=1777, uid=, gid=, noexec and the like."
# signal(7).
_SIGNALS = frozenset((
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT",
    "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "UNUSED", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU",
    "XFSZ",
))  # fmt: skip
# Of a container in another one's network these belong to the other.
_THE_OTHERS = ("ports", "expose", "hostname", "dns", "dns_search", "dns_opt", "extra_hosts", "links")


def judge_limits(spec: InstanceSpec, model: Model) -> list[Finding]:
    """``model`` as compose resolved it, before anything was changed."""
    found = []
    for name, service in services(model).items():
        stated = spec.privileges.get(name)
        limited = spec.limits.get(name, Limit()).memory is not None
        for field, message, remedy in (
            *_memory(service, limited),
            *_processors(service),
            *_ulimits(service),
            *_settings(service),
            *_network(service),
            *_places(service, stated or Privileges()),
            *judge_log(service),
            *judge_users(service, stated),
            *judge_sysctls(service),
        ):
            found.append(finding("PKG-020", f"{spec.id}: services.{name}.{field}", message, remedy))
    for name, limits in spec.limits.items():
        memory = size(limits.memory)
        if memory is not None and memory < _LEAST_MEMORY:
            message = f"{limits.memory} of memory are less than the 6 MiB the engine asks for"
            found.append(finding("INV-001", f"{spec.id}: limits.{name}.memory", message, "Raise it."))
    for name, volume in (model.get("volumes") or {}).items():
        if not (volume or {}).get("external") and len(f"avs-{spec.id}_{name}".encode()) > 255:
            found.append(finding("PKG-020", f"{spec.id}: volumes.{name}", "the name is too long for the engine", "Shorten it."))
        options = (volume or {}).get("driver_opts") or {}
        for option in _no_tmpfs(str(options.get("o") or "")) if options.get("type") == "tmpfs" else ():
            message = f"{option} is no option of a tmpfs"
            found.append(finding("PKG-020", f"{spec.id}: volumes.{name}.driver_opts", message, _TMPFS_REMEDY))
    return [*found, *judge_networks(spec, model), *judge_waits(spec.id, model)]


def _memory(service: Mapping[str, Any], limited: bool) -> Iterator[Problem]:
    """``limited``: by the operator, whose limit stands in place of the package's."""
    deploy = (service.get("deploy") or {}).get("resources") or {}
    limits, reserved = deploy.get("limits") or {}, deploy.get("reservations") or {}
    for field, value in (
        ("mem_limit", service.get("mem_limit")),
        ("mem_reservation", service.get("mem_reservation")),
        ("deploy.resources.limits.memory", limits.get("memory")),
        ("deploy.resources.reservations.memory", reserved.get("memory")),
    ):
        memory = size(value)
        overruled = limited and field.endswith(("mem_limit", "limits.memory"))
        if memory is not None and 0 < memory < _LEAST_MEMORY and not overruled:
            yield field, f"{value} bytes are less than the 6 MiB the engine asks for", "Raise it."


def _processors(service: Mapping[str, Any]) -> Iterator[Problem]:
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    cpus = numeric(service.get("cpus") or limits.get("cpus"))
    quota, period = numeric(service.get("cpu_quota")), numeric(service.get("cpu_period"))
    if cpus and (quota or period):
        yield "cpus", "stands beside cpu_quota or cpu_period; the engine takes one or the other", "Remove one of them."
    if cpus and cpus < 0.01:
        yield "cpus", f"{cpus:g} processors are fewer than 0.01", "Raise it."
    if quota and 0 < quota < 1000:
        yield "cpu_quota", f"{quota:g} is less than 1000 (1 ms)", "Raise it."
    if period and not 1000 <= period <= 1_000_000:
        yield "cpu_period", f"{period:g} is not within 1000 and 1000000 (1 ms to 1 s)", "Correct it."


def _ulimits(service: Mapping[str, Any]) -> Iterator[Problem]:
    for name, value in (service.get("ulimits") or {}).items():
        if name == "nofile" and numeric(value) == -1:
            yield f"ulimits.{name}", "Linux has no unlimited number of files", "Write a number."
        elif isinstance(value, Mapping):
            soft, hard = numeric(value.get("soft")), numeric(value.get("hard"))
            if name == "nofile" and hard == -1:
                yield f"ulimits.{name}", "Linux has no unlimited number of files", "Write a number."
            if soft is not None and hard is not None and hard >= 0 and (soft > hard or soft < 0):
                yield f"ulimits.{name}", f"the soft limit {soft:g} is above the hard one, {hard:g}", "Correct them."


def _settings(service: Mapping[str, Any]) -> Iterator[Problem]:
    check = service.get("healthcheck") or {}
    for field in ("interval", "timeout", "start_period", "start_interval"):
        seconds = duration(check.get(field))
        below = str(check.get(field) or "").startswith("-") and seconds
        if seconds is not None and (below or 0 < seconds < 0.001):
            yield f"healthcheck.{field}", f"{check[field]} is shorter than 1 ms", "Raise it."
    if check.get("test") in (["CMD"], ["CMD-SHELL"]):
        yield "healthcheck.test", "names no command, so the container would never be healthy", "Add the command, or write NONE."
    if len(str(service.get("hostname") or "").encode()) > 64:
        yield "hostname", "is longer than the 64 bytes Linux takes", "Shorten it."
    folder = str(service.get("working_dir") or "/")
    if not folder.startswith("/"):
        yield "working_dir", f"{folder} is no absolute path", "Write it from the container's root."
    if service.get("stop_signal") and not _is_signal(str(service["stop_signal"])):
        yield "stop_signal", f"{service['stop_signal']} is no signal", "Write a name like SIGTERM."


def _network(service: Mapping[str, Any]) -> Iterator[Problem]:
    mode = str(service.get("network_mode") or "")
    if mode.startswith("service:"):
        for field in _THE_OTHERS:
            if service.get(field):
                yield (
                    field,
                    f"belongs to {mode[8:]}, whose network this service shares; the engine refuses it here",
                    f"Move it to {mode[8:]}.",
                )
    hosts = service.get("extra_hosts") or ()
    lines = (
        [f"{name}={address}" for name, values in hosts.items() for address in _list(values)] if isinstance(hosts, Mapping) else _list(hosts)
    )
    for line in lines:
        _name, _sign, address = re.sub(r"[=:]", "=", str(line), count=1).partition("=")
        if address != "host-gateway" and not is_address(address.strip("[]")):
            yield "extra_hosts", f"{address or line} is no address", "Write an IP address, or host-gateway."


def _places(service: Mapping[str, Any], stated: Privileges) -> Iterator[Problem]:
    for text in (*_list(service.get("tmpfs")), *stated.tmpfs):
        for option in _no_tmpfs(str(text).partition(":")[2]):
            yield "tmpfs", f"{option} is no option of a tmpfs", _TMPFS_REMEDY


def _no_tmpfs(options: str) -> list[str]:
    return [option for option in options.split(",") if option and option not in _TMPFS and not _TMPFS_VALUES.match(option)]


def duration(text: Any) -> float | None:
    """Seconds of a duration as compose writes it (``1m30s``); ``None`` of what is none."""
    parts = _DURATION.findall(str(text or ""))
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else None


def _list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value or ())


def _is_signal(text: str) -> bool:
    name = text.upper().replace("SIG", "", 1) if text.upper().startswith("SIG") else text.upper()
    if name.isdigit():
        return 0 < int(name) < 65
    return name in _SIGNALS or re.fullmatch(r"RT(?:MIN|MAX)(?:[+-]\d{1,2})?", name) is not None
