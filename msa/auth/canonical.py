"""Canonical forms of a message's body and fields (RFC 6376 section 3.4).

All of it takes time in proportion to the octets, whatever they are.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_SPACES = re.compile(rb"[ \t]+")
_PAIRS_BACKWARDS = re.compile(rb"(?:\n\r)*")
_LONE_LF = re.compile(rb"(?<!\r)\n")


class Line(NamedTuple):
    """A header field as written, without its last line end."""

    name: str  # lower case
    octets: bytes  # name, colon and value


def with_crlf(octets: bytes) -> bytes:
    """End every line with CR LF: a signature covers a message as it travels."""
    return _LONE_LF.sub(b"\r\n", octets)


def body(octets: bytes, form: str) -> bytes:
    """Return the canonical body; `form` is "simple" or "relaxed"."""
    if form == "relaxed":
        # In this order: a pattern of spaces before a line end takes quadratic time.
        octets = _SPACES.sub(b" ", octets).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    kept = _without_empty_lines(octets)
    return kept + b"\r\n" if kept or form == "simple" else b""


def _without_empty_lines(octets: bytes) -> bytes:
    stripped = octets.rstrip(b"\r\n")
    pairs = _PAIRS_BACKWARDS.match(octets[: len(stripped) - 1 : -1] if stripped else octets[::-1])
    assert pairs is not None  # it may match nothing
    return octets[: len(octets) - pairs.end()]


def field(line: Line, form: str) -> bytes:
    """Return a canonical field without its line end."""
    if form == "simple":
        return line.octets
    _, _, value = line.octets.partition(b":")
    unfolded = value.replace(b"\r\n", b"")
    return line.name.encode() + b":" + _SPACES.sub(b" ", unfolded).strip(b" ")


def chosen(lines: Sequence[Line], names: Iterable[str]) -> Iterator[Line]:
    """Yield the fields that h= names: of a name that stands several times the last one first.

    A name without a field, or with none left, yields nothing (section 5.4.2).
    """
    left: dict[str, list[Line]] = {}
    for line in lines:
        left.setdefault(line.name, []).append(line)
    for name in names:
        if left.get(name):
            yield left[name].pop()


def unsigned(line: Line) -> Line:
    """Return a signature field with its b= emptied (section 3.7)."""
    name, colon, value = line.octets.partition(b":")
    pieces = value.split(b";")
    for index, piece in enumerate(pieces):
        tag, sign, _ = piece.partition(b"=")
        if sign and tag.strip() == b"b":
            pieces[index] = tag + sign
            break
    return Line(line.name, name + colon + b";".join(pieces))
