# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every setting of the compose specification, as its schema of 2026 (compose-go 2.16) and that of the oldest compose we run (2.0) name them.

What lies below free names (labels, options, build, develop, another container's own settings) is left out: the setting above decides.
"""

from __future__ import annotations

_TOP = """
configs configs.* configs.*.content configs.*.environment configs.*.external configs.*.external.name configs.*.file configs.*.labels
configs.*.name configs.*.template_driver include include[].env_file include[].path include[].project_directory jobs models name networks
networks.* networks.*.attachable networks.*.driver networks.*.driver_opts networks.*.enable_ipv4 networks.*.enable_ipv6
networks.*.external networks.*.external.name networks.*.internal networks.*.ipam networks.*.ipam.config
networks.*.ipam.config[].aux_addresses networks.*.ipam.config[].gateway networks.*.ipam.config[].ip_range
networks.*.ipam.config[].subnet networks.*.ipam.driver networks.*.ipam.options networks.*.labels networks.*.name secrets secrets.*
secrets.*.driver secrets.*.driver_opts secrets.*.environment secrets.*.external secrets.*.external.name secrets.*.file secrets.*.labels
secrets.*.name secrets.*.template_driver services services.* version volumes volumes.* volumes.*.driver volumes.*.driver_opts
volumes.*.external volumes.*.external.name volumes.*.labels volumes.*.name
"""
_SERVICE = """
annotations attach blkio_config blkio_config.device_read_bps blkio_config.device_read_bps[].path blkio_config.device_read_bps[].rate
blkio_config.device_read_iops blkio_config.device_read_iops[].path blkio_config.device_read_iops[].rate blkio_config.device_write_bps
blkio_config.device_write_bps[].path blkio_config.device_write_bps[].rate blkio_config.device_write_iops
blkio_config.device_write_iops[].path blkio_config.device_write_iops[].rate blkio_config.weight blkio_config.weight_device
blkio_config.weight_device[].path blkio_config.weight_device[].weight build build.context cap_add cap_drop cgroup cgroup_parent command
configs configs[].gid configs[].mode configs[].source configs[].target configs[].uid container_name cpu_count cpu_percent cpu_period
cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset credential_spec depends_on depends_on.* depends_on.*.condition
depends_on.*.required depends_on.*.restart deploy deploy.endpoint_mode deploy.labels deploy.mode deploy.placement deploy.replicas
deploy.resources deploy.resources.limits deploy.resources.limits.cpus deploy.resources.limits.memory deploy.resources.limits.pids
deploy.resources.reservations deploy.resources.reservations.cpus deploy.resources.reservations.devices
deploy.resources.reservations.devices[].capabilities deploy.resources.reservations.devices[].count
deploy.resources.reservations.devices[].device_ids deploy.resources.reservations.devices[].driver
deploy.resources.reservations.devices[].options deploy.resources.reservations.generic_resources deploy.resources.reservations.memory
deploy.restart_policy deploy.restart_policy.condition deploy.restart_policy.delay deploy.restart_policy.max_attempts
deploy.restart_policy.window deploy.rollback_config deploy.update_config develop device_cgroup_rules devices devices[].permissions
devices[].source devices[].target dns dns_opt dns_search domainname entrypoint env_file env_file[].format env_file[].path
env_file[].required environment expose extends extends.file extends.service external_links extra_hosts gpus group_add healthcheck
healthcheck.disable healthcheck.interval healthcheck.retries healthcheck.start_interval healthcheck.start_period healthcheck.test
healthcheck.timeout hostname image init ipc isolation label_file labels links logging logging.driver logging.options mac_address
mem_limit mem_reservation mem_swappiness memswap_limit models network_mode networks networks.* networks.*.aliases networks.*.driver_opts
networks.*.gw_priority networks.*.interface_name networks.*.ipv4_address networks.*.ipv6_address networks.*.link_local_ips
networks.*.mac_address networks.*.priority networks.*.use_service_name_alias oom_kill_disable oom_score_adj pid pids_limit platform
ports ports[].app_protocol ports[].host_ip ports[].mode ports[].name ports[].protocol ports[].published ports[].target post_start
post_start[].command post_start[].environment post_start[].privileged post_start[].user post_start[].working_dir pre_start pre_stop
pre_stop[].command pre_stop[].environment pre_stop[].privileged pre_stop[].user pre_stop[].working_dir privileged profiles provider
pull_policy pull_refresh_after read_only restart runtime scale secrets secrets[].gid secrets[].mode secrets[].source secrets[].target
secrets[].uid security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits ulimits.*
ulimits.*.hard ulimits.*.soft umask use_api_socket user userns_mode uts volumes volumes[].bind volumes[].bind.create_host_path
volumes[].bind.propagation volumes[].bind.recursive volumes[].bind.selinux volumes[].consistency volumes[].image volumes[].image.subpath
volumes[].read_only volumes[].source volumes[].target volumes[].tmpfs volumes[].tmpfs.mode volumes[].tmpfs.size volumes[].type
volumes[].volume volumes[].volume.labels volumes[].volume.nocopy volumes[].volume.subpath volumes_from working_dir
"""
SETTINGS = (*_TOP.split(), *(f"services.*.{name}" for name in _SERVICE.split()))
