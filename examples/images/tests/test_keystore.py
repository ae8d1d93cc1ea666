# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keystores: the generator of the lab against the reader of the node, and both against the published format."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from demo_avs.keys import KeyFolder
from demo_avs.keystore import KeystoreError, open_keystore
from demo_avs.log import Log

from examples.images.tests.support import PASSWORDS, put_keys
from tests.lab.keystores import main, make_keystore, write_pair

# The PBKDF2 test vector of the web3 secret storage definition.
VECTOR = {
    "crypto": {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    },
    "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
    "version": 3,
}


def test_the_published_vector_opens() -> None:
    key = open_keystore(json.dumps(VECTOR), "testpassword")
    assert key.kind == "ecdsa"
    assert key.secret.hex() == "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    assert key.public_id == "0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b"
    assert key.secret.hex() not in repr(key) and repr(key.secret) not in repr(key)


@pytest.mark.parametrize("kind", ["ecdsa", "bn254"])
@pytest.mark.parametrize("password", ["", "plain", "spaces and päss 'quotes' \"$\\"])
def test_round_trip(kind: str, password: str) -> None:
    document, public_id = make_keystore(kind, password, None, 16)
    key = open_keystore(document, password)
    assert (key.kind, key.public_id) == (kind, public_id)
    with pytest.raises(KeystoreError, match="password does not open"):
        open_keystore(document, password + "x")


def test_a_seed_repeats_the_key_but_not_its_encryption() -> None:
    first, second = (make_keystore("bn254", "p", b"seed", 16) for _attempt in range(2))
    assert first[1] == second[1] != make_keystore("bn254", "p", b"other", 16)[1]
    assert first[0] != second[0]


def test_the_files_have_the_shape_of_eigenlayer_cli() -> None:
    bls, public_id = make_keystore("bn254", "p", None, 16)
    assert set(json.loads(bls)) == {"pubKey", "crypto"} and json.loads(bls)["pubKey"] == public_id
    ecdsa, address = make_keystore("ecdsa", "p", None, 16)
    document = json.loads(ecdsa)
    assert set(document) == {"address", "crypto", "id", "version"} and document["version"] == 3
    assert "0x" + document["address"] == address
    assert document["crypto"]["kdf"] == "scrypt" and document["crypto"]["kdfparams"]["n"] == 16


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="bls12381"):
        make_keystore("bls12381", "p")


def changed(path: str, value: Any) -> str:
    document = json.loads(make_keystore("bn254", "p", None, 16)[0])
    *parents, last = path.split(".")
    place = document
    for part in parents:
        place = place[part]
    place[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("crypto", None, "crypto is missing"),
        ("crypto.cipher", "aes-256-gcm", "cipher"),
        ("crypto.kdf", "md5", "kdf"),
        ("crypto.mac", "zz", "crypto.mac is not hexadecimal"),
        ("crypto.mac", 12, "crypto.mac is not hexadecimal"),
        ("crypto.ciphertext", "00" * 32, "password does not open"),
        ("crypto.cipherparams.iv", "00", "16 bytes"),
        ("crypto.kdfparams.n", 1 << 30, "out of range"),
        ("crypto.kdfparams.n", 17, "out of range"),
        ("crypto.kdfparams.r", 0, "crypto.kdfparams.r"),
        ("crypto.kdfparams.dklen", 16, "dklen"),
        ("pubKey", "E([1,2])", "the key inside is"),
    ],
)
def test_malformed_keystores_are_named(path: str, value: Any, problem: str) -> None:
    with pytest.raises(KeystoreError, match=problem):
        open_keystore(changed(path, value), "p")


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"version": 4}'])
def test_what_is_no_keystore_is_refused(text: str) -> None:
    with pytest.raises(KeystoreError):
        open_keystore(text, "p")


def test_a_flipped_bit_of_the_counter_gives_another_key_and_is_noticed() -> None:
    """The MAC does not cover the counter: only the public id does."""
    document = json.loads(make_keystore("ecdsa", "p", None, 16)[0])
    counter = bytearray.fromhex(document["crypto"]["cipherparams"]["iv"])
    counter[0] ^= 1
    document["crypto"]["cipherparams"]["iv"] = counter.hex()
    with pytest.raises(KeystoreError, match=r"the key inside is|range of its curve"):
        open_keystore(json.dumps(document), "p")


def test_the_command_writes_a_pair_that_opens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pass").write_text("given\n")
    folder = tmp_path / "keys"
    assert main(["bn254", str(folder), "bls", "--password-file", str(tmp_path / "pass"), "--n", "16"]) == 0
    assert (folder / "bls.password").read_text() == "given"
    key = open_keystore((folder / "bls.json").read_text(), "given")
    assert capsys.readouterr().out == key.public_id + "\n"
    assert [stat.S_IMODE((folder / name).stat().st_mode) for name in ("bls.json", "bls.password")] == [0o600, 0o600]
    assert sorted(path.name for path in folder.iterdir()) == ["bls.json", "bls.password"]


def folder_of(path: Path) -> tuple[KeyFolder, io.StringIO]:
    stream = io.StringIO()
    return KeyFolder(str(path), Log("node", stream=stream)), stream


def events(stream: io.StringIO) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(line["security"] for line in lines)
    return [(line["event"], line["name"]) for line in lines]


def test_a_folder_is_read_and_watched(tmp_path: Path) -> None:
    ids = put_keys(tmp_path)
    keys, stream = folder_of(tmp_path)
    assert keys.refresh() and not keys.refresh()
    assert {state.name: state.key.public_id for state in keys.loaded if state.key} == ids
    (tmp_path / "bls.password").write_text("wrong")
    assert keys.refresh()
    assert [state.name for state in keys.loaded] == ["ecdsa"]
    (tmp_path / "bls.password").write_text(PASSWORDS["bls"] + "\n")
    (tmp_path / "ecdsa.json").unlink()
    assert keys.refresh()
    assert [state.name for state in keys.states] == ["bls"]
    assert events(stream) == [
        ("key_loaded", "bls"),
        ("key_loaded", "ecdsa"),
        ("key_failed", "bls"),
        ("key_loaded", "bls"),
        ("key_removed", "ecdsa"),
    ]


def test_a_missing_password_is_named(tmp_path: Path) -> None:
    put_keys(tmp_path)
    (tmp_path / "bls.password").unlink()
    keys, _stream = folder_of(tmp_path)
    keys.refresh()
    failed = next(state for state in keys.states if state.name == "bls")
    assert failed.as_dict()["problem"] == f"{tmp_path}/bls.password is missing"


def place(root: Path, number: int) -> str:
    """Version ``number`` of a key the way a host stages it: a folder, then the link ``..data`` swapped."""
    document, public_id = make_keystore("bn254", f"password {number}", None, 16)
    write_pair(root / f"..v{number}", "bls", document, f"password {number}")
    link = root / "..next"
    link.symlink_to(f"..v{number}")
    link.rename(root / "..data")
    return public_id


def test_a_swapped_link_changes_key_and_password_together(tmp_path: Path) -> None:
    first = place(tmp_path, 1)
    for suffix in ("json", "password"):
        os.symlink(f"..data/bls.{suffix}", tmp_path / f"bls.{suffix}")
    keys, stream = folder_of(tmp_path)
    keys.refresh()
    assert [state.key.public_id for state in keys.loaded if state.key] == [first]
    second = place(tmp_path, 2)
    assert keys.refresh()
    assert [state.key.public_id for state in keys.loaded if state.key] == [second] != [first]
    assert events(stream) == [("key_loaded", "bls"), ("key_changed", "bls")]
    assert "password 1" not in stream.getvalue() and "password 2" not in stream.getvalue()


def test_no_folder_is_no_keys(tmp_path: Path) -> None:
    keys, _stream = folder_of(tmp_path / "nothing")
    keys.refresh()
    assert keys.states == []
