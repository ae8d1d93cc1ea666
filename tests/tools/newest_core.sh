#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Prints the folder of an environment with the newest ansible-core and what the collection needs beside it on the controller, made in
# .cache where it is not there yet. Ends with 3, and says why, on a machine without a Python that the newest core runs on.
#
#   tests/tools/newest_core.sh [--python]      --python: only which Python that would be
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

newest_python() {
  local candidate
  for candidate in python3.14 python3.13 python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do
    if "$candidate" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
      "$candidate" -c 'import sys; print(sys.executable)'
      return
    fi
  done
}

python=$(newest_python)
if [ "${1:-}" = --python ]; then
  echo "$python"
elif [ -n "$python" ]; then
  mapfile -t needed < <(grep -v '^#' requirements.txt)
  bash tests/tools/venv.sh newest "$python" 'ansible-core>=2.20' "${needed[@]}"
else
  echo "newest_core: there is no Python >= 3.12 on this machine, which the newest ansible-core needs" >&2
  exit 3
fi
