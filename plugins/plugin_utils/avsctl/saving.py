# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands about what nodes have stored: ``backup``, ``backups``, ``prove`` and ``restore``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .acting import chosen, code_of, holder, lines_of, seconds, several
from .commands import DONE, ID, Command, Outcome, Place, require, takes_id, takes_ids
from .known import known
from .progress import going_on, shown

Do = Callable[[Any, Sequence[str], Any, Any, argparse.Namespace], Mapping[str, Any]]


def _takes_bound(parser: argparse.ArgumentParser) -> None:
    several(parser)
    parser.add_argument(
        "--max-stop", type=seconds, metavar="SECONDS", help="a node is down for the copy so long at most (as it was set up, or 1800)"
    )
    parser.add_argument("--prove-due", action="store_true", help="then prove what is due, as a timer's backup does (avs_backup_prove)")


def _backup(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.common.harmless import harmless_deep
    from ...module_utils.reconcile.own import Way
    from ...module_utils.reconcile.proving import prove_due
    from ...module_utils.reconcile.repositories import Asked
    from ...module_utils.reconcile.saving import take

    way = Way(holder(), arguments.lock_timeout, arguments.stop_timeout)
    with shown() as told:
        host = host_of(place, told)
        done = take(host, chosen(arguments, place), way, Asked(bound=arguments.max_stop), bool(arguments.all))
        data = harmless_deep(dict(prove_due(host, way, done) if arguments.prove_due else done))
    lines = [line for entry in data["instances"] for line in (*lines_of(entry), *_saved(entry), *_proofs(entry))]
    return Outcome(code_of(data), data, lines)


def _saved(entry: Mapping[str, Any]) -> list[str]:
    """What a backup came to."""
    made = entry.get("backup")
    if not made:
        return []
    size, added = (f"{int(made[name]) / (1 << 20):.1f} MiB" for name in ("size", "added"))
    copied = [f"copied to {name}: {', '.join(ids) or 'nothing new'}" for name, ids in sorted(made.get("copies", {}).items())]
    kept = [f"not in it: {name} ({why})" for name, why in sorted({**made["omitted"], **made["left"]}.items())]
    return [
        f"{entry['id']}: backup {made['id']} of {size}, {added} of them new, {made['seconds']} s of copying while it was down",
        *kept,
        *copied,
    ]


def _removed(place: Place, there: Sequence[str]) -> dict[str, str]:
    """Those that are gone from this host, and where their backups stay: nothing here opens them, and nothing is wrong with that."""
    from ...module_utils.common.errors import HostError
    from ...module_utils.reconcile.repositories import removed_from

    found = {}
    for name in there:
        # What cannot be read is told by who lists it.
        with suppress(HostError):
            found[name] = removed_from(place.store.instance(name))
    return {name: text for name, text in found.items() if text}


def _proofs(entry: Mapping[str, Any]) -> list[str]:
    """What became of proofs that were due; one that failed is an error, and told as that."""
    return [
        f"{entry['id']}: its proof{f' of {copy}' if copy else ''} was put off: {told['put_off']}"
        if "put_off" in told
        else _is_proven(entry["id"], told, copy)
        for copy, told in sorted(entry.get("proofs", {}).items())
        if told
    ]


def _is_proven(instance: str, made: Mapping[str, Any], copy: str = "") -> str:
    where, size = f" in {copy}" if copy else "", f"{int(made['size']) / (1 << 20):.1f} MiB"
    return f"{instance}: backup {made['id']}{where} was restored aside and is what was saved: {made['files']} files, {size}"


def _backups(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.common.harmless import harmless, harmless_deep
    from ...module_utils.reconcile.own import Way
    from ...module_utils.reconcile.repositories import Asked
    from ...module_utils.reconcile.saving import listed
    from .table import room, table

    there = known(place)
    require(arguments.ids, there)
    gone = {} if arguments.ids else _removed(place, there)
    asked = [name for name in arguments.ids or there if name not in gone]
    data = harmless_deep(dict(listed(host_of(place), asked, Way(holder()), Asked(copy=arguments.copy))))
    rows = [
        (entry["id"], item["time"][:19] + "Z", item["id"], item["version"], item["verified"][:19] + "Z" if item["verified"] else "never")
        for entry in data["instances"]
        for item in entry.get("backups") or ()
    ]
    lines = table(("INSTANCE", "TIME", "BACKUP", "VERSION", "PROVEN"), rows, room()) if rows else []
    if not rows and not gone and code_of(data) == DONE:
        lines = ["no backups on this host"]
    lines += [f"{name}: {harmless(text)}" for name, text in gone.items()]
    lines += going_on(place.store, arguments.ids or there)
    return Outcome(code_of(data), data, [*lines, *(line for entry in data["instances"] for line in _off(place, entry))])


def _off(place: Place, entry: Mapping[str, Any]) -> list[str]:
    """What keeps its backups from being listed, or from being made."""
    from ...module_utils.common.harmless import harmless
    from ...module_utils.status.saved import saved

    told, _findings = saved(place.store.instance(entry["id"]), entry["state"] != "absent")
    problem = (told or {}).get("problem")
    said = lines_of(entry) if entry["error"] else []
    return [*said, f"{entry['id']}: {harmless(problem)}"] if problem and not (said and (told or {}).get("waiting")) else said


def _prove(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.common.harmless import harmless_deep
    from ...module_utils.reconcile.own import Way
    from ...module_utils.reconcile.repositories import Asked
    from ...module_utils.reconcile.saving import proven

    require([arguments.id], known(place))
    way = Way(holder(), arguments.lock_timeout)
    with shown() as told:
        data = harmless_deep(dict(proven(host_of(place, told), [arguments.id], way, Asked(copy=arguments.copy), arguments.backup)))
    entry, code = data["instances"][0], code_of(data)
    if code != DONE:
        return Outcome(code, data, lines_of(entry))
    return Outcome(code, data, [_is_proven(entry["id"], entry["backup"])])


def _restore(arguments: argparse.Namespace, place: Place) -> Outcome:
    from ...module_utils.common.harmless import harmless_deep
    from ...module_utils.reconcile.own import Way
    from ...module_utils.reconcile.repositories import Asked
    from ...module_utils.reconcile.restoring import Back, restore

    require([arguments.id], known(place))
    way = Way(holder(), arguments.lock_timeout, arguments.stop_timeout)
    back = Back(arguments.backup, arguments.acknowledge)
    with shown() as told:
        data = harmless_deep(dict(restore(host_of(place, told), [arguments.id], way, Asked(copy=arguments.copy), back)))
    entry = data["instances"][0]
    kept = [f"{entry['id']}: what was there is kept: {path}" for path in (entry.get("replaced") or {}).values()]
    return Outcome(code_of(data), data, [*lines_of(entry), *kept])


def _takes_restore(parser: argparse.ArgumentParser) -> None:
    _one_backup(parser)
    parser.add_argument("--stop-timeout", type=seconds, default=300.0, metavar="SECONDS", help="a node has so long to end in at most (300)")
    parser.add_argument(
        "--acknowledge", action="append", default=[], metavar="NAME", help="may go back though it is monotonic (volumes/signer-db)"
    )


def host_of(place: Place, told: Callable[[str, Any], None] | None = None) -> Any:
    """The host as commands about what is stored know it."""
    from ...module_utils.backup.progress import unheard
    from ...module_utils.reconcile.repositories import Host
    from .process import run_command

    return Host(place.store, place.engine, run_command, told or unheard)


def _one_backup(parser: argparse.ArgumentParser) -> None:
    takes_id(parser)
    parser.add_argument(
        "--backup", default="", metavar="BACKUP", help="which one, as `avsctl backups` shows it; the newest where none is named"
    )
    parser.add_argument("--lock-timeout", type=seconds, default=60.0, metavar="SECONDS", help="wait so long for whoever works on one (60)")
    _from_copy(parser)


def _takes_listed(parser: argparse.ArgumentParser) -> None:
    takes_ids(parser)
    _from_copy(parser)


def _from_copy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="copy", default="", metavar="COPY", help="read a copy, by its name (avs_backup_copies)")


SAVING = (
    Command(
        "backup",
        "back up instances",
        _takes_bound,
        _backup,
        "Saves what can be while a node runs, stops it for the rest, and starts it again; whatever becomes of the copy, the node runs again.\n"
        "As restaking.avs.backup set it up; ends with 3 where the repository's password is gone since the host was started.",
    ),
    Command(
        "backups", "list the backups that count", _takes_listed, _backups, "What a cut or a failure left is no backup, and is not shown."
    ),
    Command(
        "prove",
        "prove that a backup can be had back",
        _one_backup,
        _prove,
        f"Reads all of the repository, restores the backup aside, and compares it with what {ID} had. The node runs on.",
    ),
    Command(
        "restore",
        "put a backup back, on the host it was made on",
        _takes_restore,
        _restore,
        "Proven first, beside what it replaces; then the node is stopped, the two change places, and it is started.\n"
        "What was there is kept until the node is well.",
    ),
)
