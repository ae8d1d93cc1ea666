# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that takes longer than a connection lasts: a process of its own does it, and whoever wants to know asks again.

Each has a folder in memory, called after the work: ``lock``, which the process holds from before it runs until it ends however it ends;
``order.json``, what it is; ``result.json``, what came of it; ``library.zip``, the code, of a module whose own copy goes with its call. What
it is asked to do, which may have secrets in it, is in a file without a name, which the process inherits. It has a session of its own and no
terminal; where systemd runs, it moves into a scope of its own as well, so that nothing ends it with a login, and ``systemctl stop`` does.
With the scope's end systemd starts a unit (``AFTERWARDS``), which sees to what a process that was killed left.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..common.errors import HostError
from ..common.masking import Mask
from ..common.rules import finding
from ..common.words import AFTERWARDS
from . import files
from .clock import now
from .command import RunCommand, await_the_end, invocation
from .processes import run_command as plain_run_command

_ORDER, _RESULT, _LOCK, _LIBRARY, _MESSAGES = "order.json", "result.json", "lock", "library.zip", "messages"
_START = f"import sys, json; sys.path[:0] = json.loads(sys.argv[1]); from {__name__} import serve; serve(sys.argv[2:])"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Results that are kept for who asks late, and seconds between two looks.
_KEPT, _LOOK = 20, 0.05
_SYSTEMD = "/run/systemd/system"


@dataclass(frozen=True)
class Order:
    """``name``: hex digits whoever orders chose, so that he can ask for it though he got no answer; ``module``: whose ``work`` does it, as it is imported;
    ``what``: two with the same are the same work; ``hidden``: secrets, no part of any result; ``ids``: instances it may leave down when it is killed."""

    name: str
    module: str
    given: Mapping[str, Any] = field(repr=False)
    what: str
    hidden: Sequence[str] = field(default=(), repr=False)
    ids: Sequence[str] = ()


class Detached:
    """All of a host. ``root`` is a folder in memory."""

    def __init__(self, root: str) -> None:
        self._root = root

    def begin(self, order: Order, run_command: RunCommand) -> str:
        """Have it done, and return its name: that of the same work, where it is being done already. A name that is known is not begun
        again. Raises ``HostError`` and ``OSError``."""
        files.folder(os.path.dirname(self._root))
        files.own_folder(self._root, 0o700)
        with self._alone():
            if os.path.isdir(self._folder(order.name)):
                return order.name
            self._sweep()
            for name in self._names():
                # One that has its result only has to end.
                if self.is_at_work(name) and self._read(name, _ORDER).get("what") == order.what and not self._read(name, _RESULT):
                    return name
            self._start(order, run_command)
        return order.name

    def is_known(self, name: str) -> bool:
        return os.path.isdir(self._folder(name))

    def is_at_work(self, name: str) -> bool:
        """Its process holds the lock; nothing else does, and whatever ends it lets go."""
        try:
            handle = os.open(os.path.join(self._folder(name), _LOCK), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def result(self, name: str, patience: float) -> dict[str, Any] | None:
        """What came of it, ``None`` where it goes on for longer than that (seconds). Of one that was cut the result says so."""
        until = time.monotonic() + patience
        while True:
            going_on = self.is_at_work(name)
            found = self._read(name, _RESULT)
            if found or not going_on:
                return found or self._cut(name)
            if time.monotonic() >= until:
                return None
            time.sleep(_LOOK)

    def left_by(self, name: str) -> list[str]:
        """Instances of a work that ended without a result, which a signal that could not be caught may have left down."""
        if self.is_at_work(name) or self._read(name, _RESULT):
            return []
        ids = self._read(name, _ORDER).get("ids")
        return [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []

    def _cut(self, name: str) -> dict[str, Any]:
        with suppress(OSError):
            last = files.read(os.path.join(self._folder(name), _MESSAGES)).decode(errors="replace").strip().splitlines()[-1:]
            why = f" ({last[0][:300]})" if last else ""
            message = f"the process that did it ended without a result{why}: it was killed, or could not be started"
            remedy = "Look what is there (avsctl status, avsctl backups, avsctl history ID), then run again."
            return {"failed": True, "changed": False, **HostError(message, [finding("OPS-010", "", message, remedy)]).as_result()}
        message = "this host knows nothing of that work: it was started anew since, or the work ended long ago"
        return {"failed": True, "changed": False, **HostError(message).as_result()}

    def _start(self, order: Order, run_command: RunCommand) -> None:
        folder = self._folder(order.name)
        os.mkdir(folder, 0o700)
        files.write_json(os.path.join(folder, _ORDER), {"what": order.what, "module": order.module, "since": now(), "ids": list(order.ids)})
        lock = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        asked = _nameless(folder, json.dumps({"given": dict(order.given), "hidden": list(order.hidden)}).encode())
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            line = [sys.executable, "-I", "-c", _START, json.dumps(_library(folder)), folder, str(lock), str(asked), order.module]
            code, _out, err = run_command(
                invocation(["/usr/bin/setsid", "--fork", *line], {"PATH": _PATH, "LC_ALL": "C", "PYTHONUTF8": "1", "HOME": "/root"}),
                cwd="/",
                encoding=None,
                expand_user_and_vars=False,
                handle_exceptions=False,
                pass_fds=(lock, asked),
                before_communicate_callback=await_the_end,
            )
        finally:
            os.close(lock)
            os.close(asked)
        said = err.decode(errors="replace").strip()
        if code:
            raise HostError(f"no process of its own could be started for it: {said}")
        if said:
            with open(os.path.join(folder, _MESSAGES), "a", encoding="utf-8") as handle:
                handle.write(f"{said}\n")

    def _names(self) -> list[str]:
        return sorted(name for name in os.listdir(self._root) if is_word(name))

    def _folder(self, name: str) -> str:
        if not is_word(name):
            raise HostError("not the name of any work")
        return os.path.join(self._root, name)

    def _read(self, name: str, file: str) -> dict[str, Any]:
        try:
            found = files.read_json(os.path.join(self._folder(name), file))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _sweep(self) -> None:
        """Of what has ended, the newest stay."""
        over = [name for name in self._names() if not self.is_at_work(name)]
        over.sort(key=lambda name: os.stat(self._folder(name)).st_mtime_ns)
        for name in over[: max(0, len(over) - _KEPT)]:
            files.remove(self._folder(name))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def is_word(name: str) -> bool:
    """What whoever orders may call it: hex digits."""
    return 8 <= len(name) <= 64 and not set(name) - set("0123456789abcdef")


def same(*what: Any) -> str:
    """Digest of what is asked, for ``Order.what``."""
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()


def _nameless(folder: str, content: bytes) -> int:
    """A file that has no name before it has content."""
    path = os.path.join(folder, "asked")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    os.write(handle, content)
    os.lseek(handle, 0, os.SEEK_SET)
    return handle


def _library(folder: str) -> list[str]:
    """Where the process finds this library: a module's comes in an archive that is removed when its call ends."""
    archive = getattr(getattr(__spec__, "loader", None), "archive", None)
    if archive is None:
        return [path for path in sys.path if path]
    shutil.copyfile(str(archive), os.path.join(folder, _LIBRARY))
    return [os.path.join(folder, _LIBRARY)]


class _Ended(BaseException):
    """It was told to end."""


def serve(arguments: Sequence[str]) -> None:
    """The process itself: does the work, and leaves the result."""
    folder, lock, asked, module = arguments[0], int(arguments[1]), int(arguments[2]), arguments[3]
    _let_go(folder)
    with os.fdopen(asked, "rb") as handle:
        order = json.loads(handle.read())
    # Commands get it on purpose, or not at all: it says whether this process lives.
    os.set_inheritable(lock, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    _own_scope(os.path.basename(folder))
    mask = Mask(order["hidden"])
    try:
        work: Callable[..., dict[str, Any]] = importlib.import_module(module).work
        result = work(order["given"], plain_run_command)
    except _Ended:
        result = {"failed": True, "changed": True, "msg": "it was told to end by a signal, and ended; see avsctl history", "findings": []}
    except Exception as error:
        result = {"failed": True, "changed": True, "msg": f"unexpected {type(error).__name__}: {error}", "findings": []}
    files.write_json(os.path.join(folder, _RESULT), mask.deep(result))
    files.remove(os.path.join(folder, _LIBRARY))


def _end(_number: int, _frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Ended


def _let_go(folder: str) -> None:
    """Of whatever started it: its terminal, its pipes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    said = os.open(os.path.join(folder, _MESSAGES), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, handle in enumerate((nothing, said, said)):
        os.dup2(handle, number)
    for handle in (nothing, said):
        if handle > 2:
            os.close(handle)


def _own_scope(name: str) -> None:
    """Where systemd does not take it, it stays where it is: a session of its own is enough, unless logins are swept (KillUserProcesses)."""
    if not os.path.isdir(_SYSTEMD):
        return
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    what = ["PIDs", "au", "1", str(os.getpid()), "Description", "s", "a backup, proof, restore or upgrade of restaking.avs"]
    then = [word for way in ("OnSuccess", "OnFailure") for word in (way, "as", "1", AFTERWARDS.format(name))]
    # A systemd before 249 knows nothing of the first of these, and then makes no scope either.
    for count, properties in (("4", [*what, *then]), ("2", what)):
        line = [
            "busctl",
            "call",
            *manager,
            "StartTransientUnit",
            "ssa(sv)a(sa(sv))",
            f"avs-work-{name}.scope",
            "fail",
            count,
            *properties,
            "0",
        ]
        with suppress(OSError):
            code, _out, _err = plain_run_command(invocation(line, {"PATH": _PATH, "LC_ALL": "C"}, 10), cwd="/", pass_fds=())
            if not code:
                return
