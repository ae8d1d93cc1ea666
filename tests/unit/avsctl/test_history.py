# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``avsctl history``: a journal as a table, whatever is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import HostError
from ansible_collections.restaking.avs.plugins.module_utils.instance.store import Store
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.commands import Place
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.history import details, read
from ansible_collections.restaking.avs.plugins.plugin_utils.avsctl.people import main

ID = "demo-avs-op1"
ACTIONS = [{"action": "create", "kind": "container", "name": "node"}, {"action": "pull", "kind": "image", "name": "node"}]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A host with one instance, and no engine: a journal is read without it."""
    store = Store(str(tmp_path))
    store.instance(ID).make()
    return Place(store, None)  # type: ignore[arg-type]


def journal(place: Place) -> Path:
    return Path(place.store.instance(ID).path("journal.jsonl"))


def test_the_journal_as_a_table(place: Place, capsys: Captured) -> None:
    own = place.store.instance(ID)
    own.note("begin", transaction="t1", operation="install", program="avsctl-0123456789abcdef.pyz", holder="op@controller:7")
    own.note("apply", release=None, actions=ACTIONS)
    own.note("commit", release="1-v1.0.0", health="well")
    own.note("end", transaction="t1", outcome="committed")
    assert main(["history", ID], place) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["TIME", "EVENT", "DETAILS"] and all(row[10] == "T" and row[19:22] == "Z  " for row in rows)
    assert [row[22:] for row in rows] == [
        "begin   operation: install, transaction: t1, holder: op@controller:7, program: avsctl-0123456789abcdef.pyz",
        "apply   actions: create container node + pull image node",
        "commit  release: 1-v1.0.0, health: well",
        "end     outcome: committed, transaction: t1",
    ]


def test_lines_that_are_damaged_are_named_in_their_place(place: Place, capsys: Captured) -> None:
    journal(place).write_bytes(
        b'{"time": "t1", "event": "stop"}\n{"time": "t2", "ev\n\xff\xfe\n[1]\n'
        + b"[" * 100_000
        + b'\n\n{"event": ["odd"], "x": {"a": 1}}\n{"event"'
    )
    assert main(["history", ID], place) == 0
    rows = [line.split(None, 2) for line in capsys.readouterr().out.splitlines()[1:]]
    path = journal(place)
    cut = "is not JSON: a write of it may have been cut"
    assert rows == [
        ["t1", "stop", "-"],
        ["-", "damaged", f"line 2 of {path} {cut}"],
        ["-", "damaged", f"line 3 of {path} {cut}"],
        ["-", "damaged", f"line 4 of {path} holds no record"],
        ["-", "damaged", f"line 5 of {path} {cut}"],
        ["-", "['odd']", 'x: {"a": 1}'],
        ["-", "damaged", f"line 8 of {path} {cut}"],
    ]
    assert main(["history", ID, "--json"], place) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["id"] == ID and [item["line"] for item in data["damaged"]] == [2, 3, 4, 5, 8] and len(data["records"]) == 2


def test_the_last_records_only(place: Place, capsys: Captured) -> None:
    for number in range(5):
        place.store.instance(ID).note(f"event{number}")
    for tail, expected in (("2", ["event3", "event4"]), ("9", [f"event{number}" for number in range(5)]), ("0", [])):
        assert main(["history", ID, "--tail", tail, "--json"], place) == 0
        assert [record["event"] for record in json.loads(capsys.readouterr().out)["records"]] == expected
    for wrong in ("-1", "x", "1.5", "\u0663"):
        assert main(["history", ID, f"--tail={wrong}"], place) == 2
        assert "is not a number of lines" in capsys.readouterr().err


def test_nothing_recorded_is_nothing_wrong(place: Place, capsys: Captured) -> None:
    assert main(["history", ID], place) == 0
    assert capsys.readouterr().out == f"nothing is recorded of {ID}\n"
    assert main(["history", "demo-avs-x"], place) == 5
    assert capsys.readouterr().err == f"avsctl: no such instance on this host: demo-avs-x; there is {ID}\n"


def test_a_journal_that_is_no_file_is_refused(place: Place, capsys: Captured) -> None:
    journal(place).mkdir()
    with pytest.raises(HostError, match="cannot be read"):
        read(str(journal(place)))
    assert main(["history", ID], place) == 1
    assert capsys.readouterr().err.startswith(f"avsctl: {journal(place)} cannot be read: ")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"time": "t", "event": "e"}, ""),
        ({"error": "went\nwrong", "zebra": 1, "ape": True}, "error: went\nwrong, ape: true, zebra: 1"),
        ({"actions": []}, ""),
        ({"actions": [{"action": "stop"}]}, 'actions: [{"action": "stop"}]'),
        ({"purge": False}, "purge: false"),
    ],
)
def test_details_in_words(record: dict[str, object], expected: str) -> None:
    assert details(record) == expected
