# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``rollback``: back to what the last upgrade came from, or the end of one that was cut."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from .acting import code_of, holder, lines_of, seconds
from .commands import Command, Outcome, Place, require, takes_id
from .known import known
from .progress import shown
from .saving import host_of


def _rollback(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.boot.settle import settle
    from ...module_utils.common.harmless import harmless_deep
    from ...module_utils.reconcile.own import Way
    from ...module_utils.reconcile.repositories import Asked
    from ...module_utils.transaction.rollback import rollback
    from .process import run_command

    require([arguments.id], known(place))
    way = Way(holder(), arguments.lock_timeout, arguments.stop_timeout, check=arguments.check)
    with shown() as told:
        result = dict(rollback(host_of(place, told), [arguments.id], way, Asked(), arguments.confirm))
    if not way.check:
        settle(result, run_command, False)
    data = harmless_deep(result)
    return Outcome(code_of(data), data, [*lines_of(data["instances"][0]), *_told(data["instances"][0], way.check)])


def _told(entry: Mapping[str, Any], check: bool) -> list[str]:
    upgrade = entry.get("upgrade") or {}
    if check and upgrade.get("discards"):
        return [f"{entry['id']}: {upgrade['discards']}"]
    return [f"{entry['id']}: went back from {upgrade['from']} to {upgrade['to']}"] if upgrade.get("rolled_back") else []


def _takes(parser: argparse.ArgumentParser) -> None:
    takes_id(parser)
    parser.add_argument("--confirm", action="store_true", help="what was stored since the upgrade is put aside")
    parser.add_argument("--check", action="store_true", help="say what that is, and change nothing")
    parser.add_argument("--lock-timeout", type=seconds, default=60.0, metavar="SECONDS", help="wait so long for whoever works on it (60)")
    parser.add_argument("--stop-timeout", type=seconds, default=300.0, metavar="SECONDS", help="a node has so long to end in at most (300)")


UPGRADING = (
    Command(
        "rollback",
        "go back to what the last upgrade came from",
        _takes,
        _rollback,
        "What was stored is put back as it was when the node was stopped for the upgrade; what is there now is kept aside until the next one.\n"
        "Of an upgrade that was cut it is the end, and needs no --confirm. Ends with 3 where the password of its backups, or a secret, is gone.",
    ),
)
