# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of a node that is down, set aside in a moment: clones that share their blocks with the files (reflink), beside them on their file
system. The node is started, and restic reads the clones where the files were, in a mount namespace of its own.

A clone is another file: it has a number and a change time of its own, so restic is told to go by size and modification time alone. Files
that changed and may still have the modification time the live pass saw are found while the node is down (``Summary.odd``), and are saved
twice, the first time with another one.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..common.errors import HostError
from ..instance.store import InstanceStore
from ..system import files
from ..system.command import RunCommand, await_the_end, invocation
from . import settings
from .volumes import Item

_BESIDE = ".avs-cloned-"
# linux/fs.h
_FICLONE = 0x40049409
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
_APART = ("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c")
# Pairs of a clone and where it is to be seen, up to the command that is to see it.
_SEE = 'while [ "$1" != -- ]; do mount --bind -- "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"'
_ANSWER = 30.0


@dataclass(frozen=True)
class Run:
    """How commands are run. ``hold``: descriptors that stay open as long as one runs; ``bound``: seconds one may take."""

    run_command: RunCommand
    hold: Sequence[int] = ()
    bound: float = _ANSWER

    def __call__(self, *line: str) -> None:
        code, _out, err = self.run_command(
            invocation(line, _ENVIRONMENT, self.bound),
            cwd="/",
            encoding=None,
            expand_user_and_vars=False,
            handle_exceptions=False,
            pass_fds=tuple(fd for fd in self.hold if fd >= 0),
            before_communicate_callback=await_the_end,
        )
        if code:
            raise HostError(f"{line[0]} ended with {code}: {err.decode(errors='replace').strip()[:300]}")


def possible(items: Sequence[Item], run: Run) -> bool:
    """Whether all of it can be set aside: tried beside each, not guessed by the name of a file system."""
    try:
        return bool(items) and all(_is_possible(item, run) for item in items)
    except (OSError, HostError):
        return False


def _is_possible(item: Item, run: Run) -> bool:
    beside = os.path.dirname(item.top)
    # Of what is not saved of a folder nothing is to be cloned, either; a cache may be most of it.
    if item.spared or os.lstat(item.path).st_dev != os.lstat(beside).st_dev or not _is_roots_alone(beside):
        return False
    scratch = _scratch(item, "try")
    files.remove(scratch)
    os.mkdir(scratch, 0o700)
    try:
        _share_blocks(scratch)
        run(*seen({item.top: scratch}), "/usr/bin/test", "-e", os.path.join(item.top, "other"))
    finally:
        files.remove(scratch)
    return True


def _is_roots_alone(folder: str) -> bool:
    """Whether nobody else may put anything there."""
    known = os.lstat(folder)
    return stat.S_ISDIR(known.st_mode) and known.st_uid == os.geteuid() and not known.st_mode & 0o022


def _share_blocks(scratch: str) -> None:
    """Raises ``OSError`` where two files cannot, or anything is there already: nothing is opened that we did not make."""
    folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    made: list[int] = []
    try:
        for name in ("one", "other"):
            made.append(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder))
        os.write(made[0], b"x" * 4096)
        fcntl.ioctl(made[1], _FICLONE, made[0])
    finally:
        for handle in (*made, folder):
            os.close(handle)


def make(own: InstanceStore, items: Sequence[Item], name: str, run: Run) -> dict[str, str]:
    """Clone all of it, within the bound; returns path -> clone. Noted first, so that what a cut leaves is found. Raises ``OSError`` and
    ``HostError``."""
    until = time.monotonic() + run.bound
    scratches = [_scratch(item, name) for item in items]
    files.write_json(_record(own), {"schema": 1, "places": scratches})
    # Items that lie in one folder have one scratch.
    for scratch in dict.fromkeys(scratches):
        files.remove(scratch)
        # Whoever may not look at the files is not to see their clones.
        os.mkdir(scratch, 0o700)
    found: dict[str, str] = {}
    for number, (item, scratch) in enumerate(zip(items, scratches)):
        clone = os.path.join(scratch, f"files{number}" if scratch in scratches[:number] else "files")
        found[item.path] = clone + item.path[len(item.top) :]
        if item.path != item.top:
            os.makedirs(os.path.dirname(found[item.path]), 0o700)
        left = replace(run, bound=max(until - time.monotonic(), 0.1))
        left("cp", "--archive", "--reflink=always", "--no-target-directory", "--", item.path, found[item.path])
    return found


def over(items: Sequence[Item], view: Mapping[str, str]) -> dict[str, str]:
    """What is mounted where, so that clones (``view``, as ``make`` returns them) are seen in the places of files. Of a part of a volume
    all of the volume is hidden: a node that runs could rename what leads there."""
    return {item.top: view[item.path][: len(view[item.path]) - len(item.path[len(item.top) :])] for item in items}


def settle(own: InstanceStore) -> None:
    """Remove clones, those of a backup that was cut as well."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        places = (files.read_json(_record(own)) or {"places": ()})["places"]
        for place in places:
            if os.path.basename(str(place)).startswith(_BESIDE):
                files.remove(str(place))
        files.remove(_record(own))


def seen(view: Mapping[str, str]) -> list[str]:
    """What stands before a command that is to see clones (values) where the files are (keys)."""
    return [*_APART, _SEE, "sh", *(word for path, clone in view.items() for word in (clone, path)), "--"] if view else []


def _scratch(item: Item, name: str) -> str:
    """Beside the whole of a volume: what lies in it a container can write."""
    return os.path.join(os.path.dirname(item.top), f"{_BESIDE}{name}")


def _record(own: InstanceStore) -> str:
    return os.path.join(settings.folder(own), "cloned.json")
