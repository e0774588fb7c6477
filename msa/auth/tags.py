"""Tag lists ("v=1; d=acme.example"), the form of DKIM, ARC and DMARC (RFC 6376 section 3.2)."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

MAX_LIST = 16_384  # characters that are read; a signature with many fields has about 1,000
MAX_TAGS = 100

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SPACE = re.compile(r"[ \t\r\n]+")


class TagList(NamedTuple):
    """The tags by name, or what keeps the text from being a tag list."""

    values: Mapping[str, str]  # without white space around them
    trouble: str  # "" when there is none


def read_tags(text: str) -> TagList:
    """Read a tag list; never raises. A name that stands twice makes all of it invalid."""
    if len(text) > MAX_LIST:
        return TagList({}, f"it has more than {MAX_LIST} characters")
    pieces = text.split(";")
    if not pieces[-1].strip():
        pieces.pop()
    if len(pieces) > MAX_TAGS:
        return TagList({}, f"it has more than {MAX_TAGS} tags")
    values: dict[str, str] = {}
    for piece in pieces:
        name, sign, value = piece.partition("=")
        name = name.strip()
        if not sign or not _NAME.fullmatch(name):
            return TagList(values, f'"{shown(piece.strip())}" is no tag')
        if name in values:
            return TagList(values, f'the tag "{shown(name)}" stands twice')
        values[name] = value.strip()
    return TagList(values, "")


def without_space(value: str) -> str:
    """Take out the white space that folding leaves in base64 and in lists."""
    return _SPACE.sub("", value)


def read_base64(value: str) -> bytes | None:
    """Decode base64 with white space in it; None when it is none."""
    try:
        return base64.b64decode(without_space(value), validate=True)
    except (binascii.Error, ValueError):
        return None


def shown(text: str, limit: int = 60) -> str:
    """Spell a piece of a stranger's text printably, for a sentence."""
    return ascii(text[:limit])[1:-1]
