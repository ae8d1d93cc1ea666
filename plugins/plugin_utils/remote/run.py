# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task on one host from what it was given to its result: what an action plugin of a host's instances does, whatever it wants of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from ansible.parsing.vault import VaultHelper
from ansible.utils.display import Display

from ...module_utils.common.errors import AvsError, InputError
from ...module_utils.common.findings import ERROR, Finding, by_severity, errors_of
from ..fetching.cache import Cache
from ..inventory.entries import INSTANCES, Entry, labels, parse_instances
from ..inventory.fleet import Fleet, survey
from ..inventory.offers import Offers
from ..inventory.outcome import done, told
from ..inventory.settings import checked, misspelt
from ..inventory.spec import Built, build_specs
from ..inventory.wording import failures_text, problems_text
from ..parsing.plain import plain
from ..secrets.run_folder import RunFolder
from ..secrets.source import Surroundings
from ..secrets.sources import Sources
from ..taps.tap import TapConfig, parse_taps
from .host import Host
from .task import Task

LOCK_TIMEOUT = 60
# What every plugin of a host's instances is given of them.
ARGUMENTS: Mapping[str, Any] = {
    "instances": {"type": "raw", "required": True},
    "taps": {"type": "raw", "default": []},
    "lock_timeout": {"type": "raw", "default": LOCK_TIMEOUT},
    "settings": {"type": "dict", "default": {}},
    "cache_dir": {"type": "path"},
}
# The entries that are meant of those the inventory has, and of what was found wrong with them what is about these.
Choose = Callable[[Any, Sequence[Entry], list[Finding]], "tuple[Sequence[Entry], list[Finding]]"]

display = Display()


def _all(_given: Any, entries: Sequence[Entry], findings: list[Finding]) -> tuple[Sequence[Entry], list[Finding]]:
    return entries, findings


class Run:
    """What one run of a task stands on: the entries that are meant, where their packages and secrets come from, the fleet's other hosts.

    ``findings`` are those made on the way here. To be entered: at its end, however it ends, sources are closed and no other host waits.
    """

    def __init__(self, task: Task, arguments: Mapping[str, Any], names: dict[str, str], choose: Choose = _all) -> None:
        self.task, self._names = task, names
        given = plain(arguments["instances"])
        entries, findings = parse_instances(given, is_encrypted=partial(_is_encrypted, arguments["instances"]))
        names.update(labels(given))
        self.entries, self.findings = choose(given, entries, findings)
        settings, wrong = checked({**plain(arguments["settings"]), "lock_timeout": plain(arguments["lock_timeout"])})
        self.lock_timeout: int = settings.pop("lock_timeout", LOCK_TIMEOUT)
        self.settings: Mapping[str, Any] = settings
        self.findings += [*wrong, *misspelt(task.variables)]
        folder = RunFolder(task.temp)
        files = task.files
        survey_of = folder.once(f"survey-{task.id}", lambda: _survey(task, files.find))
        turn = task.turn.without(arguments.get("given_up_by") or ())
        self.fleet = Fleet(folder, task.host, survey_of, files.find, turn)
        self.findings += self.fleet.shared(self.entries)
        fetched = Cache(Path(arguments["cache_dir"]).expanduser() if arguments["cache_dir"] else None, Path(task.temp))
        self.offers = Offers(_taps(task, arguments["taps"], self.findings), fetched, task.base)
        self.sources = Sources(Surroundings(task.variable, files, folder, task.id, self.fleet.wishes(self.entries, task.variable)))

    def build(self, entries: Iterable[Entry] | None = None) -> Built:
        """Specs of the entries, by default of all that are meant."""
        built = build_specs(self.entries if entries is None else entries, self.offers.package, self.sources, self.findings)
        for spec, entry in zip(built.specs, built.entries):
            self._names[entry.place] = self._names[spec["id"]] = entry.label(spec["id"])
        return built

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None:
            # Refused, out of reach, or cut: others need not wait for this host's answer.
            self.fleet.leave()
        self.sources.close()


def answered(task: Task, changed: Callable[[], bool], names: Mapping[str, str], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer of a run, with its problems in the words of the inventory. ``changed``: whether the host was, so far; ``names``: place or
    id -> what a person calls it."""
    try:
        return work()
    except AvsError as error:
        problems = error.findings or [Finding("", ERROR, "", error.message)]
        text = problems_text(names, errors_of(problems) or problems, task.target, changed())
        found = [item.as_dict() for item in error.findings]
        return {"failed": True, "changed": changed(), "msg": text, "instances": [], "findings": found}


def worded(answer: Mapping[str, Any], names: Mapping[str, str], host: Host, target: str) -> dict[str, str]:
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


def merged(mine: Iterable[Finding], theirs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Findings of both sides, each once, errors first."""
    return [item.as_dict() for item in by_severity([*mine, *(Finding.from_dict(dict(item)) for item in theirs)])]


def say(task: Task, answer: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """What a person should know whatever callback shows the result; beside it, so that a callback's output stays its own."""
    if not task.diff:
        for line in done(answer.get("instances") or (), task.target, task.check):
            display.display(line, stderr=True)
    for line in told(answer.get("findings") or (), result):
        display.warning(line)


def _survey(task: Task, find: Callable[[str], str | None]) -> dict[str, Any]:
    found = survey(sorted(task.everybody | task.play | {task.host}), task.play, task.variables_of, find)
    return {**found, "extra": task.is_extra(INSTANCES)}


def _taps(task: Task, given: Any, findings: list[Finding]) -> list[TapConfig]:
    try:
        return parse_taps(plain(given), task.base)
    except InputError as error:
        findings += error.findings
        return []


def _is_encrypted(instances: Any, position: int, option: str) -> bool:
    """Whether an option's value was written as an inline ``!vault`` value. What Ansible hands over is decrypted and says so by a tag."""
    try:
        return VaultHelper.get_ciphertext(instances[position]["options"][option], with_tags=False) is not None
    except (LookupError, TypeError):
        return False
