# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private folders in which packages are judged before anything of the host is touched."""

from __future__ import annotations

import base64
import fcntl
import io
import os
import shutil
import tempfile
from contextlib import suppress
from types import TracebackType

from ..common.errors import HostError
from ..common.names import is_inside
from ..common.rules import finding
from . import deep
from .full import os_error_text
from .trees import tree_digest

# Not TMPDIR: the next run has to find what this one left.
_PARENT = "/tmp"
_PREFIX = "avs-"
_LOCK = ".lock"
_MAX_BYTES = 256 << 20


class Scratch:
    """A folder that goes away with the run; what killed runs left goes away with the next one."""

    def __init__(self, parent: str | None = None) -> None:
        self.parent = parent or _PARENT
        self.path = ""
        self._fd = -1
        self._umask = 0

    def __enter__(self) -> Scratch:
        """Raises ``HostError`` where no folder can be made."""
        sweep(self.parent)
        # Compose reads packages as a user nobody else is, in a root where this folder's own mode does not stand in its way: the files do
        # have to be readable, whatever the host's umask.
        self._umask = os.umask(0o022)
        try:
            while not self._made():
                # Another run swept it before the lock was ours.
                os.close(self._fd)
        except OSError as error:
            os.umask(self._umask)
            message = f"no folder can be made in {self.parent}, where packages are judged before they change anything: "
            raise HostError(f"{message}{os_error_text(error, self.parent)}") from None
        return self

    def _made(self) -> bool:
        self.path = tempfile.mkdtemp(prefix=_PREFIX, dir=self.parent)
        self._fd = os.open(os.path.join(self.path, _LOCK), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        return os.path.isdir(self.path)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _remove(self.path)
        os.close(self._fd)
        os.umask(self._umask)

    def folder(self, instance: str) -> str:
        """An empty folder for one instance's tree, two levels deep in the instance's: what compose may see, beside what it may not."""
        path = os.path.join(self.path, instance, "package", "tree")
        os.makedirs(path)
        return path

    def drop(self, instance: str) -> None:
        _remove(os.path.join(self.path, instance))


def _remove(path: str) -> None:
    try:
        shutil.rmtree(path, ignore_errors=True)
    except RecursionError:
        with suppress(OSError):
            deep.remove(path)


def sweep(parent: str | None = None) -> None:
    """Remove scratch folders whose run was killed: ours, with a lock nobody holds."""
    parent = parent or _PARENT
    try:
        names = os.listdir(parent)
    except OSError:
        # Whoever needs a folder of their own says what is wrong with this one.
        return
    for name in names:
        if not name.startswith(_PREFIX):
            continue
        path = os.path.join(parent, name)
        try:
            fd = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(fd).st_uid == os.geteuid() and not os.path.islink(path):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)
        except OSError:
            # Somebody else's still.
            pass
        finally:
            os.close(fd)


def unpack(content: str, target: str, expected: str, place: str) -> None:
    """A tree as the controller sends it (base64, tar.gz) into an empty folder. Raises ``HostError`` (SRC-003)."""
    import tarfile

    try:
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(content, validate=True)), mode="r:gz") as archive:
            left = _MAX_BYTES
            for member in archive:
                if member.isdir():
                    continue
                left -= member.size
                if not member.isreg() or not is_inside(member.name) or left < 0:
                    raise _unsafe(place, f"{member.name!r} is not a regular file of the package")
                path = os.path.join(target, member.name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                reader = archive.extractfile(member)
                if reader is None:
                    raise _unsafe(place, f"{member.name!r} cannot be read")
                with open(path, "xb") as writer:
                    shutil.copyfileobj(reader, writer)
                    os.fchmod(writer.fileno(), 0o755 if member.mode & 0o100 else 0o644)
    except (ValueError, OSError, EOFError, tarfile.TarError) as error:
        raise _unsafe(place, f"the tree cannot be unpacked: {error}") from None
    require_tree(target, expected, place)


def require_tree(root: str, expected: str, place: str) -> None:
    found = tree_digest(root)
    if found != expected:
        raise _unsafe(place, f"the tree's digest is {found}, not {expected}")


def _unsafe(place: str, message: str) -> HostError:
    return HostError(f"{place}: {message}", [finding("SRC-003", place, message)])
