# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The form of keys, before anything is sent: one finding each, which names the entry and never the content."""

from __future__ import annotations

import json

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.contents import as_text
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.base import Form, Need
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.file import FileRequest
from ansible_collections.restaking.avs.plugins.plugin_utils.secrets.forms import form_problems

from tests.lab.keystores import make_keystore
from tests.unit.support.keystores import eip2335, keystore, number, web3

CANARY = "canary-0123456789abcdef"
KINDS = ("ecdsa", "bn254", "bls12381")


def told(form: Form, value: str) -> list[str]:
    need = Need("demo-avs-op1", form.what, "avs_instances[0].keys.bls", FileRequest("x"), form=form)
    found = form_problems(need, value)
    assert all(item.place == need.place and item.severity == "error" for item in found) and len(found) <= 1
    assert all(CANARY not in item.as_line() and number("bare", 32) not in item.as_line() for item in found)
    return [f"{item.id} {item.message}" for item in found]


def key(kind: str, **changes: bool) -> Form:
    return Form("key.bls.keystore", kind, **changes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_keystore_of_its_kind(kind: str) -> None:
    assert told(key(kind), keystore(kind, CANARY)) == []
    assert told(key(kind), json.dumps(json.loads(keystore(kind, CANARY)), indent=2) + "\n") == []


@pytest.mark.parametrize("kind", ["ecdsa", "bn254"])
def test_what_the_operators_tool_writes(kind: str) -> None:
    assert told(key(kind), make_keystore(kind, "password", None, 16)[0]) == []


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("ecdsa", {"Crypto": web3(CANARY)["crypto"], "version": 3}),
        ("ecdsa", web3(CANARY, version="3")),
        ("bn254", web3(CANARY, publicKey="0x" + "ab" * 64)),
        ("bn254", eip2335(CANARY, pubKey="E([1,2])", curveType="bn254")),
        ("bn254", eip2335(CANARY, publicKey="ab" * 32, curveType="BN-254")),
        ("bn254", eip2335(CANARY, pubkey="ab" * 64)),
        ("bls12381", eip2335(CANARY)),
        ("bls12381", eip2335(CANARY, pubkey="0x" + "ab" * 48, curveType="bls12-381")),
    ],
)
def test_the_forms_real_tools_write(kind: str, document: dict[str, object]) -> None:
    assert told(key(kind), json.dumps(document)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_another_kinds_keystore(kind: str) -> None:
    for other in set(KINDS) - {kind}:
        (line,) = told(key(kind), keystore(other, CANARY))
        assert line.startswith("KEY-010") and f"is a keystore of kind {other}, not {kind}" in line


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        (CANARY, "is no JSON"),
        (number("bare", 32), "is no JSON"),
        (f'["{CANARY}"]', "no object"),
        (f'"{CANARY}"', "no object"),
        ("{}", "lacks the encrypted part"),
        (f'{{"crypto": "{CANARY}"}}', "lacks the encrypted part"),
        (f'{{"crypto": {{"ciphertext": "{CANARY}"}}}}', "lacks the encrypted part"),
        (json.dumps({**eip2335(CANARY), "version": 3}), "lacks the encrypted part"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_keystore(kind: str, value: str, words: str) -> None:
    (line,) = told(key(kind), value)
    assert words in line


def test_kind_file_is_anything_but_nothing() -> None:
    for value in (CANARY, as_text(b"\xff\x00"), "{}", keystore("ecdsa", CANARY)):
        assert told(key("file"), value) == []
    assert told(key("file"), "") != []


@pytest.mark.parametrize("value", [as_text(b"\xff\x00"), f"{CANARY}\0"])
def test_a_keystore_and_a_password_are_text(value: str) -> None:
    for form in (key("bn254"), Form("key.bls.password", "bn254", password=True), Form("key.x.password", "file", password=True)):
        (line,) = told(form, value)
        assert line.startswith("SEC-003") and "NUL" in line


def test_a_key_that_is_the_value_of_a_variable() -> None:
    for value in (number("bare", 32), f"0x{number('bare', 32)}", "1234567", keystore("ecdsa", CANARY)):
        assert told(key("ecdsa", variable=True), value) == []
    assert told(key("file", variable=True), CANARY) == []
    for form, value in (
        (key("ecdsa", variable=True), CANARY),
        (key("file", variable=True), f"{CANARY}\n{CANARY}"),
        (key("file", variable=True), as_text(b"\xff")),
    ):
        assert len(told(form, value)) == 1
