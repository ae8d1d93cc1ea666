#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The demonstration, then every test that needs real hosts. Uses the lab's hosts, removes every instance on them, and leaves the lab up.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment
python -m tests.lab up --hosts 2 --no-docker
# On hosts without an engine, if they are new; the other tests need the one it brings.
python -m pytest tests/integration/test_demo.py -q
# Playbooks on lab hosts run on the newest ansible-core where this machine can have it; tests of the edges run on the oldest one as well.
if [ -z "${AVS_TEST_CORE:-}" ] && [ -n "$(bash tests/tools/newest_core.sh --python)" ]; then
  export AVS_TEST_CORE=newest
fi
# test_machine.py has an emulated machine to itself: tests/soak.sh.
# The host library on this machine's own engine, beside the tests on lab hosts: both mostly wait.
host_log=.lab/host-tests.log
python -m pytest tests/integration/host -q --durations=15 >"$host_log" 2>&1 &
host=$!
failed=0
python -m pytest tests/integration --ignore tests/integration/test_demo.py --ignore tests/integration/test_machine.py --ignore tests/integration/host -q --durations=15 "$@" || failed=1
wait "$host" || failed=1
cat "$host_log"
exit "$failed"
