#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Usage: tests/tools/copy.sh FOLDER
# Makes FOLDER/ansible_collections/restaking/avs a copy of what git has or would take, and prints its path. Ansible's tools want the
# collection in such a folder, a real one, and without the environments and caches of a working folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=$1/ansible_collections/restaking/avs
rm -rf "$1"
mkdir -p "$target"
git ls-files --cached --others --exclude-standard -z | while IFS= read -r -d '' file; do
  if [ -e "$file" ]; then printf '%s\0' "$file"; fi
done | tar --create --null --files-from=- | tar --extract --directory "$target"
# A repository of its own, or ansible-test asks the one around it, which ignores this folder.
git -C "$target" init --quiet
echo "$target"
