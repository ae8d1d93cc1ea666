# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One login a run: its token is shared by the workers, and revoked when the run ends.

The token lies in no file: the main process imports the action plugin before it forks the first worker of a task, and opens a piece of
memory then that all workers inherit. At the same moment it sets the hook that revokes the login when the process ends. Handlers of
``atexit`` run last in, first out, and Ansible set its own, which removes the temp folder, when its configuration was loaded: ours runs
before it.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from .connection import Connection, Login
from .run_folder import RunFolder, RunMemory
from .vault_client import VaultSource, login_of_token, new_client

# A token is given up this long before its lease ends, so that it does not die between two requests; seconds.
MARGIN = 30
REVOKE_TIMEOUT = 5

_logins: dict[str, RunMemory] = {}


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
        _logins[key] = RunMemory()
        # The hook needs it at the end, and a worker that is forked from here does not have to read it once more. What is wrong with
        # it is for those to know who ask a store.
        with contextlib.suppress(Exception):
            importlib.import_module("hvac")
        atexit.register(_at_exit, key, warn)


def _at_exit(key: str, warn: Callable[[str], object]) -> None:
    logins = _logins.get(key)
    if logins is not None and logins.owner == os.getpid():
        revoke_all(logins, warn)


def revoke_all(logins: RunMemory, warn: Callable[[str], object]) -> None:
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
