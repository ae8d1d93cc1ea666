# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report in a file of the controller: the old one or the new one, and nobody else's to read."""

from __future__ import annotations

import os
import tempfile

from ...module_utils.common.errors import InputError


def place(path: str, text: str) -> bool:
    """Write with mode 0600, whatever mode a file there had; returns whether it holds another text now. Raises ``InputError``."""
    whole = os.path.abspath(os.path.expanduser(path))
    data = text.encode("utf-8", "backslashreplace")
    folder, name = os.path.split(whole)
    try:
        if os.path.isdir(whole):
            raise InputError(f"{path} is a folder; give the name of a file in it")
        same = _holds(whole, data)
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            os.rename(temporary, whole)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InputError(f"{path} cannot be written on the controller: {error.strerror}") from None
    return not same


def _holds(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as reader:
            return reader.read(len(data) + 1) == data
    except OSError:
        return False
