# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hash, cipher and curves against published vectors and against other implementations."""

from __future__ import annotations

import hashlib
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from demo_avs.aes import counter_mode, encrypt_block
from demo_avs.curves import BN254, SECP256K1, Curve, bn254_public_id, ecdsa_public_id
from demo_avs.keccak import keccak256, sponge256


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"The quick brown fox jumps over the lazy dog", "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15"),
    ],
)
def test_keccak_vectors(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest


@pytest.mark.parametrize("length", [0, 1, 63, 64, 134, 135, 136, 137, 271, 272, 273, 500])
def test_the_sponge_is_that_of_sha3(length: int) -> None:
    """Keccak-256 and SHA3-256 differ in one byte of the padding."""
    data = secrets.token_bytes(length)
    assert sponge256(data, 0x06) == hashlib.sha3_256(data).digest()


def test_aes_vector_of_fips_197() -> None:
    key, block = bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")
    assert encrypt_block(key, block).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


@pytest.mark.parametrize("length", [0, 1, 16, 32, 45])
@pytest.mark.parametrize("counter", [bytes(16), b"\xff" * 16])
def test_counter_mode_is_that_of_cryptography(length: int, counter: bytes) -> None:
    key, data = secrets.token_bytes(16), secrets.token_bytes(length)
    other = Cipher(algorithms.AES128(key), modes.CTR(counter)).encryptor()
    assert counter_mode(key, counter, data) == other.update(data) + other.finalize()


def test_public_points_of_secp256k1_are_those_of_cryptography() -> None:
    for _attempt in range(3):
        scalar = secrets.randbelow(SECP256K1.order - 1) + 1
        numbers = ec.derive_private_key(scalar, ec.SECP256K1()).public_key().public_numbers()
        assert SECP256K1.public_point(scalar) == (numbers.x, numbers.y)


def test_known_public_ids() -> None:
    one, two = (1).to_bytes(32, "big"), (2).to_bytes(32, "big")
    assert ecdsa_public_id(one) == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    assert bn254_public_id(one) == "E([1,2])"
    # 2 * (1, 2), as EIP-196's test vectors have it.
    assert bn254_public_id(two) == (
        f"E([{0x030644E72E131A029B85045B68181585D97816A916871CA8D3C208C16D87CFD3},"
        f"{0x15ED738C0E0A7C92E7845F96B2AE9C0A68A6A449E3538FC7FF3EBF7A5A18A2C4}])"
    )


@pytest.mark.parametrize(("curve", "constant"), [(SECP256K1, 7), (BN254, 3)])
def test_the_group_has_its_order(curve: Curve, constant: int) -> None:
    x, y = curve.public_point(secrets.randbelow(curve.order - 1) + 1)
    assert (y * y - x * x * x - constant) % curve.prime == 0
    assert curve.public_point(curve.order - 1) == (curve.generator[0], curve.prime - curve.generator[1])
    assert curve.add(curve.public_point(curve.order - 1), curve.generator) is None


@pytest.mark.parametrize("curve", [SECP256K1, BN254])
def test_scalars_out_of_range_are_no_keys(curve: Curve) -> None:
    for scalar in (0, curve.order, curve.order + 1):
        with pytest.raises(ValueError, match="range"):
            curve.public_point(scalar)
