#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The demonstration, then every test that needs real hosts, on the same lab. Leaves the lab up.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tests/demo.sh
. tests/demo/environment
# What the demonstration left is looked at first; the other tests wipe the hosts.
python -m pytest tests/integration/test_demo.py -q
python -m pytest tests/integration --ignore tests/integration/test_demo.py -q --durations=15 "$@"
