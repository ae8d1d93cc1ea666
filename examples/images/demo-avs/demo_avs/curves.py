# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Public keys of the two curves EigenLayer operators sign with: secp256k1 and alt_bn128 (G1).

Sources: SEC 2 (secp256k1), EIP-196 (alt_bn128). Both are y^2 = x^3 + b. Not constant time: it runs once a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .keccak import keccak256

Point = Optional[tuple[int, int]]


@dataclass(frozen=True)
class Curve:
    prime: int
    order: int
    generator: tuple[int, int]

    def add(self, left: Point, right: Point) -> Point:
        """Sum of two points; ``None`` is the point at infinity."""
        if left is None or right is None:
            return right if left is None else left
        (x1, y1), (x2, y2) = left, right
        if x1 == x2:
            if (y1 + y2) % self.prime == 0:
                return None
            slope = 3 * x1 * x1 * pow(2 * y1, -1, self.prime)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, self.prime)
        x3 = (slope * slope - x1 - x2) % self.prime
        return x3, (slope * (x1 - x3) - y1) % self.prime

    def public_point(self, scalar: int) -> tuple[int, int]:
        """``scalar`` times the generator; raises ``ValueError`` for a scalar that is no private key."""
        if not 0 < scalar < self.order:
            raise ValueError("the private key is not in the range of its curve")
        result: Point = None
        addend: Point = self.generator
        while scalar:
            if scalar & 1:
                result = self.add(result, addend)
            addend = self.add(addend, addend)
            scalar >>= 1
        assert result is not None
        return result


SECP256K1 = Curve(
    prime=2**256 - 2**32 - 977,
    order=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    generator=(
        0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
        0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
    ),
)
BN254 = Curve(
    prime=21888242871839275222246405745257275088696311157297823662689037894645226208583,
    order=21888242871839275222246405745257275088548364400416034343698204186575808495617,
    generator=(1, 2),
)


def ecdsa_public_id(secret: bytes) -> str:
    """The Ethereum address of a private key, ``0x`` and 40 small hex digits."""
    x, y = SECP256K1.public_point(int.from_bytes(secret, "big"))
    return "0x" + keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:].hex()


def bn254_public_id(secret: bytes) -> str:
    """The G1 public key as eigenlayer-cli writes it: ``E([x,y])`` with decimal coordinates."""
    x, y = BN254.public_point(int.from_bytes(secret, "big"))
    return f"E([{x},{y}])"


PUBLIC_ID = {"ecdsa": ecdsa_public_id, "bn254": bn254_public_id}
