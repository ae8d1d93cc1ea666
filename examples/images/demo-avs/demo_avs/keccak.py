# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keccak-256 with the original padding, as Ethereum uses it: not the SHA3-256 of ``hashlib``, whose padding differs.

Source: the Keccak reference, version 3.0 (rate 1088 bits, capacity 512 bits, padding 0x01 ... 0x80).
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_RATE = 136
_ROUNDS = 24


def _rotate(word: int, count: int) -> int:
    count %= 64
    return ((word << count) | (word >> (64 - count))) & _MASK


def _round_constants() -> list[int]:
    """Iota's constants from their definition: a linear feedback shift register over x^8 + x^6 + x^5 + x^4 + 1."""
    constants, register = [], 1
    for _round in range(_ROUNDS):
        constant = 0
        for exponent in range(7):
            if register & 1:
                constant |= 1 << ((1 << exponent) - 1)
            register <<= 1
            if register & 0x100:
                register ^= 0x171
        constants.append(constant)
    return constants


def _rho_pi() -> list[tuple[int, int]]:
    """(lane, rotation) in the order in which pi walks over the lanes."""
    steps, x, y = [], 1, 0
    for step in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        steps.append((x + 5 * y, (step + 1) * (step + 2) // 2))
    return steps


_CONSTANTS = _round_constants()
_WALK = _rho_pi()


def _permute(lanes: list[int]) -> list[int]:
    for constant in _CONSTANTS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [columns[x - 1] ^ _rotate(columns[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ mixed[index % 5] for index, lane in enumerate(lanes)]
        moving = lanes[1]
        for lane, rotation in _WALK:
            moving, lanes[lane] = lanes[lane], _rotate(moving, rotation)
        lanes = [
            lanes[5 * (index // 5) + index % 5] ^ (~lanes[5 * (index // 5) + (index + 1) % 5] & lanes[5 * (index // 5) + (index + 2) % 5])
            for index in range(25)
        ]
        lanes[0] ^= constant
    return lanes


def sponge256(data: bytes, suffix: int) -> bytes:
    """32 bytes out of the sponge; ``suffix`` is the first byte of the padding (0x01 Keccak, 0x06 SHA3)."""
    padded = bytearray(data)
    padded += b"\0" * (_RATE - len(data) % _RATE)
    padded[len(data)] ^= suffix
    padded[-1] ^= 0x80
    lanes = [0] * 25
    for start in range(0, len(padded), _RATE):
        for index in range(_RATE // 8):
            lanes[index] ^= int.from_bytes(padded[start + 8 * index : start + 8 * index + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def keccak256(data: bytes) -> bytes:
    """The 32 byte digest of ``data``."""
    return sponge256(data, 0x01)
