#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What takes a real machine, and its time: an emulated one beside the lab's hosts, which is gone again afterwards. Starts the lab where it is down.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment
[ -e .lab/inventory.yml ] || python -m tests.lab up --hosts 0
python -m pytest tests/integration/test_machine.py -q -s --durations=15 "$@"
