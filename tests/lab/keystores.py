# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keystores for tests: fresh keys, encrypted as eigenlayer-cli does it, so that any reader's password check passes.

``python -m tests.lab.keystores bn254 FOLDER NAME`` writes ``FOLDER/NAME.json`` and ``FOLDER/NAME.password`` and prints
the public id. The password is made up unless ``--password-file`` names one.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import secrets
import sys
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

# The demo node brings the two things `cryptography` lacks: Keccak-256 and the curve alt_bn128.
sys.path.append(str(Path(__file__).resolve().parents[2] / "examples" / "images" / "demo-avs"))
keccak256 = importlib.import_module("demo_avs.keccak").keccak256
BN254 = importlib.import_module("demo_avs.curves").BN254

KINDS = ("ecdsa", "bn254")
_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _address(secret: bytes) -> str:
    numbers = ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256K1()).public_key().public_numbers()
    digest: bytes = keccak256(numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big"))
    return "0x" + digest[-20:].hex()


def _scalar(seed: bytes | None, kind: str) -> bytes:
    """A private key of the curve: random, or the same one for the same seed."""
    material = secrets.token_bytes(48) if seed is None else hashlib.shake_256(kind.encode() + b"\0" + seed).digest(48)
    order: int = BN254.order if kind == "bn254" else _SECP256K1_ORDER
    return (int.from_bytes(material, "big") % (order - 1) + 1).to_bytes(32, "big")


def _crypto(secret: bytes, password: str, n: int) -> dict[str, object]:
    salt, counter = secrets.token_bytes(32), secrets.token_bytes(16)
    derived = Scrypt(salt=salt, length=32, n=n, r=8, p=1).derive(password.encode())
    encryptor = Cipher(algorithms.AES128(derived[:16]), modes.CTR(counter)).encryptor()
    ciphertext = encryptor.update(secret) + encryptor.finalize()
    return {
        "cipher": "aes-128-ctr",
        "ciphertext": ciphertext.hex(),
        "cipherparams": {"iv": counter.hex()},
        "kdf": "scrypt",
        "kdfparams": {"dklen": 32, "n": n, "p": 1, "r": 8, "salt": salt.hex()},
        "mac": keccak256(derived[16:32] + ciphertext).hex(),
    }


def make_keystore(kind: str, password: str, seed: bytes | None = None, n: int = 4096) -> tuple[str, str]:
    """``(keystore JSON, public id)`` of a new key of kind ``ecdsa`` or ``bn254``.

    ``seed`` makes the key (not its encryption) repeatable. ``n`` is scrypt's cost; real keystores have 262144, which
    takes a second and 256 MiB. The public id is an address (``0x...``) or a point (``E([x,y])``).
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of keystore made here: {', '.join(KINDS)}")
    secret = _scalar(seed, kind)
    crypto = _crypto(secret, password, n)
    if kind == "bn254":
        x, y = BN254.public_point(int.from_bytes(secret, "big"))
        public_id = f"E([{x},{y}])"
        return json.dumps({"pubKey": public_id, "crypto": crypto}), public_id
    public_id = _address(secret)
    document = {"address": public_id.removeprefix("0x"), "crypto": crypto, "id": str(uuid.uuid4()), "version": 3}
    return json.dumps(document), public_id


def write_pair(folder: Path, name: str, keystore: str, password: str) -> None:
    """``<name>.json`` and ``<name>.password``, readable by their owner only, each replaced in one step."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for suffix, text in ((".json", keystore), (".password", password)):
        temporary = folder / f".{name}{suffix}.tmp"
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
            handle.write(text)
        temporary.rename(folder / (name + suffix))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.keystores", description="Make a keystore for tests.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--password-file", type=Path, help="take the password from this file (a newline at its end is dropped)")
    parser.add_argument("--n", type=int, default=4096, help="scrypt's cost, a power of two (default 4096)")
    options = parser.parse_args(argv)
    password = secrets.token_urlsafe(24)
    if options.password_file is not None:
        password = options.password_file.read_text(encoding="utf-8").removesuffix("\n")
    keystore, public_id = make_keystore(options.kind, password, None, options.n)
    write_pair(options.folder, options.name, keystore, password)
    print(public_id)
    return 0


if __name__ == "__main__":
    sys.exit(main())
