# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Write, or with ``--check`` compare, every page that is made from code: ``python -m tests.tools.generate [--check]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from . import content_table, role_tables, source_tables
from .documented import unmentioned
from .marks import NoMarks
from .reference_page import reference_page
from .rules_page import rules_page
from .settings_page import settings_page

ROOT = Path(__file__).resolve().parents[2]


def pages(root: Path) -> Iterator[tuple[Path, str]]:
    """Every generated file and what should be in it."""
    yield root / "docs" / "rules.md", rules_page(root)
    yield root / "docs" / "security" / "compose-settings.md", settings_page(root)
    yield root / "docs" / "reference.md", reference_page(root)
    yield from source_tables.pages(root)
    for role in roles(root):
        yield role / "README.md", role_tables.readme(role)
    yield root / "README.md", content_table.readme(root)


def roles(root: Path) -> list[Path]:
    return sorted(path.parent.parent for path in root.glob("roles/*/meta/argument_specs.yml"))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a page is not current")
    check = parser.parse_args(arguments).check
    problems = [problem for role in roles(ROOT) for problem in role_tables.disagreements(role)] + unmentioned(ROOT)
    try:
        for path, wanted in pages(ROOT):
            if path.exists() and path.read_text(encoding="utf-8") == wanted:
                continue
            if check:
                problems.append(f"{path.relative_to(ROOT)} is not current: run `python -m tests.tools.generate`")
            else:
                path.write_text(wanted, encoding="utf-8")
                print(f"wrote {path.relative_to(ROOT)}")
    except NoMarks as error:
        problems.append(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
