"""The public id of a message: 22 base62 characters of a UUIDv7 (RFC 9562 section 5.7).

Ids sort by the millisecond they were made in, and look the same in replies, SQL, URLs and logs.
"""

import os
import time

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH = 22  # 62**22 > 2**128
_PAIRS = tuple(a + b for a in ALPHABET for b in ALPHABET)  # two digits a division


def new_id() -> str:
    """Return a fresh id."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (
        (milliseconds & 0xFFFF_FFFF_FFFF) << 80
        | 0x7 << 76  # version
        | (random >> 62 & 0xFFF) << 64
        | 0b10 << 62  # variant
        | random & 0x3FFF_FFFF_FFFF_FFFF
    )
    return encode(value)


def encode(value: int) -> str:
    """Write a 128-bit number as 22 base62 digits, most significant first."""
    pairs = []
    for _ in range(LENGTH // 2):
        value, digits = divmod(value, 3844)
        pairs.append(_PAIRS[digits])
    return "".join(reversed(pairs))


def decode(id: str) -> int:
    """Return the 128-bit number of an id; raises ValueError for what is none."""
    value = 0
    for character in id:
        value = value * len(ALPHABET) + ALPHABET.index(character)
    if len(id) != LENGTH or value >= 1 << 128:
        raise ValueError(f"{id!r} is no id")
    return value
