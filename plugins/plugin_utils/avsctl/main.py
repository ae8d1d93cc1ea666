# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the copy of the library on a host does: a call on standard input, its result on standard output, a line of JSON each.

It is here because it is no module, nor part of one. It runs on hosts all the same: Python 3.9, and nothing but Python's own library.
With arguments the copy is a program for a person instead: ``people.py``, of which a call reads nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from ...module_utils.boot.units import PROGRAM
from ...module_utils.common.masking import Mask
from ...module_utils.transaction.call import answer
from .process import run_command

# As avsctl with arguments ends (commands.py).
_WRONG_USE = 2
# Bytes; a launcher (module_utils/avsctl/launcher.py) names its copy in its first lines.
_BEGINNING = 512


def main() -> None:
    text = sys.stdin.buffer.read()
    try:
        call: Mapping[str, Any] = json.loads(text)
    except ValueError:
        print("avsctl: no call on standard input (avsctl --help tells more)", file=sys.stderr)
        raise SystemExit(_WRONG_USE) from None
    values = (call.get("secret_values") or {}).values()
    # What the engine said may hold them, and an error of ours as well.
    mask = Mask(value for own in values for value in own.values())

    def leave(result: Mapping[str, Any]) -> None:
        """As a module does (``modules/instances.py``), but that the library is there."""
        dry = call.get("check") or call["document"].get("trial") or "needs" in result or result.get("failed")
        if not dry and not leads_to_a_copy(PROGRAM):
            from ...module_utils.avsctl.install import put_back

            put_back(_archive() or "", str(call["document"].get("holder")))

    try:
        result = answer(call, run_command, "avsctl", leave)
    except Exception as error:
        if isinstance(error, (ImportError, SyntaxError, EOFError)):
            # The next call goes to a module, which leaves a good copy. A unit or a person, who have no other one, keep what there is.
            _discard()
        message = unexpected(error)
        if not call["document"].get("complete"):
            # Nothing was changed: no answer, and a module is asked.
            raise SystemExit(mask(message)) from None
        result = {"failed": True, "msg": message}
    # A login may have printed something without an end of line.
    sys.stdout.write(f"\n{json.dumps(mask.deep(result))}\n")


def unexpected(error: Exception) -> str:
    """What is known of it, in a line."""
    # Not read by the many calls that go well.
    import traceback

    frames = traceback.walk_tb(error.__traceback__)
    where = ", ".join(f"{_below(frame.f_code.co_filename)}:{line}" for frame, line in frames)
    # Not the traceback: it quotes more than can be searched for secrets.
    return f"unexpected {type(error).__name__}: {error} (at {where})"


def _below(path: str) -> str:
    """A file as the collection has it: room and name, whatever archive it is in."""
    return "/".join(path.split("/")[-2:])


def leads_to_a_copy(launcher: str) -> bool:
    """Whether it starts something. Asked in every run, so no more is read for it than the file itself."""
    try:
        with open(launcher, "rb") as handle:
            words = handle.read(_BEGINNING).split()
        return os.stat(words[words.index(b"-s") + 1]).st_size > 0
    except (OSError, ValueError, IndexError):
        return False


def _archive() -> str | None:
    found = getattr(getattr(__spec__, "loader", None), "archive", None)
    return None if found is None else str(found)


def _discard() -> None:
    archive = _archive()
    if archive is not None:
        with contextlib.suppress(OSError):
            os.unlink(archive)
