# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories of instances: what is asked of one, what its host keeps of that, and how it is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..backup import anew, copies, kept, proofs, remote, retention, settings, spare, whose
from ..backup.backends import PASSWORD
from ..backup.copies import Copy, Given
from ..backup.kept import Backup
from ..backup.progress import Progress, Told, unheard
from ..backup.restic import Restic, ResticError
from ..backup.settings import Settings
from ..common.errors import HostError
from ..common.rules import finding
from ..docker.engine import Engine
from ..instance.store import InstanceStore, Store
from ..system import files
from ..system.command import RunCommand
from .by_record import WaitingError

MAX_STOP = 1800.0
_NO_PASSWORD = (
    "Name it as avs_backup_password in the inventory, and run restaking.avs.backup, which brings it; memory keeps it until a restart."
)
_GONE = (
    "To list them name the password as avs_backup_password in the inventory, install it again, and run restaking.avs.backups; to have one back: "
    "restaking.avs.restore with avs_restore_to (docs/backup.md)."
)
_NONE_YET = "Name one as avs_backup_password in the inventory (docs/backup.md, Set it up), and run it again."


@dataclass(frozen=True)
class Host:
    """``told`` is called with each step of work that takes long."""

    store: Store
    engine: Engine
    run_command: RunCommand
    told: Told = unheard


@dataclass(frozen=True)
class Asked:
    """What is asked beyond what the host keeps. ``repository``: a folder in which each instance has one of its own (``None``: as before);
    ``password`` of the repositories (empty: the one the host has); ``classes`` and ``acknowledged``: by instance, ``None``: as before;
    ``max_stop``: seconds a node may be down for the copy, and ``keep``: how many backups stay, ``None``: as before; so ``prove`` and
    ``prove_copies``: days between two proofs (``proofs``);
    ``copies``: where else backups are to be, ``None``: as before; ``copy``: the name of the one that is read instead of the repository;
    ``bound``: ``max_stop`` for this once; ``host``: what the inventory calls this one (empty: as before); ``left``: places whose backups may be
    left behind; ``brings``: in check mode, that there is a password, which is not sent."""

    repository: str | None = None
    password: str = field(default="", repr=False)
    classes: Mapping[str, Mapping[str, str]] | None = None
    acknowledged: Mapping[str, Sequence[str]] | None = None
    max_stop: int | None = None
    keep: Mapping[str, int] | None = None
    copies: Sequence[Given] | None = None
    copy: str = ""
    bound: float | None = None
    host: str = ""
    left: Sequence[str] = ()
    brings: bool = False
    prove: int | None = None
    prove_copies: int | None = None


def asked(given: Mapping[str, Any], check: bool = False) -> Asked:
    """What a module is given; with ``check`` nothing secret is. Raises ``HostError`` (INV-001) for what cannot be meant."""
    problems = []
    for name, kind in (("classes", Mapping), ("acknowledged", (list, tuple))):
        for instance, value in (given.get(name) or {}).items():
            texts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [None]
            if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
                wanted = "name: class" if name == "classes" else "a list of names"
                problems.append(finding("INV-001", f"avs_backup_{name}.{instance}", "is not well formed", f"Write {wanted} below it."))
    password = given.get("password")
    if password is not None and not isinstance(password, str):
        problems.append(finding("INV-001", "avs_backup_password", "is no text", "Give it as text, or let the action plugin fetch it."))
    bound = given.get("max_stop")
    if bound is not None and not (isinstance(bound, int) and 0 < bound <= 86_400):
        problems.append(finding("INV-001", "avs_backup_max_stop", "is not a number of seconds (1-86400)", "Correct avs_backup_max_stop."))
    days: dict[str, Any] = {name: given.get(name) for name in ("prove", "prove_copies")}
    for name, value in days.items():
        if value is not None and not (isinstance(value, int) and 0 <= value <= proofs.LONGEST):
            message, remedy = f"is not a number of days (0-{proofs.LONGEST})", f"Correct avs_backup_{name}; 0 is never."
            problems.append(finding("INV-001", f"avs_backup_{name}", message, remedy))
    if problems:
        raise HostError("not to be understood", problems)
    keep = retention.policy(given["keep"]) if given.get("keep") is not None else None
    where = copies.given(given.get("copies"), check), given.get("copy") or ""
    found = Asked(given["repository"], password or "", given.get("classes"), given.get("acknowledged"), bound, keep, *where)
    found = replace(found, left=tuple(given.get("backups_left") or ()), brings=bool(given.get("password_given")))
    return replace(found, host=str(given.get("inventory_name") or ""), **days)


def wanted_settings(store: Store, own: InstanceStore, asked: Asked) -> Settings:
    """What is asked for, and else what the host keeps."""
    known = settings.read(own)
    repository = known.repository if known is not None else settings.default_repository(store, own.id)
    if asked.repository is not None:
        repository = os.path.join(settings.require_repository(asked.repository), own.id)
    classes = (asked.classes.get(own.id) or {}) if asked.classes is not None else known.classes if known is not None else {}
    left = (asked.acknowledged.get(own.id) or ()) if asked.acknowledged is not None else known.acknowledged if known is not None else ()
    keep = asked.keep if asked.keep is not None else known.keep if known is not None else {}
    elsewhere = anew.given_up(copies.wanted(known.copies if known is not None else (), asked.copies), asked.left)
    # Left out where nobody said it, as in the records of releases before.
    more: dict[str, Any] = {
        "max_stop": asked.max_stop or (known.max_stop if known is not None else 0),
        "host": asked.host or (known.host if known is not None else ""),
        "copies": elsewhere,
        "taken": list(known.taken) if known is not None else [],
    }
    wanted = Settings(schema=settings.SCHEMA, repository=repository, classes=dict(classes), acknowledged=list(left), keep=dict(keep))
    days = {"prove": asked.prove, "prove_copies": asked.prove_copies}
    for name, value in days.items():
        before = getattr(known, name) if known is not None else None
        more[name] = before if value is None else value
    return wanted.but(**{name: value for name, value in more.items() if value or (name in days and value is not None)})


def ready(host: Host, own: InstanceStore, wanted: Settings, asked: Asked, make: bool) -> Restic:
    """The repository of an instance, with a password that opens it. ``make``: a new one where there is none; else it
    is the copy that is asked for, if one is."""
    if asked.copy and not make:
        return copy_of(host, own, wanted, asked)
    if make:
        spare.give(wanted.repository)
    offered = settings.offer_password(own, asked.password) if asked.password else ""
    try:
        if not offered:
            _require_password(own)
        restic = Restic(host.run_command, wanted.repository, offered or settings.password_file(own))
        restic.abilities()
        there = restic.exists()
        if not there:
            anew.require(own, restic, asked.left if make else None)
            if make:
                restic.make()
        # Says whether the password is the right one, before a node is stopped for it.
        found = kept.backups(restic.snapshots(), own.id)
        if there and not found:
            anew.require(own, restic, asked.left if make else None)
        if make:
            whose.require_own(own.id, found, wanted, wanted.repository)
        if offered:
            settings.keep_password(own, offered)
    finally:
        if offered:
            files.remove(offered)
    if make:
        settings.keep(own, whose.remembered(wanted))
    restic = Restic(host.run_command, wanted.repository, settings.password_file(own)).knowing(restic)
    restic.progress = Progress(own, host.told)
    restic.clear_locks()
    return restic


def foreseen(host: Host, own: InstanceStore, wanted: Settings, asked: Asked) -> None:
    """In check mode: what ``ready`` would refuse before it makes anything, as far as it can be known with the password the host has. Another
    one that is given is not here, and may be the right one."""
    has, given = settings.has_password(own), asked.brings or bool(asked.password)
    if not given:
        _require_password(own)
    restic = Restic(host.run_command, wanted.repository, settings.password_file(own))
    restic.abilities()
    found: list[Backup] = []
    if has and restic.exists():
        try:
            found = kept.backups(restic.snapshots(), own.id)
        except ResticError as error:
            if not given or error.kind != "password":
                raise
            return
        whose.require_own(own.id, found, wanted, wanted.repository)
    if not found:
        anew.require(own, restic, asked.left, has)


def require_none(host: Host, own: InstanceStore, wanted: Settings) -> None:
    """No repository at all is "no backups"; one that was there is not. Raises ``HostError`` (BAK-003)."""
    restic = Restic(host.run_command, wanted.repository, settings.password_file(own))
    anew.require(own, restic, None, settings.has_password(own))


def removed_from(own: InstanceStore) -> str:
    """Where backups of one are that was removed from this host, with nothing to open them by; empty of any other."""
    known, state = settings.read(own), own.known()
    if known is None or state is None or state.installed or settings.has_password(own):
        return ""
    return f"is not installed on this host; its backups stay in {known.repository}"


def _require_password(own: InstanceStore) -> None:
    """Raises ``WaitingError`` where none is kept."""
    if not settings.has_password(own):
        known = settings.read(own)
        message, remedy = "waits for the password of its repository", _NO_PASSWORD
        if known is None:
            message, remedy = "has no password for its repository, and none was given", _NONE_YET
        elif removed_from(own):
            message, remedy = f"{removed_from(own)}, and the password is gone from memory", _GONE
        raise WaitingError(f"{own.id} {message}", [finding("BAK-003", own.id, message, remedy)])


def copy_of(host: Host, own: InstanceStore, wanted: Settings, asked: Asked) -> Restic:
    """The copy of an instance's backups that is asked for, with a password that opens it."""
    chosen = next((one for one in wanted.copies if one.name == asked.copy), None)
    if chosen is None:
        have = ", ".join(one.name for one in wanted.copies) or "none"
        message = f"has no copy {asked.copy!r} ({have})"
        raise HostError(f"{own.id} {message}", [finding("INV-001", own.id, message, "Name one of avs_backup_copies.")])
    keep_files(own, asked)
    own_one = PASSWORD in chosen.needs
    offered = settings.offer_password(own, asked.password) if asked.password and not own_one else ""
    try:
        require_files(own, chosen, bool(offered))
        restic = remote.opened(host.run_command, own, chosen, offered)
        restic.abilities()
        restic.snapshots()
        if offered:
            settings.keep_password(own, offered)
    finally:
        if offered:
            files.remove(offered)
    restic = remote.opened(host.run_command, own, chosen).knowing(restic)
    if restic.removes:
        restic.clear_locks()
    return restic


def keep_files(own: InstanceStore, asked: Asked) -> None:
    if asked.copies is not None and all(one.whole for one in asked.copies):
        copies.keep(own, asked.copies)


def require_files(own: InstanceStore, copy: Copy, offered: bool = False) -> None:
    """Raises ``WaitingError`` where something a copy is reached by is gone since the host was started."""
    gone = copies.missing(own, copy)
    if PASSWORD not in copy.needs and not offered and not settings.has_password(own):
        gone.append(PASSWORD)
    if gone:
        message = f"the copy {copy.name} waits for {', '.join(gone)}"
        raise WaitingError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, _NO_PASSWORD)])
