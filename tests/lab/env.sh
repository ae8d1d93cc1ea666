#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes the project's Python environment in .venv; does nothing while the requirements are unchanged.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$root"
mkdir -p .cache

# Two `make env` at once (two terminals, CI) would break each other's half-made environment.
exec 9>.cache/env.lock
flock 9

collection=.cache/collections/ansible_collections/restaking/avs
if [ "$(readlink -f "$collection" 2>/dev/null || true)" != "$root" ]; then
  mkdir -p "$(dirname "$collection")"
  ln -sfn ../../../.. "$collection"
fi

suitable() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Debian ships venv without ensurepip until python3-venv is installed.
whole() {
  "$1" -c 'import ensurepip, venv' 2>/dev/null
}

# The distribution's own interpreter comes first: it is an optimized build. One that a version manager compiled often is not, and takes
# half as long again for everything Ansible does.
choose() {
  local candidate path
  for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11 python3.14; do
    if path=$(command -v "$candidate") && suitable "$path" && { [ "$1" = any ] || whole "$path"; }; then
      echo "$path"
      return
    fi
  done
}

if [ -n "${PYTHON:-}" ]; then
  python=$(command -v "$PYTHON" || true)
  if [ -z "$python" ] || ! suitable "$python"; then
    echo "env: PYTHON=$PYTHON is no Python >= 3.11" >&2
    exit 1
  fi
elif suitable .venv/bin/python; then
  # An environment that is there is kept: somebody may have chosen it, and something may be running in it.
  python=$(.venv/bin/python -c 'import sys; print(sys._base_executable)')
else
  python=$(choose whole)
  [ -n "$python" ] || python=$(choose any)
fi

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
  echo "env: installing $* with apt" >&2
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
    install --no-install-recommends "$@" >/dev/null
}

# Tests and Ansible call these; a fresh machine may lack them.
missing=()
for pair in git:git ssh-keygen:openssh-client tar:tar; do
  command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || { echo "env: please install ${missing[*]}" >&2; exit 1; }
  apt_install "${missing[@]}"
fi

if [ -z "$python" ]; then
  command -v apt-get >/dev/null || { echo "env: Python >= 3.11 is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
  apt_install python3 python3-venv
  python=/usr/bin/python3
  suitable "$python" || { echo "env: $("$python" -V) is too old, 3.11 is needed; set PYTHON=/path/to/python3" >&2; exit 1; }
fi

base='import sys; print(sys.version, sys.base_prefix)'
wanted=$(
  {
    echo "$root"
    "$python" -c "$base"
    cat requirements.txt tests/requirements.txt
  } | sha256sum | cut -d' ' -f1
)
if [ "$(cat .venv/.requirements.sha256 2>/dev/null || true)" = "$wanted" ]; then
  exit 0
fi

if ! whole "$python"; then
  apt_install python3-venv
fi

if [ "$(.venv/bin/python -c "$base" 2>/dev/null || true)" != "$("$python" -c "$base")" ]; then
  rm -rf .venv
  "$python" -m venv .venv
fi
rm -f .venv/.requirements.sha256
.venv/bin/python -m pip install --quiet --upgrade --upgrade-strategy only-if-needed -r tests/requirements.txt
echo "$wanted" > .venv/.requirements.sha256
echo "env: .venv is ready ($(.venv/bin/python -V), $(.venv/bin/ansible --version | sed -n 1p))"
