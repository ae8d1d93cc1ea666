# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd behind ``RunCommand`` that answers as one does which takes everything, or refuses. What a real one does: the tests on hosts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any


class Systemd:
    """``asked``: what ``systemctl`` was; ``code`` is what it ends with; ``inactive`` units are; of calendar texts some are ``nonsense``, and
    some are ``never``."""

    def __init__(self, code: int = 0, inactive: Collection[str] = (), nonsense: Collection[str] = (), never: Collection[str] = ()) -> None:
        self.code, self.inactive, self.nonsense, self.never = code, inactive, nonsense, never
        self.asked: list[list[str]] = []
        self.texts: list[str] = []

    def __call__(self, args: list[str], **_options: Any) -> tuple[int, bytes, bytes]:
        if "systemd-analyze" in args:
            assert args[-3:-1] == ["calendar", "--"], args
            self.texts.append(args[-1])
            if args[-1] in self.nonsense:
                return 1, b"", b"Failed to parse calendar specification 'nonsense': Invalid argument\n"
            word = "never" if args[-1] in self.never else "Tue 2026-12-01 00:00:00 UTC"
            return 0, f"  Original form: {args[-1]}\n    Next elapse: {word}\n".encode(), b""
        words = args[args.index("systemctl") + 1 :]
        self.asked.append(words)
        if words[0] == "is-active":
            states = ["inactive" if name in self.inactive else "active" for name in words[2:]]
            return (0 if "active" in states else 3), "\n".join(states).encode(), b""
        return self.code, b"", b"Access denied\n" if self.code else b""
