#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Usage: tests/tools/changelog.sh lint | refresh | release
# lint: fragments and changelog are well formed. refresh: list the plugins and roles the newest release has. release: turn the fragments
# into the entry of galaxy.yml's version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

root=$PWD
venv=$(bash tests/tools/venv.sh changelog .venv/bin/python 'antsibull-changelog>=0.31' 'ansible-core>=2.19')
export PATH="$venv/bin:$PATH"

# On a copy: the tool copies the folder it finds itself in, which here holds environments and caches.
on_copy() {
  local copy
  copy=$(bash tests/tools/copy.sh "$root/.cache/changelog")
  (cd "$copy" && ANSIBLE_COLLECTIONS_PATH="$root/.cache/changelog" "$@")
  cp "$copy/CHANGELOG.md" CHANGELOG.md
  cp "$copy/changelogs/changelog.yaml" changelogs/changelog.yaml
  for fragment in changelogs/fragments/*.yml; do
    if [ ! -e "$copy/$fragment" ]; then rm -f "$fragment"; fi
  done
}

case ${1:-} in
  lint) antsibull-changelog lint ;;
  refresh) on_copy antsibull-changelog release --update-existing --reload-plugins --refresh-plugins ;;
  release) on_copy antsibull-changelog release ;;
  *)
    sed -n '4,6s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
