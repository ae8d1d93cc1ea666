# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a case of ``engine_cases`` plays: an engine, a project of its own, and the file that runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.restaking.avs.plugins.module_utils.docker.compose import Compose, engine_error
from ansible_collections.restaking.avs.plugins.module_utils.docker.containers import Container
from ansible_collections.restaking.avs.plugins.module_utils.docker.engine import Done, Engine

from tests.unit.support.memory_programs import POLITE

_PATIENCE = 30.0


@dataclass
class Stage:
    """An engine, the image its containers are made of, and the project (``avs-<instance>``) of this case alone."""

    engine: Engine
    image: str
    instance: str
    folder: Path
    port: int
    model: dict[str, Any] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return f"avs-{self.instance}"

    def write(self, services: Mapping[str, Mapping[str, Any]], env: str = "", **sections: Any) -> None:
        """The file that runs, as our pipeline leaves it; a plain network is there for every service that names none."""
        whole: dict[str, Any] = {"services": {}, "networks": {"net": {"name": f"{self.project}_net"}}, "name": self.project, **sections}
        for name, service in services.items():
            whole["services"][name] = {
                "image": self.image, "entrypoint": list(POLITE), "container_name": self.name(name), "networks": {"net": None},
                "stop_grace_period": "2s", "labels": {"avs.instance": self.instance, "avs.service": name, "avs.spec": "s"}, **service,
            }  # fmt: skip
        self.model = whole
        (self.folder / "compose.json").write_text(json.dumps(whole))
        (self.folder / "secrets.env").write_text(env)

    def name(self, service: str) -> str:
        return f"{self.project}-{service}"

    @property
    def compose(self) -> Compose:
        return Compose(self.engine, self.project, str(self.folder), patience=120)

    def up(self, *services: str) -> Done:
        return self.compose.up(str(self.folder / "compose.json"), str(self.folder / "secrets.env"), services)

    def recreate(self, *services: str) -> Done:
        return self.compose.recreate(str(self.folder / "compose.json"), str(self.folder / "secrets.env"), services)

    def must(self, done: Done) -> None:
        assert done.code == 0, engine_error(done)

    def one(self, service: str) -> Container:
        return next(item for item in self.engine.containers(self.instance) if item.service == service)

    def seen(self, service: str) -> dict[str, Any]:
        return self.engine.inspect([self.name(service)])[0]

    def until(self, service: str, asked: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What is said of a container once that is so."""
        deadline = time.monotonic() + _PATIENCE
        while not asked(seen := self.seen(service)):
            assert time.monotonic() < deadline, seen["State"]
            time.sleep(0.05)
        return seen

    def states(self) -> dict[str, str]:
        return {item.service: item.state for item in self.engine.containers(self.instance)}

    def run(self, *words: str) -> Done:
        return self.engine.run(list(words))

    def mounted(self, service: str) -> dict[str, str]:
        return {item["Destination"]: item.get("Name", "") for item in self.seen(service)["Mounts"]}

    def plain(self, text: str) -> str:
        return text.replace(self.project, "avs-x")


@dataclass(frozen=True)
class Case:
    act: Callable[[Stage], Any]
    wanted: Any


CASES: dict[str, Case] = {}


def case(wanted: Any) -> Callable[[Callable[[Stage], Any]], Callable[[Stage], Any]]:
    def known(act: Callable[[Stage], Any]) -> Callable[[Stage], Any]:
        CASES[act.__name__] = Case(act, wanted)
        return act

    return known


def said(done: Done, *words: str) -> tuple[bool, list[str]]:
    """Whether it failed, and which of the words are in what was said of it."""
    return done.code != 0, [word for word in words if word in done.err]
