# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Repositories of instances: what is asked of one, what its host keeps of that, and how it is opened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..backup import retention, settings
from ..backup.progress import Progress, Told, unheard
from ..backup.restic import Restic
from ..backup.settings import Settings
from ..common.errors import HostError
from ..common.rules import finding
from ..docker.engine import Engine
from ..instance.store import InstanceStore, Store
from ..system import files
from ..system.command import RunCommand
from .by_record import WaitingError

MAX_STOP = 1800.0
_NO_PASSWORD = "Run restaking.avs.backup, which brings it; it is kept in memory, and gone since the host was started."


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
    ``max_stop``: seconds a node may be down for the copy, and ``keep``: how many backups stay, ``None``: as before;
    ``bound``: ``max_stop`` for this once."""

    repository: str | None = None
    password: str = field(default="", repr=False)
    classes: Mapping[str, Mapping[str, str]] | None = None
    acknowledged: Mapping[str, Sequence[str]] | None = None
    max_stop: int | None = None
    keep: Mapping[str, int] | None = None
    bound: float | None = None


def asked(given: Mapping[str, Any]) -> Asked:
    """What a module is given. Raises ``HostError`` (INV-001) for what cannot be meant."""
    problems = []
    for name, kind in (("classes", Mapping), ("acknowledged", (list, tuple))):
        for instance, value in (given.get(name) or {}).items():
            texts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else [None]
            if not isinstance(value, kind) or not all(isinstance(text, str) for text in texts):
                wanted = "name: class" if name == "classes" else "a list of names"
                problems.append(finding("INV-001", f"{name}.{instance}", "is not well formed", f"Write {wanted} below it."))
    password = given.get("password")
    if password is not None and not isinstance(password, str):
        problems.append(finding("INV-001", "password", "is no text", "Give it as text, or let the action plugin fetch it."))
    bound = given.get("max_stop")
    if bound is not None and not 0 < bound <= 86_400:
        problems.append(finding("INV-001", "max_stop", "is not a number of seconds (1-86400)", "Correct avs_backup_max_stop."))
    if problems:
        raise HostError("not to be understood", problems)
    keep = retention.policy(given["keep"]) if given.get("keep") is not None else None
    return Asked(given["repository"], password or "", given.get("classes"), given.get("acknowledged"), bound, keep)


def wanted_settings(store: Store, own: InstanceStore, asked: Asked) -> Settings:
    """What is asked for, and else what the host keeps."""
    known = settings.read(own)
    repository = known.repository if known is not None else settings.default_repository(store, own.id)
    if asked.repository is not None:
        repository = os.path.join(settings.require_repository(asked.repository), own.id)
    classes = (asked.classes.get(own.id) or {}) if asked.classes is not None else known.classes if known is not None else {}
    left = (asked.acknowledged.get(own.id) or ()) if asked.acknowledged is not None else known.acknowledged if known is not None else ()
    keep = asked.keep if asked.keep is not None else known.keep if known is not None else {}
    wanted = Settings(schema=settings.SCHEMA, repository=repository, classes=dict(classes), acknowledged=list(left), keep=dict(keep))
    bound = asked.max_stop or (known.max_stop if known is not None else 0)
    # Left out where nobody said it, as in the records of releases before.
    return wanted.but(max_stop=bound) if bound else wanted


def ready(host: Host, own: InstanceStore, wanted: Settings, asked: Asked, make: bool) -> Restic:
    """The repository of an instance, with a password that opens it. ``make``: a new one where there is none."""
    offered = settings.offer_password(own, asked.password) if asked.password else ""
    try:
        if not offered and not settings.has_password(own):
            problem = finding("BAK-003", own.id, "waits for the password of its repository", _NO_PASSWORD)
            raise WaitingError(f"{own.id} waits for the password of its repository", [problem])
        restic = Restic(host.run_command, wanted.repository, offered or settings.password_file(own))
        restic.abilities()
        if make and not restic.exists():
            _require_new(own, wanted)
            restic.make()
        # Says whether the password is the right one, before a node is stopped for it.
        restic.snapshots()
        if offered:
            settings.keep_password(own, offered)
    finally:
        files.remove(f"{settings.password_file(own)}.offered")
    if make:
        settings.keep(own, wanted)
    restic = Restic(host.run_command, wanted.repository, settings.password_file(own))
    restic.progress = Progress(own, host.told)
    restic.clear_locks()
    return restic


def _require_new(own: InstanceStore, wanted: Settings) -> None:
    """A disk that is not mounted is no reason to begin anew on another one."""
    known = settings.read(own)
    if known is not None and known.repository == wanted.repository:
        message = f"its repository {wanted.repository} was there, and is gone"
        remedy = f"Mount its disk. If it was moved away for good, remove {settings.folder(own)}/settings.json, and back up anew."
        raise HostError(f"{own.id}: {message}", [finding("BAK-003", own.id, message, remedy)])
