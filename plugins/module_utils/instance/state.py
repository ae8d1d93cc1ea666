# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``state.json`` holds: one reader, which refuses whatever its users could not work with, and one writer (``State.as_dict``).

What a release before wrote is read: fields that came later have defaults. What a newer one wrote is not: it may mean something else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..common.errors import HostError
from ..common.findings import Finding
from ..common.records import Odd, Record, finding_of, flag, item, many, newer_than, nullable, one_of, table, text, whole
from ..common.rules import finding
from ..common.spec import Condition, Endpoint, KeyFile, Package
from ..common.words import ABSENT, APPLYING, COMMITTED, STARTED, STOPPED

SCHEMA = 1
# What made every instance whose record does not say.
FIRST_TRANSFORM = 3
# How many images of commits before are remembered.
_OLD_IMAGES = 50
# What a committed instance is compared by.
_COMMITTED = ("spec_digest", "containers", "secrets", "views", "committed_at")


class DamagedError(HostError):
    """A record that cannot be used: of this one instance nothing can be judged, and nobody else is the worse for it."""


class NewerError(DamagedError):
    """A record of a newer release: nothing is done to its instance, whatever is asked."""


class ContainerRecord(Record, loose=True):
    """``releases`` it may have been made in, ``networks`` by their names on the host, ``restarts`` until the commit.
    ``finished``: it had done its work then, ``job``: it ends by itself; ``None`` where a release before said nothing of it."""

    name: str = item(text)
    spec: str = item(text)
    image: str | None = item(nullable(text), default=None)
    ends: bool = item(flag, default=False)
    releases: Sequence[str] = item(many(text), default=())
    networks: Sequence[str] = item(many(text), default=())
    restarts: int = item(whole, default=0)
    finished: bool | None = item(nullable(flag), default=None)
    job: bool | None = item(nullable(flag), default=None)


class SecretRecord(Record, loose=True):
    """``alias``: the store's name for the same value, where that is another than ``identity`` by now."""

    identity: str = item(text)
    alias: str | None = item(nullable(text), default=None)
    env: Sequence[str] = item(many(text), default=())
    services: Sequence[str] = item(many(text), default=())


class KeyRecord(Record, loose=True):
    """``marks``: by what a key is told from others (``common/keystores``); ``None`` where an older release recorded it."""

    kind: str = item(text, default="")
    fingerprint: str = item(text, default="")
    public_id: str | None = item(nullable(text), default=None)
    marks: Sequence[str] | None = item(many(text), default=None)


class PortRecord(Record, loose=True):
    """A port of the host; ``address`` is empty for all interfaces."""

    address: str = item(text, default="")
    port: str = item(text)
    protocol: str = item(text)
    service: str = item(text, default="")


class Folder(Record, loose=True):
    """A folder below ``data/``; ``owner`` ``None``: whoever makes it."""

    owner: str | None = item(nullable(text), default=None)
    mode: str = item(text, default="0755")


class State(Record, loose=True):
    """An instance as it was left. ``release``, ``images`` and what runs are of the last commit; ``applying`` is the digest of the spec
    that is being made so; ``memory_default`` in bytes. ``old_images``: image -> reference of those that commits before used,
    which nothing but their removal is decided by. Of one that was removed there are ``volumes``, ``kept_data`` and what it was."""

    schema: int = item(whole, default=SCHEMA)
    id: str = item(text, default="")
    phase: str = item(one_of(COMMITTED, APPLYING, ABSENT))
    desired: str = item(one_of(STARTED, STOPPED), default=STARTED)
    package: Package | None = item(nullable(Package.read), default=None)
    profile: str | None = item(nullable(text), default=None)
    spec_digest: str = item(text, default="")
    previous_spec_digest: str | None = item(nullable(text), default=None)
    applying: str | None = item(text, default=None)
    committed_at: str = item(text, default="")
    installed_at: str = item(text, default="")
    removed_at: str = item(text, default="")
    release: str | None = item(nullable(text), default=None)
    previous_release: str | None = item(nullable(text), default=None)
    transform: int = item(whole, default=FIRST_TRANSFORM)
    memory_default: int | None = item(nullable(whole), default=None)
    images: Mapping[str, str] = item(table(text), default={})
    old_images: Mapping[str, str] = item(table(text), default={})
    containers: Mapping[str, ContainerRecord] = item(table(ContainerRecord.read), default={})
    folders: Mapping[str, Folder] = item(table(Folder.read), default={})
    networks: Sequence[str] = item(many(text), default=())
    volumes: Sequence[str] = item(many(text), default=())
    ports: Sequence[PortRecord] = item(many(PortRecord.read), default=())
    secrets: Mapping[str, SecretRecord] = item(table(SecretRecord.read), default={})
    variables: Mapping[str, str] = item(table(text), default={})
    views: Mapping[str, Mapping[str, KeyFile]] = item(table(table(KeyFile.read)), default={})
    keys: Mapping[str, KeyRecord] = item(table(KeyRecord.read), default={})
    health: Condition | None = item(Condition.read, default=None)
    metrics: Sequence[Endpoint] = item(many(Endpoint.read), default=())
    findings: Sequence[Finding] = item(many(finding_of), default=())
    kept_data: str | None = item(nullable(text), default=None)

    @property
    def installed(self) -> bool:
        """Whether there is more than what a removal leaves."""
        return self.phase != ABSENT

    @property
    def left_nothing(self) -> bool:
        """Whether it was removed, and nothing of it was kept."""
        return not self.installed and not self.volumes and not self.kept_data

    def images_before(self, now: Mapping[str, str]) -> dict[str, Any]:
        """The field ``old_images`` of a record that has ``now`` as its ``images``; no field where it would be empty."""
        before = {**self.old_images, **{image: reference for reference, image in self.images.items()}}
        old = [(image, reference) for image, reference in before.items() if image not in now.values()]
        return {"old_images": dict(old[-_OLD_IMAGES:])} if old else {}

    @property
    def identities(self) -> dict[str, str]:
        return {name: secret.identity for name, secret in self.secrets.items()}

    @property
    def aliases(self) -> dict[str, str]:
        return {name: secret.alias for name, secret in self.secrets.items() if secret.alias}


# Of an instance that was never here.
NONE = State(phase=ABSENT)


def read_state(document: Any) -> State:
    """Raises ``Odd`` for a record that cannot be used, of a newer release as well."""
    if not isinstance(document, Mapping):
        raise Odd("holds no record")
    state = State.read(document)
    missing = [name for name in _COMMITTED if document.get(name) is None] if state.phase == COMMITTED else []
    if missing:
        raise Odd(f"lacks {', '.join(missing)}")
    return state


def damaged(instance: str, path: str, problem: str) -> DamagedError:
    message = f"what is recorded of it cannot be used: {path} {problem}"
    remedy = (
        "Put the file back from a backup of the host; or write state: absent, run (volumes and data stay), then write state: started again."
    )
    return DamagedError(f"{instance}: {message}", [finding("OPS-010", instance, message, remedy)])


def newer(instance: str, path: str, document: Any) -> NewerError | None:
    """The error for a record of a newer release, ``None`` for any other."""
    schema = newer_than(document, SCHEMA)
    if not isinstance(schema, int) or isinstance(schema, bool):
        return None
    message = f"{path} has schema {schema!r}, this release of restaking.avs reads {SCHEMA}; it was left alone"
    return NewerError(f"{instance}: {message}", [finding("OPS-014", instance, message)])
