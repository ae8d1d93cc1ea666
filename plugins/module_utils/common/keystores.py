# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which key a keystore holds, as far as it says so, and by what two keystores are the same key. Pure.

Of a bare private key the id is derived. That of a keystore is claimed: the standard library has no AES to open one with, and scrypt as
keystores use it takes a second and 256 MiB a key. A claim that lies is a matter of the node, which compares it when it opens the key.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from .contents import as_bytes
from .curves import id_of
from .digests import canonical

# Names under which keystores state their public id, in the order in which one is shown: an address is the id of an ecdsa key, a point that
# of the others. Sources: web3 secret storage v3 (address), EIP-2335 (pubkey), EigenLayer's bn254 keystores (pubKey), those of other tools.
_ADDRESS = ("address",)
_POINT = ("pubkey", "publickey", "pubkeyg1", "publickeyg1", "pubkeyg2", "publickeyg2", "pubkeyhex", "publickeyhex")
_DEPTH = 8

_NUMBER = r"\s*(0x[0-9a-f]{1,64}|[0-9]{1,78})\s*"
_PAIR = re.compile(rf"(?:E\s*)?\(?\s*\[?{_NUMBER},{_NUMBER}\]?\s*\)?\Z", re.I)
_HEX = re.compile(r"(?:0x)?([0-9a-f]*)\Z", re.I)
_LONG = re.compile(r"(?:0x)?[0-9a-f]{40,}\Z", re.I)
_FINGERPRINT = re.compile(r"(?:sha256:)?[0-9a-f]{16}\Z")
_DECIMAL = re.compile(r"\s*[0-9]{1,78}\s*\Z")
_BARE = re.compile(r"\s*(?:0x)?([0-9a-f]{64})\s*\Z", re.I)
# gnark writes the sign of a bn254 point into the two highest bits, which its coordinates never use.
_SIGN = 3 << 254


KINDS = ("ecdsa", "bn254", "bls12381", "file")


def record_of(kind: str, value: str) -> dict[str, Any]:
    """What a result says of a key: ``kind``, ``fingerprint`` of the file, the ``public_id`` it claims, and ``marks``, any of which
    two keystores of one key have in common. ``value`` is the keystore as it travels; nothing of its secret part is in the record."""
    secret = _secret(kind, value)
    derived = id_of(kind, secret) if secret is not None else None
    ids = [derived] if derived else list(dict.fromkeys(_claims(kind, _document(value))))
    fingerprint = _fingerprint(as_bytes(value))
    marks = [f"key {same}" for same in dict.fromkeys(_same(kind, public) for public in ids) if same]
    marks += [f"content {text}" for text in dict.fromkeys((fingerprint, _fingerprint(_content(kind, value))))]
    return {"kind": kind, "fingerprint": fingerprint, "public_id": ids[0] if ids else None, "marks": marks}


def marks_of(record: Mapping[str, Any]) -> list[str]:
    """The marks of a record, also of one an older library made, which has none or states the id in another spelling."""
    if isinstance(record.get("marks"), (list, tuple)):
        return [str(mark) for mark in record["marks"]]
    public = record.get("public_id")
    found = [_same(str(record.get("kind", "")), public)] if isinstance(public, str) else []
    marks = [f"key {same}" for same in found if same]
    if record.get("fingerprint"):
        marks.append(f"content {record['fingerprint']}")
    return marks


def marks_named(text: str) -> set[str]:
    """Marks of the key a person names by its public id, in any spelling, or by the fingerprint of its keystore. Empty for what is neither."""
    given = text.strip()
    if _FINGERPRINT.match(given):
        return {f"content {given if given.startswith('sha256:') else f'sha256:{given}'}"}
    if not (_PAIR.match(given) or _LONG.match(given)):
        return set()
    return {f"key {same}" for same in (_same(kind, given) for kind in KINDS) if same}


def has_id(record: Mapping[str, Any]) -> bool:
    """Whether the key can be told from others whatever its file looks like."""
    return any(mark.startswith("key ") for mark in marks_of(record))


def public_id(kind: str, keystore: str) -> str | None:
    """The public id a keystore claims; not checked against the key itself."""
    found: str | None = record_of(kind, keystore)["public_id"]
    return found


def _document(value: str) -> Any:
    try:
        return json.loads(as_bytes(value))
    except (ValueError, RecursionError):
        return None


def _fingerprint(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()[:16]


def _secret(kind: str, value: str) -> int | None:
    """The number a bare private key is, in hex or, as tools for bn254 print it, in decimal digits."""
    bare = _BARE.match(value)
    if bare:
        return int(bare.group(1), 16)
    return int(value) if kind == "bn254" and _DECIMAL.match(value) else None


def _content(kind: str, value: str) -> bytes:
    """What stays the same however a file is written: of a keystore its encrypted part, of a bare key its digits, else all bytes."""
    document = _document(value)
    if isinstance(document, Mapping):
        crypto = next((part for name, part in document.items() if name.lower() == "crypto" and part), document)
        try:
            return canonical(crypto)
        except (ValueError, RecursionError):
            return as_bytes(value)
    secret = _secret(kind, value)
    return as_bytes(value).strip() if secret is None else f"{secret:064x}".encode()


def _claims(kind: str, document: Any) -> Iterator[str]:
    """Every id a document claims, the one that is shown first."""
    found = list(_fields(document, _DEPTH))
    if kind == "file":
        # It may be anything, also a document whose address is no public id and not to be shown.
        found = [(name, public) for name, public in found if _PAIR.match(public) or _LONG.match(public)]
    for names in (_ADDRESS, _POINT) if kind == "ecdsa" else (_POINT, _ADDRESS):
        for wanted in names:
            yield from (public for name, public in found if name == wanted)


def _fields(item: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Fields that name an id, in any case, with or without ``_`` and ``-``, at any depth but in the encrypted part."""
    if depth and isinstance(item, Mapping):
        for name, value in item.items():
            plain = str(name).lower().replace("_", "").replace("-", "")
            if plain in _ADDRESS or plain in _POINT:
                text = _text(value)
                if text:
                    yield plain, text
                    continue
            if plain != "crypto":
                yield from _fields(value, depth - 1)
    elif depth and isinstance(item, list):
        for value in item:
            yield from _fields(value, depth - 1)


def _text(value: Any) -> str | None:
    """An id as text; a point may be written as its two coordinates."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, Mapping):
        point = {str(name).lower(): part for name, part in value.items()}
        value = [point.get("x"), point.get("y")]
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, (str, int)) and not isinstance(part, bool) for part in value):
        text = "E([{},{}])".format(*value)
        return text if _PAIR.match(text) else None
    return None


def _same(kind: str, public: str) -> str:
    """One spelling of an id, however it was written; empty for one that says nothing.

    Of a point the first coordinate is enough: it belongs to a key and to its negative, which nobody else has either.
    """
    text = public.strip()
    pair = _PAIR.match(text)
    if pair:
        return _coordinate(int(pair.group(1), 16 if pair.group(1)[:2].lower() == "0x" else 10))
    digits = _HEX.match(text)
    if digits is None:
        return text
    spelled = digits.group(1).lower()
    if (len(spelled) == 130 and spelled[:2] == "04") or (len(spelled) == 66 and spelled[:2] in ("02", "03")):
        spelled = spelled[2:66]
    if kind == "bn254" and len(spelled) in (64, 128):
        return _coordinate(int(spelled[:64], 16) & ~_SIGN)
    if len(spelled) == 128:
        spelled = spelled[:64]
    return spelled if spelled.strip("0") else ""


def _coordinate(number: int) -> str:
    return f"{number:064x}" if number else ""
