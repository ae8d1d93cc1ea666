# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge between the tasks of a rollout and its folder: runs on the controller and contacts no host."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.harmless import harmless, harmless_deep
from ansible_collections.restaking.avs.plugins.module_utils.common.names import is_name
from ansible_collections.restaking.avs.plugins.modules.rollout import ARGUMENTS
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.task import Task
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.asked import first_line, named
from ansible_collections.restaking.avs.plugins.plugin_utils.reports.text import one_line
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout import run as rollouts
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.plan import (
    Plan,
    Terms,
    left_out_canary,
    limits,
    made,
    percentage,
    seconds,
)
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.record import Record, default_root
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.report import failed_hosts, lines_of, plan_lines
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.seen import (
    ROLLBACK,
    Answers,
    Seen,
    kept_from,
    nowhere,
    require_version,
    seen,
    unconcerned,
)
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.waves import sizes, stage

_TELL_EVERY = 60
# What Ansible reads as more than a name.
_PATTERN = re.compile(r"[,&!*?\[\]]|^~|^@|:(?![0-9a-fA-F:]*\Z)")
display = Display()


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(None, task_vars)
        _validation, given = self.validate_argument_spec(ARGUMENTS)
        task = Task(self, task_vars or {})
        does: Mapping[str, Callable[[Task, Mapping[str, Any]], dict[str, Any]]] = {
            "absent": _absent, "planned": _planned, "noted": _noted, "judged": _judged, "gated": _gated, "stopped": _stopped, "reported": _reported,
        }  # fmt: skip
        try:
            return {"changed": False, **does[str(given["state"])](task, plain(given))}
        except InputError as error:
            return {"failed": True, "changed": False, "msg": harmless(str(error))}


def _absent(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    """Hosts the inventory has go first, where none of them is in this run: they are asked whether they passed."""
    stages = _stages(task, given["everybody"])
    numbers = [number for number in stages.values() if number is not None]
    first = [host for host, number in stages.items() if numbers and number == min(numbers)]
    return {"hosts": [] if set(first) & task.play else first}


def _planned(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    asked = _asked(task, given)
    hosts = [_seen(task, host, given) for host in task.variables["ansible_play_hosts_all"]]
    problems = {one.host: one.problem for one in hosts if one.problem}
    dark = [one.host for one in hosts if one.unreachable]
    try:
        plan = _plan(task, given, hosts)
        record, said = rollouts.begin(task.temp, asked, plan)
    except InputError as error:
        rollouts.refuse(task.temp, asked, f"nothing was begun: {error}", problems, dark)
        return {"told": [], "waves": 0, "folder": "", "nowhere": []}
    told = [*said, *plan_lines(record.read())]
    return {
        "told": [harmless(line) for line in told],
        "waves": len(plan.waves),
        "folder": "" if asked.check else record.folder,
        "nowhere": [harmless(name) for name in nowhere(hosts, asked.ids)],
    }


def _asked(task: Task, given: Mapping[str, Any]) -> rollouts.Asked:
    root = str(given["folder"] or "")
    where = os.path.abspath(os.path.expanduser(root)) if root else default_root()
    return rollouts.Asked(str(given["kind"]), _ids(given), bool(given["all"]), where, os.getppid(), task.check)


def _plan(task: Task, given: Mapping[str, Any], hosts: list[Seen]) -> Plan:
    """Raises ``InputError``."""
    terms = Terms(
        str(given["kind"]),
        sizes(given["serial"], "avs_serial"),
        seconds(given["at_once"], "avs_rollout_at_once"),
        limits({one.host: _variable(task, one.host, "avs_max_unavailable") for one in hosts}),
        seconds(given["soak"], "avs_rollout_soak"),
        percentage(given["max_fail"], "avs_max_fail_percentage"),
    )
    report = str(given["report"] or "")
    if report and not os.path.isdir(os.path.expanduser(report)):
        raise InputError(f"avs_rollout_report names {report}, which is no folder of the controller: make it")
    if terms.kind == ROLLBACK:
        require_version(hosts, _ids(given), str(given["leaves"] or ""))
    # Who is out of reach keeps nobody from going back: it is told as such, and goes once it is there.
    problems = [one for one in hosts if one.problem and not (terms.kind == ROLLBACK and one.unreachable)]
    if problems and 100.0 * len(problems) / len(hosts) > terms.max_fail:
        told = "; ".join(f"{one.host}: {one.problem}" for one in problems[:3])
        rest = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise InputError(f"{len(problems)} of {len(hosts)} hosts cannot be begun with: {told}{rest} (mend it, or leave it out: --limit)")
    passed = {digest for answer in given["absent"] for digest in seen("", Answers(answer)).passed}
    plan = made(hosts, _stages(task, [one.host for one in hosts]), terms, passed)
    missing = left_out_canary(_stages(task, given["everybody"]), task.play, plan)
    if missing and not given["without_canary"]:
        raise InputError(
            f"{', '.join(missing[:5])}, which avs_wave has go first, did not pass with this yet and is not in this run (--limit): run it there first, "
            "or say avs_rollout_without_canary=true, and the first host of this run is the canary"
        )
    _require_plain(task, plan.order)
    return plan


def _require_plain(task: Task, hosts: list[str]) -> None:
    """Hosts of a plan are the pattern of a play. Raises ``InputError`` where one's name means others as well."""
    groups = {str(name) for name in task.variables.get("groups") or ()}
    wrong = [host for host in hosts if host in groups or _PATTERN.search(host)]
    if wrong:
        raise InputError(
            f"{', '.join(map(repr, wrong[:5]))}: a host of a rollout has no name that is a group's or a pattern (with one of , : & ! * ? [ ] ~): rename it"
        )


def _seen(task: Task, host: str, given: Mapping[str, Any]) -> Seen:
    own = task.variables_of(host)
    asked, looked, failed = (
        plain(own[name]) if name in own else None for name in ("rollout_asked", str(given["looked"]), "rollout_failed")
    )
    answers = Answers(asked, looked, failed, ids=_ids(given))
    one = seen(host, answers, bool(given["all"]), str(given["kind"]))
    if one.joins:
        # What its inventory does not have any more is nobody's to upgrade.
        here = _meant(own)
        return replace(one, joins=tuple(name for name in one.joins if here is None or name in [known for _package, known in here]))
    if not one.problem:
        return kept_from(one, answers.asked, answers.ids, given["leaves"]) if given["leaves"] else one
    meant = _meant(own)
    one = seen(host, replace(answers, meant=meant), bool(given["all"]), str(given["kind"]))
    # Where nothing is named, or what is no id, it is that which is wrong on every host.
    if given["all"] or meant is None or not answers.ids or not all(map(is_name, answers.ids)):
        return one
    return unconcerned(one, answers.ids, [name for _package, name in meant])


def _ids(given: Mapping[str, Any]) -> list[str]:
    return named(given["ids"] if isinstance(given["ids"], (list, str)) else [])


def _meant(own: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """Package and id of what a host's inventory has running; of its entries nothing else is looked at, which may be secret. ``None`` where it cannot be
    had: then it may be anything."""
    try:
        entries = [entry for entry in own.get("avs_instances") or () if isinstance(entry, Mapping)]
        told = [tuple(plain(entry.get(name)) for name in ("package", "tag", "state")) for entry in entries]
    except (AnsibleError, TypeError):
        return None
    if not all(isinstance(package, str) and isinstance(tag, str) for package, tag, _state in told):
        return None
    named_so = [(package.rpartition("/")[2], tag) for package, tag, state in told if state in (None, "started")]
    return [(package, f"{package}-{tag}") for package, tag in named_so]


def _stages(task: Task, hosts: list[str]) -> dict[str, int | None]:
    """Raises ``InputError``."""
    return {host: stage(_variable(task, host, "avs_wave"), host) for host in hosts}


def _variable(task: Task, host: str, name: str) -> Any:
    """Raises ``InputError`` where it cannot be had, as one that is made of facts."""
    own = task.variables_of(host)
    try:
        return plain(own[name]) if name in own else None
    except AnsibleError as error:
        raise InputError(f"{name} of {host} cannot be had: {one_line(str(error).partition(chr(10))[0])}") from None


def _current(task: Task) -> Record:
    """Raises ``InputError``."""
    record = rollouts.current(task.temp)
    if record is None:
        raise InputError("no rollout was planned in this run: run the whole playbook, without --start-at-task")
    return record


def _batch(task: Task) -> list[str]:
    return [str(host) for host in task.variables["ansible_play_batch"]]


def _noted(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    told = rollouts.note(_current(task), task.host, given["result"])
    return {"result": told["result"]}


def _judged(task: Task, _given: Mapping[str, Any]) -> dict[str, Any]:
    found = rollouts.judge(_current(task), _batch(task))
    if found.soak:
        _soak(found.soak)
    return {"stopped": harmless(found.why), "ask": found.ask, "soak": found.soak}


def _soak(wanted: int) -> None:
    ends = time.monotonic() + wanted
    while (left := ends - time.monotonic()) > 0:
        display.display(f"the wave is left alone for {round(left)} s more, then all so far are asked again", stderr=True)
        time.sleep(min(left, _TELL_EVERY))


def _gated(task: Task, _given: Mapping[str, Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for host in _batch(task):
        own = task.variables_of(host)
        asked = plain(own["rollout_gates"]) if "rollout_gates" in own else {}
        for one in (asked.get("results") or ()) if isinstance(asked, Mapping) else ():
            item = one.get("item") if isinstance(one, Mapping) else None
            if isinstance(item, Mapping):
                answers[str(item.get("host"))] = one
    return {"stopped": harmless(rollouts.gated(_current(task), _batch(task), answers))}


def _stopped(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    rollouts.stop(_current(task), f"a wave could not be judged: {one_line(first_line(given['result']))}")
    return {}


def _reported(task: Task, given: Mapping[str, Any]) -> dict[str, Any]:
    record = _current(task)
    model = rollouts.end(record, os.path.expanduser(str(given["report"] or "")))
    failed = failed_hosts(model)
    why = model["reason"]
    folder = "" if task.check else record.folder
    return {
        "told": [harmless(line) for line in lines_of(model)],
        "failed_hosts": harmless_deep(failed),
        "reason": harmless(why),
        "report": harmless_deep(model),
        "folder": folder,
        "verdict": model["verdict"],
    }
