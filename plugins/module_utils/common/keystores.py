# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keystores: which public id one claims. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping


def public_id(kind: str, keystore: str) -> str | None:
    """The public id a keystore claims; not checked against the key itself."""
    try:
        content = json.loads(keystore)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    for name in {"ecdsa": ("address",), "bn254": ("pubKey", "pubkey"), "bls12381": ("pubkey",)}.get(kind, ()):
        if isinstance(content.get(name), str) and content[name]:
            return str(content[name])
    return None


# Under which names keystores state their public id (web3 secret storage v3; EIP-2335; the bn254 keystores of several AVSs).
_PUBLIC = ("address", "pubkey", "publickey", "public_key")


def claimed_id(keystore: str) -> str | None:
    """The public id a keystore of any kind claims, under whichever name it states it."""
    try:
        fields = json.loads(keystore)
    except ValueError:
        return None
    if not isinstance(fields, Mapping):
        return None
    names = {str(name).lower(): value for name, value in fields.items() if isinstance(value, str) and value}
    return next((names[name] for name in _PUBLIC if name in names), None)
