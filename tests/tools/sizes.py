# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be read at one go: bounds of files, and in ``plugins/`` of functions and parameters: ``python -m tests.tools.sizes``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES, FUNCTION_LINES, PARAMETERS = 350, 60, 5
# What may be bigger, and why: a file, or a file and the function in it.
EXEMPT: Mapping[str, str] = {
    "plugins/module_utils/system/command.py:RunCommand.__call__": "the parameters of Ansible's own run_command, not ours"
}


def problems(root: Path, exempt: Mapping[str, str] | None = None) -> list[str]:
    """A line for each thing over its bound, and for each exception nothing needs."""
    exempt = EXEMPT if exempt is None else exempt
    over = dict(_over(root))
    found = [f"{place} {what}" for place, what in over.items() if place not in exempt]
    return [*found, *(f"{place} is within the bounds: take it off the list" for place in sorted(exempt.keys() - over.keys()))]


def _over(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(path for folder in ("plugins", "tests", "examples") for path in (root / folder).rglob("*.py")):
        text, place = path.read_text(encoding="utf-8"), str(path.relative_to(root))
        lines = text.count("\n")
        if lines > FILE_LINES:
            yield place, f"has {lines} lines, more than {FILE_LINES}"
        if not place.startswith("plugins/"):
            continue
        for name, function in _functions(ast.parse(text), ""):
            length, parameters = (function.end_lineno or 0) - function.lineno + 1, _parameters(function)
            if length > FUNCTION_LINES:
                yield f"{place}:{name}", f"has {length} lines, more than {FUNCTION_LINES}"
            elif parameters > PARAMETERS:
                yield f"{place}:{name}", f"has {parameters} parameters, more than {PARAMETERS}"


def _functions(node: ast.AST, within: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        name = f"{within}{getattr(child, 'name', '')}"
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield name, child
        yield from _functions(child, f"{name}." if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) else within)


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """``self`` and ``cls`` are none."""
    given = function.args
    named = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(named) - (named[:1] in (["self"], ["cls"])) + (given.vararg is not None) + (given.kwarg is not None)


def main() -> int:
    found = problems(ROOT)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
