#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Usage: tests/tools/venv.sh NAME PYTHON REQUIREMENT...
# Makes .cache/venv-NAME with a tool whose requirements would quarrel with the project's, unless it is there. Prints its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

name=$1 python=$2
shift 2
venv=$PWD/.cache/venv-$name
wanted="$("$python" -V) $*"
# Two that want it at once make it once.
mkdir -p "$PWD/.cache"
exec 9>"$venv.lock"
flock 9
# The Python may be gone, or have been that of a container.
if [ "$(cat "$venv/.wanted" 2>/dev/null || true)" != "$wanted" ] || ! "$venv/bin/python" -c "" 2>/dev/null; then
  rm -rf "$venv"
  "$python" -m venv "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2
  echo "$wanted" > "$venv/.wanted"
fi
echo "$venv"
