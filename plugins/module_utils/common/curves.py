# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The public id of a private key: an address, or a point. Pure; a few hundredths of a second a key.

Not in constant time: it runs where the key is, to tell two keys apart, and nobody is answered by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Point = tuple[int, int]


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 + b over the field of ``prime``, with a generator of ``order``."""

    prime: int
    order: int
    generator: Point

    def add(self, one: Point | None, other: Point | None) -> Point | None:
        """The sum of two points; ``None`` is the point at infinity."""
        if one is None or other is None:
            return one or other
        (ax, ay), (bx, by) = one, other
        if ax == bx and (ay + by) % self.prime == 0:
            return None
        slope = 3 * ax * ax * pow(2 * ay, -1, self.prime) if one == other else (by - ay) * pow(bx - ax, -1, self.prime)
        x = (slope * slope - ax - bx) % self.prime
        return x, (slope * (ax - x) - ay) % self.prime

    def public(self, secret: int) -> Point | None:
        """The generator times the secret."""
        found: Point | None = None
        step: Point | None = self.generator
        while secret:
            if secret & 1:
                found = self.add(found, step)
            step = self.add(step, step)
            secret >>= 1
        return found


# SEC 2, secp256k1; EIP-196, alt_bn128; IETF draft-irtf-cfrg-pairing-friendly-curves, BLS12-381 G1.
CURVES: Mapping[str, Curve] = {
    "ecdsa": Curve(
        2**256 - 2**32 - 977,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
        (
            0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
            0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
        ),
    ),
    "bn254": Curve(
        21888242871839275222246405745257275088696311157297823662689037894645226208583,
        21888242871839275222246405745257275088548364400416034343698204186575808495617,
        (1, 2),
    ),
    "bls12381": Curve(
        0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB,
        0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001,
        (
            0x17F1D3A73197D7942695638C4FA9AC0FC3688C4F9774B905A14E3A3F171BAC586C55E83FF97A1AEFFB3AF00ADB22C6BB,
            0x08B3F481E3AAA0F1A09E30ED741D8AE4FCF5E095D5D00AF600DB18CB2C04B3EDD03CC744A2888AE40CAA232946C5E7E1,
        ),
    ),
}


def id_of(kind: str, secret: int) -> str | None:
    """The public id of a private key, as its keystore would state it; ``None`` for a number or a kind that has none."""
    curve = CURVES.get(kind)
    point = curve.public(secret) if curve is not None and 0 < secret < curve.order else None
    if curve is None or point is None:
        return None
    x, y = point
    if kind == "bn254":
        return f"E([{x},{y}])"
    if kind == "ecdsa":
        return "0x" + keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:].hex()
    # The compressed form: the highest bit says so, the third which of the two points it is.
    return f"{x | 1 << 383 | (1 << 381 if 2 * y > curve.prime else 0):096x}"


_MASK = 2**64 - 1
_RATE = 136


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum has it: SHA-3 before its padding was changed (the Keccak reference, version 3)."""
    padded = bytearray(data) + b"\x01" + b"\0" * (_RATE - 1 - len(data) % _RATE)
    padded[-1] |= 0x80
    state = [0] * 25
    for start in range(0, len(padded), _RATE):
        for lane in range(_RATE // 8):
            state[lane] ^= int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
        _permute(state)
    return b"".join(lane.to_bytes(8, "little") for lane in state[:4])


def _permute(state: list[int]) -> None:
    """Keccak-f[1600]; the lane at x, y is ``state[x + 5 * y]``."""
    constant = 1
    for _round in range(24):
        parity = [state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] for x in range(5)]
        for x in range(5):
            change = parity[x - 1] ^ _rotated(parity[(x + 1) % 5], 1)
            for y in range(0, 25, 5):
                state[x + y] ^= change
        x, y, moved = 1, 0, state[1]
        for step in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            moved, state[x + 5 * y] = state[x + 5 * y], _rotated(moved, (step + 1) * (step + 2) // 2 % 64)
        for y in range(0, 25, 5):
            row = state[y : y + 5]
            for x in range(5):
                state[x + y] = row[x] ^ (~row[(x + 1) % 5] & _MASK & row[(x + 2) % 5])
        for bit in range(7):
            constant = (constant << 1) ^ ((constant >> 7) * 0x171)
            if constant & 2:
                state[0] ^= 1 << ((1 << bit) - 1)


def _rotated(lane: int, by: int) -> int:
    return (lane << by | lane >> (64 - by)) & _MASK if by else lane
