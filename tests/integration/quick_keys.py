# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a repository, wrapped anew so that it is opened in a moment.

restic chooses how long its passwords take to try: half a second of a processor, for each command. What tests ask of a repository does not depend
on that, and hundreds of commands take minutes. The key itself, all of the data and the password stay as restic made them.
Its format: https://restic.readthedocs.io/en/stable/100_references.html#keys-encryption-and-mac
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

_NONCE, _MAC = 16, 16
_EASY = {"N": 2, "r": 1, "p": 1}


def quicken(repository: Path, password: str) -> None:
    """Of a repository on this machine."""
    for path in (repository / "keys").iterdir():
        name, content = easy(path.read_bytes(), password)
        (path.parent / name).write_bytes(content)
        if name != path.name:
            path.chmod(0o600)
            path.unlink()


def quicken_at(run: Callable[[str], str], repository: str, password: str) -> None:
    """Of one on a host, where ``run`` runs commands."""
    folder = shlex.quote(f"{repository}/keys")
    for known in run(f"ls {folder}").split():
        name, content = easy(base64.b64decode(run(f"base64 {folder}/{known}")), password)
        run(
            f"cd {folder} && umask 077 && echo {base64.b64encode(content).decode()} | base64 -d >{name} && {{ [ {name} = {known} ] || rm -f {known}; }}"
        )


def easy(key: bytes, password: str) -> tuple[str, bytes]:
    """Name and content of a file of a key that is opened by the same password in no time."""
    known: dict[str, Any] = json.loads(key)
    master = _opened(base64.b64decode(known["data"]), _keys(known, password))
    new = {**known, **_EASY, "salt": base64.b64encode(os.urandom(64)).decode()}
    new["data"] = base64.b64encode(_sealed(master, _keys(new, password))).decode()
    content = json.dumps(new).encode()
    return hashlib.sha256(content).hexdigest(), content


def _keys(known: dict[str, Any], password: str) -> bytes:
    """That for what is encrypted (32 bytes), then the two of the code that proves it (16 each)."""
    salt = base64.b64decode(known["salt"])
    return hashlib.scrypt(password.encode(), salt=salt, n=known["N"], r=known["r"], p=known["p"], dklen=64, maxmem=1 << 28)


def _opened(sealed: bytes, keys: bytes) -> bytes:
    nonce, text = sealed[:_NONCE], sealed[_NONCE:-_MAC]
    assert _code(text, nonce, keys) == sealed[-_MAC:], "the password is another one"
    return _crypt(text, nonce, keys)


def _sealed(text: bytes, keys: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    hidden = _crypt(text, nonce, keys)
    return nonce + hidden + _code(hidden, nonce, keys)


def _crypt(text: bytes, nonce: bytes, keys: bytes) -> bytes:
    crypt = Cipher(algorithms.AES(keys[:32]), modes.CTR(nonce)).encryptor()
    return crypt.update(text) + crypt.finalize()


def _code(text: bytes, nonce: bytes, keys: bytes) -> bytes:
    once = Cipher(algorithms.AES(keys[32:48]), modes.ECB()).encryptor()
    return Poly1305.generate_tag(keys[48:64] + once.update(nonce) + once.finalize(), text)
