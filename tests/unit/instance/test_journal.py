# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which copies of the library an open transaction still needs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.avsctl import install
from ansible_collections.restaking.avs.plugins.module_utils.instance import journal, journal_file
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import InstanceStore, Store

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
def test_what_was_begun_and_not_ended(tmp_path: Path, lines: list[bytes], expected: set[str]) -> None:
    own = Store(str(tmp_path)).instance("one-a")
    own.make()
    Path(own.path("journal.jsonl")).write_bytes(b"\n".join(lines))
    assert {record["program"] for record in journal.opened(own)} == expected


def test_an_end_is_of_its_own_begin(tmp_path: Path) -> None:
    own = Store(str(tmp_path)).instance("one-a")
    assert journal.opened(own) == []
    own.make()
    first = journal.begin(own, "apply", "me", release="1-v1")
    second = journal.begin(own, "stop", "you")
    journal.end(own, first, journal.DONE)
    (left,) = journal.opened(own)
    assert (left["transaction"], left["operation"], left["holder"], left["program"]) == (second, "stop", "you", "")
    os.unlink(own.path("journal.jsonl"))
    os.mkdir(own.path("journal.jsonl"))
    with pytest.raises(OSError):
        journal.opened(own)


def test_copies_of_open_transactions_are_kept(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert install._in_use(store) == set()
    for name, program in (("one-a", A), ("two-b", B)):
        own = store.instance(name)
        own.make()
        own.note("begin", transaction="1", program=program)
    store.instance("one-a").note("end", transaction="1", outcome="done")
    assert install._in_use(store) == {B}


def records(own: InstanceStore) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(own.path("journal.jsonl")).read_text().splitlines()]


def test_a_long_journal_loses_its_older_half_but_what_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file, "LONGEST", 4000)
    own = Store(str(tmp_path)).instance("one-a")
    own.make()
    cut = journal.begin(own, "apply", "me")
    journal.end(own, journal.begin(own, "stop", "me"), journal.DONE)
    for number in range(200):
        own.note("filler", number=number)
    numbers = [record["number"] for record in records(own) if record["event"] == "filler"]
    assert numbers == list(range(numbers[0], 200)) and numbers[0] > 100 and os.path.getsize(own.path("journal.jsonl")) < 5000
    assert [record["transaction"] for record in records(own) if "transaction" in record] == [cut]
    assert [record["transaction"] for record in journal.opened(own)] == [cut]
    journal.end(own, cut, journal.CUT)
    assert journal.opened(own) == []


def test_an_open_transaction_is_found_however_much_was_written_since(tmp_path: Path) -> None:
    own = Store(str(tmp_path)).instance("one-a")
    own.make()
    begun = journal.begin(own, "apply", "me")
    with open(own.path("journal.jsonl"), "ab") as out:
        out.write(b'{"event": "filler"}\n' * 50_000)
    assert [record["transaction"] for record in journal.opened(own)] == [begun]


def test_a_line_that_was_cut_takes_no_other_one_with_it(tmp_path: Path) -> None:
    own = Store(str(tmp_path)).instance("one-a")
    own.make()
    own.note("filler")
    path = Path(own.path("journal.jsonl"))
    path.write_bytes(path.read_bytes() + b'{"event": "en')
    begun = journal.begin(own, "apply", "me")
    assert [record["transaction"] for record in journal.opened(own)] == [begun]
    assert path.read_bytes().count(b"\n") == 3


def test_a_journal_of_one_endless_line_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file, "LONGEST", 4000)
    own = Store(str(tmp_path)).instance("one-a")
    own.make()
    Path(own.path("journal.jsonl")).write_bytes(bytes(9000))
    assert own.note("filler") and [record["event"] for record in records(own)] == ["filler"]
