# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts of a run are as they should be, as each said when it was asked last. Who was not asked in it, or whose name a play could take for others, is
none of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from ..secrets.run_folder import RunFolder
from .task import Task

_RECORD = "to-do"
# What a host without an engine, or one that does not answer, says.
_NO_ENGINE = "OPS-004"
# What in a pattern of hosts stands for itself.
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


def seen(task: Task, answer: dict[str, Any], engine_comes: bool) -> dict[str, Any]:
    """An answer, remembered. ``engine_comes``: that there is no engine that could be asked is something to do, and no failure."""
    if engine_comes and _has_no_engine(answer):
        answer = {"changed": False, "findings": [], "to_do": [_NO_ENGINE]}
    if not answer.get("failed") and is_plain(task.host, task.groups):
        folder = RunFolder(task.temp)
        with folder.locked(_RECORD):
            known: Mapping[str, Any] = folder.read(_RECORD) or {}
            folder.write(_RECORD, {**known, task.host: {"place": task.place, "to_do": bool(answer.get("to_do"))}})
    return answer


def hosts_of(temp: str, to_do: bool) -> list[str]:
    """Those that have something to do, or those that are as they should be, in the order of their play."""
    record = RunFolder(temp).read(_RECORD) or {}
    return sorted((name for name, own in record.items() if own["to_do"] == to_do), key=lambda name: (record[name]["place"], name))


def is_plain(host: str, groups: Collection[str]) -> bool:
    """Whether a host's name, as the pattern of a play, means that host and no other."""
    return bool(_PLAIN.match(host)) and host not in groups


def _has_no_engine(answer: Mapping[str, Any]) -> bool:
    found = [item.get("id") for item in answer.get("findings") or () if item.get("severity") == "error"]
    return bool(answer.get("failed")) and bool(found) and set(found) == {_NO_ENGINE}
