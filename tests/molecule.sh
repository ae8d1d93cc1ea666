#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Molecule's scenarios, one after another, on hosts of their own: tests/molecule.sh [SCENARIO ...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/.cache/collections"

scenarios=("$@")
if [ ${#scenarios[@]} -eq 0 ]; then
  for file in molecule/*/molecule.yml; do scenarios+=("$(basename "$(dirname "$file")")"); done
fi
failed=0
for scenario in "${scenarios[@]}"; do
  molecule --base-config .config/molecule/config.yml test --scenario-name "$scenario" || { echo "FAILED molecule/$scenario"; failed=1; }
done
exit "$failed"
