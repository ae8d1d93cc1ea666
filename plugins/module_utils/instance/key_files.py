# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secret values and key files, on tmpfs only (rule of the house: they reach no disk)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ..common.contents import as_bytes
from ..common.errors import HostError
from ..common.rules import finding
from ..common.spec import KeyFile
from ..docker.dotenv import quote
from ..system import files
from ..system.trees import tree_files
from .state import KeyRecord, State
from .store import InstanceStore

_SECRETS = "secrets.json"
# Names of secrets have a dot in them.
_VALUES, _VERSIONS = "values", "identities"
# What a release before kept the identities in.
_IDENTITIES = "identities.json"
_CURRENT = "..data"
_IN_MEMORY = ("tmpfs", "ramfs")


def require_memory(path: str, mounts: str = "/proc/self/mounts") -> None:
    """Raises ``HostError`` where ``path`` (or what is there of it) would be on a disk."""
    place = os.path.realpath(path)
    kind, longest = "", -1
    with open(mounts, encoding="utf-8", errors="surrogateescape") as handle:
        for line in handle:
            fields = line.split(" ")
            point = fields[1].replace("\\040", " ")
            if (place == point or place.startswith(point.rstrip("/") + "/")) and len(point) >= longest:
                kind, longest = fields[2], len(point)
    if kind not in _IN_MEMORY:
        message = f"{path} is on {kind or 'an unknown file system'}, not in memory: keys would reach a disk"
        raise HostError(message, [finding("OPS-004", path, message, "Mount a tmpfs on /run.")])


def stored(store: InstanceStore) -> dict[str, str]:
    """Values by name; empty where there are none, as after a restart of the host."""
    return held(store)[0]


def in_memory(store: InstanceStore) -> dict[str, Any] | None:
    """The same for whom it matters that there are none: ``None`` where nothing can be read."""
    try:
        content = files.read_json(os.path.join(store.run, _SECRETS))
    except (OSError, ValueError):
        return None
    return stored(store) if isinstance(content, dict) else None


def stored_identities(store: InstanceStore) -> dict[str, str]:
    """Which version each value is; empty where that is not sure."""
    return held(store)[1]


def held(store: InstanceStore) -> tuple[dict[str, str], dict[str, str]]:
    """Values and their identities. One file holds both: a value is never taken for the version of another one, wherever its writer was
    cut."""
    path, beside = os.path.join(store.run, _SECRETS), os.path.join(store.run, _IDENTITIES)
    content = _read(path)
    if set(content) == {_VALUES, _VERSIONS} and all(isinstance(part, dict) for part in content.values()):
        return content[_VALUES], content[_VERSIONS]
    # Of a release before: two files, the identities written last. Older than the values, they are those of other values.
    try:
        sure = os.stat(path).st_mtime_ns <= os.stat(beside).st_mtime_ns
    except OSError:
        sure = False
    return content, _read(beside) if sure else {}


def _read(path: str) -> dict[str, Any]:
    try:
        content = files.read_json(path)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_secrets(store: InstanceStore, values: Mapping[str, str], identities: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """``variables``: secret name -> variable of ``secrets.env``. Cut anywhere, it leaves the old values as the old ones, or the new as
    the new; ``secrets.env`` is compared with them by whoever uses it."""
    store.make_run()
    files.write(store.secrets_env, env_text(values, variables).encode())
    files.write_json(os.path.join(store.run, _SECRETS), {_VALUES: dict(values), _VERSIONS: dict(identities)})
    files.remove(os.path.join(store.run, _IDENTITIES))


def env_text(values: Mapping[str, str], variables: Mapping[str, str]) -> str:
    """What ``secrets.env`` holds."""
    return "".join(f"{variable}={quote(values[name])}\n" for name, variable in sorted(variables.items()))


def secrets_in_place(
    store: InstanceStore, identities: Mapping[str, str], values: Mapping[str, str], versions: Mapping[str, str] | None = None
) -> bool:
    """Whether tmpfs holds just these secrets, in these versions; of none there is nothing to hold. ``versions``: those of the values,
    where they were read already."""
    # What stands there and is no file would keep compose waiting, whatever is to be in it.
    odd = not files.is_file(store.secrets_env) and (values or os.path.lexists(store.secrets_env))
    if set(values) != set(identities) or odd:
        return False
    return dict(stored_identities(store) if versions is None else versions) == dict(identities)


def env_in_place(store: InstanceStore, values: Mapping[str, str], variables: Mapping[str, str]) -> bool:
    """Whether ``secrets.env`` says just what the compose file asks for. ``variables``: see ``write_secrets``."""
    try:
        return files.read(store.secrets_env) == env_text(values, variables).encode()
    except FileNotFoundError:
        return not variables
    except (OSError, KeyError):
        return False


def wipe(store: InstanceStore) -> None:
    """Take every secret and key of an instance out of memory; the password of its backups stays. Raises ``OSError``."""
    for path in _kept_there(store):
        files.remove(path)


def is_wiped(store: InstanceStore) -> bool:
    return not _kept_there(store)


def _kept_there(store: InstanceStore) -> list[str]:
    try:
        return [os.path.join(store.run, name) for name in os.listdir(store.run) if name != "backup"]
    except FileNotFoundError:
        return []


def holds_nothing(store: InstanceStore) -> bool:
    """Whether no secret is there to be taken away."""
    return not stored(store) and not views_present(store) and env_in_place(store, {}, {})


def with_marks(store: InstanceStore, state: State | None) -> State | None:
    """A state whose keys say by what they are compared: those an older library recorded are looked at once more, as far as their
    keystores are still here."""
    old = {name: key for name, key in state.keys.items() if key.marks is None} if state is not None else {}
    if state is None or not old:
        return state
    from ..common.keystores import record_of

    values = stored(store)
    fresh = {name: record_of(key.kind, values[f"key.{name}.keystore"]) for name, key in old.items() if f"key.{name}.keystore" in values}
    # What lies there may be of an apply that was cut; what was recorded runs.
    same = {name: KeyRecord.read(key) for name, key in fresh.items() if key["fingerprint"] == old[name].fingerprint}
    return state.but(keys={**state.keys, **same})


def place_view(store: InstanceStore, service: str, view: Mapping[str, KeyFile], values: Mapping[str, str]) -> None:
    """Show a service its key files: a new ``..v<N>`` is filled, then ``..data`` turned to it, so that all change at once."""
    store.make_run()
    files.folder(store.keys, 0o755)
    root = os.path.join(store.keys, service)
    files.folder(root, 0o755)
    name = f"..v{_version(root) + 1}"
    fresh = os.path.join(root, name)
    files.remove(fresh)
    os.mkdir(fresh)
    os.chmod(fresh, 0o755)  # noqa: S103 (the container's user passes through; the files are its own alone)
    for path, entry in sorted(view.items()):
        target = os.path.join(fresh, path)
        files.folder(os.path.dirname(target), 0o755)
        uid, gid = entry.owner.split(":")
        files.write(target, as_bytes(values[entry.secret]), 0o400, (int(uid), int(gid)))
    files.link(os.path.join(root, _CURRENT), name)
    shown = _shown(view)
    for path in shown:
        if not _leads(root, path):
            files.link(os.path.join(root, path), os.path.join(_CURRENT, path))
    for path in os.listdir(root):
        if path not in (name, _CURRENT) and path not in shown:
            files.remove(os.path.join(root, path))


def view_in_place(store: InstanceStore, service: str, view: Mapping[str, KeyFile], values: Mapping[str, str]) -> bool:
    """Whether the service sees exactly these files, with these contents, owners and modes."""
    root = os.path.join(store.keys, service)
    shown = _shown(view)
    try:
        name = os.readlink(os.path.join(root, _CURRENT))
        fresh = os.path.join(root, name)
        # A key that was dropped, or the old version of a rotated one, is not to be read any more.
        if set(os.listdir(root)) != {_CURRENT, name, *shown} or set(tree_files(fresh)) != set(view):
            return False
        if not all(_leads(root, path) for path in shown):
            return False
        for path, entry in view.items():
            with open(os.path.join(fresh, path), "rb") as handle:
                seen = os.fstat(handle.fileno())
                if (
                    handle.read() != as_bytes(values[entry.secret])
                    or f"{seen.st_uid}:{seen.st_gid}" != entry.owner
                    or seen.st_mode & 0o7777 != 0o400
                ):
                    return False
    except (OSError, KeyError):
        return False
    return True


def drop_views(store: InstanceStore, keep: Mapping[str, Any]) -> None:
    """Remove key folders of services that see none any more."""
    if os.path.isdir(store.keys):
        for service in os.listdir(store.keys):
            if service not in keep:
                files.remove(os.path.join(store.keys, service))


def views_present(store: InstanceStore) -> list[str]:
    try:
        return sorted(os.listdir(store.keys))
    except OSError:
        return []


def _shown(view: Mapping[str, Any]) -> set[str]:
    """Names directly in a service's key folder."""
    return {path.split("/")[0] for path in view}


def _leads(root: str, name: str) -> bool:
    """Whether a name in the key folder leads to the current version."""
    path = os.path.join(root, name)
    return os.path.islink(path) and os.readlink(path) == os.path.join(_CURRENT, name)


def _version(root: str) -> int:
    numbers = [int(name[3:]) for name in os.listdir(root) if name.startswith("..v") and name[3:].isdigit()]
    return max(numbers, default=0)
