# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts in memory, and what a playbook does with them in a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.plugin_utils.rollout import run
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.plan import Terms, made
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.record import Record
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.run import Asked
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.seen import Answers, Seen, seen
from ansible_collections.restaking.avs.plugins.plugin_utils.rollout.waves import Size

from tests.unit.rollout.answers import ID, gate, had, look, there

SIZES = (Size(1), Size(4), Size(100, True))


@dataclass
class Hosts:
    """``broken``: whose upgrade fails; ``dark``: who is out of reach in it; ``sick``: who is not well afterwards; ``cut``: after whose upgrade
    the controller is gone; ``down``: what is broken is well with neither version."""

    folder: Path
    names: Sequence[str]
    versions: dict[str, str] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    dark: set[str] = field(default_factory=set)
    sick: set[str] = field(default_factory=set)
    cut: str = ""
    down: bool = False
    begun: list[str] = field(default_factory=list)
    gates: list[list[str]] = field(default_factory=list)
    soaks: list[int] = field(default_factory=list)
    runs: int = 0

    def _seen(self, name: str) -> Seen:
        version = self.versions.get(name, "v1")
        known = {"digest": "tree2"} if name in self.passed and version == "v2" else None
        return seen(name, Answers(self._gate(name, version, known), {"instances": [had() if version == "v2" else look()], "unknown": []}))

    def _gate(self, name: str, version: str, known: dict[str, str] | None) -> dict[str, Any]:
        return gate(
            there(version=version, health="unhealthy" if name in self.sick and version == "v2" else "healthy", passed=known), machine=name
        )

    def rollout(self, terms: Terms | None = None, pid: int = 2**22 + 7, stages: dict[str, int | None] | None = None) -> Record:
        """``pid``: of no process by default, as of a run that is over."""
        self.runs += 1
        temp = self.folder / f"tmp{self.runs}"
        temp.mkdir()
        self.begun, self.gates, self.soaks = [], [], []
        asked = Asked("upgrade", [ID], False, str(self.folder / "rollouts"), pid, False)
        record, self.said = run.begin(
            str(temp), asked, made([self._seen(name) for name in self.names], stages or {}, terms or Terms(sizes=SIZES))
        )
        for batch in [part for wave in record.read()["waves"] for part in wave["batches"]]:
            if run.known(record, "stopped"):
                break
            for name in batch:
                self._upgrade(record, name)
                if name == self.cut:
                    return record
            judged = run.judge(record, batch)
            self.soaks.append(judged.soak)
            if judged.ask:
                self._ask(record, batch)
        run.end(record)
        return record

    def _upgrade(self, record: Record, name: str) -> None:
        self.begun.append(name)
        if name in self.dark:
            result: dict[str, Any] = {"unreachable": True, "msg": "no route"}
        elif name in self.broken:
            error = {
                **look(),
                "error": "demo-avs-op1: the gate failed",
                "upgrade": {"from": "v1", "to": "v2", "rolled_back": not self.down, "quarantined": self.down},
                "version": "v1",
            }
            result = {"failed": True, "msg": "1 of 1 instances failed", "instances": [error]}
        elif self.versions.get(name) == "v2":
            result = {"instances": [had()]}
        else:
            self.versions[name] = "v2"
            made_so = {"from": "v1", "to": "v2", "backup": f"backup-{name}", "stopped": 4.25}
            result = {"instances": [{**look(), "upgrade": made_so, "images": {"node": "i@sha256:1"}}]}
        run.note(record, name, result)

    def _ask(self, record: Record, batch: Sequence[str]) -> None:
        asked = [item["host"] for name in batch for item in run.asks(record, batch, name, False)]
        assert len(asked) == len(set(asked))
        self.gates.append(sorted(asked))
        answers = {name: self._gate(name, self.versions.get(name, "v1"), None) for name in asked}
        if run.gated(record, batch, answers):
            return
        for name in batch:
            for item in run.asks(record, batch, name, True):
                assert item["passed"] == {ID: "tree2"} and item["rollout"] == record.name
                self.passed.add(item["host"])
