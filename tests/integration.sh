#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The demonstration, then every test that needs real hosts. Uses the lab's hosts, removes every instance on them, and leaves the lab up.
# Arguments are pytest's, for the tests on lab hosts.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment
python -m tests.lab up --hosts 2 --no-docker
# Playbooks on lab hosts run on the newest ansible-core where this machine can have it; tests of the edges run on the oldest one as well.
if [ -z "${AVS_TEST_CORE:-}" ] && [ -n "$(bash tests/tools/newest_core.sh --python)" ]; then
  export AVS_TEST_CORE=newest
fi

failed=0
quietly() { python -m pytest -q --durations=15 "$@"; }
# Beside the tests on lab hosts, as all of them wait a lot: the host library on this machine's own engine, and what needs no host.
# The emulated machine, and what takes hosts of its own, are tests/soak.sh's.
library() { quietly tests/integration/host; }
controller() { quietly tests/integration/controller; }

# On hosts without an engine, if they are new; the other tests need the one it brings.
python -m pytest tests/integration/test_demo.py -q
library >.lab/library-tests.log 2>&1 &
library=$!
controller >.lab/controller-tests.log 2>&1 &
controller=$!
quietly tests/integration -m "not soak" --ignore tests/integration/test_demo.py \
  --ignore tests/integration/host --ignore tests/integration/controller "$@" || failed=1
wait "$library" || failed=1
wait "$controller" || failed=1
cat .lab/library-tests.log .lab/controller-tests.log
exit "$failed"
