#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Everything that can be said of the source without running it. Every check runs; the exit code is their worst.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
export PATH="$PWD/.venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$PWD/.cache/collections"
failed=()

# It installs the collection it looks at into Ansible's home; in the user's, the copy would go stale and be found before the source.
rules() {
  rm -rf .cache/lint-home
  ANSIBLE_HOME="$PWD/.cache/lint-home" ansible-lint --offline -q
}

# The longest one keeps a core busy beside all others.
beside=$(mktemp)
rules >"$beside" 2>&1 &
rules=$!
theirs() {
  local code=0
  wait "$rules" || code=$?
  cat "$beside" >&2
  rm -f "$beside"
  return "$code"
}

check() {
  local name=$1
  shift
  local started=$SECONDS
  if "$@"; then
    echo "lint: $name: ok ($((SECONDS - started)) s)"
  else
    echo "lint: $name: FAILED" >&2
    failed+=("$name")
  fi
}

formatted() {
  ruff format --check . 2>&1 | sed -n '/^unformatted: /d; s/^ *--> \([^:]*\).*/not formatted: \1/p' | sort -u
  return "${PIPESTATUS[0]}"
}

types() {
  MYPYPATH="$ANSIBLE_COLLECTIONS_PATH" mypy --no-error-summary -p ansible_collections.restaking.avs.plugins
}

# Which room may import which.
rooms() {
  local told
  told=$(PYTHONPATH="$ANSIBLE_COLLECTIONS_PATH" lint-imports --no-logo --no-cache 2>&1) || {
    echo "$told" >&2
    return 1
  }
  python -m tests.tools.purity
}

playbooks() {
  ansible-playbook --syntax-check -i localhost, playbooks/*.yml >/dev/null
}

check "ruff check" ruff check --quiet --output-format concise .
check "ruff format" formatted
check "mypy" types
check "rooms" rooms
check "sizes" python -m tests.tools.sizes
check "licences" python -m tests.tools.licences
check "generated pages" python -m tests.tools.generate --check
check "blocks of pages" python -m tests.tools.blocks
check "changelog" bash tests/tools/changelog.sh lint
check "yamllint" yamllint --strict .
check "playbooks" playbooks
check "ansible-lint" theirs

if [ ${#failed[@]} -gt 0 ]; then
  printf 'lint: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
