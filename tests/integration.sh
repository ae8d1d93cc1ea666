#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Every test that needs real hosts: the demonstration first, then the tests on lab hosts. Beside them, as all of them wait a lot: the host
# library on this machine's own engine, and what needs no host. Uses the lab's hosts, removes every instance on them, and leaves the lab up.
# The emulated machine, and what takes hosts of its own, are tests/soak.sh's.
#
#   tests/integration.sh [--with-molecule] [pytest's arguments, for the tests on lab hosts]
#
# With Molecule, its scenarios follow the host library, which is through first; their hosts stand apart from the others. The last of the
# library's tests follow what needs no host, so that all three end at about the same time.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment
molecule=no
if [ "${1:-}" = --with-molecule ]; then
  molecule=yes
  shift
fi
python -m tests.lab up --hosts 2 --no-docker
# Playbooks on lab hosts run on the newest ansible-core where this machine can have it; tests of the edges run on the oldest one as well.
if [ -z "${AVS_TEST_CORE:-}" ] && [ -n "$(bash tests/tools/newest_core.sh --python)" ]; then
  export AVS_TEST_CORE=newest
fi

# Slow files take turns, commit by commit (tests/integration/sampling.py); all of them with AVS_TEST_TURNS= (tests/soak.sh).
export AVS_TEST_TURNS=${AVS_TEST_TURNS-yes}

# What the tests' playbooks compile is kept for this run: of files that change, all that they ever were would be.
rm -rf .cache/compiled
unset PYTHONDONTWRITEBYTECODE

failed=0
quietly() { python -m pytest -q --durations=15 "$@"; }
last=(tests/integration/host/test_[s-z]*.py)
library() {
  local failed=0
  quietly tests/integration/host -m "not soak" "${last[@]/#/--ignore=}" || failed=1
  [ "$molecule" = no ] || bash tests/molecule.sh || failed=1
  return "$failed"
}
apart() {
  local failed=0
  quietly tests/integration/controller || failed=1
  quietly "${last[@]}" -m "not soak" || failed=1
  return "$failed"
}

library >.lab/library-tests.log 2>&1 &
library=$!
apart >.lab/apart-tests.log 2>&1 &
apart=$!
onhosts() {
  # On hosts without an engine, if they are new; the other tests need the one it brings.
  python -m pytest tests/integration/test_demo.py -q || return 1
  quietly tests/integration -m "not soak" --ignore tests/integration/test_demo.py \
    --ignore tests/integration/host --ignore tests/integration/controller "$@"
}
onhosts "$@" 2>&1 | tee .lab/lab-tests.log || failed=1
wait "$library" || failed=1
wait "$apart" || failed=1
cat .lab/library-tests.log .lab/apart-tests.log
# Last of all, as who reads the end of a long log reads it alone.
if [ "$failed" = 1 ]; then
  echo "What failed:"
  grep -hE '^(FAILED|ERROR) ' .lab/lab-tests.log .lab/library-tests.log .lab/apart-tests.log || true
fi
exit "$failed"
