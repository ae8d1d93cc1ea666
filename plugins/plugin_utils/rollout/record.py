# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of a rollout on the controller: what was planned, what became of each host, and by whom it is at work.

``rollout.json`` is written anew by one task at a time; a host's note is a file of its own, written by its own worker.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...module_utils.common.errors import InputError
from ...module_utils.system.processes import birth
from ..reports.file import place

SCHEMA = 1
RUNNING = "running"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z]+-[0-9a-f]{6}\Z")
# How many folders are looked at for one that was cut.
_NEWEST = 50


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def default_root() -> str:
    state = os.environ.get("XDG_STATE_HOME") or ""
    return os.path.join(state if os.path.isabs(state) else os.path.expanduser("~/.local/state"), "restaking.avs", "rollouts")


class Record:
    """One rollout's folder. Raises ``InputError`` where it cannot be written."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return os.path.basename(self.folder)

    def read(self) -> dict[str, Any]:
        """Raises ``InputError`` where nothing of ours is there."""
        found = _json(os.path.join(self.folder, "rollout.json"))
        if found is None or found.get("schema") != SCHEMA:
            raise InputError(f"{self.folder} holds no rollout that this release of the collection can read")
        return found

    def write(self, document: Mapping[str, Any]) -> None:
        place(os.path.join(self.folder, "rollout.json"), json.dumps({**document, "schema": SCHEMA}, indent=1, sort_keys=True))

    def note(self, host: str, note: Mapping[str, Any]) -> None:
        place(self._place_of(host), json.dumps(note, indent=1, sort_keys=True))

    def notes(self, hosts: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """Of these hosts, or of all."""
        paths = Path(self.folder, "hosts").glob("*.json") if hosts is None else map(self._place_of, hosts)
        found = [_json(str(path)) for path in paths]
        return {str(note["host"]): note for note in found if note is not None and "host" in note and "result" in note}

    def _place_of(self, host: str) -> str:
        """A host's name may be anything an inventory lets through, so it names no file."""
        digest = hashlib.sha256(host.encode("utf-8", "backslashreplace")).hexdigest()[:24]
        return os.path.join(self.folder, "hosts", f"{digest}.json")

    def place(self, name: str, text: str) -> str:
        path = os.path.join(self.folder, name)
        place(path, text)
        return path


def begun(root: str, kind: str) -> Record:
    """A new folder. Raises ``InputError``."""
    name = f"{datetime.now(UTC).strftime('%Y%m%dT%H%M%SZ')}-{kind}-{os.urandom(3).hex()}"
    record = Record(os.path.join(root, name))
    _folder(record.folder)
    _folder(os.path.join(record.folder, "hosts"))
    return record


def others(root: str) -> Iterator[tuple[Record, dict[str, Any]]]:
    """The newest rollouts of this controller, the newest first; what cannot be read is passed over."""
    try:
        names = sorted((name for name in os.listdir(root) if _NAME.match(name)), reverse=True)
    except OSError:
        return
    for name in names[:_NEWEST]:
        record = Record(os.path.join(root, name))
        with contextlib.suppress(InputError):
            yield record, record.read()


@contextlib.contextmanager
def alone(root: str) -> Iterator[None]:
    """Nobody else of this controller begins a rollout meanwhile. Raises ``InputError``."""
    _folder(root)
    try:
        descriptor = os.open(os.path.join(root, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InputError(f"{root} cannot be written: {error.strerror}; name another folder (avs_rollout_folder)") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def holder(pid: int) -> dict[str, Any]:
    """Who a rollout is at work by. ``pid``: of the main process of the run."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return {"user": user, "node": socket.gethostname(), "pid": pid, "birth": birth(pid)}


def lives(document: Mapping[str, Any]) -> bool:
    """Whether the process of a rollout goes on; of another controller's nobody knows, and its hosts tell."""
    known = document.get("holder")
    if document.get("verdict") != RUNNING or not isinstance(known, Mapping) or known.get("node") != socket.gethostname():
        return False
    pid = known.get("pid")
    return isinstance(pid, int) and known.get("birth") is not None and birth(pid) == known["birth"]


def _folder(path: str) -> None:
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made on the controller: {error.strerror}; name another folder (avs_rollout_folder)") from None


def _json(path: str) -> dict[str, Any] | None:
    try:
        found = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
