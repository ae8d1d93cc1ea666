# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a secret is without what it is, and the digest of a spec built on that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..common.digests import digest, keyed_digest
from ..policy import baseline

UNKNOWN = "unknown:"
# What made every instance whose record does not say.
FIRST_TRANSFORM = 3
# What a spec says of this run or of the controller, not of the instance.
_PASSING = ("state", "purge", "findings", "secrets", "package")
_PASSING_PACKAGE = ("source", "upgrade")


def identify(
    secrets: Mapping[str, Mapping[str, Any]],
    recorded: Mapping[str, str],
    stored: Mapping[str, str],
    given: Mapping[str, str],
    host_key: bytes | None,
    held: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Secret name -> identity. A store's version counts as it is; else the value's digest under the host's key.

    A value that is the recorded one keeps the recorded identity, under whatever reference it comes now: the store may have moved, or
    the secret to another store, and what runs is not to be made anew for that. ``held`` are the identities of ``stored``,
    ``aliases`` the references by which recorded values were seen to be known since.

    ``recorded`` are the identities of the last commit, ``stored`` the values in tmpfs, ``given`` those of this call.
    A value that is nowhere to be seen counts as the recorded one where tmpfs is simply empty (the host restarted).
    """
    found = {}
    for name, secret in secrets.items():
        reference = secret["ref"]
        old = recorded.get(name)
        value = stored.get(name) if old is not None and (held or {}).get(name) == old else None
        if old is not None and ((aliases or {}).get(name, "") == reference.get("version") or _is(reference, value, given.get(name))):
            found[name] = old
        elif "version" in reference:
            found[name] = str(reference["version"])
        elif name in given and host_key is not None:
            found[name] = f"hmac:{keyed_digest(host_key, given[name])}"
        elif name in stored and host_key is not None and matches(reference, stored[name]):
            found[name] = f"hmac:{keyed_digest(host_key, stored[name])}"
        elif not stored and name in recorded:
            found[name] = recorded[name]
        else:
            found[name] = UNKNOWN + str(reference.get("mac"))
    return found


def _is(reference: Mapping[str, Any], held: str | None, given: str | None) -> bool:
    """Whether the value that comes, or that a reference without version means, is the one that is held."""
    if held is None:
        return False
    return held == given if given is not None else matches(reference, held)


def alias(reference: Mapping[str, Any], identity: str) -> dict[str, str]:
    """What a state notes beside an identity: the store's version by which the same value is known now, where that is another."""
    version = reference.get("version")
    return {"alias": str(version)} if version is not None and str(version) != identity else {}


def recorded_of(state: Mapping[str, Any] | None) -> tuple[dict[str, str], dict[str, str]]:
    """Identities and aliases a state recorded, by secret."""
    secrets = (state or {}).get("secrets") or {}
    return (
        {name: secret["identity"] for name, secret in secrets.items()},
        {name: secret["alias"] for name, secret in secrets.items() if secret.get("alias")},
    )


def matches(reference: Mapping[str, Any], value: str) -> bool:
    """Whether a reference without version means this value."""
    import hmac

    nonce, mac = reference.get("nonce"), reference.get("mac")
    return isinstance(nonce, str) and isinstance(mac, str) and hmac.compare_digest(keyed_digest(bytes.fromhex(nonce), value), mac)


def spec_digest(spec: Mapping[str, Any], identities: Mapping[str, str], transform: int | None = None) -> str:
    """Of everything that decides what runs: equal digests, equal instances. ``transform``: as it was when the other digest was made,
    by default this release's."""
    lasting = {name: value for name, value in spec.items() if name not in _PASSING}
    package = {name: value for name, value in spec["package"].items() if name not in _PASSING_PACKAGE}
    secrets = {
        name: {"identity": identities[name], "env": secret.get("env"), "services": secret.get("services")}
        for name, secret in (spec.get("secrets") or {}).items()
    }
    return digest(
        {"transform": baseline.TRANSFORM if transform is None else transform, "spec": lasting, "package": package, "secrets": secrets}
    )
