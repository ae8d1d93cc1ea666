# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a value has the form of what it is to be: a keystore of its kind, a password. Says what is wrong and never repeats any of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...module_utils.common.contents import as_bytes
from ...module_utils.common.findings import Finding
from ...module_utils.common.rules import finding
from .base import Form, Need

_WEB3 = "web3 secret storage version 3"
_EIP2335 = "EIP-2335 version 4"
_BARE = re.compile(r"\s*(?:(?:0x)?[0-9a-fA-F]{64}|[0-9]{1,78})\s*\Z")
# EIP-2335 states 48 bytes of BLS12-381; a bn254 keystore of that form names its curve, or has a public key of another length.
_BLS12381_DIGITS = 96
FORMS: Mapping[str, str] = {
    "ecdsa": f"a keystore of {_WEB3}",
    "bls12381": f"a keystore of {_EIP2335}",
    "bn254": "a bn254 keystore: pubKey with crypto as web3 keystores have it, or the form of EIP-2335",
}


def form_problems(need: Need, value: str) -> list[Finding]:
    """What is wrong with the form of a key's value (rule KEY-010; SEC-003 where it is not even text); ``value`` as it travels."""
    if need.form is not None and "\0" in value and (need.form.kind != "file" or need.form.password or need.form.variable):
        message = f"what {need.name} leads to holds a NUL byte or is not text, which no variable and no keystore or password can be"
        return [finding("SEC-003", need.place, message, "Store the keystore and its password as text.")]
    problem = _problem(need.form, value) if need.form is not None else None
    return [] if problem is None else [finding("KEY-010", need.place, *problem)]


def _problem(form: Form, value: str) -> tuple[str, str] | None:
    """The message and what to do."""
    if form.variable and "\n" in value:
        message = f"what {form.what} leads to is to be the value of a variable, and has more than one line"
        return message, "Store one line of text, or give the key a path (keystore_env)."
    if form.password:
        return None
    if not as_bytes(value).strip():
        return f"what {form.what} leads to is empty", "Store the key there."
    if form.kind == "file" or (form.variable and _BARE.match(value)):
        return None
    wrong = _keystore_problem(form.kind, value)
    if wrong is None:
        return None
    return f"what {form.what} leads to {wrong}", f"Store {FORMS[form.kind]} there, or correct the key's kind."


def _keystore_problem(kind: str, value: str) -> str | None:
    try:
        document = json.loads(as_bytes(value))
    except (ValueError, RecursionError):
        return "is not a keystore: it is no JSON"
    if not isinstance(document, Mapping):
        return "is not a keystore: it is JSON, but no object"
    found = set(_kinds(document))
    if not found:
        return "is not a keystore: it lacks the encrypted part (crypto) of every known form"
    if kind not in found:
        return f"is a keystore of kind {' or '.join(sorted(found))}, not {kind}"
    return None


def _kinds(document: Mapping[str, Any]) -> Iterator[str]:
    """The kinds whose form a document has."""
    fields = {str(name).lower().replace("_", ""): value for name, value in document.items()}
    crypto = fields.get("crypto")
    if not isinstance(crypto, Mapping):
        return
    point = fields.get("pubkey") or fields.get("publickey")
    if _is_text(crypto.get("ciphertext")) and _is_text(crypto.get("kdf")):
        if str(fields.get("version", "")) == "3":
            yield "ecdsa"
        # The legacy form of bn254 is web3's with the point in place of the address, and without a version.
        if point:
            yield "bn254"
    elif isinstance(crypto.get("kdf"), Mapping) and _is_text(_message(crypto.get("cipher"))) and str(fields.get("version", "")) == "4":
        curve = str(fields.get("curvetype") or "").lower().replace("-", "")
        digits = len(point.lower().removeprefix("0x")) if isinstance(point, str) else None
        if not curve.startswith("bn") and (digits in (None, 0, _BLS12381_DIGITS)):
            yield "bls12381"
        if curve.startswith("bn") or (not curve and digits != _BLS12381_DIGITS and point):
            yield "bn254"


def _message(cipher: Any) -> Any:
    return cipher.get("message") if isinstance(cipher, Mapping) else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
