# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the content of a secret travels: as text, in JSON and in ``secrets.json``, whatever bytes it is made of. Pure."""

from __future__ import annotations

import binascii

# No text has a NUL byte that a variable or a password could hold, so this begins none: what is text travels as it is, and always did.
_BYTES = "\0base64:"


def as_text(content: bytes) -> str:
    """The form in which bytes travel: UTF-8 text as it is, anything else as base64 behind a mark."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    return _BYTES + binascii.b2a_base64(content, newline=False).decode() if "\0" in text else text


def as_bytes(value: str) -> bytes:
    """The bytes a value stands for."""
    return binascii.a2b_base64(value[len(_BYTES) :]) if value.startswith(_BYTES) else value.encode()


def is_binary(value: str) -> bool:
    """Whether a value stands for bytes that are no text: only a file can hold them."""
    return value.startswith(_BYTES)


def visible_form(value: str) -> str:
    """A value as it might be seen in somebody's text: without our mark."""
    return value[len(_BYTES) :] if value.startswith(_BYTES) else value
