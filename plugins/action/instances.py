# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Edge between a task and the parts: options and variables in, one result out, every error translated once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.parsing.vault import VaultHelper
from ansible.utils.display import Display
from ansible_collections.restaking.avs.plugins.module_utils.common import catalogue
from ansible_collections.restaking.avs.plugins.module_utils.common.errors import AvsError, InputError
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import ERROR, Finding, by_severity, errors_of
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.cache import Cache
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.entries import INSTANCES, labels, parse_instances
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.fleet import Fleet, survey
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.offers import Offers
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.outcome import done, outcome, told
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.settings import checked, misspelt
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.spec import build_specs
from ansible_collections.restaking.avs.plugins.plugin_utils.inventory.wording import failures_text, problems_text
from ansible_collections.restaking.avs.plugins.plugin_utils.parsing.plain import plain
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.calls import Terms, reconcile
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.copy import code
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.host import Host, HostAction
from ansible_collections.restaking.avs.plugins.plugin_utils.remote.task import Task
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.run_folder import RunFolder
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.source import Surroundings
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.sources import Sources, start_of_run
from ansible_collections.restaking.avs.plugins.plugin_utils.taps.tap import TapConfig, parse_taps

_LOCK_TIMEOUT = 60
_ARGUMENTS = {
    "instances": {"type": "raw", "required": True},
    "taps": {"type": "raw", "default": []},
    "lock_timeout": {"type": "raw", "default": _LOCK_TIMEOUT},
    "settings": {"type": "dict", "default": {}},
    "cache_dir": {"type": "path"},
    "partial": {"type": "bool", "default": False},
    "inventory_only": {"type": "bool", "default": False},
    "ask_host": {"type": "bool", "default": True},
    "given_up_by": {"type": "list", "elements": "str", "default": []},
}

display = Display()

# The main process imports this file before it forks the first worker of a task with this action: what is read here is read once a run.
start_of_run(str(C.DEFAULT_LOCAL_TMP), display.warning)
_READ_ONCE = (code(), catalogue.RULES)


class ActionModule(HostAction):
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # What the base class returns is Ansible's to change; a task's result is made of our own fields alone.
        super().run(None, task_vars)
        _validation, arguments = self.validate_argument_spec(_ARGUMENTS)
        task = Task(self, task_vars or {})
        host = Host(task)
        names: dict[str, str] = {}
        try:
            answer = _reconciled(task, host, arguments, names)
        except AvsError as error:
            problems = error.findings or [Finding("", ERROR, "", error.message)]
            text = problems_text(names, errors_of(problems) or problems, task.target, host.changed)
            found = [item.as_dict() for item in error.findings]
            answer = {"failed": True, "changed": host.changed, "msg": text, "instances": [], "findings": found}
        result = outcome(answer, task.diff, brief=not display.verbosity)
        if not arguments["inventory_only"]:
            _say(task, answer, result)
        return result


def _reconciled(task: Task, host: Host, arguments: Mapping[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """The host's answer, with what was found on both sides. Raises ``AvsError`` before anything was changed.

    ``names`` learns what a person calls each instance, as far as it is known.
    """
    given = plain(arguments["instances"])
    entries, findings = parse_instances(given, is_encrypted=partial(_is_encrypted, arguments["instances"]))
    names.update(labels(given))
    settings, wrong = checked({**plain(arguments["settings"]), "lock_timeout": plain(arguments["lock_timeout"])})
    findings += [*wrong, *misspelt(task.variables)]
    folder = RunFolder(task.temp)
    files = task.files
    turn = task.turn.without(arguments["given_up_by"])
    fleet = Fleet(folder, task.host, folder.once(f"survey-{task.id}", lambda: _survey(task, files.find)), files.find, turn)
    findings += fleet.shared(entries)
    fetched = Cache(Path(arguments["cache_dir"]).expanduser() if arguments["cache_dir"] else None, Path(task.temp))
    offers = Offers(_taps(task, arguments["taps"], findings), fetched, task.base)
    sources = Sources(Surroundings(task.variable, files, folder, task.id, fleet.wishes(entries, task.variable)))
    try:
        built = build_specs(entries, offers.package, sources, findings)
        for spec, entry in zip(built.specs, built.entries):
            names[entry.place] = names[spec["id"]] = entry.label(spec["id"])
        if arguments["inventory_only"] and not errors_of(built.findings):
            return {"changed": False, "findings": [item.as_dict() for item in built.findings]}
        if arguments["inventory_only"] and not arguments["ask_host"]:
            raise InputError("the instances are not as they should be", built.findings)
        # Where the inventory is wrong already, the host is asked for what it finds wrong with the rest.
        terms = Terms(settings.pop("lock_timeout", _LOCK_TIMEOUT), settings, task.check)
        answer = reconcile(built, terms, host, sources, fleet)
    except AvsError as error:
        # What becomes of an engine that is not there is not for the inventory to say.
        own = [item for item in error.findings if item.id != "OPS-004"] if arguments["inventory_only"] else error.findings
        fleet.leave()
        raise type(error)(error.message, own) from None
    except BaseException:
        # Out of reach, or cut: others need not wait for this host's answer.
        fleet.leave()
        raise
    finally:
        sources.close()
    if arguments["partial"] and "findings" in answer:
        # A list that is but a part of a host's says nothing of the rest.
        answer = {**answer, "findings": [item for item in answer["findings"] if item["id"] != "INV-003"], "unlisted": []}
    return {**answer, **_worded(answer, names, host, task.target), "findings": _merged(built.findings, answer.get("findings") or ())}


def _worded(answer: Mapping[str, Any], names: Mapping[str, str], host: Host, target: str) -> dict[str, str]:
    """``msg`` of a failed answer in the words of the inventory; nothing where the host's own words stay."""
    instances = answer.get("instances") or ()
    if not answer.get("failed"):
        return {}
    if any(instance.get("error") for instance in instances):
        return {"msg": failures_text(names, instances, target)}
    # A module that died gives no findings, and nobody knows how far it came.
    if host.changed or "findings" not in answer:
        return {}
    problems = errors_of(Finding.from_dict(dict(item)) for item in answer["findings"])
    return {"msg": problems_text(names, problems or [Finding("", ERROR, "", str(answer.get("msg", "")))], target)}


def _survey(task: Task, find: Callable[[str], str | None]) -> dict[str, Any]:
    found = survey(sorted(task.everybody | task.play | {task.host}), task.play, task.variables_of, find)
    return {**found, "extra": task.is_extra(INSTANCES)}


def _taps(task: Task, given: Any, findings: list[Finding]) -> list[TapConfig]:
    try:
        return parse_taps(plain(given), task.base)
    except InputError as error:
        findings += error.findings
        return []


def _say(task: Task, answer: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """What a person should know whatever callback shows the result; beside it, so that a callback's output stays its own."""
    if not task.diff:
        for line in done(answer.get("instances") or (), task.target, task.check):
            display.display(line, stderr=True)
    for line in told(answer.get("findings") or (), result):
        display.warning(line)


def _is_encrypted(instances: Any, position: int, option: str) -> bool:
    """Whether an option's value was written as an inline ``!vault`` value. What Ansible hands over is decrypted and says so by a tag."""
    try:
        return VaultHelper.get_ciphertext(instances[position]["options"][option], with_tags=False) is not None
    except (LookupError, TypeError):
        return False


def _merged(mine: Iterable[Finding], theirs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings of both sides, each once, errors first."""
    return [item.as_dict() for item in by_severity([*mine, *(Finding.from_dict(dict(item)) for item in theirs)])]
