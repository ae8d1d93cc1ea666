# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a node would be down for its copy is known before it is stopped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.backup import changes, pace, patience
from ansible_collections.restaking.avs.plugins.module_utils.backup.listing import Tree
from ansible_collections.restaking.avs.plugins.module_utils.backup.pace import Pace
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store

MIB = 1 << 20


@pytest.fixture
def own(tmp_path: Path) -> InstanceStore:
    mine = Store(*(str(tmp_path / name) for name in ("root", "run", "locks"))).instance("a-avs-1")
    Path(mine.path("backup")).mkdir(parents=True)
    return mine


def test_a_pass_tells_its_rate_when_it_was_long_enough() -> None:
    assert pace.rate_of(200 * MIB, 4.0) == 50 * MIB
    assert pace.rate_of(10 * MIB, 4.0) is None and pace.rate_of(200 * MIB, 0.5) is None


def test_a_pass_that_reads_much_in_a_moment_is_as_fast_at_least() -> None:
    # 60 MiB in a second are too few to tell how fast it is, and enough to tell that it is not as slow as it was once.
    assert pace._at_least(0.1 * MIB, 60 * MIB, 1.0) == 60 * MIB
    assert pace._at_least(100.0 * MIB, 60 * MIB, 1.0) == 100 * MIB and pace._at_least(None, 60 * MIB, 1.0) is None
    assert pace._at_least(5.0, 60, 0.0) == 5.0


@pytest.mark.parametrize(
    ("known", "looking", "seconds"),
    [
        # The first one: by the looks and the rate of its live pass.
        (Pace(rate=10.0 * MIB, to_read=500 * MIB), 6.0, 56.0),
        # A copy before has told what it takes where nothing changed.
        (Pace(rate=10.0 * MIB, fixed=2.0, to_read=500 * MIB), 6.0, 52.0),
        # Nobody knows how fast it reads: then nothing is refused for it.
        (Pace(to_read=500 * MIB), 6.0, 6.0),
    ],
)
def test_a_copy_takes_its_looks_and_what_it_reads(known: Pace, looking: float, seconds: float) -> None:
    assert pace.expected(known, looking) == seconds


def test_what_a_copy_took_is_kept_for_the_next(own: InstanceStore) -> None:
    assert pace.read(own) == Pace()
    pace.keep(own, Pace(rate=10.0 * MIB, to_read=30 * MIB))
    pace.learn(own, 5.0)
    assert (pace.read(own).fixed, pace.read(own).rate) == (2.0, 10.0 * MIB)
    pace.learn(own, 1.0)
    assert pace.read(own).fixed == 0.0
    for text in ("", "[]", '{"rate": "fast"}', "{"):
        Path(own.path("backup", "pace.json")).write_text(text)
        assert pace.read(own) == Pace(), text


def test_a_file_that_changed_is_read_with_its_holes(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with open(tmp_path / name, "wb") as handle:
            handle.truncate(64 * MIB)
    tree = Tree("x", str(tmp_path))
    assert changes.to_read_since([tree], 0) == 128 * MIB and changes.changed_since([tree], 0) < MIB
    since = os.stat(tmp_path / "new").st_ctime_ns + 1
    assert changes.to_read_since([tree], since) == 0


def test_files_are_set_aside_where_that_is_quicker_than_to_read_what_changed() -> None:
    # Much of one file; little of twenty thousand, each of which would be made anew; nobody knows how fast it reads.
    assert pace.gains(Pace(rate=300.0 * MIB, to_read=4096 * MIB), 0.001)
    assert not pace.gains(Pace(rate=300.0 * MIB, to_read=4 * MIB), 0.6)
    assert pace.gains(Pace(to_read=512 * MIB), 1.0) and not pace.gains(Pace(to_read=0), 0.0)


def test_what_runs_is_read_for_as_long_as_a_slow_disk_could_need() -> None:
    assert patience.needed(0.0, 0) == 3600 and patience.needed(30.0, 0) == 3600 + 3000
    # A terabyte: six days where nobody knows, and more of a disk that is known to be slow.
    assert patience.needed(0.0, 1 << 40) == 3600 + (1 << 40) / (2 * MIB)
    assert patience.needed(0.0, 1 << 40, 1024.0 * MIB) == 3600 + (1 << 40) / (2 * MIB)
    assert patience.needed(0.0, 1 << 30, 1.0 * MIB) == 3600 + 4096 and patience.needed(0.0, 5, 0.0) > 3600
