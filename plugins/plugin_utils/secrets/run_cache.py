# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the workers of one playbook run share: one login, the versions of secrets, who uses which key. Never a secret's value.

Task workers are forks that end with their host. What they share and may be seen lies in Ansible's per-run local temp folder (0700,
removed at the end). The token of the run's login lies in no file: the main process imports the action plugin before it forks the first
worker of a task, and opens a piece of memory then that all workers inherit. At the same moment it sets the hook that revokes the login
when the process ends. Handlers of ``atexit`` run last in, first out, and Ansible set its own, which removes the temp folder, when its
configuration was loaded: ours runs before it.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...module_utils.common.digests import digest
from .base import Problem, SecretIdentity, SecretPath
from .connection import Connection, Login
from .vault import VaultSource, login_of_token, new_client

FOLDER = "restaking-avs-secrets"
# A token is given up this long before its lease ends, so that it does not die between two requests; seconds.
MARGIN = 30
REVOKE_TIMEOUT = 5

_logins: dict[str, Logins] = {}


class RunFolder:
    """Small records shared by the workers of a run."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self.path = self.root / FOLDER

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Exclusive among the workers of the run."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            data = json.loads((self.path / f"{name}.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return data if isinstance(data, dict) else None

    def stamp(self, name: str) -> tuple[int, int] | None:
        """Another one after each ``write``; ``None`` where there is no record."""
        try:
            found = os.stat(self.path / f"{name}.json")
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def write(self, name: str, data: Mapping[str, Any]) -> None:
        """0600, and whole or not at all."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        descriptor, stage = tempfile.mkstemp(dir=self.path, prefix=".new-")
        with open(descriptor, "w", encoding="utf-8") as handle:
            json.dump(data, handle)
        os.replace(stage, self.path / f"{name}.json")

    def once(self, name: str, make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """The record; the first worker that asks makes it, the others wait for it."""
        found = self.read(name)
        if found is None:
            with self.locked(name):
                found = self.read(name)
                if found is None:
                    found = dict(make())
                    self.write(name, found)
        return found


class Logins:
    """The logins of a run, in memory that forks share: no name in any file system, gone with the last process that has it open."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("restaking-avs-logins")
        else:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
            self._descriptor = self._file.fileno()

    def __repr__(self) -> str:
        return "Logins()"

    def read(self) -> dict[str, dict[str, Any]]:
        """Records by connection. Readers and writers hold the lock of the run folder: the position in the memory is nobody's own."""
        data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        found: dict[str, dict[str, Any]] = json.loads(data) if data else {}
        return found

    def write(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(records).encode(), 0)


class RunTokens:
    """One AppRole login a run; where nobody will revoke it at the end of the run, one login a source, revoked with it."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._logins = _logins.get(str(folder.root))
        self._own = False

    def current(self, connection: Connection, log_in: Callable[[], Mapping[str, Any]]) -> str:
        return self._token(connection, None, log_in)

    def replaced(self, connection: Connection, dead: str, log_in: Callable[[], Mapping[str, Any]]) -> str:
        return self._token(connection, dead, log_in)

    def done(self, source: VaultSource) -> None:
        if self._own:
            with contextlib.suppress(Exception):
                source.revoke()
            self._own = False

    def _token(self, connection: Connection, dead: str | None, log_in: Callable[[], Mapping[str, Any]]) -> str:
        if self._logins is None:
            self._own = True
            return str(log_in()["client_token"])
        with self._folder.locked("logins"):
            records = self._logins.read()
            record = records.get(connection.digest)
            if record and record["token"] != dead and record["until"] > time.time():
                return str(record["token"])
            auth = log_in()
            self._logins.write({**records, connection.digest: _record(connection, auth)})
            return str(auth["client_token"])


def _record(connection: Connection, auth: Mapping[str, Any]) -> dict[str, Any]:
    """What the end of the run needs in order to revoke a login."""
    lease = int(auth.get("lease_duration") or 0)
    return {
        "token": str(auth["client_token"]),
        "until": time.time() + lease - MARGIN if lease else sys.maxsize,
        "revocable": auth.get("token_type", "service") != "batch",
        "connection": {name: value for name, value in asdict(connection).items() if name != "login"},
    }


def revoke_at_exit(root: str | os.PathLike[str], warn: Callable[[str], object]) -> None:
    """Have the run with this temp folder keep its logins, and revoke them when this process ends.

    Does nothing in a worker: those end without their handlers, and the main process is still busy with the others.
    """
    key = str(root)
    if multiprocessing.parent_process() is None and key not in _logins:
        _logins[key] = Logins()
        # The hook needs it at the end, and a worker that is forked from here does not have to read it once more. What is wrong with
        # it is for those to know who ask a store.
        with contextlib.suppress(Exception):
            importlib.import_module("hvac")
        atexit.register(_at_exit, key, warn)


def _at_exit(key: str, warn: Callable[[str], object]) -> None:
    logins = _logins.get(key)
    if logins is not None and logins.owner == os.getpid():
        revoke_all(logins, warn)


def revoke_all(logins: Logins, warn: Callable[[str], object]) -> None:
    """Revoke every login of the run, and forget it. A store that does not answer is warned of, and costs a few seconds."""
    records = logins.read()
    logins.write({})
    for record in records.values():
        if not record["revocable"]:
            continue
        connection = Connection(**{**record["connection"], "login": Login("token"), "timeout": REVOKE_TIMEOUT, "retries": 0})
        try:
            _revoke(login_of_token(connection, record["token"]))
        except Exception as error:
            # Whatever keeps it from happening must not hide the run's own result, and its text may hold the token.
            why = type(error).__name__
            warn(f"the login of this run at {connection.url} could not be revoked ({why}); it ends with its lease")


def _revoke(connection: Connection) -> None:
    client = new_client(connection, connection.login.token)
    try:
        client.auth.token.revoke_self()
    finally:
        client.adapter.close()


class RunVersions:
    """The versions of secrets as this task saw them first: read once, for all hosts of the play where their wishes are known."""

    def __init__(self, folder: RunFolder, task: str) -> None:
        self._folder = folder
        self._task = digest(task)[:16]

    def get(
        self, source: VaultSource, wanted: Iterable[SecretPath], others: Callable[[], Iterable[SecretPath]] = tuple
    ) -> dict[SecretPath, SecretIdentity | Problem]:
        """``others`` is asked for once, by the worker that reads first: what the play's other hosts are going to want."""
        paths = sorted(set(wanted))
        if not paths:
            return {}
        name = f"versions-{self._task}-{source.connection.digest}"
        record = self._folder.read(name)
        if record is None or any(_key(path) not in record for path in paths):
            with self._folder.locked(name):
                record = self._folder.read(name)
                known = record or {}
                asked = {*paths, *(others() if record is None else ())}
                found = source.versions(path for path in asked if _key(path) not in known)
                record = {**known, **{_key(path): _dump(item) for path, item in found.items()}}
                self._folder.write(name, record)
        return {path: _load(record[_key(path)]) for path in paths}


def _key(path: SecretPath) -> str:
    return json.dumps([path.mount_point, path.path, path.version])


def _dump(item: SecretIdentity | Problem) -> dict[str, Any]:
    return asdict(item)


def _load(record: Mapping[str, Any]) -> SecretIdentity | Problem:
    return SecretIdentity(**record) if "number" in record else Problem(**record)
