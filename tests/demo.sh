#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Two real hosts, a registry, a git tap and an OpenBao on this machine, and AVS nodes running on the hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment

python -m tests.lab up --hosts 2 --no-docker
python -m tests.demo.prepare
ansible-playbook restaking.avs.site -i .lab/demo
ansible-playbook restaking.avs.status -i .lab/demo

host=${AVS_LAB_NAME:-avs-lab}-host1
cat <<TEXT

The nodes above run on two hosts of their own. To look around (in this folder):
  .venv/bin/python -m tests.lab status                    what is running
  .venv/bin/python -m tests.lab shell $host       a root shell on a host; then: docker ps, curl -s 127.0.0.1:8080/eigen/node
  . tests/demo/environment; ansible-playbook restaking.avs.site -i .lab/demo     run it again: changed=0
  edit .lab/demo/host_vars/$host.yml and run it with --check --diff first
To remove it all:
  make lab-down
TEXT
