# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions whose answers take a while, asked before they are needed and side by side."""

from __future__ import annotations

import threading
from typing import Callable, Generic, TypeVar

Answer = TypeVar("Answer")


class Ahead(Generic[Answer]):
    """Asks at once, in a thread of its own."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._found: list[Answer] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found.append(self._ask())
        except BaseException as error:
            self._error = error

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self) -> None:
        self._thread.join()

    def answer(self) -> Answer:
        """Waits for it. Raises what asking raised."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._found[0]
