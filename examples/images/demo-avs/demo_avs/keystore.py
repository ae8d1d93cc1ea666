# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opens the two keystores eigenlayer-cli writes, and says whose key is inside.

- ecdsa: web3 secret storage version 3, ``{"version": 3, "address", "crypto": {...}}``
- bn254: the legacy form, ``{"pubKey": "E([x,y])", "crypto": {...}}``, the same crypto block

The crypto block (https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage): the derived key's
first half decrypts AES-128-CTR, its second half authenticates: ``mac = keccak256(derived[16:32] + ciphertext)``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .aes import counter_mode
from .curves import PUBLIC_ID
from .keccak import keccak256

# Twice geth's strong setting (n=262144, r=8); a keystore that asks for more is a way to exhaust the host.
_MAX_SCRYPT_BYTES = 512 * 1024 * 1024
_MAX_ITERATIONS = 10_000_000


class KeystoreError(Exception):
    """Says what is wrong with a keystore or its password; never carries a part of either."""


@dataclass(frozen=True)
class OpenKey:
    """A key that was decrypted: its public id is derived from it."""

    kind: str
    public_id: str
    secret: bytes = field(repr=False)


def kind_of(document: Mapping[str, Any]) -> str:
    """``ecdsa`` or ``bn254``, by the fields of the file."""
    if "pubKey" in document:
        return "bn254"
    if "address" in document or document.get("version") == 3:
        return "ecdsa"
    raise KeystoreError("neither a web3 secret storage file (version 3) nor a BLS keystore with pubKey")


def _hex(block: Mapping[str, Any], name: str) -> bytes:
    value = block.get(name)
    try:
        return bytes.fromhex(value.removeprefix("0x"))  # type: ignore[union-attr]
    except (AttributeError, TypeError, ValueError):
        raise KeystoreError(f"crypto.{name} is not hexadecimal") from None


def _number(block: Mapping[str, Any], name: str) -> int:
    value = block.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise KeystoreError(f"crypto.kdfparams.{name} is not a positive number")
    return value


def _block(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if not isinstance(value, dict):
        raise KeystoreError(f"{name} is missing or not an object")
    return value


def _derive(crypto: Mapping[str, Any], password: bytes) -> bytes:
    params = _block(crypto, "kdfparams")
    salt, length = _hex(params, "salt"), _number(params, "dklen")
    if not 32 <= length <= 64:
        raise KeystoreError("crypto.kdfparams.dklen is not between 32 and 64")
    kdf = crypto.get("kdf")
    if kdf == "scrypt":
        n, r, p = (_number(params, name) for name in ("n", "r", "p"))
        if n < 2 or n & (n - 1) or 128 * n * r > _MAX_SCRYPT_BYTES or p > 16:
            raise KeystoreError("crypto.kdfparams: n, r and p are out of range")
        try:
            return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, dklen=length, maxmem=2 * _MAX_SCRYPT_BYTES)
        except ValueError:
            raise KeystoreError("crypto.kdfparams: n, r and p break RFC 7914's bounds") from None
    if kdf == "pbkdf2":
        iterations = _number(params, "c")
        if params.get("prf") != "hmac-sha256" or iterations > _MAX_ITERATIONS:
            raise KeystoreError("crypto.kdfparams: prf is not hmac-sha256, or c is out of range")
        return hashlib.pbkdf2_hmac("sha256", password, salt, iterations, length)
    raise KeystoreError("crypto.kdf is neither scrypt nor pbkdf2")


def _claimed_id(document: Mapping[str, Any], kind: str) -> str:
    if kind == "bn254":
        return str(document["pubKey"])
    address = str(document.get("address", "")).lower()
    return address if not address or address.startswith("0x") else "0x" + address


def open_keystore(text: str, password: str) -> OpenKey:
    """The key inside a keystore file; raises ``KeystoreError`` for a malformed file, a wrong password or a foreign key."""
    try:
        document = json.loads(text)
    except ValueError:
        raise KeystoreError("not a JSON file") from None
    if not isinstance(document, dict):
        raise KeystoreError("not a JSON object")
    kind = kind_of(document)
    crypto = _block(document, "crypto")
    if crypto.get("cipher") != "aes-128-ctr":
        raise KeystoreError("crypto.cipher is not aes-128-ctr")
    ciphertext, counter = _hex(crypto, "ciphertext"), _hex(_block(crypto, "cipherparams"), "iv")
    if len(counter) != 16:
        raise KeystoreError("crypto.cipherparams.iv is not 16 bytes long")
    derived = _derive(crypto, password.encode())
    if not hmac.compare_digest(keccak256(derived[16:32] + ciphertext), _hex(crypto, "mac")):
        raise KeystoreError("the password does not open it")
    secret = counter_mode(derived[:16], counter, ciphertext)
    try:
        public_id = PUBLIC_ID[kind](secret)
    except ValueError as error:
        raise KeystoreError(str(error)) from None
    claimed = _claimed_id(document, kind)
    if claimed and claimed != public_id:
        raise KeystoreError(f"it says it is {claimed}, the key inside is {public_id}")
    return OpenKey(kind, public_id, secret)
