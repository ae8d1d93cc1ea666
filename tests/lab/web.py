# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP to the lab's own servers, past any proxy: none stands between the machine and its own bridge."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """``headers`` have lower case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(url: str, *, authority: Path | None = None, headers: Mapping[str, str] | None = None, head: bool = False) -> Answer:
    """One request, error statuses included; raises OSError where nobody answers within 5 s."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if authority:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(authority))))
    request = urllib.request.Request(url, headers=dict(headers or {}), method="HEAD" if head else "GET")
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=5) as answer:
            return _answer(answer.status, answer.headers.items(), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers.items(), error.read())


def _answer(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    return Answer(status, {key.lower(): value for key, value in headers}, body)
