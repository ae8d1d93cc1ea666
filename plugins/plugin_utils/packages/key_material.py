# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds keys where none belong: in a package (KEY-001). Never repeats what it finds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from ..fetching.tree import FILE, Entry, FileTree

_MAX_SCANNED = 2 << 20

# Every repetition is bounded: the files are untrusted, and a scan must stay linear in their size.
_PEM = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----\s{1,4}[A-Za-z0-9+/=:,\- \r\n]{40}")
_WORDS = rb"(?:private_?key|priv_?key|privkey|secret_?key|bls_?key|ecdsa_?key|private_?bls|private_?ecdsa)"
_NAME = rb"(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]{0,60}?" + _WORDS + rb"[A-Za-z0-9_.-]{0,60}"
_IS = rb"[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?"
_HEX = re.compile(rb"(?i)(?P<name>" + _NAME + rb")" + _IS + rb"(?:0x)?(?P<key>[0-9a-f]{64})(?![0-9a-f])")
_PHRASE = re.compile(
    rb"(?i)(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]{0,60}?(?:mnemonic|seed_?phrase)[A-Za-z0-9_.-]{0,60}"
    + _IS
    + rb"[a-z]{3,8}(?: {1,4}[a-z]{3,8}){11,23}(?![a-z])"
)
_PUBLIC = re.compile(rb"(?i)public|pub_?key|address|hash|digest|sha256")


def key_material(files: FileTree, entries: Iterable[Entry]) -> list[Finding]:
    """KEY-001 for every file that holds a private key, a keystore or a mnemonic."""
    scanned = [entry.path for entry in entries if entry.kind == FILE and 0 < entry.size <= _MAX_SCANNED]
    return [finding("KEY-001", path, f"holds {what}") for path, data in files.read(scanned) for what in _found(data)]


def _found(data: bytes) -> Iterator[str]:
    if b"\0" in data[:4096]:
        return
    if _PEM.search(data):
        yield "a private key in PEM form"
    if any(not _PUBLIC.search(match["name"]) and len(set(match["key"].lower())) > 4 for match in _HEX.finditer(data)):
        yield "a private key in hexadecimal form"
    if _PHRASE.search(data):
        yield "a mnemonic"
    if data.lstrip()[:1] == b"{" and _is_keystore(data):
        yield "a keystore"


def _is_keystore(data: bytes) -> bool:
    """Web3 secret storage and EIP-2335: an object with a ``crypto`` part that holds a cipher text or a cipher."""
    if b"cipher" not in data:
        return False
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    crypto = document.get("crypto", document.get("Crypto")) if isinstance(document, dict) else None
    return isinstance(crypto, dict) and ("ciphertext" in crypto or "cipher" in crypto)
