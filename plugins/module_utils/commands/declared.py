# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a package's command is on this host: its image, networks, mounts and keys, and nothing it does not declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..common.errors import HostError
from ..common.rules import finding
from ..common.spec import InstanceSpec
from ..docker.containers import running
from ..docker.engine import Engine
from ..docker.model import SECRET_VARIABLE, texts
from ..instance import key_files
from ..instance.store import InstanceStore
from ..system import files
from . import images
from . import one_off as container
from .again import service_again
from .one_off import Ended, KeyPlace, OneOff
from .release import KEYS, Release, Undeclared

# What the package's plugin itself is called; what it does is told by its arguments.
PLUGIN = "plugin"
# Seconds.
TIMEOUT = 600
# Of a plugin's container. A service has its own.
PIDS, MEMORY = 512, 1 << 30
_TEMPORARY = "/tmp:size=64m,mode=1777"


def commands_of(spec: InstanceSpec) -> dict[str, Mapping[str, Any]]:
    """All a package offers, by name; ``plugin`` is its plugin as it is, where no command has that name."""
    offered = {name: command for name, command in spec.commands.items() if isinstance(command, Mapping)}
    if images.plugin_of(spec):
        offered.setdefault(PLUGIN, {"run": "plugin"})
    return dict(sorted(offered.items()))


def shown(spec: InstanceSpec, command: Mapping[str, Any]) -> dict[str, Any]:
    """What a command declares, as a person or a program asks for it."""
    run = str(command.get("run"))
    return {
        "run": run,
        "service": command.get("service"),
        "image": images.plugin_of(spec) if run == "plugin" else None,
        "args": [str(word) for word in command.get("args") or ()],
        "chain": bool(command.get("chain")),
        "needs": list(command.get("needs") or ()),
        "network": command.get("network"),
        "mounts": list(command["mounts"]) if command.get("mounts") is not None else None,
        "user": command.get("user"),
        "timeout": int(command.get("timeout") or TIMEOUT),
    }


@dataclass(frozen=True)
class Named:
    """A command by its name, with ``args`` behind its own; ``absent``: the plugin's image may still have to be pulled. ``command``: what it
    is, where that is known, and ``timeout`` (seconds), where it says none."""

    name: str
    args: Sequence[str] = ()
    absent: bool = False
    command: Mapping[str, Any] | None = None
    timeout: float = TIMEOUT


def one_off(engine: Engine, own: InstanceStore, spec: InstanceSpec, name: str, extra_args: Sequence[str] = ()) -> OneOff:
    """A command of ``spec``, in the release ``own.current`` points to. ``extra_args`` come after its own. Changes nothing.

    Raises ``HostError`` (CMD-001) for one that is not there, or asks for what its package does not have.
    """
    return settled(engine, own, spec, Named(name, extra_args))


def settled(engine: Engine, own: InstanceStore, spec: InstanceSpec, named: Named) -> OneOff:
    """The same."""
    name = named.name
    command = commands_of(spec).get(name) if named.command is None else named.command
    if command is None:
        problem = f"the package has no command {name}"
        remedy = f"It has: {', '.join(commands_of(spec)) or 'none'}."
        raise HostError(f"{own.id}: {problem}", [finding("CMD-001", f"{own.id}: commands.{name}", problem, remedy)])
    values = key_files.stored(own)
    args = [str(word) for word in (*(command.get("args") or ()), *named.args)]
    base = OneOff(own.id, name, args, timeout=float(command.get("timeout") or named.timeout))
    try:
        if command.get("run") == "exec":
            return _inside(engine, own, command, base)
        release = Release.of(own, spec, values)
        if command.get("run") == "plugin":
            image = images.named(own, spec) if named.absent else images.here(engine, own, spec)
            what = _plugin(image, release, command, base)
        else:
            what = service_again(release, command, base)
    except Undeclared as wrong:
        raise _undeclared(own.id, name, wrong) from None
    _require(engine, own, what, values)
    return what


def run_declared(engine: Engine, own: InstanceStore, spec: InstanceSpec, name: str, hold: tuple[int, ...] = ()) -> Ended:
    """``one_off`` and run it, as ``container.run`` does. Nobody is asked whether a command that acts on the chain is meant. Raises
    ``HostError``, and ``LockedError``."""
    return container.run(engine, own, one_off(engine, own, spec, name), hold)


def _undeclared(instance: str, name: str, wrong: Undeclared) -> HostError:
    place = f"{instance}: commands.{name}.{wrong.field}"
    return HostError(f"{instance}: {name} cannot be run", [finding("CMD-001", place, wrong.problem, wrong.remedy or None)])


def _inside(engine: Engine, own: InstanceStore, command: Mapping[str, Any], base: OneOff) -> OneOff:
    service = str(command.get("service") or "")
    if not base.args:
        raise Undeclared("args", "names no program to be run in the container")
    found = [item.id for item in engine.containers(own.id) if item.service == service and running(item)]
    if len(found) != 1:
        raise Undeclared("service", f"the service {service} does not run", "Start the instance first.")
    return replace(base, container=found[0])


def _plugin(image: images.Image, release: Release, command: Mapping[str, Any], base: OneOff) -> OneOff:
    """The package's plugin: least privilege, whatever it is."""
    service = command.get("service")
    user = str(command.get("user") or image.user or (release.service(service).get("user") if service else "") or "")
    known = release.own.known()
    return replace(
        base,
        image=image.name,
        networks=release.networks(command.get("network"), service),
        mounts=release.mounts(command.get("mounts") or (), service),
        keys=keys_of(release, command.get("needs") or (), service, user),
        user=user or None,
        service={
            "read_only": command.get("read_only") is not False,
            "tmpfs": [_TEMPORARY],
            "pids_limit": PIDS,
            "mem_limit": str((known.memory_default if known is not None else None) or MEMORY),
        },
    )


def keys_of(release: Release, needs: Sequence[str], service: str | None, user: str) -> list[KeyPlace]:
    """Files of the keys a command needs, where the package's services see them, owned by its user. Raises ``Undeclared``."""
    found = []
    keys = {key.name: key for key in release.spec.keys}
    for name in needs:
        if name not in keys:
            raise Undeclared("needs", f"the instance has no key {name}", "Give it one (avs_instances[].keys).")
        key = keys[name]
        secrets = [secret for secret in (key.keystore, key.password) if secret]
        missing = [secret for secret in secrets if secret not in release.values]
        if missing:
            problem = f"{', '.join(missing)}: kept in memory, and gone since the host was started"
            raise HostError(f"{release.own.id} waits for its secrets", [finding("OPS-019", release.own.id, problem)])
        owner = number_of(user)
        if owner is None:
            problem = f"which number {user} has is known to the image alone, and the files of a key belong to a number"
            raise Undeclared("user", problem, 'Write user: "uid:gid".')
        folder, file = release.key_place(key.keystore, service) or (KEYS, f"{name}.json")
        found.append(KeyPlace(folder, file, key.keystore, owner))
        if key.password:
            folder, file = release.key_place(key.password, service) or (folder, f"{name}.password")
            found.append(KeyPlace(folder, file, key.password, owner))
    return found


def number_of(user: str) -> tuple[int, int] | None:
    """User and group as numbers; the group is the user's number where none is given."""
    uid, _colon, gid = ("0" if user in ("", "root", "root:root") else user).partition(":")
    return (int(uid), int(gid or uid)) if uid.isdigit() and (not gid or gid.isdigit()) else None


def _require(engine: Engine, own: InstanceStore, what: OneOff, values: Mapping[str, str]) -> None:
    """What has to be there on the host."""
    networks = engine.networks() if what.networks else {}
    missing = [f"the network {name}" for name in what.networks if name not in networks]
    volumes = engine.volumes() if any(one.kind == "volume" for one in what.mounts) else {}
    missing += [f"the volume {one.source}" for one in what.mounts if one.kind == "volume" and one.source not in volumes]
    if missing:
        problem = f"{', '.join(missing)}: not there"
        remedy = "Start the instance once: they are made with its containers."
        place = f"{own.id}: commands.{what.name}"
        raise HostError(f"{own.id}: {what.name} cannot be run", [finding("CMD-001", place, problem, remedy)])
    if any(SECRET_VARIABLE in text for text in texts(what.service)) and not (values and files.is_file(own.secrets_env)):
        problem = "its secrets are kept in memory, and gone since the host was started"
        raise HostError(f"{own.id} waits for its secrets", [finding("OPS-019", own.id, problem)])
