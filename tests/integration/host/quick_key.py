# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of restic's repositories that are opened in no time.

restic takes half a second of work to try a password, by design, and does so in each command. How much it takes is written in a key's file, so
a test's own repository can have one that takes none. The format: https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac
"""

from __future__ import annotations

import atexit
import base64
import functools
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

PASSWORD = "secret"
_MASK = bytes.fromhex("ffffff0ffcffff0ffcffff0ffcffff0f")


def quick(key: bytes, password: str) -> bytes:
    """The content of a key's file, with the same master key in it."""
    found = json.loads(key)
    master = _opened(_derived(found, password), base64.b64decode(found["data"]))
    other = {**found, "N": 2, "r": 1, "p": 1}
    return json.dumps({**other, "data": base64.b64encode(_sealed(_derived(other, password), master)).decode()}).encode()


def make(place: Path) -> None:
    """An empty repository in a folder, with such a key, for ``PASSWORD``."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_made(), place)


@functools.cache
def _made() -> Path:
    """One for all: to make one takes seconds."""
    folder = Path(tempfile.mkdtemp(prefix="avs-restic-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "password").write_text(PASSWORD)
    line = ["restic", "--no-cache", "-q", "-r", str(folder / "made"), "--password-file", str(folder / "password"), "init"]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    [path] = (folder / "made" / "keys").iterdir()
    content = quick(path.read_bytes(), PASSWORD)
    path.unlink()
    (folder / "made" / "keys" / hashlib.sha256(content).hexdigest()).write_bytes(content)
    return folder / "made"


def _derived(key: dict[str, str | int], password: str) -> bytes:
    salt, cost = base64.b64decode(str(key["salt"])), {name.lower(): int(key[name]) for name in ("N", "r", "p")}
    return hashlib.scrypt(password.encode(), salt=salt, dklen=64, maxmem=1 << 30, **cost)


def _crypted(derived: bytes, nonce: bytes, text: bytes) -> bytes:
    return Cipher(algorithms.AES(derived[:32]), modes.CTR(nonce)).encryptor().update(text)


def _mac(derived: bytes, nonce: bytes, text: bytes) -> bytes:
    once = Cipher(algorithms.AES(derived[32:48]), modes.ECB()).encryptor().update(nonce)
    part = bytes(one & mask for one, mask in zip(derived[48:64], _MASK))
    return Poly1305.generate_tag(part + once, text)


def _opened(derived: bytes, sealed: bytes) -> bytes:
    nonce, text, mac = sealed[:16], sealed[16:-16], sealed[-16:]
    assert _mac(derived, nonce, text) == mac, "another password"
    return _crypted(derived, nonce, text)


def _sealed(derived: bytes, text: bytes) -> bytes:
    nonce = os.urandom(16)
    sealed = _crypted(derived, nonce, text)
    return nonce + sealed + _mac(derived, nonce, sealed)
