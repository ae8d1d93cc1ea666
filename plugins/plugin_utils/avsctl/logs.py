# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``avsctl logs``: what an instance's containers say, each line with its service."""

from __future__ import annotations

import argparse
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...module_utils.common.errors import AvsError, HostError
from ...module_utils.common.harmless import harmless
from .commands import DONE, Command, Outcome, Place, WrongUse, takes_id
from .known import require_known

if TYPE_CHECKING:
    from ...module_utils.docker.containers import Container
    from .streams import Line, Merge, Stream

# Seconds a line waits for earlier ones of other services, and until it is looked for containers that started again.
_PATIENCE, _AGAIN = 0.2, 2.0
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_PARTS = re.compile(r"([0-9]{1,9})([dhms])")
_DURATION = re.compile(rf"(?:{_PARTS.pattern})+")
_MOMENT = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)(?:T(?P<time>\d\d:\d\d(?::\d\d)?)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?)?", re.ASCII)
# Ended from outside, docker's processes would be left behind.
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def since(text: str) -> str:
    """``10m``, ``1h30m``, ``2d``, or an instant as ISO 8601 has it, as docker takes it."""
    if _DURATION.fullmatch(text):
        seconds = sum(int(number) * _UNITS[unit] for number, unit in _PARTS.findall(text))
        return f"{seconds}s"
    match = _MOMENT.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        datetime.fromisoformat(f"{match['day']}T{match['time'] or '00:00'}")
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a time span like 10m, 1h30m or 2d nor an instant like 2026-01-15T08:00"
        ) from None
    return text


def count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


def _takes(parser: argparse.ArgumentParser) -> None:
    takes_id(parser)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on with what comes, also of containers that start again, until Ctrl-C"
    )
    parser.add_argument(
        "--since",
        type=since,
        metavar="WHEN",
        help="only what was logged since: 10m, 1h30m, 2d, or 2026-01-15T08:00 (this host's time; Z: UTC)",
    )
    parser.add_argument("--tail", type=count, metavar="N", help="of each service the last N lines")
    parser.add_argument("--service", action="append", metavar="SERVICE", help="of this service only; may be given several times")
    parser.add_argument("-t", "--timestamps", action="store_true", help="with the engine's time, in UTC")


def _logs(arguments: argparse.Namespace, place: Place) -> Outcome:
    if arguments.follow and arguments.json:
        raise WrongUse("logs --follow has no end, and --json is one document: leave out one of them")
    require_known([arguments.id], place)
    containers = _chosen(place, arguments)
    if arguments.json:
        lines = [{"service": line.service, "time": line.time, "text": harmless(line.text)} for line in _lines(arguments, place, containers)]
        return Outcome(DONE, {"id": arguments.id, "lines": lines})
    return Outcome(DONE, None, _shown(arguments, place, containers), endless=arguments.follow)


def _chosen(place: Place, arguments: argparse.Namespace) -> list[Container]:
    """The instance's containers, or those of the services that are asked for."""
    there = place.engine.containers(arguments.id)
    if not there:
        raise HostError(f"{arguments.id} has no containers, so the engine has no logs of it")
    services = sorted({container.service for container in there})
    wrong = [name for name in dict.fromkeys(arguments.service or ()) if name not in services]
    if wrong:
        raise WrongUse(f"{arguments.id} has no container of a service {', '.join(wrong)}; there are {', '.join(services)}")
    return [container for container in there if not arguments.service or container.service in arguments.service]


def _shown(arguments: argparse.Namespace, place: Place, containers: Sequence[Container]) -> Iterator[str]:
    width = max(len(container.service) for container in containers)
    for line in _lines(arguments, place, containers):
        stamp = f"{line.time} " if arguments.timestamps else ""
        yield f"{line.service.ljust(width)} | {stamp}{line.text}"


def _lines(arguments: argparse.Namespace, place: Place, containers: Sequence[Container]) -> Iterator[Line]:
    from .streams import Merge

    tail = [] if arguments.tail is None else ["--tail", str(arguments.tail)]
    when = [] if arguments.since is None else ["--since", arguments.since]
    follow = ["--follow"] if arguments.follow else []
    with _ending():
        merge = Merge([], _PATIENCE if arguments.follow else None)
        try:
            for container in containers:
                merge.streams.append(_stream(place, container, [*tail, *when, *follow]))
            yield from _followed(arguments, place, merge) if arguments.follow else iter(merge.next, None)
            _complain(merge.streams)
        finally:
            merge.close()


def _stream(place: Place, container: Container, options: Sequence[str], after: str = "") -> Stream:
    from ...module_utils.docker import programs
    from ...module_utils.system.command import invocation
    from .streams import Stream

    environment = {"PATH": programs.PATH, "HOME": programs.home(), "LC_ALL": "C"}
    command = [place.engine.binary, "logs", "--timestamps", *options, "--", container.id]
    return Stream(container.service, container.id, invocation(command, environment), after)


def _followed(arguments: argparse.Namespace, place: Place, merge: Merge) -> Iterator[Line]:
    """Lines as they come. A container that ended may start again, or be replaced: its service is followed on."""
    looked = time.monotonic()
    while not all(stream.useless for stream in merge.streams):
        line = merge.next(_AGAIN)
        if line is not None:
            yield line
        if time.monotonic() - looked < _AGAIN:
            continue
        ended = [stream for stream in merge.streams if stream.over and not stream.lines and not stream.useless]
        there = _there(arguments, place) if ended else []
        for stream in ended:
            again = next((item for item in there if _goes_on(stream, item)), None)
            if again is not None:
                stream.close()
                options = ["--since", stream.last or stream.began, "--follow"]
                merge.streams[merge.streams.index(stream)] = _stream(place, again, options, stream.last)
        looked = time.monotonic()


def _there(arguments: argparse.Namespace, place: Place) -> list[Container]:
    try:
        return place.engine.containers(arguments.id)
    except AvsError:
        # The engine may be restarting, and its containers go on meanwhile.
        return []


def _goes_on(ended: Stream, container: Container) -> bool:
    """Whether a container says what comes behind an ended log. One that ended for good has said all."""
    lives = container.state in ("running", "restarting") or container.id != ended.container
    return container.service == ended.service and lives


def _complain(streams: Sequence[Stream]) -> None:
    problems = [f"{stream.service}: {stream.problem}" for stream in streams if stream.problem]
    if problems:
        raise HostError(f"the engine does not give all logs: {'; '.join(problems)}")


@contextmanager
def _ending() -> Iterator[None]:
    """What is started here ends with us."""

    def end(number: int, _frame: Any) -> None:
        raise SystemExit(128 + number)

    # Who is told not to mind (nohup) does not.
    before = {number: signal.signal(number, end) for number in _ENDINGS if signal.getsignal(number) is not signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


LOGS = Command(
    "logs",
    "show what an instance's containers say",
    _takes,
    _logs,
    "Each line with its service, those of several services in the order of their times. What a container writes cannot move the terminal's "
    "cursor: control characters are shown as \\x1b and the like.",
)
