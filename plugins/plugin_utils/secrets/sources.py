# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which sources there are, and all of them behind one question each way: what identifies these secrets, and what are their values.

Whatever differs between sources (fields of the inventory, requests, identities, what the documentation says) is asked of them here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...module_utils.common.findings import Finding
from .aws import Aws
from .base import Need, Request
from .env import Env
from .file import File
from .literal import Literal
from .prompt import Prompt, keep_answers
from .run_cache import revoke_at_exit
from .source import Found, Reference, Source, Surroundings, Variable, Wishes
from .vault import Vault

# What ``source:`` may say, in the order of the documentation. A new source is a line here.
OFFERED: Mapping[str, type[Source]] = {source.name: source for source in (Vault, Aws, File, Env, Prompt)}
_ALL: Mapping[str, type[Source]] = {**OFFERED, Literal.name: Literal}


def request_of(reference: Reference, owner: str) -> Request:
    """The request of a checked reference: an option's, or that of a key's password."""
    return OFFERED[reference["source"]].of_option(reference, owner)


def wishes_of(references: Iterable[Reference], variable: Variable) -> dict[str, Wishes]:
    """Source -> what one host's ``references`` want of it. Raises what ``variable`` raises."""
    by_source: dict[str, list[Reference]] = {}
    for reference in references:
        by_source.setdefault(reference["source"], []).append(reference)
    return {name: OFFERED[name].wishes(own, variable) for name, own in by_source.items()}


def merged_wishes(*several: Mapping[str, Wishes]) -> dict[str, Wishes]:
    """The wishes of several hosts, group by group, each once."""
    merged: dict[str, dict[str, list[Any]]] = {}
    for wishes in several:
        for source, groups in wishes.items():
            for group, wanted in groups.items():
                known = merged.setdefault(source, {}).setdefault(group, [])
                known += [wish for wish in wanted if wish not in known]
    return dict(merged)


def start_of_run(root: str, warn: Callable[[str], object]) -> None:
    """What the main process has to do before it forks workers; ``root``: the run's temp folder."""
    revoke_at_exit(root, warn)
    keep_answers(root)


class Sources:
    """The sources of one task, each made when it is first needed."""

    def __init__(self, run: Surroundings) -> None:
        self._run = run
        self._made: dict[str, Source] = {}
        for source in OFFERED.values():
            source.begin(run)

    def __repr__(self) -> str:
        return "Sources()"

    def identify(self, needs: Sequence[Need]) -> tuple[dict[Need, dict[str, Any]], list[Finding]]:
        """The ``ref`` of each need, and a finding for each that cannot be had."""
        return self._ask(needs, lambda source, own: source.identify(own))

    def values(self, needs: Sequence[Need]) -> tuple[dict[Need, str], list[Finding]]:
        """The values behind references given out before, the same versions, whatever was written since; a finding for each that cannot
        be had. Raises ``SecretError`` where a source gives nothing at all."""
        return self._ask(needs, lambda source, own: source.values(own))

    def close(self) -> None:
        for source in self._made.values():
            source.close()
        self._made.clear()

    def _ask(self, needs: Sequence[Need], ask: Callable[[Source, Sequence[Need]], Found]) -> Found:
        answers: dict[Need, Any] = {}
        findings: list[Finding] = []
        for name in _ALL:
            own = [need for need in needs if need.request.source == name]
            if own:
                found, problems = ask(self._source(name), own)
                answers.update(found)
                findings += problems
        return answers, findings

    def _source(self, name: str) -> Source:
        if name not in self._made:
            self._made[name] = _ALL[name](self._run)
        return self._made[name]
