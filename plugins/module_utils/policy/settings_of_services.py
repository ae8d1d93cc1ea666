# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the table of compose settings: services."""

from __future__ import annotations

from . import setting_values as v
from . import setting_verdicts as verdict
from .setting_values import Allowed
from .settings_table import Setting


def _s(path: str, allowed: Allowed, why: str, becomes: str = "") -> Setting:
    return Setting(f"services.*.{path}" if path else "services.*", allowed, why, becomes)


def _group(parent: str, allowed: Allowed, why: str, *names: str) -> list[Setting]:
    return [_s(f"{parent}.{name}", allowed, why) for name in names]


_OWN = "the container's own"
_OWN_SHARE = "a share of what the limits leave"
_RESOLVED = "read by compose, which sees the package alone; nothing of it is left"
_LIMIT = "the operator's limit wins; one there always is"
_SWARM = "of a swarm; compose ignores it"
_UNKNOWN = "is not a setting known to be safe"
_NONE = "left out"


def _no(path: str, why: str) -> Setting:
    return _s(path, v.never(f"{path} {_UNKNOWN}"), why)


SERVICES: tuple[Setting, ...] = (
    _s("", v.INNER, ""),
    _s("annotations", verdict.ANNOTATIONS, "others start and stop units of the host's systemd, or run hooks, as root"),
    _s("attach", v.BOOLEAN, "of compose in a terminal"),
    _s("blkio_config", v.INNER, ""),
    _s("blkio_config.weight", v.number(0, 500, "a weight of at most 500"), "500 is the usual weight; more takes time from neighbours"),
    *(_s(f"blkio_config.{name}", v.INNER, "") for name in
      ("weight_device", "device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")),
    _s("blkio_config.weight_device[].path", v.DEVICE_PATH, "a limit on a device gives no way to it"),
    _s("blkio_config.weight_device[].weight", v.number(0, 500, "a weight of at most 500"), "500 is the usual weight; more takes time from neighbours"),
    *(row for name in ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops") for row in (
        _s(f"blkio_config.{name}[].path", v.DEVICE_PATH, "a limit on a device gives no way to it; a disk of the host (PKG-020)"),
        _s(f"blkio_config.{name}[].rate", v.SIZE, "less than everything, for itself"))),
    _s("build", v.elsewhere("none (PKG-015)"), "what is built on the host was reviewed by nobody", _NONE),
    _s("cap_add", v.elsewhere("harmless ones; others by the exception `cap:<NAME>` (PRIV-002)"), "others reach the host's kernel, devices or network",
       "those of runtime.yml, where it names the service"),
    _s("cap_drop", v.ANY, "fewer rights", "`ALL`"),
    _s("cgroup", verdict.OWN_NAMESPACE["cgroup"], "the host's shows and, with rights, changes everybody's limits"),
    _no("cgroup_parent", "leaves the engine's limits, or takes a neighbour's"),
    _s("command", v.ANY, _OWN),
    _s("configs", v.INNER, "see `configs`"),
    _s("container_name", v.NAME, "part of a command line", "`avs-<id>-<service>`; the name becomes an alias"),
    _s("cpu_count", v.NATURAL, "of Windows"),
    _s("cpu_percent", v.NATURAL, "of Windows"),
    _s("cpu_period", v.DURATION, _OWN_SHARE),
    _s("cpu_quota", v.DURATION, _OWN_SHARE),
    _s("cpu_rt_period", v.number(0, 0, "0"), "real-time processes take the processor from everybody else"),
    _s("cpu_rt_runtime", v.number(0, 0, "0"), "real-time processes take the processor from everybody else"),
    _s("cpu_shares", v.number(0, 1024, "a share of at most 1024"), "1024 is the usual share; more takes time from neighbours"),
    _s("cpus", v.NATURAL, _OWN_SHARE, "the operator's limit wins"),
    _s("cpuset", v.matching(r"[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*|", "a list of processors"), _OWN_SHARE),
    _no("credential_spec", "of Windows"),
    _s("depends_on", v.INNER, ""),
    _s("depends_on.*", v.INNER, ""),
    _s("depends_on.*.condition", v.one_of("service_started", "service_healthy", "service_completed_successfully"), "an order of starting"),
    *_group("depends_on.*", v.BOOLEAN, "an order of starting", "required", "restart"),
    _s("deploy", v.INNER, "", "only what is not empty"),
    *_group("deploy", v.ANY, _SWARM, "mode", "endpoint_mode", "labels", "rollback_config", "update_config", "placement"),
    _s("deploy.replicas", v.elsewhere("1; 0 leaves the service out (PKG-018)"), "an instance runs one container a service", _NONE),
    _s("deploy.restart_policy", v.INNER, ""),
    *_group("deploy.restart_policy", v.ANY, "where it is set, it wins over `restart`; `max_attempts` with `on-failure` alone",
            "condition", "delay", "max_attempts", "window"),
    _s("deploy.resources", v.INNER, ""),
    _s("deploy.resources.limits", v.INNER, _LIMIT, "`cpus`, `mem_limit`, `pids_limit`"),
    _s("deploy.resources.limits.cpus", v.NATURAL, _LIMIT, "`cpus`"),
    _s("deploy.resources.limits.memory", v.SIZE_OR_NONE, _LIMIT, "`mem_limit`"),
    _s("deploy.resources.limits.pids", v.NUMBER, _LIMIT, "`pids_limit`"),
    _s("deploy.resources.reservations", v.INNER, ""),
    _s("deploy.resources.reservations.cpus", v.NATURAL, _SWARM),
    _s("deploy.resources.reservations.memory", v.SIZE_OR_NONE, "cut down to the limit"),
    _s("deploy.resources.reservations.pids", v.NUMBER, _SWARM),
    _s("deploy.resources.reservations.generic_resources", v.ANY, _SWARM),
    _s("deploy.resources.reservations.devices", v.never("asks for devices of the host"), "a device is a way to the host's kernel"),
    _s("develop", v.ANY, "of a developer's desk", _NONE),
    _no("device_cgroup_rules", "opens devices of the host"),
    _no("devices", "a device is a way to the host's kernel"),
    _s("dns", v.ADDRESS, _OWN),
    _s("dns_opt", v.TEXT, _OWN),
    _s("dns_search", v.TEXT, _OWN),
    _s("domainname", v.matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|", "a name"), _OWN),
    _s("entrypoint", v.ANY, _OWN),
    _s("env_file", v.elsewhere("files of the package"), "what lies outside is not the package's", _RESOLVED),
    _s("environment", verdict.ENVIRONMENT, _OWN, "secrets as KEY-003 and KEY-004 say"),
    _s("expose", v.PORT, "opens nothing by itself"),
    _s("extends", v.elsewhere("files of the package"), "what lies outside is not the package's", _RESOLVED),
    _s("external_links", v.never("reads the environment of a container of somebody else, secrets too"), "a link copies the other container's environment"),
    _s("extra_hosts", v.ANY, "names in the container's own file"),
    _no("gpus", "a device is a way to the host's kernel"),
    _s("group_add", v.TEXT, "groups inside of the container"),
    _s("healthcheck", v.INNER, "runs in the container"),
    _s("healthcheck.test", v.ANY, _OWN),
    _s("healthcheck.disable", v.BOOLEAN, _OWN),
    _s("healthcheck.retries", v.NATURAL, _OWN),
    *_group("healthcheck", v.DURATION, _OWN, "interval", "timeout", "start_period", "start_interval"),
    _s("hostname", v.matching(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|", "a name"), _OWN),
    _s("image", v.elsewhere("a name a registry knows, with a tag or digest (PKG-018, IMG-001); no image's id"),
       "an id is somebody else's image, and no name may be an option of a command", "the digest it had when it was installed"),
    _s("init", v.BOOLEAN, _OWN),
    _s("ipc", verdict.IPC, "the host's is every process's memory; a service that is joined says `shareable` (PKG-020)"),
    _no("isolation", "of Windows"),
    _s("label_file", v.elsewhere("files of the package"), "what lies outside is not the package's", _RESOLVED),
    _s("labels", verdict.LABELS, "labels are orders to programs of the operator", "with `avs.instance`, `avs.service`, `avs.spec`"),
    _s("links", verdict.LINKS, "on the engine's default network a link copies the other service's environment"),
    _s("logging", verdict.LOGGING, "others write into the host's log under any name, reach sockets, or leave the network", "sizes are bounded"),
    _s("mac_address", v.MAC, "on a network of the operator it takes somebody's place"),
    _s("mem_limit", v.SIZE_OR_NONE, _LIMIT),
    _s("mem_reservation", v.SIZE_OR_NONE, "cut down to the limit"),
    _s("mem_swappiness", v.number(-1, 100, "a number up to 100"), _OWN_SHARE),
    _s("memswap_limit", v.SIZE_OR_NONE, "how much of it is swap; the limit of memory stands", "raised to the limit of memory"),
    _no("models", "starts programs of the engine beside the containers"),
    _s("network_mode", verdict.NETWORK_MODE, "the host's network, or somebody else's, goes past published ports"),
    _s("networks", v.INNER, ""),
    _s("networks.*", v.INNER, ""),
    _s("networks.*.aliases", verdict.ALIASES, "a name on a network of the operator may be taken for somebody else's",
       "on others the vendor's container name is added"),
    *_group("networks.*", verdict.FIXED_ADDRESS, "on a network of the operator it takes somebody's place", "ipv4_address", "ipv6_address", "mac_address",
            "link_local_ips"),
    *_group("networks.*", v.NUMBER, _OWN, "priority", "gw_priority"),
    _s("networks.*.use_service_name_alias", v.BOOLEAN, "without one it takes no name"),
    _s("networks.*.interface_name", v.NAME, _OWN),
    _s("networks.*.driver_opts", v.never("an option of the network's driver is not known to be safe"), "nobody looked at them"),
    _s("oom_kill_disable", v.ANY, "a container without memory must end", _NONE),
    _s("oom_score_adj", v.NUMBER, "neighbours must not be ended first", "left out below 0"),
    _s("pid", verdict.PID, "the host's shows and, with rights, ends and reads every process"),
    _s("pids_limit", v.NUMBER, _LIMIT),
    _s("platform", v.matching(r"[A-Za-z0-9_]+(?:/[A-Za-z0-9_.]+){0,2}|", "a platform"), "see IMG-005"),
    _s("ports", v.INNER, "", "on the address that is declared; loopback otherwise (NET-001)"),
    _s("ports[].target", v.PORT, _OWN),
    _s("ports[].published", v.PORT, "free on the host, NET-002"),
    _s("ports[].protocol", v.one_of("tcp", "udp", "sctp"), _OWN),
    _s("ports[].mode", v.one_of("ingress", "host"), "of a swarm; both mean the same here"),
    _s("ports[].host_ip", v.TEXT, "see NET-001", "what is declared for the port"),
    *_group("ports[]", v.TEXT, "words for people", "name", "app_protocol"),
    _s("post_start", verdict.HOOK, "with no more rights than the container"),
    _no("pre_start", "nobody looked at it"),
    _s("pre_stop", verdict.HOOK, "with no more rights than the container"),
    *(row for hook in ("post_start", "pre_stop") for row in (
        *_group(f"{hook}[]", v.ANY, _OWN, "command", "user", "working_dir", "environment"),
        _s(f"{hook}[].privileged", v.ANY, f"see `{hook}`"))),
    _s("privileged", verdict.PRIVILEGED, "it is the host's root", "left out without the exception"),
    _s("profiles", v.NAME, "part of a command line", _RESOLVED),
    _no("provider", "starts a program on the host"),
    _s("pull_policy", v.elsewhere("`missing`, `if_not_present`, `never`, `build` (UPG-001)"), "others change the image behind the operator's back", _NONE),
    _s("pull_refresh_after", v.ANY, "never pulled at a start", _NONE),
    _s("read_only", v.BOOLEAN, "fewer rights"),
    _s("restart", v.matching(r"no|always|unless-stopped|on-failure(?::[0-9]{1,9})?|", "a restart policy"), _OWN, "`unless-stopped` for `always` and none"),
    _s("runtime", v.never("chooses the runtime, which may undo the host's sandbox", "none: the host's"), "the host's own may be a sandbox"),
    _s("scale", v.elsewhere("1; 0 leaves the service out (PKG-018)"), "an instance runs one container a service", _NONE),
    _s("secrets", v.INNER, "see `secrets`"),
    *(_s(f"{section}[].{name}", v.TEXT, _OWN) for section in ("configs", "secrets") for name in ("source", "target", "mode")),
    *(_s(f"{section}[].{name}", v.TEXT, "of a config with `content`, a number; a mounted file keeps its owner (PKG-020)") for section in ("configs", "secrets")
      for name in ("uid", "gid")),
    _s("security_opt", verdict.SECURITY_OPT, "others switch a protection off", "with `no-new-privileges:true`"),
    _s("shm_size", v.SIZE, "counts as the container's memory"),
    _s("stdin_open", v.BOOLEAN, _OWN),
    _s("stop_grace_period", v.DURATION, "a time to end in"),
    _s("stop_signal", v.matching(r"(?i:(?:SIG)?[A-Z0-9]{1,10})(?:[+-][0-9]{1,2})?|", "a signal"), _OWN),
    _s("storage_opt", verdict.STORAGE, "others are for the engine's storage itself; on overlay2 it takes XFS with pquota (PKG-020)"),
    _s("sysctls", verdict.SYSCTLS, "others are the host's"),
    _s("tmpfs", v.ANY, "memory of the container"),
    _s("tty", v.BOOLEAN, _OWN),
    _s("ulimits", verdict.ULIMITS, "with a priority a process takes the processor from everybody else"),
    _no("umask", "nobody looked at it"),
    _no("use_api_socket", "the engine's socket is the host's root"),
    _s("user", v.TEXT, "a user inside of the container", "that of runtime.yml, where it names one"),
    _s("userns_mode", verdict.OWN_NAMESPACE["userns_mode"], "the host's makes root in the container root of the host"),
    _s("uts", verdict.OWN_NAMESPACE["uts"], "the host's name is the host's"),
    _s("volumes", v.INNER, "", "long form, sources in the installed package or in `data/` (PKG-019)"),
    _s("volumes[]", verdict.MOUNT, "see PKG-019"),
    _s("volumes[].type", v.elsewhere("`bind`, `volume`, `tmpfs` (PKG-019)"), "others come from elsewhere"),
    _s("volumes[].source", v.elsewhere("below the package, a volume, a path the operator set; see PKG-019"), "the rest is the host's"),
    _s("volumes[].target", v.TEXT, _OWN),
    _s("volumes[].read_only", v.BOOLEAN, "fewer rights"),
    _s("volumes[].consistency", v.TEXT, "of another system"),
    _s("volumes[].bind", v.INNER, ""),
    _s("volumes[].bind.create_host_path", v.BOOLEAN, "folders are ours to make", "false"),
    _s("volumes[].bind.propagation", v.ANY, "mounts of the container must not appear on the host", _NONE),
    _s("volumes[].bind.recursive", v.ANY, "mounts below a mount are left to the engine", _NONE),
    _s("volumes[].bind.selinux", v.one_of("z", "Z"), "a label of the package's own folders; not of `/etc/localtime`"),
    _s("volumes[].volume", v.INNER, ""),
    _s("volumes[].volume.labels", verdict.LABELS, "labels are orders to programs of the operator"),
    _s("volumes[].volume.nocopy", v.BOOLEAN, _OWN),
    _s("volumes[].volume.subpath", v.PATH_INSIDE, "of the volume; who has the whole volume makes it (PKG-020)"),
    _s("volumes[].tmpfs", v.INNER, ""),
    _s("volumes[].tmpfs.size", v.SIZE, "memory of the container"),
    _s("volumes[].tmpfs.mode", v.NATURAL, _OWN),
    _s("volumes[].image", v.elsewhere("none (PKG-019)"), "an image nobody pinned"),
    _s("volumes_from", verdict.VOLUMES_FROM, "somebody else's data is not the package's"),
    _s("working_dir", v.ANY, _OWN),
)  # fmt: skip
