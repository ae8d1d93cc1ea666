# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which hosts of a run have something to do, as each of them was asked before the first one was touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..secrets.run_folder import RunFolder
from .task import Task

_RECORD = "to-do"
# What a host without an engine says.
_NO_ENGINE = "OPS-004"


def seen(task: Task, answer: dict[str, Any], engine_comes: bool) -> dict[str, Any]:
    """The answer to a look, remembered. ``engine_comes``: that there is no engine that could be asked is something to do, and no failure."""
    folder = RunFolder(task.temp)
    folder.once(_RECORD, lambda: {"hosts": {}})
    if engine_comes and _has_no_engine(answer):
        answer = {"changed": False, "findings": [], "to_do": [_NO_ENGINE]}
    if answer.get("to_do"):
        with folder.locked(_RECORD):
            known: Mapping[str, int] = (folder.read(_RECORD) or {}).get("hosts", {})
            folder.write(_RECORD, {"hosts": {**known, task.host: task.place}})
    return answer


def hosts_to_do(temp: str) -> list[str] | None:
    """In the order of their play; ``None`` where nobody was asked in this run."""
    record = RunFolder(temp).read(_RECORD)
    return None if record is None else sorted(record["hosts"], key=lambda name: (record["hosts"][name], name))


def _has_no_engine(answer: Mapping[str, Any]) -> bool:
    found = [item.get("id") for item in answer.get("findings") or () if item.get("severity") == "error"]
    return bool(answer.get("failed")) and bool(found) and set(found) == {_NO_ENGINE}
