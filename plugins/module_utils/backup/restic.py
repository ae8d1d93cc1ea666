# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""restic: the only place that knows its command line, what it answers, and what it ends with.

A repository's password is in a file, and is never an argument or part of an environment. Nothing of the user's who started this is seen:
no cache, no configuration, no variable.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..docker.programs import PATH
from ..system import files
from ..system.command import RunCommand, invocation, ran_out_of_time
from . import cloned, unfollowed, watched
from .progress import Progress
from .restic_answers import Remembered, array, documents, rows
from .restic_locks import is_dead, said
from .restic_versions import Abilities, abilities
from .restic_words import INCOMPLETE, REMEDIES, kind_of, last_words, listed, whole

# Seconds; a question to a repository on this host takes one.
ANSWER = 600.0
_PLACES = ("/usr/bin/restic", "/usr/local/bin/restic")


class ResticError(HostError):
    """``kind``: away, password, missing, locked, full, damaged, incomplete, time, or other."""

    def __init__(self, what: str, kind: str, said: str, repository: str) -> None:
        message = f"{what}: {said}"
        remedy = REMEDIES.get(kind, "Look at what restic says on the host.").replace("REPOSITORY", repository)
        super().__init__(message, [finding("BAK-003", repository, message, remedy)])
        self.kind = kind


@dataclass(frozen=True)
class How:
    """``spared``: folders that are saved without what is in them; ``timeout`` in seconds; ``live``: what vanishes meanwhile is no failure;
    ``dry``: only say what would be; ``parent``: the snapshot it is compared with, where restic would take another one; ``view``: clones that
    are read where files are (``cloned``), and are told from what is saved by size and modification time alone; ``whole``: all is read, whatever
    times say; ``open_to``: folders that containers may write to meanwhile, below which no link is followed (``unfollowed``); ``patterns``: files
    that are read once the repository is open, and ``before``: what stands before the command (``opened``); ``brief``: it is over before
    anybody asks how far it is, so that nothing is to be counted first."""

    spared: Sequence[str] = ()
    timeout: float | None = None
    live: bool = False
    dry: bool = False
    parent: str = ""
    view: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    open_to: Sequence[str] = ()
    patterns: Sequence[str] = ()
    before: Sequence[str] = ()
    brief: bool = False


@dataclass(frozen=True)
class Saved:
    """What a backup of restic's came to. ``snapshot`` may be the beginning of an id; sizes in bytes."""

    snapshot: str
    files: int
    size: int
    added: int


@dataclass(frozen=True)
class Snapshot:
    """``origin``: the id it has in the repository it was copied from, or nothing."""

    id: str
    time: str
    host: str
    tags: Mapping[str, str]
    paths: Sequence[str]
    origin: str = ""

    @property
    def made_as(self) -> str:
        return self.origin or self.id


# What it says of a snapshot that is damaged, in the versions there are.
_UNREAD = re.compile(r"(?:could not load(?: snapshot)?|Ignoring) \"?([0-9a-f]{8,64})")


class Restic:
    """A repository. ``password``: path of the file it is in; ``repository``: a folder of this host."""

    def __init__(self, run_command: RunCommand, repository: str, password: str, hold: Sequence[int] = ()) -> None:
        """``hold``: descriptors that stay open as long as a command runs."""
        self._run_command, self.repository, self._password, self.hold = run_command, repository, password, tuple(hold)
        self.progress = Progress()
        self._abilities: Abilities | None = None
        # Where nothing can be removed, a lock that keeps others out would do so for good.
        self.removes = True
        self._listed: Remembered[tuple[list[Snapshot], frozenset[str]]] = Remembered()
        self.unread: frozenset[str] = frozenset()

    def holding(self, *descriptors: int) -> Restic:
        """The same, for one who has a lock."""
        other = copy(self)
        other.hold = descriptors
        return other

    def elsewhere(self, repository: str) -> Restic:
        """The same of another repository, of which nothing is known yet."""
        other = copy(self)
        other.repository, other._listed, other.unread = repository, Remembered(), frozenset()
        return other

    def knowing(self, other: Restic) -> Restic:
        """This one, with what another one of the same repository has found out."""
        self._abilities, self._listed = other._abilities, other._listed
        return self

    @property
    def run(self) -> cloned.Run:
        """How other commands are run beside it."""
        return cloned.Run(self._run_command, self.hold, ANSWER)

    def abilities(self) -> Abilities:
        """Raises ``HostError`` (BAK-003) where there is no restic, or one too old."""
        if self._abilities is None:
            self._abilities = abilities(self._call(["version"], ANSWER, plain=True)[1])
        return self._abilities

    def exists(self) -> bool:
        return os.path.lexists(os.path.join(self.repository, "config"))

    def make(self) -> None:
        """A new repository. What is left of one whose making was cut holds nothing yet."""
        files.folder(os.path.dirname(self.repository), 0o700)
        files.folder(self.repository, 0o700)
        keys = os.path.join(self.repository, "keys")
        made = os.path.join(self.repository, "snapshots")
        if os.path.isdir(keys) and not self.exists() and not (os.path.isdir(made) and os.listdir(made)):
            for name in os.listdir(keys):
                files.remove(os.path.join(keys, name))
        self._must("the repository could not be made", ["init"], ANSWER)

    def backup(self, sources: Sequence[str], label: Label, how: How) -> Saved:
        """Raises ``ResticError``; a source that cannot be read is a failure, too."""
        command = ["backup", "--host", label.host, *(["--dry-run"] if how.dry else [])]
        for name, value in label.tags.items():
            command += ["--tag", f"{name}={value}"]
        command += ["--parent", how.parent] if how.parent else []
        command += ["--ignore-inode", "--ignore-ctime"] if how.view else []
        command += ["--force"] if how.whole else []
        command += ["--no-scan"] if how.brief and self.abilities().unscanned else []
        for path in how.spared:
            command += ["--exclude", f"{literal(path)}/*"]
        for path in how.patterns:
            command += ["--exclude-file", path]
        before = [*how.before, *unfollowed.seen(how.open_to), *cloned.seen(how.view)]
        code, out, err = self._call([*command, "--", *sources], how.timeout, before=before)
        if code and not (how.live and code == INCOMPLETE):
            raise self._error("the backup could not be made", code, err)
        summary = next((item for item in reversed(documents(out)) if item.get("message_type") == "summary"), None)
        sizes = whole(summary, "total_files_processed", "total_bytes_processed", "data_added") if summary is not None else None
        if summary is None or sizes is None:
            raise self._error("the backup could not be made", code, "restic did not say what it saved")
        return Saved(str(summary.get("snapshot_id") or ""), *sizes)

    def snapshots(self, recent: bool = False) -> list[Snapshot]:
        """The oldest first. Names of those that are there and cannot be read are in ``unread`` afterwards. ``recent``: what it said a moment ago
        will do, if nothing was done here since."""
        known = self._listed.get() if recent else None
        if known is None:
            known = self._asked()
            self._listed.keep(known)
        self.unread = known[1]
        return list(known[0])

    def _asked(self) -> tuple[list[Snapshot], frozenset[str]]:
        what = "the repository could not be read"
        code, out, err = self._call(["snapshots", "--no-lock"], ANSWER)
        if code:
            raise self._error(what, code, err)
        found = array(out)
        if found is None:
            raise self._error(what, 0, "restic said nothing that can be read as a list of snapshots")
        # It leaves them out, and calls that a success.
        unread = frozenset(match[1] for match in _UNREAD.finditer(err))
        return sorted(map(_snapshot, found), key=lambda item: item.time), unread

    def check(self, everything: bool) -> None:
        """Whether all that snapshots name is there. ``everything``: all of it is read. Raises ``ResticError``."""
        command = ["check", *(["--read-data"] if everything else []), *([] if self.removes else ["--no-lock"])]
        # As text: as JSON no version says how far it is.
        code, _out, err = self._call(command, None, plain=True)
        if code:
            raise self._error("the repository is not sound", code, err)

    def restore(self, snapshot: str, target: str, path: str = "") -> None:
        """Put what a snapshot has into a folder, below its own paths, and read it again. ``path``: that alone."""
        command = ["restore", snapshot, "--target", target, "--verify"]
        command += ["--sparse"] if self.abilities().sparse else []
        command += ["--include", literal(path)] if path else []
        self._must("the backup could not be read", command, None, plain=not self.abilities().tells)

    def copy_from(self, source: Restic, snapshots: Sequence[str]) -> None:
        """Copy snapshots of a repository on this host; what is here already is left as it is, and has another id here. Raises
        ``ResticError``."""
        line = [*self._place(), "--no-cache", "copy", "--from-repo", source.repository, "--from-password-file", source._password]
        if self.abilities().number < (0, 14):
            # There it is a command of the repository that is copied from.
            line = [
                *source._place(),
                *self._reached(),
                "--no-cache",
                "copy",
                "--repo2",
                self.repository,
                "--password-file2",
                self._password,
            ]
        code, out, err = self._run("copy", [*line, *snapshots], None)
        if code:
            raise self._error("the copy could not be made", code, f"{err}\n{out}")

    def forget(self, snapshots: Sequence[str]) -> None:
        """Take snapshots off the list; what they alone needed goes with a later prune."""
        if snapshots:
            self._must("snapshots could not be removed", ["forget", *snapshots], ANSWER)

    def dropped(self, host: str, tags: Mapping[str, str], keep: Mapping[str, int]) -> set[str]:
        """Ids of those snapshots of a host, with all of the tags, that a policy would not keep; nothing is removed. ``keep``: period (last,
        daily, weekly, monthly) -> how many."""
        command = ["forget", "--dry-run", "--host", host, "--tag", ",".join(f"{name}={value}" for name, value in tags.items())]
        command += ["--group-by", "host", *(word for period, number in keep.items() for word in (f"--keep-{period}", str(number)))]
        out = self._must("it could not be said which backups are to go", command, ANSWER)
        groups = next((found for line in out.splitlines() for found in [rows(line)] if found), [])
        return {str(item.get("id")) for group in groups for item in group.get("remove") or () if isinstance(item, Mapping)}

    def prune(self) -> None:
        """Remove what no snapshot needs any more."""
        self._must("what nothing needs could not be removed", ["prune"], None, plain=True)

    def clear_locks(self) -> None:
        """Remove locks where all of them are of processes of this host that are gone; any other is somebody's."""
        # Beside them may lie what was killed while it wrote one.
        locks = [self._lock(name) for name in self._lock_names() if re.fullmatch(r"[0-9a-f]{64}", name)]
        if locks and all(lock is not None and is_dead(lock) for lock in locks):
            self._must("locks could not be removed", ["unlock"], ANSWER)

    def require_unlocked(self, what: str) -> None:
        """Whether it can be had alone, as a check or a removal needs it, after ``clear_locks``. Raises ``ResticError`` (locked)."""
        names = [name for name in self._lock_names() if re.fullmatch(r"[0-9a-f]{64}", name)]
        if names:
            raise ResticError(
                what, "locked", f"its repository is locked by {', '.join(said(self._lock(name)) for name in names[:3])}", self.repository
            )

    def _lock_names(self) -> list[str]:
        try:
            return os.listdir(os.path.join(self.repository, "locks"))
        except OSError:
            return []

    def _lock(self, name: str) -> Mapping[str, Any] | None:
        code, out, _err = self._call(["cat", "lock", name, "--no-lock"], ANSWER)
        with suppress(ValueError):
            found = json.loads(out) if not code else None
            return found if isinstance(found, dict) else None
        return None

    def _reached(self) -> list[str]:
        """Options by which it is reached, of which none is secret: everybody sees them."""
        return []

    def _place(self) -> list[str]:
        return [*self._reached(), "--repo", self.repository, "--password-file", self._password]

    def _environment(self) -> dict[str, str]:
        """Nor is any of these: they name files."""
        return {}

    def _must(self, what: str, command: Sequence[str], timeout: float | None, plain: bool = False) -> str:
        code, out, err = self._call(command, timeout, plain)
        if code:
            raise self._error(what, code, f"{err}\n{out if plain else ''}")
        return out

    def _call(self, command: Sequence[str], timeout: float | None, plain: bool = False, before: Sequence[str] = ()) -> tuple[int, str, str]:
        words = [*self._place(), "--no-cache", *([] if plain else ["--json"]), *command]
        return self._run(command[0], words, timeout, before)

    def _run(self, what: str, words: Sequence[str], timeout: float | None, before: Sequence[str] = ()) -> tuple[int, str, str]:
        # A line each second; without a terminal it would be sixty.
        environment = {"PATH": PATH, "HOME": "/nonexistent", "LC_ALL": "C", "TZ": "UTC", "RESTIC_PROGRESS_FPS": "1", **self._environment()}
        started = monotonic()
        hold = [fd for fd in self.hold if fd >= 0]
        line = invocation([*before, program(), *words], environment, timeout)
        try:
            code, out, err = watched.run(self.progress, self._run_command, line, hold)
        finally:
            self._listed.after(what)
        if ran_out_of_time(code, timeout, monotonic() - started):
            raise ResticError(f"restic {what} was ended", "time", f"it took longer than {timeout:g} s", self.repository)
        return code, out.decode("utf-8", errors="replace"), err.decode("utf-8", errors="replace")

    def _error(self, what: str, code: int, said: str) -> ResticError:
        return ResticError(what, kind_of(code, said), last_words(said) or f"restic ended with {code}", self.repository)


@dataclass(frozen=True)
class Label:
    """How a snapshot is told from others: ``host`` is whose it is, ``tags`` are names and plain values."""

    host: str
    tags: Mapping[str, str]


def program() -> str:
    for path in _PLACES:
        if os.access(path, os.X_OK):
            return path
    message = "restic is not installed on this host"
    raise HostError(message, [finding("BAK-003", "restic", message, "Install the distribution's restic (apt-get install restic).")])


def literal(path: str) -> str:
    """A path as a pattern that means it alone."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", path)


def _snapshot(item: Mapping[str, Any]) -> Snapshot:
    tags = dict(tag.split("=", 1) for tag in listed(item.get("tags")) if isinstance(tag, str) and "=" in tag)
    paths = [str(path) for path in listed(item.get("paths"))]
    name = str(item.get("id") or "")
    return Snapshot(name, str(item.get("time") or ""), str(item.get("hostname") or ""), tags, paths, str(item.get("original") or ""))
