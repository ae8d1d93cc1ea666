#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What Ansible's own tools say of the collection: ansible-test sanity of the oldest supported ansible-core (the project's environment)
# and of the newest one, the checks Galaxy makes on import, and whether the built collection works where it is installed.
#
#   tests/sanity.sh [core|newest|galaxy|installed] ...      default: all four, the first two side by side, linters of the text in the newest alone
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
export PATH="$root/.venv/bin:$PATH"
unset ANSIBLE_COLLECTIONS_PATH ANSIBLE_CONFIG

# ansible-test fetches a script to get pip into its environments. Python's own copy of pip does as well, so nothing is fetched.
own_home() {
  local core=$1 home version item
  home=$root/.cache/sanity/home-$(basename "$core")
  mkdir -p "$home/.ansible/test/cache"
  for item in .config/pip .pip; do
    if [ -e "$HOME/$item" ]; then
      mkdir -p "$(dirname "$home/$item")"
      ln -sfn "$HOME/$item" "$home/$item"
    fi
  done
  version=$("$core/bin/python" tests/tools/bootstrap_version.py)
  cp tests/tools/get_pip.py "$home/.ansible/test/cache/get_pip_${version//./_}.py"
  echo "$home"
}

# ansible-test tries every pythonX.Y it finds. Shims of version managers are found and do not run; Python 3.9, the oldest on hosts, is
# what the modules must be tried on, wherever it is installed.
usable_path() {
  local folder=$root/.cache/sanity/bin-$1 oldest
  rm -rf "$folder"
  mkdir -p "$folder"
  for oldest in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.9.*/bin/python3.9; do
    if [ -x "$oldest" ]; then ln -sf "$oldest" "$folder/python3.9"; fi
  done
  echo "$folder:$(tr : '\n' <<< "$PATH" | grep -v '/shims$' | paste -sd :)"
}

# sanity CORE [ansible-test's arguments]
sanity() {
  local core=$1 home target version
  shift
  home=$(own_home "$core")
  version=$("$core/bin/python" -c 'from ansible.release import __version__; print(__version__)')
  echo "sanity: ansible-core $version, $("$core/bin/python" -V)"
  target=$(bash tests/tools/copy.sh "$root/.cache/sanity/$version")
  (cd "$target" && HOME=$home PATH="$core/bin:$(usable_path "$version")" ansible-test sanity --venv --requirements --color no --junit "$@")
  # It calls a run that looked at nothing a success.
  if ! compgen -G "$target/tests/output/junit/*.xml" >/dev/null; then
    echo "sanity: ansible-test looked at no file of $target" >&2
    return 1
  fi
}

core() {
  sanity "$root/.venv" "$@"
}

newest() {
  local python
  python=$(bash tests/tools/newest_core.sh --python)
  if [ -n "$python" ]; then
    sanity "$(bash tests/tools/venv.sh newest-core "$python" 'ansible-core>=2.20')"
  else
    python -m tests.tools.sanity_in_container newest
  fi
}

# Each keeps one processor busy for minutes. What goes by the text alone, and by tools of a version of their own, is said by the newest core here
# and by the oldest in tests/soak.sh; what a core itself has a part in (imports, documentation, arguments of modules) is asked of both.
both() {
  local part failed=0
  local -A running
  mkdir -p .cache/sanity
  core --skip-test pylint --skip-test pep8 --skip-test yamllint >.cache/sanity/core.log 2>&1 &
  running[core]=$!
  newest >.cache/sanity/newest.log 2>&1 &
  running[newest]=$!
  for part in core newest; do
    wait "${running[$part]}" || failed=1
    cat ".cache/sanity/$part.log"
  done
  return "$failed"
}

galaxy() {
  local venv
  venv=$(bash tests/tools/venv.sh galaxy "$root/.venv/bin/python" 'galaxy-importer>=0.4.30')
  bash tests/tools/import_check.sh "$venv" "$(build)"
}

installed() {
  bash tests/tools/installed_check.sh "$(build)"
}

# The tarball, made of a clean copy: what lies about in the working folder is in nobody's release.
build() {
  local source
  source=$(bash tests/tools/copy.sh "$root/.cache/sanity/source")
  rm -rf "$root/.cache/sanity/build"
  ansible-galaxy collection build "$source" --output-path "$root/.cache/sanity/build" >&2
  ls "$root"/.cache/sanity/build/*.tar.gz
}

for step in "${@:-both galaxy installed}"; do
  for part in $step; do
    "$part"
    echo "sanity: $part: ok"
  done
done
