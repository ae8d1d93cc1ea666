# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list of files that is written while restic reads them: each of the two waits for the disk a good part of its time, and a node is down
until both are through."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from . import listing
from .listing import Summary, Tree


class Beside:
    """What is left of it once something else has failed is no list. ``bound``: seconds it may take."""

    def __init__(self, path: str, trees: Sequence[Tree], since: int, bound: float | None = None) -> None:
        self._path, self._trees, self._since, self._bound = path, trees, since, bound
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._summary: Summary | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None) -> None:
        if kind is not None:
            self._over.set()
        self._thread.join()

    def _write(self) -> None:
        try:
            self._summary = listing.write(self._path, self._trees, self._since, over=self._is_over)
        except BaseException as error:
            # Told to who waits for it.
            self._error = error

    def _is_over(self) -> bool:
        return self._over.is_set() or self._is_late()

    def _is_late(self) -> bool:
        return self._bound is not None and time.monotonic() - self._began > self._bound

    def summary(self) -> Summary:
        """Once both are through: what was written until then is told, of whichever came first. Raises ``OSError``, ``TimeoutError`` of
        one that took too long."""
        try:
            return self._whole()
        except InterruptedError as error:
            raise TimeoutError(f"to look at all files took longer than {self._bound:g} s") if self._is_late() else error from None

    def _whole(self) -> Summary:
        if self._error is not None or self._summary is None:
            raise self._error or OSError("the list of files was not written")
        return self._summary.but(listing.written_since(self._trees, self._since, self._is_over))
