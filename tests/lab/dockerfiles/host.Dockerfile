# SPDX-License-Identifier: GPL-3.0-or-later
# A host as an operator rents it: systemd, sshd, Python, apt. `host-docker` has the engine in it, for fast tests.
ARG BASE
FROM ${BASE} AS host
ENV container=docker
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install systemd systemd-sysv dbus libpam-systemd python3 python3-apt iproute2 \
      iputils-ping openssh-server openssh-sftp-server ca-certificates sudo procps kmod iptables nftables curl less \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id \
 && touch /etc/machine-id \
 && rm -f /usr/sbin/policy-rc.d \
 && systemctl mask getty.target console-getty.service systemd-modules-load.service systemd-udevd.service \
      systemd-udev-trigger.service \
 && systemctl enable ssh.service \
 && mkdir -p -m 0700 /root/.ssh
STOPSIGNAL SIGRTMIN+3
CMD ["/sbin/init"]

FROM host AS host-docker
COPY next/ /
ARG EXTRA
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 0755 /usr/sbin/policy-rc.d \
 && apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install docker.io docker-cli docker-compose containerd runc tini ${EXTRA} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /usr/sbin/policy-rc.d
