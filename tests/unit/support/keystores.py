# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keystores as the tools of the world write them, with a text that is easily found again where the encrypted key would be."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_WEB3 = {
    "cipher": "aes-128-ctr",
    "cipherparams": {"iv": "00" * 16},
    "kdf": "scrypt",
    "kdfparams": {"n": 262144, "r": 8, "p": 1},
    "mac": "00" * 32,
}


def number(seed: str, size: int) -> str:
    """``size`` bytes in hex, the same for the same seed."""
    return hashlib.shake_256(seed.encode()).hexdigest(size)


def web3(canary: str, **fields: Any) -> dict[str, Any]:
    return {"crypto": {**_WEB3, "ciphertext": canary}, **fields}


def eip2335(canary: str, **fields: Any) -> dict[str, Any]:
    crypto = {
        "kdf": {"function": "scrypt", "params": {"n": 262144}, "message": ""},
        "checksum": {"function": "sha256", "params": {}, "message": "00" * 32},
        "cipher": {"function": "aes-128-ctr", "params": {"iv": "00" * 16}, "message": canary},
    }
    return {"crypto": crypto, "version": 4, "path": "", "uuid": "00000000-0000-4000-8000-000000000000", **fields}


def keystore(kind: str, canary: str, public: str | None = None) -> str:
    """A keystore of a kind whose encrypted part is ``canary``; its public id is made of the canary where none is given."""
    if kind == "ecdsa":
        return json.dumps(web3(canary, address=public or number(canary, 20), id="0", version=3))
    if kind == "bn254":
        point = f"E([{int(number(canary, 31), 16)},{int(number(canary + 'y', 31), 16)}])"
        return json.dumps(web3(canary, pubKey=public or point))
    return json.dumps(eip2335(canary, pubkey=public or number(canary, 48)))
