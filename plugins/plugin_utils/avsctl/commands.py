# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a command of ``avsctl`` is, what it ends with, and what all of them share. Light: completion reads it too."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable

from ...module_utils.common.errors import AvsError

if TYPE_CHECKING:
    from ...module_utils.docker.engine import Engine
    from ...module_utils.instance.store import Store

# What avsctl ends with. OFF: something is not as it is to be (not healthy, waits for its secrets, differs).
DONE, FAILED, WRONG_USE, OFF, LOCKED, UNKNOWN = range(6)
# By this word in the usage completion knows where an instance's id goes.
ID = "ID"


@dataclass(frozen=True)
class Place:
    """The host a command works on."""

    store: Store
    engine: Engine


@dataclass(frozen=True)
class Outcome:
    """``code``: see above. ``data`` is the document of ``--json``; ``lines`` are for a person, one line of the screen each, and may come as
    they are made. ``endless``: there are more of them until somebody ends it (Ctrl-C), which is then no failure."""

    code: int
    data: Any
    lines: Iterable[str] = ()
    endless: bool = False


@dataclass(frozen=True)
class Command:
    """``help`` is its line in the list, ``arguments`` adds what it takes to a parser, ``more`` is for its own page.

    ``run`` gets what was parsed (``json``: whether the document is wanted) and raises ``AvsError`` where it cannot be done.
    """

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Place], Outcome]
    more: str = ""


class WrongUse(AvsError):
    """What was typed makes no sense; ``message`` is one line."""


class UnknownInstance(AvsError):
    """There is no such instance on this host."""


def takes_id(parser: argparse.ArgumentParser) -> None:
    """One instance: ``id``."""
    parser.add_argument("id", metavar=ID, help="an instance of this host, as `avsctl ls` shows it")


def takes_ids(parser: argparse.ArgumentParser) -> None:
    """Any number of instances: ``ids``, a list."""
    parser.add_argument("ids", metavar=ID, nargs="*", help="instances of this host, as `avsctl ls` shows them; all where none is named")


def require(wanted: Iterable[str], known: Sequence[str]) -> None:
    """Raises ``UnknownInstance`` that names every id which is none of those there are, and these."""
    unknown = [name for name in dict.fromkeys(wanted) if name not in known]
    if unknown:
        there = f"there are {', '.join(known)}" if len(known) > 1 else f"there is {known[0]}" if known else "there is none"
        raise UnknownInstance(f"no such instance on this host: {', '.join(unknown)}; {there}")
