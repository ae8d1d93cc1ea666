# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules a package is held to before an install: compose files, key material."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from ansible_collections.restaking.avs.plugins.module_utils.common.findings import Finding
from ansible_collections.restaking.avs.plugins.plugin_utils.fetching.tree import FolderTree
from ansible_collections.restaking.avs.plugins.plugin_utils.packages.key_material import key_material

from tests.unit.support.builders import write

HEX = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


WORDS = "abandon ability able about above absent absorb abstract absurd abuse access accident"


PEM = "-----BEGIN EC PRIVATE KEY-----\n" + "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY0uE\n" * 2 + "-----END EC PRIVATE KEY-----\n"


KEYSTORE = json.dumps({"version": 3, "crypto": {"cipher": "aes-128-ctr", "ciphertext": "00", "kdf": "scrypt"}})


EIP2335 = json.dumps({"version": 4, "crypto": {"kdf": {}, "checksum": {}, "cipher": {"message": "00"}}})


def scan(tmp_path: Path, text: str) -> list[Finding]:
    tree = FolderTree(write(tmp_path / "k", {"file": text}))
    return key_material(tree, tree.entries())


@pytest.mark.parametrize("text", [
    f"PRIVATE_KEY=0x{HEX}", f"NODE_PRIVATE_BLS={HEX}", f'environment: {{ECDSA_KEY: "{HEX.upper()}"}}', f'{{"privateKey":"0x{HEX}"}}',
    f"  - OPERATOR_PRIVKEY={HEX}",
    f"MNEMONIC={WORDS}", f'seed_phrase: "{WORDS}"', PEM, KEYSTORE, EIP2335,
])  # fmt: skip
def test_key_material_is_found_and_not_repeated(tmp_path: Path, text: str) -> None:
    (found,) = scan(tmp_path, text)
    assert (found.id, found.severity, found.place) == ("KEY-001", "error", "file")
    assert HEX[:8] not in found.as_line().lower() and WORDS[:15] not in found.as_line()


@pytest.mark.parametrize("text", [
    "PRIVATE_KEY=", "PRIVATE_KEY=0x" + "0" * 64, f"PUBLIC_KEY={HEX}", f"TX_HASH=0x{HEX}", f"image: x@sha256:{HEX}", f"PRIVATE_KEY_SHA256={HEX}",
    "MNEMONIC=", "description: " + WORDS, "-----BEGIN PUBLIC KEY-----\n" + "A" * 60, "-----BEGIN PRIVATE KEY-----\n...", '{"crypto": "none"}', "{}", "{",
    "PRIVATE_KEY_FILE=/keys/ecdsa.json", f"SIGNING_KEY={HEX}aa",
])  # fmt: skip
def test_what_is_no_key_material(tmp_path: Path, text: str) -> None:
    assert scan(tmp_path, text) == []


@pytest.mark.parametrize(
    "text", ["-" * 2_000_000, "a" * 2_000_000, "private_key" * 150_000, "mnemonic " * 200_000, "-----BEGIN A " * 150_000, "{" * 100_000]
)
def test_scanning_takes_linear_time(tmp_path: Path, text: str) -> None:
    started = time.monotonic()
    scan(tmp_path, text)
    assert time.monotonic() - started < 8
