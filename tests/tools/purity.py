# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an import contract cannot say: hosts need Python's own library alone, and some code computes and does nothing else."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

# On hosts: whatever a module imports, and the program they keep.
HOST = ("plugins/module_utils", "plugins/plugin_utils/avsctl", "plugins/modules")
# Of Ansible's, in modules alone.
MODULES_MAY = ("ansible.module_utils",)
# Files that compute only.
PURE = (
    "plugins/module_utils/common/*.py",
    "plugins/module_utils/policy/*.py",
    "plugins/module_utils/docker/dotenv.py",
    "plugins/module_utils/docker/model.py",
    "plugins/module_utils/docker/names.py",
    "plugins/module_utils/docker/references.py",
)
# None of these reads a file, a clock or the machine; posixpath does in some functions.
PURE_MAY = {
    *("__future__", "base64", "binascii", "bisect", "collections", "copy", "dataclasses", "decimal", "enum", "fnmatch", "fractions"),
    *("functools", "hashlib", "hmac", "ipaddress", "itertools", "json", "math", "operator", "posixpath", "re", "string", "struct"),
    *("types", "typing", "unicodedata"),
}
PATHS_MAY = ["basename", "commonpath", "commonprefix", "dirname", "isabs", "join", "normpath", "sep", "split", "splitext"]
BUILTINS_MAY_NOT = ["breakpoint", "compile", "eval", "exec", "input", "open", "print", "__import__"]


def problems(root: Path) -> list[str]:
    """A line for each import or call that its place does not allow."""
    found = []
    for folder in HOST:
        for path in sorted((root / folder).rglob("*.py")):
            found += [
                f"{path.relative_to(root)}:{line}: {name} is not on every host" for line, name in _imports(path) if _foreign(path, name)
            ]
    for pattern in PURE:
        for path in sorted(root.glob(pattern)):
            found += [f"{path.relative_to(root)}:{line}: {name} is for code that does more than compute" for line, name in _impure(path)]
    return found


def _foreign(path: Path, name: str) -> bool:
    if path.parent.name == "modules" and name.startswith(MODULES_MAY):
        return False
    return name.partition(".")[0] not in sys.stdlib_module_names


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of each module from elsewhere, also inside functions; what only a type checker reads is imported nowhere."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing = {node for block in ast.walk(tree) if _is_for_types(block) for part in block.body for node in ast.walk(part)}
    for node in ast.walk(tree):
        if node in typing:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.lineno, str(node.module)


def _is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _impure(path: Path) -> Iterator[tuple[int, str]]:
    yield from ((line, name) for line, name in _imports(path) if name.partition(".")[0] not in PURE_MAY)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Name) and node.id in BUILTINS_MAY_NOT:
            yield node.lineno, node.id
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "posixpath"
            and node.attr not in PATHS_MAY
        ):
            yield node.lineno, f"posixpath.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module == "posixpath":
            yield node.lineno, "a function of posixpath by its bare name"


def main() -> int:
    found = problems(Path(__file__).resolve().parents[2])
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
