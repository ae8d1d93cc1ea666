# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How an instance is backed up: what its host keeps of it. The repository's password is kept in memory, as all secrets of an instance are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..common.errors import HostError
from ..common.records import Odd, Record, flag, item, many, newer_than, nullable, plain, table, text, whole
from ..common.rules import finding
from ..instance.store import InstanceStore, Store
from ..system import files
from ..system.processes import birth
from .copies import Copy

SCHEMA = 1
_LONGEST = 4096
_OFFERED = ".offered"


class Settings(Record, loose=True):
    """``repository``: a folder of this host; ``classes``: volume or ``data/<folder>`` -> class, as the operator wants it;
    ``acknowledged``: what is not in the backup, and may be so; ``keep``: how many backups stay (``retention``),
    empty: all; ``copies``: where else they are to be; ``max_stop``: seconds a node may be down for the copy, 0: nobody said; ``prove``: days
    between two proofs the timer's run makes of the repository, and ``prove_copies`` of each copy, ``None``: nobody said, 0: none (``proofs``);
    ``host``: what the inventory calls this one; ``taken``: marks of hosts whose backups of it are its own
    (``whose``); ``unmade``: its repository never was on this host, to which it came by a copy."""

    schema: int = item(whole, default=SCHEMA)
    repository: str = item(text)
    classes: Mapping[str, str] = item(table(text), default={})
    acknowledged: Sequence[str] = item(many(text), default=())
    keep: Mapping[str, int] = item(table(whole), default={})
    max_stop: int = item(whole, default=0)
    prove: int | None = item(nullable(whole), default=None)
    prove_copies: int | None = item(nullable(whole), default=None)
    copies: Sequence[Copy] = item(many(Copy.read), default=())
    host: str = item(text, default="")
    taken: Sequence[str] = item(many(text), default=())
    unmade: bool = item(flag, default=False)


def folder(own: InstanceStore) -> str:
    return own.path("backup")


def password_file(own: InstanceStore) -> str:
    return os.path.join(own.run, "backup", "password")


def default_repository(store: Store, instance: str) -> str:
    return os.path.join(store.root, "backup", instance)


def read(own: InstanceStore) -> Settings | None:
    """``None`` for an instance nobody has backed up. Raises ``HostError`` where they cannot be used."""
    path = os.path.join(folder(own), "settings.json")
    try:
        found = files.read_json(path)
        if found is None:
            return None
        if newer_than(found, SCHEMA) is not None:
            raise Odd("was written by a newer release")
        return Settings.read(found)
    except Odd as odd:
        problem = str(odd)
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except ValueError:
        problem = "is not JSON"
    message = f"{path} {problem}"
    raise HostError(
        f"{own.id}: {message}", [finding("OPS-010", own.id, message, "Remove it; the next backup from the inventory writes it.")]
    )


def keep(own: InstanceStore, settings: Settings) -> bool:
    """Says whether they are others than before."""
    known = read(own)
    if known is not None and plain(known) == plain(settings):
        return False
    own.make()
    files.folder(folder(own), 0o700)
    files.write_json(os.path.join(folder(own), "settings.json"), plain(settings))
    return True


def offer_password(own: InstanceStore, password: str) -> str:
    """Write it to a file in memory and return its path; ``keep_password`` makes it the one that counts, once it has opened the repository.
    Raises ``HostError`` for what restic would take for another one."""
    if (
        not password
        or not _is_text(password)
        or password != password.strip()
        or "\n" in password
        or "\r" in password
        or len(password) > _LONGEST
    ):
        message = "the password of a repository is one line without white space at its ends, of 1 to 4096 characters"
        raise HostError(
            f"{own.id}: {message}", [finding("INV-001", f"{own.id}: avs_backup_password", message, "Correct it where it is kept.")]
        )
    own.make_run()
    files.own_folder(os.path.dirname(password_file(own)), 0o700)
    _sweep_offered(own)
    # A list is made beside a backup, and what it brings is its own.
    path = f"{password_file(own)}{_OFFERED}-{os.getpid()}-{os.urandom(8).hex()}"
    files.write(path, password.encode())
    return path


def _is_text(value: str) -> bool:
    try:
        return bool(value.encode())
    except UnicodeEncodeError:
        return False


def _sweep_offered(own: InstanceStore) -> None:
    """Remove what those left that were killed, of the release before as well."""
    above, first = os.path.split(f"{password_file(own)}{_OFFERED}")
    for name in os.listdir(above):
        pid = name[len(first) :].split("-")[1:2]
        if name.startswith(first) and not (pid and pid[0].isdigit() and birth(int(pid[0])) is not None):
            with suppress(FileNotFoundError):
                files.remove(os.path.join(above, name))


def keep_password(own: InstanceStore, path: str) -> None:
    """In memory; gone when the host is restarted."""
    files.move(path, password_file(own))


def has_password(own: InstanceStore) -> bool:
    return files.is_file(password_file(own))


def same_password(own: InstanceStore, password: str) -> bool:
    """Whether the one in memory is this one."""
    try:
        return files.read(password_file(own)) == password.encode()
    except OSError:
        return False


def require_repository(path: Any) -> str:
    """A folder of this host that nothing else is in. Raises ``HostError`` (INV-001)."""
    good = (
        isinstance(path, str)
        and path.startswith("/")
        and path[1:2] != "/"
        and os.path.normpath(path) == path
        and path.count("/") > 1
        and path.isprintable()
    )
    if not good:
        message = f"{str(path)[:80]!r} is no absolute path of a folder on the host"
        raise HostError(
            message, [finding("INV-001", "avs_backup_repository", message, "Write /path/of/a/folder; each instance gets one below it.")]
        )
    return str(path)
