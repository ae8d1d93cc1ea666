# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""AES-128 in counter mode (FIPS 197, SP 800-38A), for the 32 bytes of a keystore: encryption of blocks is all it needs.

Table lookups leak timing; that is fine for a file opened once at start, and no reason to use this anywhere else.
"""

from __future__ import annotations


def _double(value: int) -> int:
    value <<= 1
    return value ^ 0x11B if value & 0x100 else value


def _substitutions() -> bytes:
    """The S-box from its definition: inverse in GF(2^8), found by logarithms to base 3, then the affine map."""
    powers, value = [], 1
    for _exponent in range(255):
        powers.append(value)
        value ^= _double(value)
    box = bytearray(256)
    for exponent, element in enumerate(powers):
        inverse = powers[-exponent % 255]
        spread = inverse ^ inverse << 1 ^ inverse << 2 ^ inverse << 3 ^ inverse << 4
        box[element] = (spread ^ spread >> 8) & 0xFF ^ 0x63
    box[0] = 0x63
    return bytes(box)


_BOX = _substitutions()


def _expand(key: bytes) -> list[bytes]:
    words = [key[start : start + 4] for start in range(0, 16, 4)]
    constant = 1
    for index in range(4, 44):
        word = words[-1]
        if index % 4 == 0:
            word = bytes(_BOX[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word)))
    return [b"".join(words[start : start + 4]) for start in range(0, 44, 4)]


def _mix(column: bytes) -> bytes:
    total = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(byte ^ total ^ _double(byte ^ column[(index + 1) % 4]) for index, byte in enumerate(column))


def encrypt_block(key: bytes, block: bytes) -> bytes:
    """One 16 byte block under a 16 byte key."""
    rounds = _expand(key)
    state = bytes(a ^ b for a, b in zip(block, rounds[0]))
    for number, round_key in enumerate(rounds[1:], start=1):
        state = bytes(_BOX[state[(5 * index) % 16]] for index in range(16))
        if number < 10:
            state = b"".join(_mix(state[start : start + 4]) for start in range(0, 16, 4))
        state = bytes(a ^ b for a, b in zip(state, round_key))
    return state


def counter_mode(key: bytes, counter: bytes, data: bytes) -> bytes:
    """Encrypts or decrypts ``data``; ``counter`` is the 16 byte big-endian start value (a keystore's ``iv``)."""
    start = int.from_bytes(counter, "big")
    stream = b"".join(encrypt_block(key, ((start + number) % (1 << 128)).to_bytes(16, "big")) for number in range(-(-len(data) // 16)))
    return bytes(a ^ b for a, b in zip(data, stream))
