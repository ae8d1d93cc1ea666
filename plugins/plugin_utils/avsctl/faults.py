# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors nobody expected, and copies of the library that are damaged."""

from __future__ import annotations

import contextlib
import os


def unexpected(error: Exception) -> str:
    """What is known of it, in a line: not the traceback, which quotes more than can be searched for secrets."""
    # Not read by the many calls that go well.
    import traceback

    frames = traceback.walk_tb(error.__traceback__)
    where = ", ".join(f"{_below(frame.f_code.co_filename)}:{line}" for frame, line in frames)
    return f"unexpected {type(error).__name__}: {error} (at {where})"


def is_damage(error: Exception) -> bool:
    """Whether it may be that a part of this copy cannot be read."""
    return isinstance(error, (ImportError, SyntaxError, EOFError))


def discard() -> str | None:
    """Remove this copy; the next call then goes to a module, which leaves a good one. Says which it was, ``None`` where this is none."""
    archive = getattr(getattr(__spec__, "loader", None), "archive", None)
    if archive is not None:
        with contextlib.suppress(OSError):
            os.unlink(archive)
    return archive


def _below(path: str) -> str:
    """A file as the collection has it: room and name, whatever archive it is in."""
    return "/".join(path.split("/")[-2:])
