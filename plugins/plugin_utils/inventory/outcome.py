# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task returns and what it says on the way: each thing once, foreign texts harmless."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...module_utils.common.findings import ERROR, WARNING, Finding, by_severity
from ...module_utils.common.harmless import harmless, harmless_deep, shown_entry, shown_findings
from .wording import once

# What a task returns. Ansible acts on some other names, and a host is not to say them.
_RESULT = ("failed", "unlisted", "ansible_facts")
# Said in every run: what is forgotten, what lies open, what is held down, what is not as it should be just now. The rest is said when
# something changes, so that a quiet run is quiet.
_ALWAYS = ("INV-003", "INV-004", "SEC-004", "OPS-010", "OPS-012", "OPS-017")
_DONE = {"create": "created", "recreate": "recreated", "start": "started", "stop": "stopped", "remove": "removed", "update": "updated",
         "pull": "pulled"}  # fmt: skip


def outcome(answer: Mapping[str, Any], with_steps: bool = False, brief: bool = False) -> dict[str, Any]:
    """A task's result: the fields of an answer that a result has, their texts harmless; ``with_steps``: for ``--diff``.

    Of a failed task Ansible prints the whole result below its message. So what runs over many lines (the log of a container) is in ``msg``
    alone, and ``brief`` leaves out findings that are no errors.
    """
    failed = bool(answer.get("failed"))
    result = {name: answer[name] for name in _RESULT if answer.get(name) is not None}
    result["changed"] = bool(answer.get("changed"))
    if failed:
        result["msg"] = harmless(str(answer.get("msg") or "it failed, and nothing is known of why"))
    if "instances" in answer:
        result["instances"] = [_entry(item, failed) for item in answer["instances"] or ()]
    if "findings" in answer:
        result["findings"] = _findings(answer["findings"], failed, failed and brief)
    if answer.get("diff") or with_steps:
        result["diff"] = harmless_deep([*(answer.get("diff") or ()), *(steps(answer.get("instances") or ()) if with_steps else ())])
    return result


def told(findings: Iterable[Mapping[str, Any]], result: Mapping[str, Any]) -> list[str]:
    """Warnings that a person should see without asking for details."""
    found = (Finding.from_dict(dict(item)) for item in shown_findings(findings))
    quiet = tuple(f"{item['id']}:" for item in result.get("instances") or () if not item.get("changed"))
    said = (
        item
        for item in by_severity(found)
        if item.severity == WARNING and (item.id in _ALWAYS or (result.get("changed") and not item.place.startswith(quiet)))
    )
    return [f"{item.as_line()} ({item.id})" for item in once(said)]


def steps(instances: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What is done to each instance, one line a step, as a part of ``--diff``: a stop or a removal changes no file to compare."""
    parts = []
    for instance in instances:
        lines = [f"{step['action']} {step['kind']} {step['name']}" for step in instance.get("actions") or ()]
        if lines:
            kept = instance.get("kept") or {}
            lines += [f"keep volume {name}" for name in kept.get("volumes") or ()]
            header = f"{instance.get('id')}: steps"
            text = "".join(f"{line}\n" for line in lines)
            parts.append({"before_header": header, "after_header": header, "before": "", "after": text})
    return parts


def done(instances: Iterable[Mapping[str, Any]], host: str, check: bool) -> list[str]:
    """One line an action, of what was done or would be."""
    return [
        harmless(f"{host}: {instance.get('id')}: {_said(step, check)}") for instance in instances for step in instance.get("actions") or ()
    ]


def beginning(needs: Mapping[str, Any], specs: Sequence[Mapping[str, Any]], host: str) -> str:
    """What the host is about to be busy with, before the call that may take minutes."""
    waits = [
        int((spec.get("health") or {}).get("timeout") or _GATE) for spec in specs if spec["id"] in needs and spec["state"] == "started"
    ]
    long = f"; missing images are pulled, and a node has {max(waits)} s to become healthy" if waits else ""
    return f"{host}: working on {', '.join(needs)}{long}"


# As the gate of the host library has it.
_GATE = 300


def _said(step: Mapping[str, Any], check: bool) -> str:
    action = str(step.get("action"))
    return f"{'would ' + action if check else _DONE.get(action, action)} {step.get('kind')} {step.get('name')}"


def _entry(item: Mapping[str, Any], failed: bool) -> dict[str, Any]:
    entry = shown_entry(item)
    if failed and entry.get("error"):
        entry["error"] = _first(str(entry["error"]))
    if failed and entry.get("findings"):
        # All of them are among those of the result.
        entry["findings"] = []
    return entry


def _findings(findings: Iterable[Mapping[str, Any]], failed: bool, brief: bool) -> list[dict[str, Any]]:
    shown = shown_findings(findings)
    if not failed:
        return shown
    return [{**item, "message": _first(str(item.get("message")))} for item in shown if item.get("severity") == ERROR or not brief]


def _first(text: str) -> str:
    return text.partition("\n")[0]
