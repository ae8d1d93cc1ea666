#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What needs no host. The rooms in the middle of the host library run with a look at which of their lines and branches were reached.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/.cache/collections"
rooms=(reconcile instance status)
measured=("${rooms[@]/#/tests/unit/}")
failed=0

python -m pytest -q -n auto tests/unit examples/images "${measured[@]/#/--ignore=}" || failed=1
if python -m pytest -q -n auto --cov --cov-report=json:.cache/coverage.json "${measured[@]}"; then
  python -m tests.tools.covered .cache/coverage.json "${rooms[@]}" || failed=1
else
  failed=1
fi
exit "$failed"
