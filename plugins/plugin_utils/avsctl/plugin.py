# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``avsctl plugin``: a package's plugin, and the commands it declares."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from .acting import code_of, holder, seconds
from .commands import Command, Outcome, Place, require, takes_id
from .known import known


def _takes(parser: argparse.ArgumentParser) -> None:
    takes_id(parser)
    parser.add_argument("command_name", metavar="COMMAND", nargs="?", help="its name; without one: what the package offers")
    parser.add_argument("args", metavar="ARG", nargs="*", help="arguments behind those the package gives it (after -- where they begin so)")
    parser.add_argument("--confirm", default="", metavar="COMMAND", help="the name once more, for one that acts on the chain")
    parser.add_argument("--dry-run", action="store_true", help="say what would be run")
    parser.add_argument("--lock-timeout", type=seconds, default=60.0, metavar="SECONDS", help="wait so long for another command (60)")


def _plugin(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.commands.perform import Wish, offered, perform
    from ...module_utils.common.harmless import harmless_deep
    from ...module_utils.reconcile.own import result_of

    require([arguments.id], known(place))
    if arguments.command_name is None:
        data = harmless_deep(result_of(offered(place.store, [arguments.id])))
        return Outcome(code_of(data), data, _offers(data["instances"][0]))
    names = arguments.command_name, arguments.args, arguments.confirm
    wish = Wish(*names, holder(), arguments.lock_timeout, arguments.dry_run)
    data = harmless_deep(result_of(perform(place.store, place.engine, [arguments.id], wish)))
    return Outcome(code_of(data), data, _lines(data["instances"][0]))


def _offers(entry: Mapping[str, Any]) -> list[str]:
    from .table import room, table

    if entry["error"]:
        return list(entry["error"].splitlines())
    rows = [
        (one["name"], one["run"], "yes" if one["chain"] else "no", " ".join(one["needs"]) or "-", " ".join(one["args"]) or "-")
        for one in entry["commands"]
    ]
    return table(("COMMAND", "RUNS", "CHAIN", "KEYS", "ARGUMENTS"), rows, room()) if rows else ["its package has no plugin and no command"]


def _lines(entry: Mapping[str, Any]) -> list[str]:
    """What it wrote, line by line; before that, why it failed."""
    if entry["error"]:
        return list(entry["error"].splitlines())
    if "would" in entry:
        return [f"{name}: {_word(value)}" for name, value in entry["would"].items()]
    return list(entry["output"].splitlines()) or [f"{entry['command']} ended with {entry['code']} and wrote nothing"]


def _word(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return {True: "yes", False: "no", None: "-"}.get(value, str(value)) if isinstance(value, bool) or value is None else str(value)


PLUGIN = (
    Command(
        "plugin",
        "run a package's plugin, or a command it declares",
        _takes,
        _plugin,
        "Once, with what the package declares and nothing else; then what it wrote is shown. Ends with 1 where it failed.\n"
        "`plugin` is the name of the plugin itself. One that acts on the chain is named twice (--confirm).",
    ),
)
