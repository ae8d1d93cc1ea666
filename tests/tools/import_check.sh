#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Usage: tests/tools/import_check.sh VENV TARBALL
# The checks Galaxy makes when a collection is uploaded. Warnings fail, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

venv=$1 tarball=$2
work=$PWD/.cache/sanity/galaxy
rm -rf "$work"
mkdir -p "$work"
# ansible-test runs in a step of its own; ansible-lint ran in tests/lint.sh, with this project's settings.
cat > "$work/importer.cfg" <<'CONFIG'
[galaxy-importer]
ansible_local_tmp = ~/.ansible/tmp
ansible_test_local_image = False
check_required_tags = True
infra_osd = False
local_image_docker = False
log_level_main = INFO
require_v1_or_greater = False
run_ansible_doc = True
run_ansible_lint = False
run_ansible_test = False
run_flake8 = False
CONFIG
output=$work/output.txt
if ! (cd "$work" && GALAXY_IMPORTER_CONFIG="$work/importer.cfg" PATH="$venv/bin:$PATH" \
  "$venv/bin/python" -m galaxy_importer.main "$tarball") >"$output" 2>&1; then
  cat "$output" >&2
  echo "galaxy: the import fails" >&2
  exit 1
fi
if grep -E '^(WARNING|ERROR)' "$output" >&2; then
  echo "galaxy: the import warns" >&2
  exit 1
fi
