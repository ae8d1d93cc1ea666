# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tools that generate pages and check them against the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import role_tables
from tests.tools.documented import rules_in, unmentioned
from tests.tools.generate import ROOT, pages, roles
from tests.tools.licences import missing
from tests.tools.marks import NoMarks, between
from tests.tools.markup import markdown, table
from tests.tools.sizes import problems

SPEC = """
argument_specs:
  main:
    options:
      sample_size: {type: int, default: 3, description: How many.}
      sample_name: {type: str, required: true, description: [Who., "One of C(a|b)."]}
"""


@pytest.fixture
def role(tmp_path: Path) -> Path:
    role = tmp_path / "sample"
    for name in ("meta", "defaults", "tasks"):
        (role / name).mkdir(parents=True)
    (role / "meta" / "argument_specs.yml").write_text(SPEC)
    (role / "defaults" / "main.yml").write_text("sample_size: 3\n")
    (role / "tasks" / "main.yml").write_text("- debug: msg={{ sample_size }}{{ sample_name }}\n")
    (role / "README.md").write_text(f"# sample\n{role_tables.BEGIN}old\n{role_tables.END}tail\n")
    return role


def test_markup_becomes_markdown() -> None:
    text = "Set O(state=absent) or V(a|b), see L(the guide,https://example.org/), M(ns.col.mod) and B(mind) I(this)."
    assert markdown(text) == ("Set `state=absent` or `a\\|b`, see [the guide](https://example.org/), `ns.col.mod` and **mind** *this*.")


def test_a_table_has_a_line_a_row() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_the_table_replaces_what_stands_between_the_marks(role: Path) -> None:
    text = role_tables.readme(role)
    assert "old" not in text and text.startswith("# sample\n") and text.endswith("tail\n")
    assert "| `sample_size` | int | `3` | How many. |" in text
    assert "| `sample_name` | str | **required** | Who. One of `a\\|b`. |" in text


def test_a_page_without_marks_is_said_to_have_none(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n")
    with pytest.raises(NoMarks, match=r"page\.md"):
        between(page, "<!-- begin -->\n", "<!-- end -->\n", "part")


def test_a_role_that_agrees_with_itself_has_no_problem(role: Path) -> None:
    assert role_tables.disagreements(role) == []


def test_every_disagreement_of_a_role_is_named(role: Path) -> None:
    (role / "defaults" / "main.yml").write_text("sample_size: 4\nsample_other: 1\n")
    (role / "tasks" / "main.yml").write_text("- debug: msg={{ sample_size }}\n")
    found = "\n".join(role_tables.disagreements(role))
    assert "sample_size is 4" in found and "says 3" in found
    assert "sample_other is not in meta/argument_specs.yml" in found
    assert "sample_name is used nowhere" in found


def test_a_range_of_rules_covers_those_between() -> None:
    assert rules_in("PKG-001 to PKG-003, KEY-006") == {"PKG-001", "PKG-002", "PKG-003", "KEY-006"}


def test_a_file_without_its_licence_is_named(tmp_path: Path) -> None:
    (tmp_path / "with.yml").write_text("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    (tmp_path / "without.yml").write_text("key: value\n")
    (tmp_path / "data.json").write_text("{}\n")
    assert missing(tmp_path, ["with.yml", "without.yml", "data.json", "gone.yml"]) == ["without.yml"]


def test_generated_pages_are_current() -> None:
    stale = [str(path) for path, wanted in pages(ROOT) if path.read_text(encoding="utf-8") != wanted]
    assert stale == [], "run python -m tests.tools.generate"


def test_defaults_agree_with_argument_specs() -> None:
    assert [problem for role in roles(ROOT) for problem in role_tables.disagreements(role)] == []


def test_the_pages_mention_what_the_code_knows() -> None:
    assert unmentioned(ROOT) == []


def test_what_cannot_be_read_at_one_go_is_named(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    long = "def long():\n" + "    pass\n" * 60
    many = "class A:\n    def many(self, a, b, c, *d, e, **f): ...\n    def few(self, a, b, c, d, *, e): ...\n"
    (tmp_path / "plugins" / "a.py").write_text(long + many)
    (tmp_path / "plugins" / "b.py").write_text("x = 1\n" * 351)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "c.py").write_text(long + many)
    (tmp_path / "tests" / "d.py").write_text("x = 1\n" * 351)
    assert problems(tmp_path, {}) == [
        "plugins/a.py:long has 61 lines, more than 60",
        "plugins/a.py:A.many has 6 parameters, more than 5",
        "plugins/b.py has 351 lines, more than 350",
        "tests/d.py has 351 lines, more than 350",
    ]
    (tmp_path / "tests" / "d.py").unlink()
    exempt = {"plugins/a.py:A.many": "a table", "plugins/a.py:long": "a table", "plugins/b.py": "a table"}
    assert problems(tmp_path, exempt) == []
    (tmp_path / "plugins" / "b.py").write_text("")
    assert problems(tmp_path, exempt) == ["plugins/b.py is within the bounds: take it off the list"]
