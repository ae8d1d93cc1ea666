# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may come next in a line of ``avsctl`` that is being typed: asked by the shell (``module_utils/avsctl/launcher.py``), with no rights."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from .commands import ID, Command


def candidates(words: Sequence[str], commands: Sequence[Command], top: argparse.ArgumentParser) -> list[str]:
    """``words`` behind ``avsctl``, the last of them unfinished, maybe empty; ``top``: what reads them. Returns the words it may become."""
    *before, last = words or [""]
    given = [word for word in before if not word.startswith("-")]
    if not given:
        return _beginning(last, [command.name for command in commands], top)
    command = next((item for item in commands if item.name == given[0]), None)
    if command is None:
        return []
    own = argparse.ArgumentParser(add_help=True)
    own.add_argument("--json", action="store_true")
    command.arguments(own)
    waiting = _option(own, before[-1])
    if waiting is not None and waiting.nargs != 0:
        return _beginning(last, map(str, waiting.choices or ()), None)
    return _beginning(last, _values(own, given[1:]), own)


def _beginning(start: str, words: Iterable[str], parser: argparse.ArgumentParser | None) -> list[str]:
    options = [option for action in _actions(parser) for option in action.option_strings if option.startswith("--")]
    offered = options if start.startswith("-") else words
    return sorted(word for word in offered if word.startswith(start))


def _actions(parser: argparse.ArgumentParser | None) -> Sequence[argparse.Action]:
    return parser._actions if parser is not None else ()


def _option(parser: argparse.ArgumentParser, word: str) -> argparse.Action | None:
    return next((action for action in _actions(parser) if word in action.option_strings), None)


def _values(parser: argparse.ArgumentParser, given: Sequence[str]) -> list[str]:
    """What may stand where no option does."""
    places = [action for action in _actions(parser) if not action.option_strings]
    many = bool(places) and places[-1].nargs in ("*", "+")
    place = places[len(given)] if len(given) < len(places) else places[-1] if many else None
    if place is None:
        return []
    if place.choices:
        return list(map(str, place.choices))
    return [name for name in _ids() if name not in given] if place.metavar == ID else []


def _ids() -> list[str]:
    """Of this host's instances, as far as this user may see them."""
    from ...module_utils.instance.store import Store

    try:
        return Store().ids()
    except OSError:
        return []
