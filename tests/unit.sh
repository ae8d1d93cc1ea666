#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What needs no host. While the tests of the rooms in the middle of the host library run, their lines and branches that are reached are counted.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/.cache/collections"
unset PYTHONDONTWRITEBYTECODE

python -m pytest -q -n auto --dist worksteal -p tests.tools.measured tests/unit examples/images
python -m tests.tools.covered .cache/coverage.json
