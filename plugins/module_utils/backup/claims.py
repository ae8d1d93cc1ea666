# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Room on a disk that backups which are on their way were promised: several timers of a host save side by side while their nodes run, and
each was told that there is room when none of the others had used theirs.

A claim says what it leaves of the room it found, not what it uses: so what of it is on the disk by now is not counted twice. It is in
memory, and holds as long as the process that made it lives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..common.records import Odd, Record, item, whole
from ..instance.store import InstanceStore
from ..system import files
from ..system.lock import Lock
from ..system.processes import birth

_NAME, _PATIENCE = "room.json", 60.0


class _Claim(Record, loose=True):
    """``device`` of the file system, ``left``: bytes of it that others may use; ``pid`` and ``birth`` of whoever claims it."""

    device: int = item(whole)
    left: int = item(whole)
    pid: int = item(whole)
    birth: int = item(whole)


def claim(own: InstanceStore, repository: str, needed: int, spare: int) -> int:
    """Claim ``needed`` of the ``spare`` bytes that may be used where a repository is. Returns how many may be used; where these are fewer,
    nothing is claimed. Raises ``OSError``, ``LockedError``."""
    device = os.stat(repository).st_dev
    with Lock(os.path.join(os.path.dirname(own.lock), "@backup.room.lock"), own.id, _PATIENCE):
        usable = min([spare, *(one.left for one in _others(own) if one.device == device)])
        if needed <= usable:
            own.make_run()
            files.own_folder(os.path.dirname(_file(own.run)), 0o700)
            mine = {"device": device, "left": usable - needed, "pid": os.getpid(), "birth": birth(os.getpid()) or 0}
            files.write_json(_file(own.run), mine)
    return usable


def release(own: InstanceStore) -> None:
    files.remove(_file(own.run))


def _others(own: InstanceStore) -> Iterator[_Claim]:
    folder = os.path.dirname(own.run)
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name == own.id:
            continue
        try:
            found = _Claim.read(files.read_json(_file(os.path.join(folder, name))))
        except (OSError, ValueError, Odd):
            continue
        if birth(found.pid) == found.birth:
            yield found


def _file(run: str) -> str:
    return os.path.join(run, "backup", _NAME)
