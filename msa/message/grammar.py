"""Whether a structured MIME value follows its grammar (RFC 2045 section 5.1), and where not.

`msa.message.structured` reads what it can; this tells what a stricter reader stumbles over. Octets
over 127 are let through: they are a matter of the field, not of its structure.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from msa.message.structured import MAX_PARAMETERS, MAX_REMEMBERED, MAX_STRUCTURED, blank_comments

_SPACE = rb"[ \t\r\n]*+"
_TOKEN = rb"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~\x80-\xff]++"
_TYPE = re.compile(_SPACE + _TOKEN + _SPACE + rb"/" + _SPACE + _TOKEN)
_WORD = re.compile(_SPACE + _TOKEN)
_PARAMETER = re.compile(
    _SPACE + rb";" + _SPACE + _TOKEN + _SPACE + rb"=" + _SPACE + rb"(?:"
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|' + _TOKEN + rb")",
    re.DOTALL,
)


class Breach(NamedTuple):
    """Where a value leaves the grammar."""

    text: str  # 'has no subtype'
    at: int  # octets from the start of the value
    harmless: bool = False  # every reader takes it


def breach_of_type(value: bytes) -> Breach | None:
    """Return where a Content-Type value leaves the grammar, or None."""
    return _again(value, True) if len(value) <= MAX_REMEMBERED else _breach(value, True)


def breach_of_word(value: bytes) -> Breach | None:
    """Return where a value like Content-Disposition's leaves the grammar, or None."""
    return _again(value, False) if len(value) <= MAX_REMEMBERED else _breach(value, False)


def _breach(value: bytes, typed: bool) -> Breach | None:
    value = blank_comments(value[:MAX_STRUCTURED])
    head = (_TYPE if typed else _WORD).match(value)
    if head is None:
        return Breach(_head_trouble(value, typed=typed), 0)
    at = head.end()
    for _ in range(MAX_PARAMETERS):
        found = _PARAMETER.match(value, at)
        if found is None:
            return _rest_trouble(value, at)
        at = found.end()
    return Breach(f"has more than {MAX_PARAMETERS} parameters", at)


_again = lru_cache(maxsize=256)(_breach)


def _head_trouble(value: bytes, *, typed: bool) -> str:
    if not value.strip():
        return "is empty"
    return "has no subtype" if typed and b"/" not in value else "does not begin with a word"


def _rest_trouble(value: bytes, at: int) -> Breach | None:
    rest = value[at:]
    words = rest.strip()
    if not words:
        return None
    at += len(rest) - len(rest.lstrip())
    if words == b";":
        return Breach("ends in a semicolon", at, harmless=True)
    if not words.startswith(b";"):
        return Breach(
            'has a value that needs quotes: it holds a space or one of ()<>@,:\\/[]?="', at
        )
    if words.count(b'"') % 2:
        return Breach("has a quote that is never closed", at)
    return Breach("has a parameter that is not name=value", at)
