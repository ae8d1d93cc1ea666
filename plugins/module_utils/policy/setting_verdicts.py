# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings whose values want more than a pattern: namespaces, labels, logs, names on networks of the operator. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .memory import size
from .setting_values import About, Allowed, Problem, numeric, pairs, shown

# Namespaces of labels that are not the package's: ours, Compose's and the engine's own.
_RESERVED = ("avs.", "com.docker.", "io.docker.", "org.dockerproject.", "desktop.docker.io/")
# Agents an operator may run, which take orders from any container's labels: proxies that publish it, schedulers and backups that run
# commands in it or on the host, updaters, restarters, collectors that take their own configuration from it.
_AGENTS = re.compile(
    r"(?:traefik|ofelia|chadburn|swarm\.cronjob|docker-volume-backup|restic-compose-backup|deunhealth|sablier|lazytainer|dockflare|tsdproxy"
    r"|cloudflare\.tunnel|com\.github\.nginx-proxy|com\.github\.jrcs|com\.ouroboros|wud|dockcheck|mag37\.dockcheck|shepherd|io\.portainer"
    r"|co\.elastic|com\.datadoghq|kuma|crowdsec|deck-chores|ai\.ix|net\.reddec|bunkerweb)[./].*|(?:caddy|swag|autoheal)(?:[._-].*)?"
)
# The rule of what is told, and refused by nobody.
NOTE = "PRIV-006"
# Labels that describe, and names without a space of names that is not one of the above.
_DESCRIBING = re.compile(r"org\.(?:opencontainers|label-schema)\..*|[^./]*")
# Variables by which a container tells a proxy of the operator to publish it.
_ORDERS = ("VIRTUAL_HOST", "VIRTUAL_HOST_MULTIPORTS")
_SWITCHES = ("enable", "enabled", "autoheal")
_WATCHTOWER = "com.centurylinklabs.watchtower."
_HARMLESS_OPTIONS = ("no-new-privileges", "no-new-privileges:true", "apparmor:docker-default")
# Log drivers that write to the engine's own folder, bounded, and nowhere else.
_LOG_OPTIONS = {
    "none": frozenset[str](),
    "json-file": frozenset(["max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"]),
    "local": frozenset(["max-size", "max-file", "compress", "mode", "max-buffer-size"]),
}  # fmt: skip
# Bytes; the buffer is the engine's memory, which no limit of the container counts.
_LOG_BUFFER = 16 * 1024**2
_ULIMITS = frozenset(["as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime",
                      "sigpending", "stack"])  # fmt: skip
# With these a process takes the processor from everybody else, whatever the container's own share is.
_PRIORITIES = ("nice", "rtprio")
_KERNEL = frozenset(["kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
                     "kernel.shm_rmid_forced"])  # fmt: skip
_TMPFS = re.compile(
    r"(?:size|mode|uid|gid|nr_inodes)=[0-9]+(?:\.[0-9]+)?[kmgtKMGT%]?|r[ow]|(?:no)?(?:exec|suid|dev|atime|diratime)|relatime|"
)
_BRIDGE = "com.docker.network.bridge."
_NETWORK_OPTIONS = frozenset([
    "com.docker.network.driver.mtu",
    "com.docker.network.container_iface_prefix",
    f"{_BRIDGE}enable_icc",
    f"{_BRIDGE}enable_ip_masquerade",
    f"{_BRIDGE}inhibit_ipv4",
])  # fmt: skip
_GATEWAY_MODES = (f"{_BRIDGE}gateway_mode_ipv4", f"{_BRIDGE}gateway_mode_ipv6")
_CLOSED_MODES = ("nat", "isolated")


def _namespace(field: str, grant: str | None, own: Collection[str]) -> Allowed:
    def judge(value: Any, _about: About) -> Iterator[Problem]:
        text = str(value or "")
        if text == "host":
            yield Problem(f"asks for the host's {field.partition('_')[0]} namespace", grant)
        elif text.startswith("container:"):
            yield Problem("joins a container of somebody else")
        elif text not in ("", *own) and not (grant and re.fullmatch(r"service:[A-Za-z0-9_][A-Za-z0-9._-]*", text)):
            message = (
                f"joins the network {text} of somebody else" if field == "network_mode" else f"{shown(text)} is not a namespace of its own"
            )
            yield Problem(message)

    words = [f"`{word}`" for word in own] + ["`service:<name>`"] * bool(grant)
    told = ", ".join(words) or "none"
    return Allowed(f"{told}; `host` by the exception `{grant}`" if grant else told, judge, whole=True)


def _privileged(value: Any, _about: About) -> Iterator[Problem]:
    if str(value).lower() in ("true", "yes", "on", "y", "1"):
        yield Problem("asks for privileged mode", "privileged")


def _hook(value: Any, _about: About) -> Iterator[Problem]:
    if any(isinstance(step, Mapping) and step.get("privileged") for step in value or ()):
        yield Problem("runs a privileged command")


def _security_opt(value: Any, _about: About) -> Iterator[Problem]:
    # A seccomp profile, a label or a switch of the package's choice is as good as none.
    for option in value or ():
        if str(option).replace("=", ":", 1) not in _HARMLESS_OPTIONS:
            yield Problem(f"may switch a protection off ({option})")


def _volumes_from(value: Any, _about: About) -> Iterator[Problem]:
    for origin in value or ():
        if str(origin).startswith("container:"):
            yield Problem("mounts what belongs to a container of somebody else")
        elif not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?::r[ow])?", str(origin)):
            yield Problem(f"{shown(origin)} is not a service")


def _labels(value: Any, _about: About) -> Iterator[Problem]:
    for name in pairs(value):
        if name.lower().startswith(_RESERVED):
            yield Problem(f"the label {shown(name)} is not the package's to set")
    yield from label_orders(pairs(value))


def label_orders(labels: Mapping[str, Any]) -> Iterator[Problem]:
    """Labels that a program of the operator would act on; an image's count as well, all of its containers get them."""
    for name, text in labels.items():
        low = name.lower()
        if low.startswith(_WATCHTOWER):
            if str(text).lower() not in ("false", "none") or low.removeprefix(_WATCHTOWER) != "enable":
                yield Problem(f"the label {shown(name)} lets an updater replace the container", rule="UPG-001")
        elif _AGENTS.fullmatch(low) and not (str(text).lower() == "false" and low.split(".")[-1] in _SWITCHES):
            yield Problem(f"the label {shown(name)} is an order to a program of the operator that reads labels")
        elif not _AGENTS.fullmatch(low) and not low.startswith(_RESERVED) and not _DESCRIBING.fullmatch(low):
            message = f"the label {shown(name)} is for a program that reads labels; whichever of this host knows it will act on it"
            yield Problem(message, rule=NOTE, remedy="Make sure none does, or have the package's authors remove it.")


def _environment(value: Any, _about: About) -> Iterator[Problem]:
    for name in pairs(value):
        if name in _ORDERS:
            message = f"the variable {name} has a proxy that reads it (nginx-proxy) publish the container"
            yield Problem(message, rule=NOTE, remedy="Make sure none on this host does, or have the package's authors rename it.")


def _annotations(value: Any, _about: About) -> Iterator[Problem]:
    for name in pairs(value):
        if not re.fullmatch(r"org\.opencontainers\.image\.[a-z0-9.]+", name):
            yield Problem(f"the annotation {shown(name)} is an order to the runtime, which is root on the host")


def _logging(value: Any, _about: About) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        return
    driver = str(value.get("driver") or "json-file")
    if driver not in _LOG_OPTIONS:
        yield Problem(f"the log driver {shown(driver)} hands the log to another program", remedy="Use json-file, local or none.")
        return
    for name, text in pairs(value.get("options")).items():
        if name not in _LOG_OPTIONS[driver]:
            yield Problem(f"{shown(name)} is not an option known to be safe of the log driver {driver}")
        elif name == "max-buffer-size" and (size(text) or _LOG_BUFFER + 1) > _LOG_BUFFER:
            yield Problem(f"a log buffer of {shown(text)} is the engine's memory; at most 16m is allowed", remedy="Set at most 16m.")
    for name in value:
        if name not in ("driver", "options") and not str(name).startswith("x-"):
            yield Problem(f"{shown(name)} is not a setting known to be safe")


def _sysctls(value: Any, _about: About) -> Iterator[Problem]:
    for name in pairs(value):
        if name not in _KERNEL and not re.fullmatch(r"(?:net|fs\.mqueue)(?:\.[A-Za-z0-9_-]+)+", name):
            yield Problem(f"{shown(name)} is a setting of the kernel the container does not have alone")


def _ulimits(value: Any, _about: About) -> Iterator[Problem]:
    for name, limit in pairs(value).items():
        bounds = list(limit.values()) if isinstance(limit, Mapping) else [limit]
        if name not in _ULIMITS or any(numeric(bound) is None for bound in bounds):
            yield Problem(f"{shown(name)} is not a limit known to be safe")
        elif name in _PRIORITIES and any(numeric(bound) for bound in bounds):
            yield Problem(f"{name} lets a process take the processor from everybody else")


def _links(value: Any, about: About) -> Iterator[Problem]:
    for link in value if isinstance(value, (list, tuple)) else [value]:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?", str(link)):
            yield Problem(f"{shown(link)} is not a link to a service")
        elif about.owner.get("network_mode") == "bridge":
            yield Problem(f"the link {shown(link)} on the engine's default network copies the other service's environment, its secrets too")


def _on_shared(what: str) -> Allowed:
    """Settings of a service on one of its networks that are its own business only where the network is, too."""

    def judge(value: Any, about: About) -> Iterator[Problem]:
        if value and about.name in about.shared():
            told = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            yield Problem(f"takes the {what} {told} on the network {about.name}, which is not the package's")

    return Allowed("any on a network of the package's own; none on one of the operator's", judge, whole=True)


def _network(value: Any, about: About) -> Iterator[Problem]:
    if isinstance(value, Mapping) and value.get("external"):
        called = str(value.get("name") or about.name)
        if called.startswith("avs-") or called in ("host", "bridge", "none"):
            yield Problem(f"joins the network {called}, which is not the package's")
        else:
            message = f"joins the network {called} of the operator: whoever is on it can be reached, a remote signer too"
            yield Problem(message, rule="NET-003", remedy="Make sure that is wanted; what is on it must not trust everybody on it.")


def _driver(value: Any, about: About) -> Iterator[Problem]:
    if not about.owner.get("external") and (value or "bridge") != "bridge":
        yield Problem(f"{value} goes past the host's published ports")


def _network_options(value: Any, about: About) -> Iterator[Problem]:
    if about.owner.get("external") or (about.owner.get("driver") or "bridge") != "bridge":
        return
    for option, given in sorted(pairs(value).items()):
        if option not in _NETWORK_OPTIONS and not (option in _GATEWAY_MODES and given in _CLOSED_MODES):
            yield Problem(f"{option}: {given} is not a setting known to stay inside the network")


def _ipam_driver(value: Any, about: About) -> Iterator[Problem]:
    if not about.owner.get("external") and (value or "default") != "default":
        yield Problem(f"{value} is a plugin of the engine")


def _volume_options(value: Any, _about: About) -> Iterator[Problem]:
    # Whether anything but memory is mounted at all is judged with the mounts; here, how.
    given = pairs(value)
    if given.get("type") != "tmpfs" or given.get("device") not in (None, "tmpfs"):
        return
    for option in str(given.get("o") or "").split(","):
        if not _TMPFS.fullmatch(option.strip()):
            yield Problem(f"the mount option {shown(option)} is not one of memory alone")


def _storage(value: Any, _about: About) -> Iterator[Problem]:
    for name, text in pairs(value).items():
        if name != "size" or size(text) is None:
            yield Problem(f"{shown(name)} is not an option known to be safe")


def _relabel(value: Any, _about: About) -> Iterator[Problem]:
    mount = value if isinstance(value, Mapping) else {}
    selinux = (mount.get("bind") or {}).get("selinux") if isinstance(mount.get("bind"), Mapping) else None
    if selinux and str(mount.get("source")) in ("/etc/localtime", "/etc/timezone"):
        yield Problem(f"gives the host's {mount['source']} a label of the container")


PID = _namespace("pid", "pid_host", ())
IPC = _namespace("ipc", "ipc_host", ("none", "private", "shareable"))
NETWORK_MODE = _namespace("network_mode", "network_host", ("none", "bridge"))
# The engine has no word for a namespace of one's own where that is all there is.
OWN_NAMESPACE = {
    "uts": _namespace("uts", None, ()),
    **{field: _namespace(field, None, ("private",)) for field in ("userns_mode", "cgroup")},
}
PRIVILEGED = Allowed("false; true by the exception `privileged`", _privileged, whole=True)
HOOK = Allowed("commands that are not privileged", _hook)
SECURITY_OPT = Allowed(", ".join(f"`{option}`" for option in _HARMLESS_OPTIONS), _security_opt, whole=True)
VOLUMES_FROM = Allowed("services of the package", _volumes_from, whole=True)
LABELS = Allowed("any but those of `avs.`, of the engine (`com.docker.`) and of programs that act on labels, like traefik, ofelia, watchtower;"
                 " a warning (PRIV-006) where a label neither describes nor is a plain word", _labels, whole=True)  # fmt: skip
ENVIRONMENT = Allowed(
    "any; a warning (PRIV-006) for those by which a proxy is told to publish a container (`VIRTUAL_HOST`)", _environment, whole=True
)
ANNOTATIONS = Allowed("`org.opencontainers.image.*`", _annotations, whole=True)
LOGGING = Allowed("`json-file`, `local` or `none`, with options of that driver; a buffer of at most 16m", _logging, whole=True)
SYSCTLS = Allowed("`net.*`, `fs.mqueue.*` and those of System V IPC", _sysctls, whole=True)
ULIMITS = Allowed("those of Linux; `nice` and `rtprio` only 0", _ulimits, whole=True)
LINKS = Allowed("services of the package; none with `network_mode: bridge`", _links, whole=True)
ALIASES, FIXED_ADDRESS = _on_shared("name"), _on_shared("address")
NETWORK = Allowed(
    "of the package's own, or, with a warning (NET-003), one of the operator's that is no instance's and not the engine's", _network
)
NETWORK_DRIVER = Allowed("`bridge`", _driver, whole=True)
NETWORK_OPTIONS = Allowed("; ".join(f"`{name}`" for name in sorted(_NETWORK_OPTIONS)) + "; gateway modes `nat` and `isolated`",
                          _network_options, whole=True)  # fmt: skip
IPAM_DRIVER = Allowed("`default`", _ipam_driver, whole=True)
VOLUME_OPTIONS = Allowed("`type: tmpfs` with sizes, owners and modes in `o` (PKG-019)", _volume_options, whole=True)
STORAGE = Allowed("`size`", _storage, whole=True)
MOUNT = Allowed("see below", _relabel)
