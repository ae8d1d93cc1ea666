#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Usage: tests/tools/installed_check.sh TARBALL
# Installs the tarball away from the repository, and uses it there: documentation of every plugin and role, every playbook's syntax,
# and package_info for real on the package that comes with the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tarball=$1 root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ANSIBLE_COLLECTIONS_PATH=$work/collections ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_INVENTORY_UNPARSED_WARNING=0
ansible-galaxy collection install "$tarball" --collections-path "$work/collections" >/dev/null
cd "$work"
installed=$work/collections/ansible_collections/restaking/avs

unwanted=$(cd "$installed" && find . -mindepth 1 \( -name '.*' -o -name tests -o -name molecule -o -name __pycache__ -o -path ./examples/images \) | head -n 5)
if [ -n "$unwanted" ]; then
  echo "installed: this is in the release, and should not be:" "$unwanted" >&2
  exit 1
fi

# What a release needs at run time is in these; the rest is for readers.
find "$installed" -mindepth 1 -maxdepth 1 ! -name meta ! -name plugins ! -name roles ! -name playbooks ! -name '*.json' -exec rm -rf {} +

for kind in module lookup filter role; do
  case $kind in
    module) folder=modules ;;
    role) folder=../roles ;;
    *) folder=$kind ;;
  esac
  for path in "$installed/plugins/$folder"/*; do
    name=$(basename "$path")
    name=${name%.*}
    if [ "$name" = __pycache__ ] || [ "$name" = __init__ ]; then continue; fi
    ansible-doc --type "$kind" "restaking.avs.$name" >doc.txt
    if ! grep -q "$name" doc.txt; then
      echo "installed: ansible-doc says nothing of the $kind restaking.avs.$name" >&2
      exit 1
    fi
  done
done

for playbook in "$installed"/playbooks/*.yml; do
  ansible-playbook --syntax-check --inventory localhost, "restaking.avs.$(basename "$playbook" .yml)" >/dev/null
done

answer=$(ansible localhost --module-name restaking.avs.package_info --args "path=$root/examples/packages/demo-avs/v1.0.0 fail_on=never")
case $answer in
  *'"name": "demo-avs"'*) ;;
  *)
    echo "installed: package_info does not know the example package: $answer" >&2
    exit 1
    ;;
esac
