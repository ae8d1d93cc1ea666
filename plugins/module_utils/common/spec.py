# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The InstanceSpec: all a host needs to know of an instance, one JSON document each (docs/architecture.md, 2).

The controller fills one and writes it (``as_dict``); the host reads it (``read_specs``), once a call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import HostError
from .findings import Finding
from .names import is_name
from .records import Odd, Record, anything, finding_of, flag, item, many, newer_than, nullable, number, one_of, port, table, text, whole
from .rules import finding
from .words import GONE, STARTED, STOPPED

SCHEMA = 1
# What a spec of an instance that is to run has to have.
_RUNNING = ("compose", "env", "secrets", "keys", "health", "profile")


def _hexadecimal(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"(?:[0-9a-f]{2})*", value):
        return value
    raise Odd("is not a text of hexadecimal digits")


def _use(value: Any) -> Any:
    """A class, or a mapping with ``class``, and ``live``, ``backup`` and ``watermark`` where they are said."""
    if not isinstance(value, Mapping):
        return text(value)
    readers = {"class": text, "live": flag, "backup": text, "watermark": text}
    if "class" not in value or not set(value) <= set(readers):
        raise Odd("is no use of a volume")
    return {name: readers[name](one) for name, one in value.items()}


class Package(Record):
    """``version`` and ``commit`` are ``None`` for a package in a folder of the controller."""

    name: str = item(text)
    version: str | None = item(nullable(text), default=None)
    commit: str | None = item(nullable(text), default=None)
    spec_version: str | None = item(nullable(text), default=None)
    upgrade: str | None = item(nullable(text), default=None)
    tree_sha256: str = item(text, default="")
    source: str = item(text, default="")


class Compose(Record):
    """Where the compose file is: paths relative to ``dir``, which is relative to the tree."""

    dir: str = item(text, default=".")
    files: Sequence[str] = item(many(text), default=())
    env_files: Sequence[str] = item(many(text), default=())
    profiles: Sequence[str] = item(many(text), default=())


class Reference(Record):
    """Which secret is meant, without its value: the store's ``version``, or a ``mac`` of the value under ``nonce`` (hex)."""

    version: str | None = item(text, default=None)
    nonce: str | None = item(_hexadecimal, default=None)
    mac: str | None = item(text, default=None)


class Secret(Record):
    """``env``: compose variables that get it; ``services`` that may have it, all where none is named."""

    ref: Reference = item(Reference.read, default=Reference())
    env: Sequence[str] = item(many(text), default=())
    services: Sequence[str] | None = item(nullable(many(text)), default=None)


class Key(Record):
    """``keystore`` and ``password`` are names of secrets; fields that end in ``_env`` name compose variables that get a path."""

    name: str = item(text)
    kind: str = item(text)
    source: str = item(text, default="")
    keystore: str = item(text)
    password: str | None = item(nullable(text), default=None)
    keystore_env: str | None = item(nullable(text), default=None)
    password_file_env: str | None = item(nullable(text), default=None)
    folder_env: str | None = item(nullable(text), default=None)
    mount: str | None = item(nullable(text), default=None)
    services: Sequence[str] = item(many(text), default=())
    owner: str | None = item(nullable(text), default=None)


class KeyFile(Record):
    """A file of a key as a service sees it: the ``secret`` in it and its ``owner`` (``uid:gid`` once that is settled)."""

    secret: str = item(text)
    owner: str = item(text)


class Privileges(Record):
    """``ports``: container port or compose variable -> ``loopback``, ``public`` or an address."""

    cap_add: Sequence[str] = item(many(text), default=())
    user: str | None = item(nullable(text), default=None)
    read_only: bool = item(flag, default=False)
    tmpfs: Sequence[str] = item(many(text), default=())
    ports: Mapping[str, str] = item(table(text), default={})


class Exemption(Record):
    """What the operator allows a service, and why."""

    service: str = item(text)
    allow: Sequence[str] = item(many(text))
    reason: str = item(text)


class Limit(Record):
    """The operator's limits of a service: ``memory`` as compose writes it, ``cpus``, ``pids``."""

    memory: str | None = item(text, default=None)
    cpus: float | None = item(number, default=None)
    pids: int | None = item(whole, default=None)


class Artifact(Record):
    """A file to be downloaded to ``path`` below ``data/``; ``size`` in bytes."""

    url: str = item(text)
    sha256: str = item(text)
    path: str = item(text)
    size: int | None = item(nullable(whole), default=None)


class Directory(Record):
    """A folder below ``data/``; ``owner`` is ``uid`` or ``uid:gid``, ``mode`` octal."""

    path: str = item(text)
    owner: str | None = item(nullable(text), default=None)
    mode: str = item(text, default="0755")


class Config(Record):
    """A file of the package that ``merge`` is merged into."""

    path: str = item(text)
    format: str = item(text, default="json")
    merge: Any = item(anything)


class Condition(Record):
    """The health condition that ends an install; ``timeout`` and ``steady`` in seconds, ``ends``: services that end by themselves. Which
    fields it has depends on ``type``."""

    type: str = item(text, default="container")
    service: str | None = item(nullable(text), default=None)
    port: int | str | None = item(nullable(port), default=None)
    path: str | None = item(nullable(text), default=None)
    status: Sequence[int] = item(many(whole), default=())
    name: str | None = item(text, default=None)
    min: float | None = item(nullable(number), default=None)
    max: float | None = item(nullable(number), default=None)
    timeout: int | None = item(whole, default=None)
    steady: int | None = item(whole, default=None)
    ends: Sequence[str] = item(many(text), default=())


class Endpoint(Record):
    """A port of a service, and what is asked there."""

    service: str = item(text)
    port: int | str | None = item(nullable(port), default=None)
    path: str | None = item(text, default=None)


class Requirements(Record):
    """Memory and space in MiB; ``stop``: an install ends where they are not met."""

    min_cpu_cores: int = item(whole, default=0)
    min_ram: int = item(whole, default=0)
    min_free_space: int = item(whole, default=0)
    stop: bool = item(flag, default=False)


class InstanceSpec(Record):
    """An instance that is absent or stopped has no more than ``schema`` to ``package``, and of that the name."""

    schema: int = item(whole, default=SCHEMA)
    id: str = item(text)
    tag: str = item(text, default="")
    state: str = item(one_of(STARTED, STOPPED, GONE), default=STARTED)
    purge: bool = item(flag, default=False)
    package: Package = item(Package.read, default=Package(name=""))
    profile: str = item(text, default="")
    compose: Compose = item(Compose.read, default=Compose())
    env: Mapping[str, str] = item(table(text), default={})
    paths: Sequence[str] = item(many(text), default=())
    secrets: Mapping[str, Secret] = item(table(Secret.read), default={})
    keys: Sequence[Key] = item(many(Key.read), default=())
    ports: Mapping[str, str] = item(table(text), default={})
    exceptions: Sequence[Exemption] = item(many(Exemption.read), default=())
    limits: Mapping[str, Limit] = item(table(Limit.read), default={})
    privileges: Mapping[str, Privileges] = item(table(Privileges.read), default={})
    artifacts: Sequence[Artifact] = item(many(Artifact.read), default=())
    directories: Sequence[Directory] = item(many(Directory.read), default=())
    configs: Sequence[Config] = item(many(Config.read), default=())
    volumes: Mapping[str, Any] = item(table(_use), default={})
    health: Condition = item(Condition.read, default=Condition())
    metrics: Sequence[Endpoint] = item(many(Endpoint.read), default=())
    api: Endpoint | None = item(nullable(Endpoint.read), default=None)
    plugin: Mapping[str, Any] | None = item(nullable(table(anything)), default=None)
    commands: Mapping[str, Any] = item(table(anything), default={})
    migrations: Sequence[Any] = item(many(anything), default=())
    contact: Mapping[str, str] = item(table(text), default={})
    requirements: Requirements = item(Requirements.read, default=Requirements())
    findings: Sequence[Finding] = item(many(finding_of), default=())


def read_specs(document: Mapping[str, Any]) -> list[InstanceSpec]:
    """The specs of a document. Raises ``HostError`` with every problem of one this library does not understand."""
    _require_known(document, "the document")
    specs, problems = [], []
    seen: set[object] = set()
    for given in document.get("specs") or ():
        instance = given.get("id") if isinstance(given, Mapping) else None
        place = f"specs.{instance}" if is_name(instance) else "specs"
        if not is_name(instance) or instance in seen:
            problems.append(finding("INV-001", f"specs.{instance}", "is listed twice" if is_name(instance) else "is not a valid id"))
            continue
        seen.add(instance)
        try:
            specs.append(read_spec(given))
        except Odd as odd:
            problems.append(finding("INV-001", f"{place}.{odd.place}" if odd.place else place, odd.problem))
    if problems:
        raise HostError("the document cannot be understood", problems)
    return specs


def read_spec(document: Mapping[str, Any]) -> InstanceSpec:
    """Raises ``Odd``, and ``HostError`` (OPS-014) for a document of a newer release."""
    _require_known(document, "the spec")
    spec = InstanceSpec.read(document)
    missing = [name for name in _RUNNING if name not in document] if spec.state == STARTED else []
    if missing:
        raise Odd(f"lacks {', '.join(missing)}")
    return spec


def _require_known(document: Mapping[str, Any], what: str) -> None:
    newer = newer_than(document, SCHEMA)
    if newer is not None:
        message = f"{what} has schema {newer!r}, this release of restaking.avs reads {SCHEMA}"
        raise HostError(f"{message}; nothing was changed", [finding("OPS-014", what.split()[-1], message)])
