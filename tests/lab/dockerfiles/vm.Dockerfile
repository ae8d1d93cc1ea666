# SPDX-License-Identifier: GPL-3.0-or-later
# The root of the machine: what a host has, and what a container cannot: a kernel, AppArmor, auditd, a network of its own.
ARG BASE
FROM ${BASE}
COPY files/ /
ARG EXTRA
# What would keep the emulated processor busy for minutes is not there: timers that take apt's lock at the first boot, AppArmor's profiles of
# programs that are not installed (the engine brings the one of containers itself), a session of systemd for every login.
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install linux-image-amd64 initramfs-tools zstd systemd systemd-sysv udev dbus python3 \
      python3-apt iproute2 iputils-ping openssh-server openssh-sftp-server ca-certificates sudo procps kmod iptables nftables curl \
      less apparmor auditd docker.io docker-cli docker-compose containerd runc tini ${EXTRA} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id \
 && touch /etc/machine-id \
 && rm -f /usr/sbin/policy-rc.d \
 && systemctl enable avs-lab-files.service systemd-networkd.service ssh.service docker.service auditd.service \
 && systemctl mask apt-daily.timer apt-daily-upgrade.timer \
 && find /etc/apparmor.d -maxdepth 1 -type f ! -name runc -delete \
 && mkdir -p -m 0700 /root/.ssh \
 && mkdir -p /var/log/journal
