#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What takes its time: an emulated machine, an engine that is upgraded, fleets of six and twelve hosts, beside the lab's hosts and gone again afterwards;
# more of what the other tests try once; all the slow files that take turns in them; the oldest core's own linters at the end.
# Starts the lab where it is down.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/demo/environment
[ -e .lab/inventory.yml ] || python -m tests.lab up --hosts 2
failed=0
python -m pytest tests/integration/test_machine.py tests/integration/test_engine_upgrade.py tests/integration/test_emergency_stop.py tests/integration/test_rollout.py -q -s --durations=15 "$@" || failed=1
AVS_TEST_KILLS=20 python -m pytest tests/integration/test_interrupted.py -k converge -q -s || failed=1
# Goes on where it was ended: .lab/upgrade-cuts.json. A half of it on each host.
cuts() { python -m pytest tests/integration/test_upgrade_cuts.py -m soak -q -s "$@"; }
halves=()
for half in 0 1; do
  AVS_TEST_SHARE="$half/2" cuts -k "not the_table" >".lab/upgrade-cuts-$half.log" 2>&1 &
  halves+=($!)
done
for half in "${halves[@]}"; do wait "$half" || failed=1; done
cat .lab/upgrade-cuts-[01].log
cuts -k the_table || failed=1
python -m pytest tests/integration/host -m soak -q --durations=15 || failed=1
AVS_TEST_TURNS='' bash tests/integration.sh || failed=1
bash tests/sanity.sh core || failed=1
exit "$failed"
