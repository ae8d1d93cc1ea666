# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the workers of one playbook run share: small records in a folder, and memory for what no file may hold.

Task workers are forks that end with their host. The folder lies in Ansible's per-run local temp folder (0700, removed at the end). The
memory is opened by the main process before it forks the first worker.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = "restaking-avs-secrets"


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


class RunMemory:
    """A record of a run in memory that forks share: no name in any file system, gone with the last process that has it open."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("restaking-avs")
        else:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
            self._descriptor = self._file.fileno()

    def __repr__(self) -> str:
        return "RunMemory()"

    def read(self) -> dict[str, dict[str, Any]]:
        """Name -> record. Readers and writers hold the lock of the run folder: the position in the memory is nobody's own."""
        data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        found: dict[str, dict[str, Any]] = json.loads(data) if data else {}
        return found

    def write(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(records).encode(), 0)
