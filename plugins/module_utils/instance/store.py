# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host remembers of its instances, and where (docs/architecture.md, 4)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..common.errors import HostError
from ..common.findings import WARNING, Finding
from ..common.names import is_name
from ..common.records import Odd, plain
from ..common.rules import finding
from ..common.spec import InstanceSpec, read_spec
from ..system import files
from ..system.clock import now
from .state import DamagedError, State, damaged, newer, read_state

ROOT, RUN, LOCKS = "/var/lib/avs", "/run/avs", "/run/lock/avs"
# Bytes of the key of a host's digests.
KEY_BYTES = 32
# What we call a release: its number, and what it is of.
_RELEASE = re.compile(r"([0-9]{1,9})-.+", re.DOTALL)


class Store:
    """Paths of the host; the three roots differ only in tests."""

    def __init__(self, root: str = ROOT, run: str = RUN, locks: str = LOCKS) -> None:
        self.root, self.run, self.locks = root, run, locks

    @property
    def instances(self) -> str:
        return os.path.join(self.root, "instances")

    @property
    def artifacts(self) -> str:
        return os.path.join(self.root, "artifacts")

    def instance(self, instance: str) -> InstanceStore:
        if not is_name(instance):
            raise HostError(f"{instance!r} is not the id of an instance")
        return InstanceStore(self, instance)

    def ids(self) -> list[str]:
        """Every instance with a folder of its own, removed ones whose data was kept among them."""
        try:
            return sorted(name for name in os.listdir(self.instances) if is_name(name))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def host_key(self) -> bytes | None:
        """The key of this host's digests, ``None`` before the first install."""
        path = os.path.join(self.root, "host.key")
        try:
            key = files.read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        else:
            if len(key) == KEY_BYTES:
                return key
            problem = f"has {len(key)} bytes and not {KEY_BYTES}: it is not the key that was made here"
        message = f"{path} {problem}"
        remedy = (
            "Put it back from a backup of the host. Without it hidden values count as changed: remove it, and their nodes are made anew."
        )
        raise HostError(message, [finding("OPS-010", path, message, remedy)])

    def keep_host_key(self, key: bytes) -> bytes:
        """Written once; a key that is there already stays. Returns the one that counts."""
        known = self.host_key()
        if known is None:
            files.folder(self.root)
            files.write(os.path.join(self.root, "host.key"), key)
        return known or key


def number_of(release: str) -> int | None:
    """The number in a release's name, ``None`` for what is none."""
    match = _RELEASE.fullmatch(release)
    return int(match[1]) if match else None


def cleared(paths: Iterable[str]) -> list[Finding]:
    """Remove what nobody needs any more. It is in nobody's way: what does not go is said, and no reason to fail."""
    found = []
    for path in paths:
        try:
            files.remove(path)
        except OSError as error:
            found.append(left(path, f"cannot be removed: {error.strerror}"))
    return found


def left(path: str, problem: str) -> Finding:
    return finding("OPS-010", path, f"{path} {problem}", "Look at it (ls -ld, lsattr -d), and remove it if nobody needs it.", WARNING)


def host_store() -> Store:
    """This host's own store. Raises ``HostError`` for anybody but root, whose it is."""
    if os.geteuid() != 0:
        problem = finding("OPS-004", "", "the nodes and their keys belong to root", "Become root (become: true).")
        raise HostError("root's rights are needed on this host", [problem])
    return Store()


class InstanceStore:
    """One instance's files. Writers hold its lock."""

    def __init__(self, store: Store, instance: str) -> None:
        self.id = instance
        self.root = os.path.join(store.instances, instance)
        self.run = os.path.join(store.run, instance)
        self.lock = os.path.join(store.locks, f"{instance}.lock")

    def path(self, *parts: str) -> str:
        return os.path.join(self.root, *parts)

    @property
    def state_file(self) -> str:
        return self.path("state.json")

    @property
    def hold_file(self) -> str:
        """There while it is held (``hold``)."""
        return self.path("hold.json")

    @property
    def arrived_file(self) -> str:
        """There while what came from another host waits for its first install (``backup/arrival``)."""
        return self.path("backup", "arrived.json")

    @property
    def before(self) -> str:
        """There while it is changed (``before``)."""
        return self.path("before")

    @property
    def upgrade(self) -> str:
        """There while it goes to another version (``transaction``)."""
        return self.path("upgrade")

    @property
    def previous(self) -> str:
        """What its last upgrade came from (``transaction``)."""
        return self.path("previous")

    @property
    def wanted_file(self) -> str:
        """The spec that is being made so, until it is committed."""
        return self.path("wanted.json")

    @property
    def releases(self) -> str:
        return self.path("releases")

    @property
    def current(self) -> str:
        return self.path("current")

    @property
    def artifacts_file(self) -> str:
        """What was placed in ``data/`` as artifacts, and how it is known again."""
        return self.path("artifacts.json")

    @property
    def data(self) -> str:
        return self.path("data")

    @property
    def keys(self) -> str:
        return os.path.join(self.run, "keys")

    @property
    def secrets_env(self) -> str:
        return os.path.join(self.run, "secrets.env")

    def state(self) -> State | None:
        """What was recorded last, ``None`` for an instance never installed. Raises ``DamagedError`` where it cannot be used."""
        if os.path.islink(self.root) or (os.path.lexists(self.root) and not os.path.isdir(self.root)):
            raise damaged(self.id, self.root, "is not a folder")
        try:
            found = files.read_json(self.state_file)
        except OSError as error:
            raise damaged(self.id, self.state_file, f"cannot be read: {error.strerror}") from None
        except ValueError:
            raise damaged(self.id, self.state_file, "is not JSON") from None
        if found is None and not os.path.lexists(self.state_file):
            return None
        too_new = newer(self.id, self.state_file, found)
        if too_new is not None:
            raise too_new
        try:
            return read_state(found)
        except Odd as odd:
            raise damaged(self.id, self.state_file, str(odd)) from None

    def known(self) -> State | None:
        """The same for those who look at somebody else: of a record that cannot be used nothing is known."""
        try:
            return self.state()
        except DamagedError:
            return None

    def spec(self) -> InstanceSpec | None:
        """The committed spec, ``None`` where there is none that can be read: it is shown, nothing is decided by it."""
        return self._spec(self.path("spec.json"))

    def commit_spec(self) -> None:
        """What was wanted is what is there."""
        files.move(self.wanted_file, self.path("spec.json"))

    def wanted(self) -> InstanceSpec | None:
        """The spec of an apply that was cut, ``None`` where there is none that can be read."""
        return self._spec(self.wanted_file)

    def _spec(self, path: str) -> InstanceSpec | None:
        try:
            spec = read_spec(files.read_json(path))
        except (OSError, ValueError, HostError):
            return None
        # A file of another instance says nothing of this one, and nothing is to be done to that one by it.
        return spec if spec.id == self.id else None

    def write_wanted(self, spec: InstanceSpec) -> None:
        self.make()
        files.write_json(self.wanted_file, spec.as_dict())

    def write_state(self, state: State) -> None:
        self.make()
        if os.path.isdir(self.state_file):
            # No rename replaces a folder.
            files.remove(self.state_file)
        files.write_json(self.state_file, plain(state))

    def make(self) -> None:
        if os.path.lexists(self.root) and (os.path.islink(self.root) or not os.path.isdir(self.root)):
            files.remove(self.root)
        files.folder(os.path.dirname(os.path.dirname(self.root)))
        files.folder(os.path.dirname(self.root), 0o750)
        files.folder(self.root, 0o750)

    def make_run(self) -> None:
        """What stands in the place of one of its folders there, or holds no key of it, is nobody's: all of it is ours, and in memory."""
        files.folder(os.path.dirname(self.run))
        files.own_folder(self.run, 0o700)
        if os.path.lexists(self.keys):
            files.own_folder(self.keys)
            for name in os.listdir(self.keys):
                if not files.is_folder(os.path.join(self.keys, name)):
                    files.remove(os.path.join(self.keys, name))

    def release(self) -> str | None:
        """Name of the current release."""
        try:
            return os.path.basename(os.readlink(self.current))
        except OSError:
            return None

    def compose_file(self) -> str | None:
        """Text of what runs, ``None`` before the first install, or where it cannot be read: it is then made anew."""
        try:
            return files.read(os.path.join(self.current, "compose.json")).decode()
        except (OSError, ValueError):
            return None

    def has_compose_file(self) -> bool:
        return files.is_file(os.path.join(self.current, "compose.json"))

    def next_release(self, version: str | None) -> str:
        numbers = [number_of(name) or 0 for name in self.release_names()]
        return f"{max(numbers, default=0) + 1}-{version or 'path'}"

    def release_names(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self.releases) if number_of(name) is not None)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def stage(self, tree: str, compose: str, configs: Mapping[str, str], version: str | None, folders: Iterable[str] = ()) -> str:
        """Write a release and return its name; a half-written one never gets it. ``tree`` is copied, with ``folders`` made in it."""
        if not os.path.isdir(self.releases):
            # No folder, so there is no release in it.
            files.own_folder(self.releases, 0o750)
        staging = os.path.join(self.releases, ".staging")
        files.remove(staging)
        os.mkdir(staging, 0o750)
        current = self.release()
        beside = os.path.join(self.releases, current, "tree") if current else None
        files.copy_tree(tree, os.path.join(staging, "tree"), beside)
        for name in folders:
            files.folder(os.path.join(staging, "tree", name))
        for name, text in configs.items():
            path = os.path.join(staging, "configs", name)
            files.folder(os.path.dirname(path))
            files.write(path, text.encode(), 0o644)
        files.write(os.path.join(staging, "compose.json"), compose.encode())
        name = self.next_release(version)
        os.rename(staging, os.path.join(self.releases, name))
        files.sync_folder(self.releases)
        return name

    def switch(self, release: str) -> None:
        if os.path.isdir(self.current) and not os.path.islink(self.current):
            raise damaged(self.id, self.current, "is a folder, not the link to a release")
        files.link(self.current, os.path.join("releases", release))

    def prune(self, keep: set[str | None]) -> list[Finding]:
        """Remove releases but those to keep, and what an interrupted run left. Returns what is to be said of what does not go, and of what
        is no release: it was put there by somebody else, and stays."""
        old = [os.path.join(self.releases, name) for name in self.release_names() if name not in keep]
        return [*cleared(old), *self.sweep(), *self._strange()]

    def sweep(self) -> list[Finding]:
        places = [os.path.join(self.releases, ".staging")]
        return cleared([*places, *files.leftovers(self.root), *files.leftovers(self.run)])

    def _strange(self) -> list[Finding]:
        try:
            names = sorted(name for name in os.listdir(self.releases) if not name.startswith(".") and number_of(name) is None)
        except OSError:
            return []
        return [left(os.path.join(self.releases, name), "is no release of this collection; it was left alone") for name in names]

    def note(self, event: str, **details: Any) -> bool:
        """One line in the journal. Says whether it could be written: a journal tells, nothing is decided by it, and a node has to be
        stopped on a full disk as well."""
        from .journal_file import append

        try:
            append(self.path("journal.jsonl"), {"time": now(), "event": event, **details})
        except OSError:
            return False
        return True
