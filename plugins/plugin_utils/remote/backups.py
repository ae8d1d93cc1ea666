# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules of backups need of the controller: passwords and logins of repositories, from where the inventory says they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ansible.utils.display import Display

from ...module_utils.backup import copies
from ...module_utils.common.errors import AvsError, InputError, SecretError
from ...module_utils.common.findings import errors_of
from ..inventory.key_entries import RULES, option_reference
from ..inventory.settings import misspelt
from ..parsing.plain import plain
from ..parsing.report import Report
from ..secrets.base import Need
from ..secrets.run_folder import RunFolder
from ..secrets.source import Surroundings
from ..secrets.sources import Sources, request_of, wishes_of
from .backup_types import require_types
from .host import Host, HostAction
from .long_work import Call, followed, seconds
from .task import Task

display = Display()

_PLACE, _COPIES = "password", "copies"
_PREFIX = "avs_backup_"
# What a person knows it by.
_VARIABLE = "avs_backup_password"
_SECRETS = ("password", "secret")


class BackupAction(HostAction):
    """Runs ``module`` with what is secret in place of where it is. In check mode it is looked for, and not sent, unless it is ``always``;
    ``announces``: that there is a password is said then. ``named``: with what the inventory calls the host, too; ``long``: what it does goes on
    on the host by itself, and is asked for, but for states that are ``short``; ``replaces``: what is there now is lost by it, so that nothing
    that was said for it may be passed over."""

    module: ClassVar[str]
    always: ClassVar[bool] = False
    named: ClassVar[bool] = False
    long: ClassVar[bool] = False
    short: ClassVar[tuple[str, ...]] = ("listed",)
    announces: ClassVar[bool] = False
    replaces: ClassVar[bool] = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(None, task_vars)
        task = Task(self, task_vars or {})
        arguments = dict(self._task.args)
        if self.named:
            arguments.setdefault("inventory_name", task.target)
        given, elsewhere = plain(arguments.pop(_PLACE, None)), plain(arguments.pop(_COPIES, None))
        try:
            self._misspelt(task)
            require_types(arguments, self.replaces)
            poll = seconds(plain(arguments.pop("poll", None))) if self.long else 0
            found = opened_by(task, given, elsewhere, self.always or not task.check)
        except AvsError as error:
            return {"failed": True, "changed": False, **error.as_result()}
        arguments.update(found.arguments)
        arguments.update({"password_given": True} if self.announces and found.kept_back else {})

        def execute(given: dict[str, Any]) -> dict[str, Any]:
            done: dict[str, Any] = self._execute_module(module_name=self.module, module_args=given, task_vars=task_vars)
            return done

        direct = not poll or task.check or arguments.get("state") in self.short
        answer = execute(arguments) if direct else followed(Call(execute, task.target), arguments, poll)
        answer.pop("invocation", None)
        return answer

    def _misspelt(self, task: Task) -> None:
        """Of a variable that does nothing and is nearly one of ours it is said. One that was given for this run (``-e``) is meant for it:
        without it, another backup might be put back than the one that was named. Raises ``InputError``."""
        found = misspelt(task.variables)
        refused = [item for item in found if self.replaces and task.is_extra(item.place)]
        if refused:
            raise InputError("nothing was changed: a variable that was given for this run does nothing", refused)
        for item in found:
            display.warning(f"{item.as_line()} ({item.id})")


@dataclass(frozen=True)
class Openers:
    """What repositories are opened by. ``arguments`` of a module have it, where it is sent; ``hidden``: what of that is secret;
    ``kept_back``: there is a password, which is not sent."""

    arguments: Mapping[str, Any] = field(repr=False)
    hidden: Sequence[str] = field(repr=False)
    kept_back: bool


def opened_by(task: Task, password: Any, elsewhere: Any, sends: bool) -> Openers:
    """The hosts' own repositories, and the copies ``elsewhere``, from where the inventory says it is. It is looked for, and only with ``sends``
    part of the arguments. Raises ``AvsError``."""
    wanted = {_VARIABLE: password, **_of_copies(elsewhere)}
    found = _values(task, {place: given for place, given in wanted.items() if given not in (None, "")})
    _require_copies(elsewhere, found)
    if found and sends:
        Host(task).require_stdin()
    sent = found if sends else {}
    arguments = {_PLACE: sent[_VARIABLE]} if _VARIABLE in sent else {}
    arguments.update({_COPIES: _filled(elsewhere, sent)} if elsewhere is not None else {})
    return Openers(arguments, list(sent.values()), _VARIABLE in found and not sends)


def _of_copies(given: Any) -> dict[str, Any]:
    """Place -> what is given there, of whatever is secret of copies. What is no list of mappings is refused below."""
    entries = given if isinstance(given, list) else []
    return {
        f"{copies.VARIABLE}[{number}].{name}": entry.get(name)
        for number, entry in enumerate(entries)
        if isinstance(entry, Mapping)
        for name in _SECRETS
    }


def _filled(given: Any, values: Mapping[str, str]) -> Any:
    """The copies with these values, and nothing else that is secret."""
    if not isinstance(given, list):
        return given
    return [
        {
            **{name: value for name, value in entry.items() if name not in _SECRETS},
            **{name: values[f"{copies.VARIABLE}[{number}].{name}"] for name in _SECRETS if f"{copies.VARIABLE}[{number}].{name}" in values},
        }
        if isinstance(entry, Mapping)
        else entry
        for number, entry in enumerate(given)
    ]


def _require_copies(entries: Any, found: Mapping[str, str]) -> None:
    """What a host would refuse is refused before it is sent: of a field nobody knows, nobody knows that it is secret, either. Raises
    ``HostError``."""
    filled = _filled(entries, found)
    if isinstance(filled, list):
        # As the module reads it: a number is the text of it.
        filled = [{name: _as_text(value) for name, value in one.items()} if isinstance(one, Mapping) else one for one in filled]
    copies.given(filled)


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _values(task: Task, wanted: Mapping[str, Any]) -> dict[str, str]:
    """Place -> value. Raises ``InputError`` and ``SecretError`` with every problem."""
    known = {place: given for place, given in wanted.items() if isinstance(given, str)}
    report = Report("", RULES)
    references = {place: _reference(given, place, report) for place, given in wanted.items() if place not in known}
    if errors_of(report.findings) or None in references.values():
        raise InputError("what repositories are opened by is not as it should be", report.findings)
    if not references:
        return known
    needs = {
        place: Need("backup", place, place, request_of(reference, f"the repositories' {place.removeprefix(_PREFIX)}"), line=True)
        for place, reference in references.items()
        if reference is not None
    }
    wishes = wishes_of([reference for reference in references.values() if reference is not None], task.variable)
    sources = Sources(Surroundings(task.variable, task.files, RunFolder(task.temp), task.id, wishes))
    try:
        there, problems = sources.identify(list(needs.values()))
        values, more = sources.values([need for need in needs.values() if need in there]) if there else ({}, [])
    finally:
        sources.close()
    if any(need not in values for need in needs.values()):
        raise SecretError("what repositories are opened by cannot be had", [*problems, *more])
    return {**known, **{place: values[need] for place, need in needs.items()}}


def _reference(given: Any, place: str, report: Report) -> Any:
    if not isinstance(given, Mapping):
        report.add(RULES.type, place, "is no text, and does not say where one is", "Write {source: ...}, as for a secret option.")
        return None
    return option_reference(given, place, report)
