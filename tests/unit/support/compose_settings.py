# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""For every row of the table of compose settings: values it lets through, and values it refuses (or that it refuses none)."""

from __future__ import annotations

from typing import Any

from .models import bind, model

_ENABLED, _ODD = [True, False, "true"], ["maybe"]
_LABELS = [{}, {"org.example.team": "a", "x": "a$b"}, {"com.centurylinklabs.watchtower.enable": "false"}, {"traefik.enable": "false"},
           {"swagger.docs": "1", "prometheus.io/scrape": "true"}]  # fmt: skip
_BAD_LABELS = [
    {"avs.instance": "other-op1"}, {"avs.spec": "x"}, {"AVS.Service": "x"}, {"com.docker.compose.project": "avs-other-op1"},
    {"com.docker.compose.oneoff": "True"}, {"traefik.enable": "true"}, {"traefik.http.routers.a.rule": "Host(`bank`)"},
    {"ofelia.job-local.x.command": "reboot"}, {"com.centurylinklabs.watchtower.enable": "true"},
    {"com.centurylinklabs.watchtower.lifecycle.pre-update": "x"}, {"caddy": "bank.example"}, {"caddy_0.reverse_proxy": "x"}, {"autoheal": "true"},
    {"docker-volume-backup.exec-pre": "x"}, {"co.elastic.logs/raw": "[]"}, {"com.datadoghq.ad.instances": "[]"},
]  # fmt: skip
_TEXT, _BAD_TEXT = ["a b-c_1"], ["a\nb", {"a": 1}]
_NUMBERS, _NO_NUMBERS = [0, 1, "2"], ["many", "1; x", True]
_SIZES, _NO_SIZES = ["64m", "1073741824", 10], ["all", "1 lot"]
_TIMES, _NO_TIMES = ["1m30s", "10s", "0"], ["soon", "1 fortnight"]
_NAMES, _BAD_NAMES = ["a-b_c.d"], ["--help", ".x", "a b"]
_PORTS, _BAD_PORTS = ["80", 80, "5000-5010"], ["http", "-80"]
_RATE = {"harmless": [0, 1048576, "1mb"], "harmful": ["all"]}
_CLOSED = [None]

_S = "services.*."
_RATES = [f"{_S}blkio_config.{name}[]" for name in ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")]

# path: values let through, values refused. What is refused whatever it holds has None as its harmless value.
_TRIED: dict[str, tuple[list[Any], list[Any]]] = {
    "models": (_CLOSED, [{"m": {"model": "x"}}]),
    "jobs": (_CLOSED, [{"j": {"image": "a:1"}}]),
    "networks.*.name": (_NAMES, _BAD_NAMES),
    "networks.*.driver": (["bridge"], ["macvlan", "ipvlan", "host", "overlay", "some/plugin"]),
    "networks.*.driver_opts": (
        [{"com.docker.network.driver.mtu": "1400"}, {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"}],
        [{"com.docker.network.bridge.name": "docker0"}, {"parent": "eth0"}, {"com.docker.network.bridge.gateway_mode_ipv4": "routed"},
         {"com.docker.network.bridge.host_binding_ipv4": "0.0.0.0"}, {"com.docker.network.bridge.trusted_host_interfaces": "eth0"}],
    ),
    "networks.*.internal": (_ENABLED, _ODD),
    "networks.*.enable_ipv4": (_ENABLED, _ODD),
    "networks.*.enable_ipv6": (_ENABLED, _ODD),
    "networks.*.attachable": (_ENABLED, _ODD),
    "networks.*.labels": (_LABELS, _BAD_LABELS),
    "networks.*.ipam.driver": (["default"], ["some/plugin"]),
    "networks.*.ipam.options": ([{}], [{"a": "b"}]),
    "networks.*.ipam.config[].ip_range": (["10.9.1.0/24"], _BAD_TEXT),
    "networks.*.ipam.config[].gateway": (["10.9.0.1"], _BAD_TEXT),
    "volumes.*.name": (_NAMES, _BAD_NAMES),
    "volumes.*.driver": (["local"], ["some/plugin"]),
    "volumes.*.driver_opts": (
        [{"type": "tmpfs", "device": "tmpfs", "o": "size=10m,uid=1000,mode=0700,noexec"}],
        [{"type": "none", "device": "/etc", "o": "bind"}, {"type": "nfs", "device": ":/x", "o": "addr=10.0.0.1"},
         {"type": "tmpfs", "device": "tmpfs", "o": "bind"}, {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,remount"},
         {"type": "ext4", "device": "/dev/sda1"}],
    ),
    "volumes.*.external": ([False], [True]),
    "volumes.*.labels": (_LABELS, _BAD_LABELS),
    "configs.*.name": (_NAMES, _BAD_NAMES),
    "configs.*.file": (["{tree}/pkg/hoodi/peers.json"], ["/etc/shadow", "{tree}/../other"]),
    "configs.*.environment": (_CLOSED, ["HOME"]),
    "configs.*.external": ([False], [True]),
    "configs.*.labels": (_LABELS, _BAD_LABELS),
    "configs.*.template_driver": (_CLOSED, ["golang"]),
    "secrets.*.name": (_NAMES, _BAD_NAMES),
    "secrets.*.file": (["{tree}/pkg/hoodi/peers.json"], ["/etc/shadow"]),
    "secrets.*.environment": (_CLOSED, ["HOME"]),
    "secrets.*.external": ([False], [True]),
    "secrets.*.labels": (_LABELS, _BAD_LABELS),
    "secrets.*.driver": (_CLOSED, ["x"]),
    "secrets.*.driver_opts": ([{}], [{"a": "b"}]),
    "secrets.*.template_driver": (_CLOSED, ["golang"]),
    f"{_S}annotations": (
        [{}, {"org.opencontainers.image.title": "a"}],
        [{"org.systemd.property.ExecStop": "x"}, {"run.oci.hooks.stdout": "/x"}, {"io.katacontainers.config.hypervisor.path": "/x"}, {"a": "b"}],
    ),
    f"{_S}attach": (_ENABLED, _ODD),
    f"{_S}blkio_config.weight": ([0, 300, "500"], [501, 1000, "all"]),
    f"{_S}blkio_config.weight_device[].path": (["/dev/sda"], ["/etc/shadow", "/dev/../etc"]),
    f"{_S}blkio_config.weight_device[].weight": ([100], [1000]),
    **{f"{rate}.path": (["/dev/sda"], ["/etc/shadow", "/dev/../etc"]) for rate in _RATES},
    **{f"{rate}.rate": (_SIZES, _NO_SIZES) for rate in _RATES},
    f"{_S}build": (_CLOSED, [{"context": "."}]),
    f"{_S}cap_add": ([["CHOWN", "CAP_NET_BIND_SERVICE"]], [["SYS_ADMIN"], ["ALL"], ["cap_net_admin"]]),
    f"{_S}cgroup": (["private"], ["host", "other"]),
    f"{_S}cgroup_parent": (_CLOSED, ["/", "system.slice"]),
    f"{_S}container_name": (_NAMES, _BAD_NAMES),
    f"{_S}cpu_count": (_NUMBERS, _NO_NUMBERS),
    f"{_S}cpu_percent": (_NUMBERS, _NO_NUMBERS),
    f"{_S}cpu_period": ([50000, "50ms"], _NO_TIMES),
    f"{_S}cpu_quota": ([-1, 50000, "50ms"], _NO_TIMES),
    f"{_S}cpu_rt_period": ([0], [1000000]),
    f"{_S}cpu_rt_runtime": ([0], [950000]),
    f"{_S}cpu_shares": ([73, 1024, "512"], [262144]),
    f"{_S}cpus": ([0.5, "1.5", 2], _NO_NUMBERS),
    f"{_S}cpuset": (["0-1", "0,2", "3"], ["all", "--x"]),
    f"{_S}credential_spec": (_CLOSED, [{"file": "x"}]),
    f"{_S}depends_on.*.condition": (["service_started", "service_completed_successfully"], ["sometimes"]),
    f"{_S}depends_on.*.required": (_ENABLED, _ODD),
    f"{_S}depends_on.*.restart": (_ENABLED, _ODD),
    f"{_S}deploy.resources.limits.cpus": (["0.5", 1], _NO_NUMBERS),
    f"{_S}deploy.resources.limits.memory": (_SIZES, _NO_SIZES),
    f"{_S}deploy.resources.limits.pids": ([-1, 100], _NO_NUMBERS),
    f"{_S}deploy.resources.reservations.cpus": (["0.5"], _NO_NUMBERS),
    f"{_S}deploy.resources.reservations.memory": (_SIZES, _NO_SIZES),
    f"{_S}deploy.resources.reservations.pids": ([1], _NO_NUMBERS),
    f"{_S}deploy.resources.reservations.devices": ([[]], [[{"capabilities": ["gpu"]}]]),
    f"{_S}device_cgroup_rules": ([[]], [["c 1:3 mr"]]),
    f"{_S}devices": ([[]], [["/dev/mem:/dev/mem"], [{"source": "/dev/kvm"}]]),
    f"{_S}dns": ([["8.8.8.8", "2001:db8::1"]], [["resolver"]]),
    f"{_S}dns_opt": ([["ndots:1"]], [["a\nb"]]),
    f"{_S}dns_search": ([["example.org"]], [["a\nb"]]),
    f"{_S}domainname": (["example.org"], ["--x", "a b"]),
    f"{_S}expose": ([["80", "90-91/udp"]], [["http"]]),
    f"{_S}external_links": ([[]], [["redis:r"]]),
    f"{_S}gpus": (_CLOSED, ["all", [{"count": 1}]]),
    f"{_S}group_add": ([["5", "mail"]], [["a\nb"]]),
    f"{_S}healthcheck.disable": (_ENABLED, _ODD),
    f"{_S}healthcheck.retries": (_NUMBERS, _NO_NUMBERS),
    **{f"{_S}healthcheck.{name}": (_TIMES, _NO_TIMES) for name in ("interval", "timeout", "start_period", "start_interval")},
    f"{_S}hostname": (["node-1"], ["--x", "a b"]),
    f"{_S}image": (["r.example/a:1.0"], ["--format=x", "sha256:12ab", "deadbeef"]),
    f"{_S}init": (_ENABLED, _ODD),
    f"{_S}ipc": (["private", "none", "shareable", "service:other"], ["host", "container:x", "odd"]),
    f"{_S}isolation": (_CLOSED, ["process"]),
    f"{_S}labels": (_LABELS, _BAD_LABELS),
    f"{_S}links": ([["other", "other:alias"]], [["other:--help"]]),
    f"{_S}logging": (
        [{}, {"driver": "json-file", "options": {"max-size": "1g", "max-file": "10", "compress": "true"}}, {"driver": "local"}, {"driver": "none"},
         {"options": {"mode": "non-blocking", "max-buffer-size": "4m"}}],
        [{"driver": "journald", "options": {"tag": "sshd"}}, {"driver": "syslog", "options": {"syslog-address": "unixgram:///dev/log"}},
         {"driver": "gelf"}, {"driver": "fluentd", "options": {"fluentd-address": "unix:///run/x.sock"}}, {"driver": "awslogs"}, {"driver": "splunk"},
         {"driver": "some/plugin"}, {"options": {"path": "/etc/x"}}, {"options": {"max-buffer-size": "10g"}}, {"driver": "local", "new": 1}],
    ),
    f"{_S}mac_address": (["02:42:ac:11:65:43"], ["02:42", "any"]),
    f"{_S}mem_limit": (["2g", "-1"], _NO_SIZES),
    f"{_S}mem_reservation": (["2g"], _NO_SIZES),
    f"{_S}mem_swappiness": ([0, 60, "100"], [200, "all"]),
    f"{_S}memswap_limit": (["2g", "-1", -1], _NO_SIZES),
    f"{_S}models": ([[]], [["m"]]),
    f"{_S}network_mode": (["none", "bridge", "service:other"], ["host", "container:x", "avs-other-op1_default", "service:--x"]),
    f"{_S}networks.*.aliases": ([["rpc"]], []),
    f"{_S}networks.*.ipv4_address": (["10.9.0.2"], []),
    f"{_S}networks.*.ipv6_address": (["fd00::2"], []),
    f"{_S}networks.*.mac_address": (["02:42:ac:11:65:43"], []),
    f"{_S}networks.*.link_local_ips": ([["169.254.8.8"]], []),
    f"{_S}networks.*.priority": (_NUMBERS, _NO_NUMBERS),
    f"{_S}networks.*.gw_priority": (_NUMBERS, _NO_NUMBERS),
    f"{_S}networks.*.interface_name": (["eth9"], ["--x"]),
    f"{_S}networks.*.use_service_name_alias": (_ENABLED, _ODD),
    f"{_S}networks.*.driver_opts": ([{}], [{"com.docker.network.endpoint.sysctls": "net.x=1"}]),
    f"{_S}oom_score_adj": ([500, -500], _NO_NUMBERS),
    f"{_S}pid": (["service:other"], ["host", "container:x", "private", "odd"]),
    f"{_S}pids_limit": ([100, -1], _NO_NUMBERS),
    f"{_S}platform": (["linux/amd64", "linux/arm/v7", "linux"], ["--x", "linux/amd64/v1/x"]),
    f"{_S}ports[].target": (_PORTS, _BAD_PORTS),
    f"{_S}ports[].published": (_PORTS, _BAD_PORTS),
    f"{_S}ports[].protocol": (["tcp", "udp", "sctp"], ["any"]),
    f"{_S}ports[].mode": (["ingress", "host"], ["any"]),
    f"{_S}ports[].host_ip": (["127.0.0.1"], _BAD_TEXT),
    f"{_S}ports[].name": (_TEXT, _BAD_TEXT),
    f"{_S}ports[].app_protocol": (_TEXT, _BAD_TEXT),
    f"{_S}pre_start": ([[]], [[{"command": ["a"]}]]),
    f"{_S}privileged": ([False], [True, "true"]),
    f"{_S}profiles": ([["a-b"]], [["--help"]]),
    f"{_S}provider": (_CLOSED, [{"type": "x"}]),
    f"{_S}read_only": (_ENABLED, _ODD),
    f"{_S}restart": (["no", "always", "on-failure:3", "unless-stopped"], ["sometimes", "on-failure:x"]),
    f"{_S}runtime": (_CLOSED, ["runc", "io.containerd.runc.v2", "nvidia"]),
    **{f"{_S}{section}[].{name}": ([value], _BAD_TEXT[:1]) for section in ("configs", "secrets")
       for name, value in (("source", "c"), ("target", "/x"), ("uid", "1"), ("gid", "1"), ("mode", 288))},
    f"{_S}security_opt": (
        [["no-new-privileges:true"], ["apparmor=docker-default"]],
        [["seccomp:unconfined"], ["no-new-privileges=false"], ["label=disable"], ["systempaths=unconfined"], ["writable-cgroups=true"]],
    ),
    f"{_S}shm_size": (_SIZES, _NO_SIZES),
    f"{_S}stdin_open": (_ENABLED, _ODD),
    f"{_S}stop_grace_period": (_TIMES, _NO_TIMES),
    f"{_S}stop_signal": (["SIGTERM", "SIGRTMIN+3", "9", "sigint"], ["--x", "a b"]),
    f"{_S}storage_opt": ([{"size": "1g"}], [{"dm.basesize": "1g"}, {"size": "all"}]),
    f"{_S}sysctls": (
        [{"net.core.somaxconn": 1024, "net.ipv4.conf.eth0.forwarding": "1", "kernel.shmmax": "1"}],
        [{"kernel.core_pattern": "|/x"}, {"vm.max_map_count": "1"}, {"net/../kernel/core_pattern": "x"}, {"net./../kernel.x": "1"}],
    ),
    f"{_S}tty": (_ENABLED, _ODD),
    f"{_S}ulimits": (
        [{"nofile": {"soft": 1, "hard": 2}, "nproc": 100, "core": 0, "memlock": -1, "rtprio": 0}],
        [{"rtprio": 99}, {"nice": {"soft": 0, "hard": 20}}, {"newer": 1}, {"nofile": "many"}],
    ),
    f"{_S}umask": (_CLOSED, ["022"]),
    f"{_S}use_api_socket": ([False], [True]),
    f"{_S}user": (["1000:1000", "nobody"], _BAD_TEXT[:1]),
    f"{_S}userns_mode": (["private"], ["host", "other"]),
    f"{_S}uts": ([], ["host", "private", "other"]),
    f"{_S}volumes[].type": (["volume"], ["npipe", "cluster", "image"]),
    f"{_S}volumes[].source": (["v"], []),
    f"{_S}volumes[].target": (["/x"], _BAD_TEXT),
    f"{_S}volumes[].read_only": (_ENABLED, _ODD),
    f"{_S}volumes[].consistency": (_TEXT, _BAD_TEXT),
    f"{_S}volumes[].bind.create_host_path": (_ENABLED, _ODD),
    f"{_S}volumes[].bind.selinux": (["z", "Z"], ["x"]),
    f"{_S}volumes[].volume.labels": (_LABELS, _BAD_LABELS),
    f"{_S}volumes[].volume.nocopy": (_ENABLED, _ODD),
    f"{_S}volumes[].volume.subpath": (["a/b"], ["../x", "/etc", "a/../../x"]),
    f"{_S}volumes[].tmpfs.size": (_SIZES, _NO_SIZES),
    f"{_S}volumes[].tmpfs.mode": ([755], ["all"]),
    f"{_S}volumes[].image": ([None], []),
    f"{_S}volumes_from": ([["other", "other:ro"]], [["container:x"], ["--x"]]),
}  # fmt: skip

# Whatever it holds does no harm: read and left out, or the container's own. Those with conditions have tests of their own.
SAFE_WHATEVER = {
    "version": "3.8", "name": "a", "include": None, "networks.*.external": False, "networks.*.ipam.config[].subnet": "10.9.0.0/16",
    "networks.*.ipam.config[].aux_addresses": {"a": "10.9.0.9"}, "configs.*.content": "a",
    f"{_S}cap_drop": ["ALL"], f"{_S}command": ["--x"], f"{_S}entrypoint": ["sh"], f"{_S}environment": {"A": "--x"}, f"{_S}env_file": None,
    # Not obeyed, which is a warning.
    f"{_S}deploy.replicas": 2, f"{_S}scale": 3, f"{_S}pull_policy": "always",
    f"{_S}extends": None, f"{_S}label_file": None, f"{_S}develop": {"watch": []}, f"{_S}extra_hosts": ["h=host-gateway"], f"{_S}healthcheck.test": ["CMD", "a"],
    **{f"{_S}deploy.{name}": {} for name in ("mode", "endpoint_mode", "labels", "rollback_config", "update_config", "placement")},
    **{f"{_S}deploy.restart_policy.{name}": "1" for name in ("condition", "delay", "max_attempts", "window")},
    f"{_S}deploy.resources.reservations.generic_resources": [], f"{_S}oom_kill_disable": True, f"{_S}pull_refresh_after": "1d",
    **{f"{_S}{hook}[].{name}": ["a"] for hook in ("post_start", "pre_stop") for name in ("command", "user", "working_dir", "environment")},
    **{f"{_S}{hook}[].privileged": False for hook in ("post_start", "pre_stop")},
    f"{_S}tmpfs": ["/run:size=1m"], f"{_S}working_dir": "/x", f"{_S}volumes[].bind.propagation": "shared", f"{_S}volumes[].bind.recursive": "disabled",
    **{path: None for path, (_harmless, harmful) in _TRIED.items() if not harmful},
}  # fmt: skip
HARMLESS: dict[str, list[Any]] = {
    **{path: [value] for path, value in SAFE_WHATEVER.items()},
    **{path: harmless for path, (harmless, _harmful) in _TRIED.items()},
}
HARMFUL: dict[str, list[Any]] = {path: harmful for path, (_harmless, harmful) in _TRIED.items() if harmful}
HARMFUL |= {f"{_S}{hook}": [[{"command": ["a"], "privileged": True}]] for hook in ("post_start", "pre_stop")}
HARMFUL |= {
    f"{_S}volumes": [[bind("/etc")], [bind("/var/run/docker.sock")], [bind("/")], [{"type": "image", "source": "a:1", "target": "/x"}]],
    f"{_S}volumes[]": [bind("/etc/localtime", bind={"selinux": "Z"})],
    "networks.*": [{"external": True, "name": "avs-other-op1_default"}, {"external": True, "name": "host"}, {"external": True, "name": "--help"}],
    "newer": [{"a": {}}],
}  # fmt: skip


def model_with(path: str, value: Any) -> dict[str, Any]:
    """A resolved model in which only the setting at ``path`` has a value: ``*`` is the service ``node``, or ``n``."""
    resolved: dict[str, Any] = {
        **model(node={}, other={}),
        "networks": {"n": {}},
        "volumes": {"v": {}},
        "configs": {"c": {}},
        "secrets": {"c": {}},
    }
    place: Any = resolved
    names = {"services": "node", "networks": "n", "volumes": "v", "configs": "c", "secrets": "c"}
    parts = path.split(".")
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        name = part.removesuffix("[]")
        if name == "*":
            above = parts[position - 1]
            name = "other" if above == "depends_on" else names[above]
        if part.endswith("[]"):
            item = _filled(name, value) if last else _filled(name, {})
            place[name], place = [item], item
        elif last:
            place[name] = _located(value)
        else:
            place[name] = place.get(name) or {}
            place = place[name]
    return resolved


def _filled(field: str, value: Any) -> dict[str, Any]:
    """An item of a list with what compose always prints of it."""
    usual = {"volumes": {"type": "volume", "source": "v", "target": "/v"}, "ports": {"target": 80, "protocol": "tcp"}}
    return {**usual.get(field, {}), **value}


def _located(value: Any) -> Any:
    from .models import SCRATCH

    return value.replace("{tree}", SCRATCH) if isinstance(value, str) else value
