# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The container engine, through its command line with an environment of our own."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..common.errors import HostError
from ..common.rules import finding
from ..system import confinement
from ..system.command import RunCommand, await_the_end, invocation, ran_out_of_time
from . import programs
from .containers import COLUMNS, Container, columns, is_ours, label
from .names import project

if TYPE_CHECKING:
    from .attended import Attended

# What compose gets to know while it resolves a package: it must not fetch more of one from elsewhere, and use one host as it does another.
_ALONE = {"COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false", "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false", "GOMAXPROCS": "2"}
ENGINE_FLOOR, COMPOSE_FLOOR = (24, 0), (2, 20)
# Seconds; a question to a healthy engine takes milliseconds.
ANSWER = 60
# Seconds; a volume may hold millions of files.
REMOVAL = 1800
_ONE_OFF = "True"
# Characters of what stands where something else was to be.
_LONG = 500
# What a problem of the host itself is in.
_ENGINE, _COMPOSE = "engine", "compose"


@dataclass(frozen=True)
class Done:
    """A finished command. ``beyond``: which bound of a confined one it went beyond, in words."""

    code: int
    out: str
    err: str
    beyond: str = ""

    @property
    def message(self) -> str:
        """What the engine said, without its decoration."""
        text = (self.err.strip() or self.out.strip()).replace("Error response from daemon: ", "")
        return text or f"ended with {self.code}"


class Unanswered(HostError):
    """A command of the engine's took longer than it may."""

    def __init__(self, arguments: Sequence[str], timeout: float | None) -> None:
        message = f"the engine did not answer `docker {arguments[0]}` within {timeout or 0:g} s"
        remedy = "Look at it on the host: systemctl status docker, journalctl -u docker. Run again once `docker ps` answers."
        super().__init__(message, [finding("OPS-004", _ENGINE, message, remedy)])


class Engine:
    """Raises ``HostError`` (rule OPS-004) wherever the engine is missing, too old or does not answer."""

    def __init__(self, run_command: RunCommand, binary: str | None = None) -> None:
        """``run_command``: of the module that asks, and that alone starts processes."""
        self._run_command = run_command
        self._binary = binary
        self._compose: str | None = None
        self._versions: tuple[str, str] | None = None
        self._platform = ""

    @property
    def binary(self) -> str:
        if self._binary is None:
            found = programs.find_docker()
            if found is None:
                raise _unusable("docker is not installed on this host")
            self._binary, self._compose = found, programs.compose_plugin()
        elif not os.access(self._binary, os.X_OK):
            raise _unusable(f"{self._binary} cannot be run")
        return self._binary

    def run(
        self, arguments: Sequence[str], timeout: float | None = ANSWER, hold: Sequence[int] = (), confined: confinement.Cell | None = None
    ) -> Done:
        """Run ``docker <arguments>``. ``hold``: descriptors the command keeps open; ``confined``: compose alone, in such a cell,
        within the cell's own bounds."""
        if confined is not None:
            return self._confined(arguments[1:], confined)
        command = [self.binary, *arguments]
        if self._compose is not None and arguments[0] == "compose":
            # The command line would look through all of its plugins first, and start this one twice.
            command = [self._compose, *arguments[1:]]
        started = time.monotonic()
        result = self._start(invocation(command, _environment(), timeout), hold)
        if ran_out_of_time(result.code, timeout, time.monotonic() - started):
            raise Unanswered(arguments, timeout)
        if result.code:
            _require_engine(result.message)
        return result

    def attended(self, arguments: Sequence[str], timeout: float, most: int, hold: Sequence[int] = ()) -> Attended:
        """Run ``docker <arguments>``, which show what a program of a package writes, for ``timeout`` seconds at most, and keep the last
        ``most`` bytes of that."""
        # Of commands of packages alone.
        from .attended import Watch

        watch = Watch.of(timeout, most)
        started = time.monotonic()
        _code, out, err = self._raw(watch.line([self.binary, *arguments], _environment()), hold)
        found = watch.read(out, time.monotonic() - started)
        if found is None:
            raise _unusable(f"`docker {arguments[0]}` was cut: {err.decode('utf-8', 'replace')[-_LONG:]}")
        return found

    def _confined(self, arguments: Sequence[str], cell: confinement.Cell) -> Done:
        """``docker compose <arguments>`` apart from the host. Raises ``HostError`` (OPS-008) where that cannot be had."""
        if os.geteuid() != 0:
            raise _not_apart("it takes root to set a package apart", "Become root (become: true).")
        program = self._compose if self.binary and self._compose is not None else programs.find_compose(programs.home())
        if program is None:
            raise _unusable("docker has no compose command (Compose v2 is a plugin of the docker command line)", _COMPOSE)
        with open("/proc/self/uid_map", encoding="ascii") as handle:
            user = confinement.stranger(handle.read())
        command = confinement.confine(program, arguments, _ALONE, cell, user)
        started = time.monotonic()
        result = self._start(command.line)
        if ran_out_of_time(result.code, confinement.PATIENCE, time.monotonic() - started):
            return Done(result.code, "", "", f"takes longer than {confinement.PATIENCE} s")
        ended = command.outcome(result.err)
        if ended is None:
            raise _not_apart(f"the host does not let it be set apart: {result.message}")
        code, messages, full = ended
        if confinement.never_began(code, messages):
            raise _not_apart(f"the host does not let it be set apart: {messages.strip()}")
        return Done(code, result.out, messages, confinement.exceeded(code, messages, full))

    def _start(self, line: list[str], hold: Sequence[int] = ()) -> Done:
        code, out, err = self._raw(line, hold)
        return Done(code, *(text.decode("utf-8", errors="replace") for text in (out, err)))

    def _raw(self, line: list[str], hold: Sequence[int]) -> tuple[int, bytes, bytes]:
        try:
            code, out, err = self._run_command(
                line,
                cwd="/",
                encoding=None,
                expand_user_and_vars=False,
                handle_exceptions=False,
                pass_fds=tuple(fd for fd in hold if fd >= 0),
                before_communicate_callback=await_the_end,
            )
        except OSError as error:
            raise _unusable(f"{error.filename} cannot be run: {error.strerror}") from None
        return code, out, err

    def ask(self, arguments: Sequence[str]) -> str:
        """Output of a command that should not fail."""
        done = self.run(arguments)
        if done.code:
            raise _unusable(f"`docker {' '.join(arguments[:2])}` failed: {done.message}")
        return done.out

    def containers(self, instance: str | None = None) -> list[Container]:
        """Containers of all instances (or of one), running or not, sorted by name; those of one-off commands are left out, and those
        that only say they are ours."""
        return self.listing(instance)[0]

    def listing(self, instance: str | None = None) -> tuple[list[Container], list[Container]]:
        """``containers``, and those that carry our label though we did not make them: what we make is of the instance's project."""
        label = "label=avs.instance" if instance is None else f"label=avs.instance={instance}"
        lines = self.ask(["ps", "-a", "--no-trunc", "--filter", label, "--format", "\t".join(COLUMNS)]).splitlines()
        rows = [columns(line) for line in lines if line]
        found = sorted((Container(*row[1:]) for row in rows if row[0] != _ONE_OFF), key=lambda item: item.name)
        ours = [item for item in found if is_ours(item)]
        return ours, [item for item in found if not is_ours(item)]

    def belonging(self, instance: str) -> list[str]:
        """Ids of all containers of an instance's project, those of one-off commands among them."""
        label = f"label=com.docker.compose.project={project(instance)}"
        return self.ask(["ps", "-aq", "--no-trunc", "--filter", label]).split()

    def everything(self) -> list[dict[str, str]]:
        """All containers of the host: ``id``, ``name``, ``ports`` (engine's text), ``instance`` (empty: none of ours)."""
        form = "\t".join(["{{.ID}}", "{{.Names}}", "{{.Ports}}", label("avs.instance"), label("com.docker.compose.project")])
        found = []
        for line in self.ask(["ps", "-a", "--no-trunc", "--format", form]).splitlines():
            if line:
                row = columns(line)
                owner = row[3] if len(row) < 5 or row[4] == project(row[3]) else ""
                found.append({"id": row[0], "name": row[1], "ports": row[2], "instance": owner})
        return found

    def networks(self) -> dict[str, str]:
        """Network name -> compose project it belongs to (empty: none)."""
        form = "{{.Name}}\t" + label("com.docker.compose.project")
        return {row[0]: row[1] for line in self.ask(["network", "ls", "--format", form]).splitlines() if line for row in [columns(line)]}

    def inspect_networks(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Networks that are gone meanwhile are left out."""
        return self._inspected("network", names)

    def volumes(self) -> dict[str, str]:
        """Volume name -> compose project it belongs to (empty: none)."""
        form = "{{.Name}}\t" + label("com.docker.compose.project")
        return {row[0]: row[1] for line in self.ask(["volume", "ls", "--format", form]).splitlines() if line for row in [columns(line)]}

    def inspect_volumes(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Volumes that are gone meanwhile are left out."""
        return self._inspected("volume", names)

    def images(self, references: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Those of the images that are on the host -> what the engine knows of them."""
        wanted = sorted(set(references))
        if not wanted:
            return {}
        done = self.run(["image", "inspect", "--", *wanted])
        if done.code == 0:
            found = json.loads(done.out)
            if len(found) != len(wanted):
                raise _unusable(f"`docker image inspect` told of {len(found)} images, {len(wanted)} were asked for")
            return dict(zip(wanted, found))
        if len(wanted) == 1:
            return {}
        # One missing image leaves the output without a way to tell which entry is whose.
        return {name: found for reference in wanted for name, found in self.images([reference]).items()}

    def inspect(self, containers: Iterable[str]) -> list[dict[str, Any]]:
        """Containers that are gone meanwhile are left out."""
        return self._inspected("container", containers)

    def _inspected(self, kind: str, names: Iterable[str]) -> list[dict[str, Any]]:
        wanted = list(names)
        if not wanted:
            return []
        found: list[dict[str, Any]] = json.loads(self.run([kind, "inspect", "--", *wanted]).out or "[]")
        return found

    def logs(self, container: str, lines: int) -> str:
        """What a container wrote last, to both streams in the order in which it did, or the engine's own words instead."""
        done = self.run(["logs", "--timestamps", "--tail", str(lines), "--", container])
        if done.code:
            return done.message
        stamped = [line.partition(" ") for text in (done.out, done.err) for line in text.split("\n")]
        return "\n".join(line for _time, _space, line in sorted(stamped, key=lambda part: part[0])).strip()

    def check_versions(self) -> None:
        """Engine and Compose are new enough, or the error names what was found."""
        engine, compose = self.versions()
        problems = []
        if _number(engine) < ENGINE_FLOOR:
            problems.append((_ENGINE, f"Docker Engine {engine} is older than {_dotted(ENGINE_FLOOR)}"))
        if _number(compose) < COMPOSE_FLOOR:
            problems.append((_COMPOSE, f"Docker Compose {compose} is older than {_dotted(COMPOSE_FLOOR)}"))
        if problems:
            raise HostError("the host's engine is too old", [finding("OPS-004", *problem) for problem in problems])

    def versions(self) -> tuple[str, str]:
        """Engine and Compose, asked once."""
        if self._versions is None:
            server = json.loads(self.ask(["version", "--format", "{{json .Server}}"]) or "{}") or {}
            self._platform = f"{server.get('Os', '')}/{server.get('Arch', '')}"
            done = self.run(["compose", "version", "--short"])
            if done.code or not re.search(r"\d+\.\d+", done.out):
                message = "docker has no compose command (Compose v2 is a plugin of the docker command line)"
                if self._compose is not None:
                    message = f"the compose plugin {self._compose} cannot be run: {done.message}"
                raise _unusable(message, _COMPOSE)
            self._versions = (str(server.get("Version", "0")), done.out.strip())
        return self._versions

    def platform(self) -> str:
        """``linux/amd64``."""
        self.versions()
        return self._platform


def _environment() -> dict[str, str]:
    return {"PATH": programs.PATH, "HOME": programs.home(), "LC_ALL": "C"}


def _unusable(message: str, place: str = _ENGINE) -> HostError:
    return HostError(message, [finding("OPS-004", place, message)])


def _not_apart(message: str, remedy: str | None = None) -> HostError:
    return HostError("packages cannot be resolved apart from the host", [finding("OPS-008", _COMPOSE, message, remedy)])


def _require_engine(message: str) -> None:
    low = message.lower()
    if "cannot connect to the docker daemon" in low or "is the docker daemon running" in low:
        raise HostError(
            "the container engine does not answer",
            [finding("OPS-004", _ENGINE, message.splitlines()[0], "Start it on the host: systemctl start docker.")],
        )
    if "permission denied" in low and "docker.sock" in low:
        raise HostError(
            "the container engine refuses us",
            [finding("OPS-004", _ENGINE, "access to the engine is denied", "Become root (become: true).")],
        )


def _number(version: str) -> tuple[int, int]:
    match = re.search(r"(\d+)\.(\d+)", version)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}" if version[1] else str(version[0])
