#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Two real hosts, a registry, a git tap and an OpenBao on this machine, and AVS nodes running on the hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment

# Where the inventory is written; what somebody changed in there is kept.
inventory=${1:-.lab/demo}

python -m tests.lab up --hosts 2 --no-docker
python -m tests.demo.prepare "$inventory"
ansible-playbook restaking.avs.site -i "$inventory"
ansible-playbook restaking.avs.status -i "$inventory"

host=${AVS_LAB_NAME:-avs-lab}-host1
cat <<TEXT

The nodes above run on two hosts of their own. To look around (in this folder):
  .venv/bin/python -m tests.lab status                    what is running
  .venv/bin/python -m tests.lab shell $host       a root shell on a host; then: docker ps, curl -s 127.0.0.1:8080/eigen/node
  . tests/demo/environment; ansible-playbook restaking.avs.site -i $inventory     run it again: changed=0
  edit $inventory/host_vars/$host.yml and run it with --check --diff first
To remove it all:
  make lab-down
TEXT
