# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a secret is without what it is, and the digest of a spec built on that."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..common.digests import digest, keyed_digest
from ..common.spec import InstanceSpec, Reference, Secret
from ..policy import baseline
from . import key_files
from .state import NONE, State
from .store import InstanceStore

UNKNOWN = "unknown:"
Known = Mapping[str, str]
_NOTHING: Known = MappingProxyType({})
# What a spec says of this run or of the controller, not of the instance.
_PASSING = ("state", "purge", "findings", "secrets", "package")
_PASSING_PACKAGE = ("source", "upgrade")


class Seen:
    """What a host knows of an instance's secrets, all by name. ``recorded`` are the identities of the last commit, ``aliases`` the
    references by which recorded values were seen to be known since, ``stored`` the values in tmpfs, ``held`` their identities."""

    def __init__(self, recorded: Known = _NOTHING, aliases: Known = _NOTHING, stored: Known = _NOTHING, held: Known = _NOTHING) -> None:
        self.recorded, self.aliases, self.stored, self.held = recorded, aliases, stored, held

    @classmethod
    def of(cls, store: InstanceStore, state: State | None) -> Seen:
        state = state or NONE
        return cls(state.identities, state.aliases, *key_files.held(store))


def identify(secrets: Mapping[str, Secret], seen: Seen, host_key: bytes | None, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Secret name -> identity. A store's version counts as it is; else the value's digest under the host's key.

    A value that is the recorded one keeps the recorded identity, under whatever reference it comes now: the store may have moved, or
    the secret to another store, and what runs is not to be made anew for that. ``given`` are the values of this call.
    A value that is nowhere to be seen counts as the recorded one where tmpfs is simply empty (the host restarted).
    """
    found = {}
    given = given or {}
    for name, secret in secrets.items():
        reference = secret.ref
        old = seen.recorded.get(name)
        value = seen.stored.get(name) if old is not None and seen.held.get(name) == old else None
        if old is not None and (seen.aliases.get(name, "") == reference.version or _is(reference, value, given.get(name))):
            found[name] = old
        elif reference.version is not None:
            found[name] = reference.version
        elif name in given and host_key is not None:
            found[name] = f"hmac:{keyed_digest(host_key, given[name])}"
        elif name in seen.stored and host_key is not None and matches(reference, seen.stored[name]):
            found[name] = f"hmac:{keyed_digest(host_key, seen.stored[name])}"
        elif not seen.stored and old is not None:
            found[name] = old
        else:
            found[name] = UNKNOWN + str(reference.mac)
    return found


def _is(reference: Reference, held: str | None, given: str | None) -> bool:
    """Whether the value that comes, or that a reference without version means, is the one that is held."""
    if held is None:
        return False
    return held == given if given is not None else matches(reference, held)


def alias(reference: Reference, identity: str) -> dict[str, str]:
    """What a state notes beside an identity: the store's version by which the same value is known now, where that is another."""
    return {"alias": reference.version} if reference.version is not None and reference.version != identity else {}


def matches(reference: Reference, value: str) -> bool:
    """Whether a reference without version means this value."""
    import hmac

    nonce, mac = reference.nonce, reference.mac
    return nonce is not None and mac is not None and hmac.compare_digest(keyed_digest(bytes.fromhex(nonce), value), mac)


def spec_digest(spec: InstanceSpec, identities: Mapping[str, str], transform: int | None = None) -> str:
    """Of everything that decides what runs: equal digests, equal instances. ``transform``: as it was when the other digest was made,
    by default this release's."""
    lasting = {name: value for name, value in spec.as_dict().items() if name not in _PASSING}
    package = {name: value for name, value in spec.package.as_dict().items() if name not in _PASSING_PACKAGE}
    secrets = {
        name: {"identity": identities[name], "env": list(secret.env), "services": secret.services} for name, secret in spec.secrets.items()
    }
    return digest(
        {"transform": baseline.TRANSFORM if transform is None else transform, "spec": lasting, "package": package, "secrets": secrets}
    )
