# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a container's log, as far as it may say why the container is not well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Callable

from ..common.harmless import bounded
from ..docker.engine import Engine

# Lines that are shown, and lines that are looked at: a gate of five minutes asks some three hundred times.
_SHOWN, _READ = 15, 1000
_WIDTH = 400
# An entry of the common log format says that somebody asked, and what he got.
_ENTRY = re.compile(r'"GET \S+ HTTP/[0-9.]+" [0-9]{3}\b')
# Times, ids and sizes, which are others in each request.
_VARIES = re.compile(r"\b[0-9a-f]*[0-9][0-9a-fA-Fµ.:-]*(?:[nmuµ]?s)?\b")


def last_lines(engine: Engine, container: str, service: str, mask: Callable[[str], str], asked: Sequence[str] = ()) -> str:
    """The end of a message about a container. ``asked``: paths our own probe asked it for."""
    logged = [line.rstrip() for line in mask(engine.logs(container, _READ)).split("\n") if line.strip()]
    if not logged:
        return "; it logged nothing"
    lines = _telling(logged, asked)[-_SHOWN:]
    if not lines:
        return "; it logged nothing but that it was asked"
    return f"; last lines of {service}:\n" + "\n".join(f"    {bounded(line, _WIDTH)}" for line in lines)


def _telling(lines: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Without what our own questions left. A line that says more of one than that it was asked may say why it was answered so: of those
    that are alike but for their numbers the last one stays."""
    if not asked:
        return list(lines)
    paths = "|".join(re.escape(path) for path in asked)
    ours = re.compile(rf"(?:(?<![\w./-])|//[^\s/\"']+)(?:{paths})(?![\w./-])")
    found, known = [], set()
    for line in reversed(lines):
        if "GET" in line and ours.search(line):
            kind = _VARIES.sub("#", line)
            if _ENTRY.search(line) or kind in known:
                continue
            known.add(kind)
        found.append(line)
    return found[::-1]
