# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a command of a package once, bounded in time and output, and leaves nothing of it behind.

A container of its own is made by compose out of a file of ours, in memory, in which everything of the package is data. It carries a label
of its own and is of a project of its own, so no listing of an instance's containers has it. Whatever a call that was killed left is
removed by the next one (``sweep``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..common.contents import as_bytes
from ..common.errors import HostError, LockedError
from ..common.harmless import harmless
from ..common.masking import Mask
from ..common.rules import finding
from ..docker.attended import Attended
from ..docker.compose import Compose, engine_error
from ..docker.engine import REMOVAL, Engine
from ..docker.model import written_as_json
from ..instance import key_files, secrets_before
from ..instance.store import InstanceStore
from ..system import files
from ..system.lock import Lock
from . import inside

LABEL = "avs.command"
# Bytes of output that are told: its end.
MOST = 64 << 10
# Seconds a program has to end in, once its time is over.
GRACE = 10
# Seconds to wait for somebody else's command, where nobody says.
PATIENCE = 60.0
# What a program that takes more memory than it may is ended with.
_KILLED = 137
_SERVICE = "command"
_CUT = "[... what came before is not shown]\n"


@dataclass(frozen=True)
class Mount:
    """``kind``: ``volume`` or ``bind``; ``source``: its name or path on the host."""

    kind: str
    source: str
    target: str
    read_only: bool = False

    def as_compose(self) -> dict[str, Any]:
        """In the long form, which makes no folder of the host."""
        options: dict[str, Any] = {"read_only": True} if self.read_only else {}
        if self.kind == "bind":
            options["bind"] = {"create_host_path": False}
        return {"type": self.kind, "source": self.source, "target": self.target, **options}


@dataclass(frozen=True)
class KeyPlace:
    """A file of a key the command sees: which ``secret``, its name in ``folder`` of the container, its owner."""

    folder: str
    name: str
    secret: str
    owner: tuple[int, int]


@dataclass(frozen=True)
class OneOff:
    """What runs, all names settled. ``image``: by digest or id, on the host already; ``args`` take the place of its command; ``networks``
    by their names on the host, none: no network at all; ``env_file``: variables of ``service``, in memory. ``service`` is what else of the
    container is said, as compose has it. ``container``: where the command is done in a container that runs, its id; the rest is then
    ``None`` or empty. ``of``: the service it is made of, if it is."""

    instance: str
    name: str
    args: Sequence[str] = ()
    image: str = ""
    networks: Sequence[str] = ()
    mounts: Sequence[Mount] = ()
    keys: Sequence[KeyPlace] = ()
    env_file: str | None = None
    user: str | None = None
    timeout: float = 600.0
    service: Mapping[str, Any] = field(default_factory=dict)
    container: str | None = None
    of: str = ""


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit ``code``; ``output``: the end of what it wrote, secrets masked, harmless to a terminal; ``cut``: it
    wrote more."""

    code: int
    output: str
    timed_out: bool
    seconds: float
    cut: bool = False

    @property
    def failed(self) -> bool:
        return self.timed_out or self.code != 0


def command_lock(own: InstanceStore) -> str:
    """The path of the lock of whoever runs a command of an instance. The instance's own lock is free meanwhile."""
    return f"{own.lock.rpartition('.')[0]}.command.lock"


def container_of(instance: str) -> str:
    """No container of an instance's service has a name like this: no id has a dot."""
    return f"avs-command.{instance}"


def run(engine: Engine, own: InstanceStore, what: OneOff, hold: tuple[int, ...] = (), values: Mapping[str, str] | None = None) -> Ended:
    """Run it to its end, or to the end of its time. ``hold``: descriptors (locks) it keeps open; ``values``: the instance's secrets,
    where they are not the ones in memory. The container is gone afterwards, whatever happens.

    One call at a time runs a command of an instance (``alone``): who has that lock already hands its descriptor on in ``hold``. Raises
    ``HostError`` where it could not be run at all, ``LockedError`` where somebody else's runs.
    """
    with alone(own, f"{what.name} of its package", PATIENCE, hold) as descriptors:
        return _run(engine, own, what, descriptors, values)


@contextmanager
def alone(own: InstanceStore, holder: str, timeout: float, hold: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Nobody else runs a command of the instance meanwhile. Yields ``hold`` with the lock's descriptor, which may be in it already. Raises
    ``LockedError`` after ``timeout`` seconds."""
    path = command_lock(own)
    if any(_is_of(fd, path) for fd in hold):
        yield hold
        return
    with Lock(path, holder, timeout) as lock:
        yield (*hold, lock.fd)


def _is_of(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def _run(engine: Engine, own: InstanceStore, what: OneOff, hold: tuple[int, ...], values: Mapping[str, str] | None) -> Ended:
    known = dict(key_files.stored(own) if values is None else values)
    # Between two versions a command sees what was stored by the one before.
    hide = Hidden([*known.values(), *secrets_before.values(own)])
    if what.container is not None:
        return hide.ended(inside.run(engine, own, what.container, inside.Order(what.args, what.timeout, hide.most, hold)))
    sweep(engine, own)
    try:
        made = _made(engine, own, what, known, hold)
        until = time.monotonic() + what.timeout
        shown = engine.attended(["start", "--attach", "--", made], what.timeout, hide.most, hold)
        state, late = _end_of(engine, made, until)
        if state.get("Status") == "created":
            raise _refused(what, hide.mask(str(state.get("Error") or shown.text)))
        starved = "\n[it took more memory than it may have]" if state.get("OOMKilled") else ""
        return hide.ended(replace(shown, code=int(state.get("ExitCode") or 0), late=shown.late or late), starved)
    finally:
        sweep(engine, own)


def sweep(engine: Engine, own: InstanceStore) -> bool:
    """Remove what a call that was killed has left: its container, its files in memory, what it began in a container that runs. Returns
    whether there was a container. Raises ``HostError``."""
    found = _containers(engine, own)
    if found:
        # With the volumes without a name that an image has for itself; no other one goes.
        done = engine.run(["rm", "-f", "-v", "--", *found], timeout=REMOVAL)
        if done.code:
            problem = f"what is left of a command cannot be removed: {done.message}"
            raise HostError(f"{own.id}: {problem}", [finding("OPS-005", own.id, problem)])
    inside.end_left(own)
    files.remove(_folder(own))
    return bool(found)


def sweep_left(engine: Engine, own: InstanceStore, holder: str) -> bool:
    """The same, unless somebody is at it, and where there is anything."""
    if not (_containers(engine, own) or os.path.lexists(_folder(own)) or inside.is_left(own)):
        return False
    try:
        with Lock(command_lock(own), holder, 0):
            return sweep(engine, own)
    except LockedError:
        return False


def _containers(engine: Engine, own: InstanceStore) -> list[str]:
    return engine.ask(["ps", "-aq", "--no-trunc", "--filter", f"label={LABEL}={own.id}"]).split()


def _folder(own: InstanceStore) -> str:
    return os.path.join(own.run, "command")


def _made(engine: Engine, own: InstanceStore, what: OneOff, values: Mapping[str, str], hold: tuple[int, ...]) -> str:
    """Name of the container, made and not started."""
    key_files.require_memory(own.run)
    own.make_run()
    folder = _folder(own)
    files.own_folder(folder, 0o700)
    mounts = [*what.mounts, *_placed(folder, what.keys, values)]
    path = os.path.join(folder, "compose.json")
    files.write(path, written_as_json(model_of(what, mounts)).encode())
    compose = Compose(engine, f"avs_command_{own.id}", folder, hold, float(REMOVAL))
    done = compose.recreate(path, what.env_file or os.devnull, [_SERVICE])
    if done.code:
        raise _refused(what, Hidden(values.values()).mask(engine_error(done)))
    return container_of(own.id)


def model_of(what: OneOff, mounts: Sequence[Mount]) -> dict[str, Any]:
    """The compose file of the container. Pure. Whatever the package says is a value in it; ``service`` may hold variables, everything else
    is taken as it is."""
    service: dict[str, Any] = {
        **what.service,
        "image": _plain(what.image),
        "command": [_plain(word) for word in what.args],
        "container_name": container_of(what.instance),
        "labels": {LABEL: what.instance, f"{LABEL}.name": what.name, f"{LABEL}.service": what.of},
        "security_opt": [*dict.fromkeys([*what.service.get("security_opt", ()), "no-new-privileges:true"])],
        "cap_drop": ["ALL"],
        "logging": {"driver": "none"},
        "restart": "no",
        "stop_grace_period": f"{GRACE}s",
    }
    if what.user:
        service["user"] = _plain(what.user)
    if mounts:
        service["volumes"] = [{**one.as_compose(), "source": _plain(one.source), "target": _plain(one.target)} for one in mounts]
    volumes = {one.source: {"name": one.source, "external": True} for one in mounts if one.kind == "volume"}
    networks = {f"net{number}": name for number, name in enumerate(what.networks)}
    service.update({"networks": dict.fromkeys(networks)} if networks else {"network_mode": "none"})
    sections = {"networks": {key: {"name": name, "external": True} for key, name in networks.items()}, "volumes": volumes}
    return {"services": {_SERVICE: service}, **{name: section for name, section in sections.items() if section}}


def _plain(text: str) -> str:
    """A text as compose reads it back: it looks for variables everywhere."""
    return text.replace("$", "$$")


def _placed(folder: str, keys: Sequence[KeyPlace], values: Mapping[str, str]) -> list[Mount]:
    """Write the files of the keys, in memory, and say where they are mounted, read-only."""
    mounts = []
    for number, target in enumerate(sorted({one.folder for one in keys})):
        place = os.path.join(folder, f"keys{number}")
        files.own_folder(place, 0o755)
        for one in keys:
            if one.folder == target:
                path = os.path.join(place, one.name)
                files.folder(os.path.dirname(path), 0o755)
                files.write(path, as_bytes(values[one.secret]), 0o400, one.owner)
        mounts.append(Mount("bind", place, target, read_only=True))
    return mounts


def _end_of(engine: Engine, made: str, until: float) -> tuple[Mapping[str, Any], bool]:
    """The engine's word on how a container ended, and whether its time was over before it did. It may still run though nobody is told of
    its output any more: an engine that is restarted lets go of whoever listens."""
    late = False
    while True:
        found = engine.inspect([made])
        if not found:
            raise HostError("the command's container was removed by somebody else")
        state: Mapping[str, Any] = found[0]["State"]
        if not state.get("Running"):
            return state, late
        if late:
            # What does not end now goes with its container.
            return {"ExitCode": _KILLED}, True
        late = time.monotonic() >= until
        if late:
            engine.run(["stop", "-t", str(GRACE), made], timeout=GRACE + 60)
        else:
            time.sleep(0.5)


def _refused(what: OneOff, message: str) -> HostError:
    place = f"{what.instance}: commands.{what.name}"
    return HostError(f"{what.instance}: {what.name} could not be run", [finding("OPS-005", place, f"the engine says: {message}")])


class Hidden:
    """Output on its way to a person: without secrets, and harmless."""

    def __init__(self, values: Iterable[str]) -> None:
        known = [value for value in values if value]
        self.mask = Mask(known)
        # One that is cut in its middle is not known any more. No way to write one has more letters for each of its own (``\\u0000``).
        self._beyond = 6 * max((len(as_bytes(value)) for value in known), default=0)
        self.most = MOST + self._beyond

    def ended(self, shown: Attended, more: str = "") -> Ended:
        text = self.mask(shown.text)
        if shown.cut:
            text = text[self._beyond :]
        text = harmless(text)
        cut = shown.cut or len(text) > MOST
        return Ended(shown.code, (_CUT if cut else "") + text[-MOST:] + more, shown.late, round(shown.seconds, 1), cut)
