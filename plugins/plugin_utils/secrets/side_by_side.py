# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many questions to one store of secrets, by a few threads; errors come back a secret at a time, as ``Problem``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from .base import Problem

THREADS = 8

_Wish = TypeVar("_Wish", bound=Any)
_Answer = TypeVar("_Answer")


class Failed(Exception):
    """A secret that cannot be had. ``everywhere``: nor can any other of this store."""

    def __init__(self, problem: Problem, everywhere: bool = False) -> None:
        super().__init__(problem.message)
        self.problem, self.everywhere = problem, everywhere


class SideBySide:
    """What is found wrong with the store itself answers every later question: a dead one is waited for once."""

    _down: Problem | None = None

    def each(self, wishes: Iterable[_Wish], ask: Callable[[_Wish], _Answer]) -> dict[_Wish, _Answer | Problem]:
        """``ask`` raises ``Failed``."""
        wanted = sorted(set(wishes))
        # The first request tells whether we are let in at all, so that not every thread has to find out.
        first = [self._attempt(wish, ask) for wish in wanted[:1]]
        with ThreadPoolExecutor(max_workers=THREADS) as pool:
            rest = pool.map(lambda wish: self._attempt(wish, ask), wanted[1:])
            return dict(zip(wanted, [*first, *rest], strict=True))

    def _attempt(self, wish: _Wish, ask: Callable[[_Wish], _Answer]) -> _Answer | Problem:
        if self._down is not None:
            return self._down
        try:
            return ask(wish)
        except Failed as failed:
            if failed.everywhere:
                self._down = failed.problem
            return failed.problem
