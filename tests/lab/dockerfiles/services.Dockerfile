# SPDX-License-Identifier: GPL-3.0-or-later
# Everything the lab serves, one image: registry, git daemon, static files, the signing tool (OpenBao is mounted).
ARG BASE
FROM ${BASE}
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install docker-registry git nginx-light cosign \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt \
 && git config --system safe.directory '*'
