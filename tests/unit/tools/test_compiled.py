# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a playbook of the tests compiled is code like any other, of the file it is loaded from, and of nothing but these bytes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import traceback
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.core import COMPILED

SOURCE = "from __future__ import annotations\n\ndef fail(x: int) -> str:\n    def inner():\n        return 1 / x\n    return inner()\n"


@pytest.fixture
def keeping(tmp_path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("avs_compiled", COMPILED / "sitecustomize.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.KEPT = str(tmp_path / "kept")  # type: ignore[attr-defined]
    return module


def kept(keeping: Any) -> list[Path]:
    return sorted(Path(keeping.KEPT).iterdir())


def made(keeping: Any, source: str | bytes, filename: str) -> CodeType:
    code: CodeType = keeping.compiled(source, filename, "exec", 0, True)
    return code


def names(code: CodeType) -> set[str]:
    return {code.co_filename}.union(*(names(item) for item in code.co_consts if isinstance(item, CodeType)))


def test_what_is_kept_is_what_would_be_compiled_for_whichever_file(keeping: Any) -> None:
    first = made(keeping, SOURCE.encode(), "/one/a.py")
    [file] = kept(keeping)
    before = file.stat().st_mtime_ns
    assert first == compile(SOURCE, "/one/a.py", "exec", 0, True) == made(keeping, SOURCE, "/one/a.py")
    other = made(keeping, SOURCE, "/two/b.py")
    assert other == compile(SOURCE, "/two/b.py", "exec", 0, True) and names(other) == {"/two/b.py"}
    assert kept(keeping) == [file] and file.stat().st_mtime_ns == before
    space: dict[str, Any] = {}
    FunctionType(other, space)()
    with pytest.raises(ZeroDivisionError) as raised:
        space["fail"](0)
    shown = traceback.extract_tb(raised.value.__traceback__)[-1]
    assert (shown.filename, shown.lineno, shown.name) == ("/two/b.py", 5, "inner")


def test_other_bytes_are_other_code_and_no_code_is_kept(keeping: Any) -> None:
    assert made(keeping, "x = 1\n", "a.py") != made(keeping, "x = 2\n", "a.py") and len(kept(keeping)) == 2
    with pytest.raises(SyntaxError, match="never closed"):
        made(keeping, "x = (\n", "a.py")
    assert len(kept(keeping)) == 2


@pytest.mark.parametrize("content", [b"", b"no code", b"N", b"\xe3\0\0"])
def test_what_was_damaged_is_made_again(keeping: Any, content: bytes) -> None:
    first = made(keeping, SOURCE, "a.py")
    [file] = kept(keeping)
    file.write_bytes(content)
    assert made(keeping, SOURCE, "a.py") == first == made(keeping, SOURCE, "a.py") and kept(keeping) == [file]


def test_without_a_place_to_keep_it_all_goes_on(keeping: Any, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("no folder")
    assert made(keeping, SOURCE, "a.py") == compile(SOURCE, "a.py", "exec", 0, True)


def test_ansible_s_programs_alone_ask_it(tmp_path: Path) -> None:
    ask = "import sys; print(hasattr(sys.modules.get('ansible.utils.collection_loader._collection_finder'), 'compile'))"
    for name, wanted in (("ansible-playbook", "True"), ("AnsiballZ_x.py", "False")):
        (tmp_path / name).write_text(ask)
        environment = {**os.environ, "PYTHONPATH": str(COMPILED)}
        done = subprocess.run([sys.executable, str(tmp_path / name)], capture_output=True, text=True, check=True, env=environment)
        assert (done.stdout.strip(), done.stderr) == (wanted, "")
