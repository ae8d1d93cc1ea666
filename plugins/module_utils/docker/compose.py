# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``docker compose`` for one project: resolves what a vendor wrote, runs what we made of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.rules import finding
from ..system.confinement import Cell
from .engine import Done, Engine

# Characters of what compose says of a package: enough for every problem of one, too little to fill a terminal.
_LONG = 2000


@dataclass(frozen=True)
class Compose:
    """``folder`` is the project directory; ``hold`` the descriptors (locks) long commands keep open; ``patience`` how many seconds
    one may take."""

    engine: Engine
    project: str
    folder: str
    hold: tuple[int, ...] = ()
    patience: float | None = None

    def config(
        self, files: Sequence[str], env_files: Sequence[str], profiles: Sequence[str], place: str, cell: Cell
    ) -> tuple[str, list[Finding]]:
        """The resolved model as JSON, and what compose warns of. Raises ``HostError`` (PKG-018) where it cannot be resolved.

        Compose reads whatever file a package names, so it sees nothing of the host: only what is in ``cell``.
        """
        arguments = ["compose", "--project-directory", self.folder, "-p", self.project]
        for option, values in (("-f", files), ("--env-file", env_files), ("--profile", profiles)):
            for value in values:
                arguments += [option, value]
        done = self.engine.run([*arguments, "config", "--format", "json"], confined=cell)
        if done.beyond:
            remedy = "A package this big is an attack or a mistake: look for values or aliases that multiply each other."
            raise HostError(f"{place} cannot be resolved", [finding("PKG-018", place, done.beyond, remedy)])
        if done.code:
            raise HostError(f"{place} cannot be resolved", [_problem(place, done, cell)])
        warnings = []
        for message in _messages(done.err, "warning"):
            unset = re.search(r'The "?(\w+)"? variable is not set', message)
            if unset:
                text = f"the variable {unset.group(1)} is used and set nowhere; it is empty"
                warnings.append(finding("PKG-018", place, text, "Set it in the package's .env or by an option.", severity=WARNING))
        return done.out, warnings

    def up(self, compose_file: str, env_file: str, services: Sequence[str]) -> Done:
        """Create those of the services that are missing and start them, in the order in which they wait for each other. Others, and
        containers that are there, stay as they are."""
        return self._run(
            compose_file,
            env_file,
            "up",
            "-d",
            "--no-deps",
            "--no-recreate",
            "--no-build",
            "--pull",
            "never",
            "--quiet-pull",
            "--",
            *services,
        )

    def recreate(self, compose_file: str, env_file: str, services: Sequence[str], stop_timeout: int | None = None) -> Done:
        """Replace the containers of some services, started later by ``up``; anonymous volumes move to the new container.
        ``stop_timeout``: seconds each of the old ones has to end in, by default its own."""
        wait = [] if stop_timeout is None else ["--timeout", str(stop_timeout)]
        fixed = ("up", "--no-start", "--no-deps", "--force-recreate", "--no-build", "--pull", "never")
        return self._run(compose_file, env_file, *fixed, *wait, "--", *services)

    def _run(self, compose_file: str, env_file: str, *command: str) -> Done:
        base = ["compose", "--ansi", "never", "--progress", "plain", "--project-directory", self.folder, "-p", self.project]
        return self.engine.run([*base, "-f", compose_file, "--env-file", env_file, *command], timeout=self.patience, hold=self.hold)


def engine_error(done: Done) -> str:
    """The last words of a failed compose command: the engine's message without the progress before it."""
    lines = [line.strip() for line in done.err.splitlines() if line.strip()]
    told = [
        line
        for line in lines
        if re.search(r"(?i)error|fail|denied|cannot|no such|invalid|not found|exited|unhealthy|conflict|already", line)
    ]
    text = "; ".join((told or lines)[-3:]) or done.message
    return text.replace("Error response from daemon: ", "")


def _problem(place: str, done: Done, cell: Cell) -> Finding:
    """Why compose gave up, in its own words; of a crash only the line that says why."""
    crash = re.search(r"(?m)^(fatal error|panic|runtime|SIG[A-Z]+): .*", done.err)
    message = crash.group() if crash else "; ".join(_messages(done.err)) or done.message
    for known in (f"{cell.folder}/tree/", f"{cell.folder}/"):
        message = message.replace(known, "")
    remedy = None
    if re.search(r"no such file or directory|not found|[Cc]ouldn't find", message):
        remedy = "Name files of the package, by their path in it: a package is resolved apart from the host, and sees nothing else."
    return finding("PKG-018", place, message[:_LONG], remedy)


def _messages(text: str, level: str | None = None) -> list[str]:
    """Lines compose logged (``time="..." level=warning msg="..."``), or wrote plainly where no level is asked for."""
    found = []
    for line in text.splitlines():
        match = re.search(r'level=(\w+) msg="((?:[^"\\]|\\.)*)"', line)
        if match:
            if level == match.group(1):
                found.append(match.group(2).replace('\\"', '"').replace("\\\\", "\\"))
        elif level is None and line.strip():
            found.append(line.strip())
    return found
