# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder with the node's keys: ``<name>.json`` beside ``<name>.password``, watched for rotation."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from .keystore import KeystoreError, OpenKey, open_keystore
from .log import Log


@dataclass(frozen=True)
class KeyState:
    """One key file. ``fingerprint`` identifies its bytes; ``problem`` says why it could not be opened."""

    name: str
    fingerprint: str
    key: OpenKey | None = None
    problem: str = ""

    def as_dict(self) -> dict[str, str]:
        """What may be public: no password, no private key."""
        if self.key is None:
            return {"name": self.name, "status": "failed", "problem": self.problem}
        return {"name": self.name, "status": "loaded", "kind": self.key.kind, "public_id": self.key.public_id}


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as handle:
            return handle.read(1 << 20)
    except FileNotFoundError:
        return None


def _password(raw: bytes) -> str:
    """A file written by a person ends in a newline that is not part of the password."""
    return raw.decode().removesuffix("\n").removesuffix("\r")


def load_key(name: str, keystore: str, password: str) -> KeyState:
    """Reads and opens one key; ``keystore`` and ``password`` are paths. Every failure is in the state, none is raised."""
    try:
        document, secret = _read(keystore), _read(password)
    except OSError as error:
        return KeyState(name, "", problem=f"{error.filename}: {error.strerror}")
    total = hashlib.sha256(document or b"").digest() + hashlib.sha256(secret or b"").digest()
    fingerprint = hashlib.sha256(total).hexdigest()
    if document is None:
        return KeyState(name, fingerprint, problem=f"{keystore} is missing")
    if secret is None:
        return KeyState(name, fingerprint, problem=f"{password} is missing")
    try:
        return KeyState(name, fingerprint, key=open_keystore(document.decode(), _password(secret)))
    except KeystoreError as error:
        return KeyState(name, fingerprint, problem=str(error))
    except UnicodeDecodeError:
        return KeyState(name, fingerprint, problem="the keystore or its password is not UTF-8 text")


class KeyFolder:
    """The keys as they are on disk, reloaded when what ``stamp`` sees has changed.

    Key and password change together when the folder's ``..data`` link is swapped; the stamp follows links, so a swap
    changes every file's inode even if sizes and times agree.
    """

    def __init__(self, folder: str, log: Log) -> None:
        self._folder = folder
        self._log = log
        self._stamp: object = None
        self._states: Mapping[str, KeyState] = {}
        self._lock = threading.Lock()

    @property
    def states(self) -> list[KeyState]:
        return [self._states[name] for name in sorted(self._states)]

    @property
    def loaded(self) -> list[KeyState]:
        return [state for state in self.states if state.key is not None]

    def _names(self) -> list[str]:
        try:
            entries = os.listdir(self._folder)
        except OSError:
            return []
        return sorted(entry[: -len(".json")] for entry in entries if entry.endswith(".json") and not entry.startswith("."))

    def _stamps(self, names: list[str]) -> object:
        stamps: list[tuple[object, ...]] = []
        for name in names:
            for suffix in (".json", ".password"):
                try:
                    seen = os.stat(os.path.join(self._folder, name + suffix))
                    stamps.append((name + suffix, seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size, seen.st_mode, seen.st_uid))
                except OSError as error:
                    stamps.append((name + suffix, error.errno))
        return stamps

    def refresh(self) -> bool:
        """Looks once; true if a key was loaded, changed, failed or went away."""
        with self._lock:
            names = self._names()
            stamp = self._stamps(names)
            if stamp == self._stamp:
                return False
            states = {}
            for name in names:
                base = os.path.join(self._folder, name)
                states[name] = load_key(name, base + ".json", base + ".password")
            # A swap between the stamp and the reads is seen by the next look, because the stamp is the older one.
            self._stamp = stamp
            before, self._states = self._states, states
        return self._report(before, states)

    def _report(self, before: Mapping[str, KeyState], after: Mapping[str, KeyState]) -> bool:
        different = False
        for name in sorted({*before, *after}):
            old, new = before.get(name), after.get(name)
            if new is None:
                self._log.security("warning", "key_removed", name=name)
            elif old == new:
                continue
            elif new.key is None:
                self._log.security("error", "key_failed", name=name, reason=new.problem)
            else:
                event = "key_changed" if old is not None and old.key is not None else "key_loaded"
                self._log.security("info", event, name=name, kind=new.key.kind, public_id=new.key.public_id)
            different = True
        return different

    def watch(self, stop: threading.Event, interval: float = 1.0, changed: Callable[[], None] = lambda: None) -> None:
        """Looks every ``interval`` seconds until ``stop`` is set."""
        while not stop.wait(interval):
            if self.refresh():
                changed()
