# SPDX-License-Identifier: GPL-3.0-or-later
# What the example images stand on; all share the minimal base's layer.
ARG BASE
FROM ${BASE} AS python
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/*.log

FROM ${BASE} AS nginx
RUN apt-get -q update \
 && DEBIAN_FRONTEND=noninteractive apt-get -q -y install nginx gettext-base \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/*.log /var/www/html/*
