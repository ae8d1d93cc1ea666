#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The budgets of the design, printed as ratios of one run. Needs the lab; starts it where it is down.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment
[ -e .lab/inventory.yml ] || python -m tests.lab up --hosts 2
# What makes packages for a test is made of the collection itself.
PYTHONPATH="$PWD/.cache/collections" python -m tests.bench.run "$@"
