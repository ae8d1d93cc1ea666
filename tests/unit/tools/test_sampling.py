# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.integration import sampling


def test_each_slow_file_is_there_and_has_its_turn() -> None:
    named = [sampling.HERE / folder / f"test_{name}.py" for folder, parts in sampling.TURNS.items() for part in parts for name in part]
    assert len(set(named)) == len(named) and all(path.is_file() for path in named)
    runs = [{path.resolve() for path in named} - sampling.of_another_turn(str(number)) for number in range(40)]
    assert set.union(*runs) == {path.resolve() for path in named} and all(0 < len(run) < len(named) / 2 for run in runs)
    assert sampling.of_another_turn("a commit") == sampling.of_another_turn("a commit")


def test_a_test_that_is_there_for_each_core_runs_on_one_of_them() -> None:
    class Item(SimpleNamespace):
        __hash__ = object.__hash__

    def item(name: str, **params: Any) -> Any:
        return Item(nodeid=f"{name}[{params}]", path=Path(name.partition("::")[0]), callspec=SimpleNamespace(params=params))

    both = [item("test_keys.py::test_a", core=core, kind=kind) for core in ("oldest", "newest") for kind in ("x", "y")]
    others = [item("test_keys.py::test_b", kind="x"), *(item("test_cores.py::test_c", core=core) for core in ("oldest", "newest"))]
    left = [sampling.on_another_core([*both, *others], str(number)) for number in range(20)]
    assert all(len(one) == 2 and {each.callspec.params["kind"] for each in one} == {"x", "y"} for one in left)
    assert {each.callspec.params["core"] for one in left for each in one} == {"oldest", "newest"}
