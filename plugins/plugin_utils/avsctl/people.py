# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``avsctl`` for a person on the host: what was typed, what is shown, and what it ends with."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

from ...module_utils.common.errors import AvsError, LockedError
from ...module_utils.common.findings import Finding
from ...module_utils.common.harmless import harmless
from .acting import ACTING
from .checking import CHECKING
from .commands import DONE, FAILED, LOCKED, UNKNOWN, WRONG_USE, Command, Outcome, Place, UnknownInstance, WrongUse
from .plugin import PLUGIN
from .reading import READING
from .saving import SAVING
from .upgrading import UPGRADING

# Every command there is, in the order of the list. Each group is a file of its own, with a tuple of them.
COMMANDS: tuple[Command, ...] = (*READING, *CHECKING, *ACTING, *SAVING, *UPGRADING, *PLUGIN)
# How completion asks (completion.py); not in any list.
COMPLETE = "__complete"
# What a shell says of a program that Ctrl-C ended.
_INTERRUPTED = 130
_ABOUT = "The AVS nodes of this host: what there is, how it is, and what it says. All commands need root's rights."
_ENDS = """\
exit codes:
  0  done; all is well
  1  failed, and nothing else is known
  2  wrong use of avsctl
  3  something is off: an instance is not healthy, waits for its secrets, or differs
  4  somebody else is at work on the instance (its lock is held)
  5  no such instance
"""
_MORE = (
    'With --json one JSON document is on standard output, and nothing else; of what failed it has "failed", "msg" and "findings".',
    "`avsctl COMMAND --help` tells more of a command.",
)


class _Parser(argparse.ArgumentParser):
    """One that leaves it to its caller to end, and draws no colours (Python 3.14 would)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)
        self.color = False

    def print_help(self, file: Any = None) -> None:
        _print_all([self.format_help().rstrip("\n")], whole=True)

    def error(self, message: str) -> NoReturn:
        raise WrongUse(f"{message} ({self.prog} --help tells more)")


class _Unwritten(AvsError):
    """Nobody takes what is said on standard output."""


def parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    top = _Parser(prog="avsctl", description=_filled(_ABOUT), epilog="\n".join([_ENDS, *map(_filled, _MORE)]))
    _takes_json(top, False)
    under = top.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
    for command in commands:
        own = under.add_parser(command.name, prog=f"avsctl {command.name}", help=command.help, description=_page(command))
        _takes_json(own, argparse.SUPPRESS)
        command.arguments(own)
    return top


def _page(command: Command) -> str:
    first = f"{command.help[:1].upper()}{command.help[1:]}."
    return "\n\n".join(map(_filled, (first, command.more) if command.more else (first,)))


def _filled(text: str) -> str:
    """A paragraph as wide as argparse makes its own."""
    return textwrap.fill(" ".join(text.split()), max(shutil.get_terminal_size().columns - 2, 20))


def _takes_json(to: argparse.ArgumentParser, default: Any) -> None:
    """Before the command's name or after it."""
    to.add_argument("--json", action="store_true", default=default, help="one JSON document instead of text")


def main(arguments: Sequence[str], place: Place | None = None) -> int:
    """Do what was typed and show it. Returns the code to end with. ``place``: another host than this one, for tests."""
    if arguments[:1] == [COMPLETE]:
        from .completion import candidates

        with suppress(_Unwritten):
            _print_all(candidates(arguments[1:], COMMANDS, parser(COMMANDS)))
        return DONE
    # Here, so that completion is quick; and before anything else, so that a damaged copy can still say so. It stays: who starts nodes by it
    # has no other one.
    from .main import unexpected

    as_json = "--json" in arguments
    try:
        chosen = parser(COMMANDS).parse_args(arguments)
        as_json = chosen.json
        command = next(item for item in COMMANDS if item.name == chosen.command)
        return _show(command.run(chosen, place or _here(command)), as_json)
    except SystemExit as end:
        # --help was asked for, and printed; or a signal has ended it.
        return int(end.code or 0)
    except KeyboardInterrupt:
        _say("avsctl: interrupted")
        return _INTERRUPTED
    except AvsError as error:
        return _failed(error, as_json)
    except OSError as error:
        from ...module_utils.system.full import os_error_text

        return _failed(AvsError(os_error_text(error, "/var/lib/avs")), as_json)
    except Exception as error:
        return _failed(AvsError(f"{unexpected(error)}; if it comes again after restaking.avs.install, report the bug"), as_json)


def _here(command: Command) -> Place:
    if os.geteuid() != 0:
        raise AvsError(f"{command.name} needs root's rights: sudo avsctl {command.name}")
    from ...module_utils.docker.engine import Engine
    from ...module_utils.instance.store import host_store
    from .process import run_command

    return Place(host_store(), Engine(run_command))


def _show(outcome: Outcome, as_json: bool) -> int:
    if as_json:
        _print_document(outcome.data)
        return outcome.code
    lines = iter(outcome.lines)
    try:
        _print_all(lines)
    except KeyboardInterrupt:
        if not outcome.endless:
            raise
    finally:
        # What makes them may have started something.
        close = getattr(lines, "close", None)
        if close is not None:
            close()
    return outcome.code


def _failed(error: AvsError, as_json: bool) -> int:
    """Tell it. Returns the code to end with."""
    try:
        if as_json and not isinstance(error, _Unwritten):
            _print_document({"failed": True, **error.as_result()})
        else:
            _complain(error)
    except _Unwritten as lost:
        _complain(lost)
    if isinstance(error, WrongUse):
        return WRONG_USE
    if isinstance(error, UnknownInstance):
        return UNKNOWN
    return LOCKED if isinstance(error, LockedError) else FAILED


def _complain(error: AvsError) -> None:
    """What is wrong first, then each problem with what to do."""
    for line in (f"avsctl: {error.message}", *filter(None, (_problem(finding, error.message) for finding in error.findings))):
        _say(line)


def _say(line: str) -> None:
    """On standard error. Where nobody takes it the code still tells, and nothing of it goes anywhere else."""
    if sys.stderr is None:
        return
    try:
        print(_one_line(line), file=sys.stderr, flush=True)
    except OSError:
        # Python would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _problem(finding: Finding, said: str) -> str:
    """A line for it; what was said already is not said again, and nothing at all where there is no more to it."""
    if finding.message not in said:
        return f"  {finding.id} {finding.as_line()}"
    return f"  {finding.id} {finding.remedy}" if finding.remedy else ""


def _print_document(data: Any) -> None:
    # ASCII alone, so whatever it holds moves no terminal's cursor.
    _print_all([json.dumps(data, indent=2, sort_keys=True)], whole=True)


def _print_all(lines: Any, whole: bool = False) -> None:
    """Each as it comes. A reader that has gone (``| head``) has seen enough. ``whole``: text of ours that has lines of its own."""
    if sys.stdout is None:
        # Closed by who started it.
        return
    try:
        for line in lines:
            sys.stdout.write((line if whole else _one_line(line)) + "\n")
            sys.stdout.flush()
    except OSError as error:
        # Python would try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            raise _Unwritten(f"the output cannot be written: {error.strerror}") from None


def _one_line(text: str) -> str:
    """What strangers say draws no line of its own, and moves no cursor."""
    return harmless(text).replace("\n", "\\n")
