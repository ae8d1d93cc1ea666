# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By what two keystores are one key, in every form keystores have; and that nothing of the key itself is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.contents import as_bytes, as_text, is_binary
from ansible_collections.restaking.avs.plugins.module_utils.common.curves import CURVES, id_of, keccak256
from ansible_collections.restaking.avs.plugins.module_utils.common.keystores import has_id, marks_of, public_id, record_of
from ansible_collections.restaking.avs.plugins.module_utils.common.masking import Mask

from tests.lab.keystores import _scalar, make_keystore
from tests.lab.keystores import keccak256 as demo_keccak256
from tests.unit.support.keystores import eip2335, keystore, number, web3

X, Y = int(number("x", 31), 16), int(number("y", 31), 16)
POINT = f"E([{X},{Y}])"
COORDINATES = f"{X:064x}{Y:064x}"
COMPRESSED = f"{X | 2 << 254:064x}"
ADDRESS = number("a", 20)


def marks(kind: str, document: dict[str, Any] | str, crypto: str = "") -> set[str]:
    text = document if isinstance(document, str) else json.dumps({**document, **({"crypto": {"ciphertext": crypto}} if crypto else {})})
    return set(marks_of(record_of(kind, text)))


@pytest.mark.parametrize("name", ["address", "Address", "ADDRESS"])
@pytest.mark.parametrize("spelled", [ADDRESS, f"0x{ADDRESS}", f"0X{ADDRESS.upper()}", f" 0x{ADDRESS}\n"])
def test_an_address_in_any_spelling(name: str, spelled: str) -> None:
    assert marks("ecdsa", {name: spelled}, "one") & marks("ecdsa", {"address": ADDRESS}, "two")


@pytest.mark.parametrize("name", ["pubKey", "pubkey", "PubKey", "publicKey", "public_key", "PUBLIC-KEY", "publickey", "pubKeyG1"])
@pytest.mark.parametrize("spelled", [POINT, f"e([ {X} , {Y} ])", f"[{X},{Y}]", f"0x{COORDINATES}", COORDINATES.upper(), COMPRESSED,
                                     f"0x{X:064x}", f"04{COORDINATES}", [str(X), str(Y)], {"x": str(X), "y": str(Y)}, {"X": hex(X), "Y": hex(Y)}])  # fmt: skip
def test_a_point_in_any_spelling(name: str, spelled: Any) -> None:
    assert marks("bn254", {name: spelled}, "one") & marks("bn254", {"pubKey": POINT}, "two")


@pytest.mark.parametrize("nested", [{"key": {"pubkey": "ab" * 48}}, {"keys": [{"meta": {"public_key": "0x" + "AB" * 48}}]}])
def test_an_id_at_any_depth(nested: dict[str, Any]) -> None:
    assert marks("bls12381", nested, "one") & marks("bls12381", eip2335("two", pubkey="ab" * 48))


def test_an_address_beside_a_point() -> None:
    both = {"address": ADDRESS, "pubKey": POINT}
    for kind in ("ecdsa", "bn254", "file", ""):
        assert marks(kind, both, "one") & marks(kind, {"address": ADDRESS}, "two")
        assert marks(kind, both, "one") & marks(kind, {"pubKey": POINT}, "two")
    assert public_id("ecdsa", json.dumps(both)) == ADDRESS and public_id("bn254", json.dumps(both)) == POINT


def test_the_same_content_however_it_is_written() -> None:
    document = web3("canary")
    for other in (json.dumps(document, indent=2), json.dumps(document) + "\n", json.dumps({**document, "id": "other"})):
        assert marks("ecdsa", document) & marks("ecdsa", other)
    assert not marks("ecdsa", document) & marks("ecdsa", web3("canary of another"))
    key = number("bare", 32)
    assert marks("ecdsa", key) & marks("ecdsa", f"0x{key.upper()}\n") and not marks("ecdsa", key) & marks("ecdsa", number("other", 32))
    opaque = as_text(b"\xff\x00\x01")
    assert marks("file", opaque) == marks("file", opaque) and not marks("file", opaque) & marks("file", as_text(b"\xff\x00\x02"))


@pytest.mark.parametrize("kind", ["ecdsa", "bn254"])
def test_a_private_key_is_known_by_the_id_its_keystore_states(kind: str) -> None:
    document, public = make_keystore(kind, "password", b"seed", 16)
    secret = _scalar(b"seed", kind).hex()
    for spelled in (secret, f"0x{secret.upper()}\n"):
        record = record_of(kind, spelled)
        assert record["public_id"] == public and secret not in json.dumps(record)
        assert set(marks_of(record)) & marks(kind, document)
    # Of bytes of any kind nobody says that they are a key.
    assert record_of("file", secret)["public_id"] is None
    if kind == "bn254":
        assert record_of(kind, str(int(secret, 16)))["public_id"] == public


def test_known_public_ids() -> None:
    """The address and the points of the private key 1; a validator's key of EIP-2333's and EIP-2335's test vectors."""
    assert id_of("ecdsa", 1) == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    assert id_of("bn254", 1) == "E([1,2])"
    assert id_of("bls12381", 0x000000000019D6689C085AE165831E934FF763AE46A2A6C172B3F1B60A8CE26F) == (
        "9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07"
    )
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    for kind, curve in CURVES.items():
        assert curve.public(curve.order) is None and curve.public(curve.order - 1) is not None
        assert id_of(kind, 0) is None and id_of(kind, curve.order) is None
    assert id_of("file", 1) is None


@pytest.mark.parametrize("size", [0, 1, 135, 136, 137, 272, 300])
def test_keccak_agrees_with_the_demo_nodes(size: int) -> None:
    assert keccak256(bytes(range(256))[:size] * 2) == demo_keccak256(bytes(range(256))[:size] * 2)


@pytest.mark.parametrize("public", ["", "0x", "0x" + "0" * 40, "E([0,0])", None, 5, {}, [], ["a", "b"], {"x": 1}])
def test_what_says_nothing_is_nobodys_id(public: Any) -> None:
    record = record_of("bn254", json.dumps({"pubKey": public, "crypto": {"ciphertext": "c"}}))
    assert not has_id(record)


@pytest.mark.parametrize("text", ["", "[1]", "-----BEGIN", "{", "[" * 100_000, '{"crypto": NaN}',
                                  '{"crypto": "\\ud800"}', '{"pubKey": "E([' + "9" * 9_999 + ',1])"}'])  # fmt: skip
def test_odd_keystores_have_a_fingerprint_and_no_more(text: str) -> None:
    record = record_of("bn254", text)
    assert record["fingerprint"].startswith("sha256:") and marks_of(record)


def test_records_of_an_older_library() -> None:
    """They state no marks, and another spelling or no id at all."""
    mine = record_of("bn254", keystore("bn254", "canary", POINT))
    old = {"kind": "bn254", "fingerprint": "sha256:0", "public_id": f"0x{COORDINATES}"}
    assert set(marks_of(mine)) & set(marks_of(old))
    nameless = {"kind": "bn254", "fingerprint": mine["fingerprint"], "public_id": None}
    assert set(marks_of(mine)) & set(marks_of(nameless)) and not has_id(nameless)
    assert marks_of({}) == []


def test_a_record_says_nothing_of_the_key() -> None:
    for kind in ("ecdsa", "bn254", "bls12381"):
        assert "canary" not in json.dumps(record_of(kind, keystore(kind, "canary-0123456789")))
    secret = number("bare", 32)
    for value in (secret, f"0x{secret}", json.dumps({"private_key": secret}), json.dumps({"address": "postgres://user:canary@host"})):
        told = json.dumps(record_of("file", value))
        assert secret not in told and "canary" not in told
    # A field within the encrypted part is no claim.
    assert record_of("ecdsa", json.dumps({"crypto": {"address": secret}}))["public_id"] is None


@pytest.mark.parametrize(
    "content", [b"", b"text", "\u00e9\n".encode(), b"\x00", b"a\x00b", b"\xff\xfe", bytes(range(256)), b"\x00base64:AAAA", b"base64:AAAA"]
)
def test_every_content_travels_unchanged(content: bytes) -> None:
    value = as_text(content)
    assert as_bytes(json.loads(json.dumps(value))) == content
    assert is_binary(value) is (b"\0" in content or content in (b"\xff\xfe", bytes(range(256))))
    if not is_binary(value):
        assert value == content.decode()


def test_bytes_are_hidden_in_the_form_in_which_they_travel() -> None:
    value = as_text(b"\xffcanary-canary-canary")
    shown = value.partition(":")[2]
    assert shown not in Mask([value])(f"died over {shown} and {value!r}")
