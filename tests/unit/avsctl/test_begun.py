# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which copies of the library an open transaction still needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl.begun import open_programs, programs_in_use
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store

A, B = "avsctl-aaaaaaaaaaaaaaaa.pyz", "avsctl-bbbbbbbbbbbbbbbb.pyz"


def begin(transaction: str, program: str) -> bytes:
    return f'{{"event": "begin", "transaction": "{transaction}", "operation": "install", "program": "{program}", "holder": "me"}}'.encode()


def end(transaction: str) -> bytes:
    return f'{{"event": "end", "transaction": "{transaction}", "outcome": "committed"}}'.encode()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], set()),
        ([begin("1", A)], {A}),
        ([begin("1", A), end("1")], set()),
        ([begin("1", A), begin("2", B), end("1")], {B}),
        ([begin("1", A), end("1"), begin("1", B)], {B}),
        ([end("1"), begin("2", A)], {A}),
        ([begin("1", A), b'{"event": "commit"}', b"", b"[1]", b"\xff", b"[" * 100_000, end("2")], {A}),
        # Cut in the middle: nothing was begun by it, and nothing ended.
        ([begin("1", A), end("1")[:-5], begin("2", B)[:-5]], {A}),
        ([b'{"event": "begin", "transaction": ["odd"], "program": {"odd": 1}}', b'{"event": "end", "transaction": ["odd"]}'], set()),
    ],
)
def test_what_was_begun_and_not_ended(lines: list[bytes], expected: set[str]) -> None:
    assert open_programs(lines) == expected


def test_the_journals_of_all_instances_are_asked(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert programs_in_use(store) == set()
    for name, program in (("one-a", A), ("two-b", B), ("three-c", "")):
        own = store.instance(name)
        own.make()
        if program:
            own.note("begin", transaction="1", program=program)
    assert programs_in_use(store) == {A, B}
    store.instance("one-a").note("end", transaction="1", outcome="undone")
    assert programs_in_use(store) == {B}
    os.mkdir(store.instance("three-c").path("journal.jsonl"))
    with pytest.raises(OSError):
        programs_in_use(store)
