"""Structured field values of MIME: a token and its parameters (RFC 2045 section 5.1, RFC 2231).

Reading is tolerant: what can't be understood is left out, and nothing is ever raised.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from msa.message.charset import decode_text, encoding_known
from msa.message.words import decode_words, printable

MAX_STRUCTURED = 65_536  # octets of one value that are looked at; real ones stay under 1 KB
MAX_PARAMETERS = 200  # of one value; a form with more is an attack on somebody's parser
MAX_REMEMBERED = 200  # octets of a value that is worth keeping; 256 of them are kept

_COMMENT_OR_QUOTED = re.compile(rb'\\.|"[^"\\]*(?:\\.[^"\\]*)*"|[()]', re.DOTALL)
_TOKEN = re.compile(rb"[ \t\r\n]*([^\s;]*(?:[ \t]*/[ \t]*[^\s;]+)?)")
_PARAMETER = re.compile(
    rb"[^;]*?;[ \t\r\n]*([^\s;=\"]+)[ \t\r\n]*=[ \t\r\n]*"
    rb'(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s;]*))',
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")


class Parameter(NamedTuple):
    """One parameter as written: RFC 2231 sections are put together by `parameter`."""

    name: str  # lower case: "filename", "filename*0*"
    value: bytes  # unquoted


class Structured(NamedTuple):
    """A token ("text/plain", "attachment", "7bit") and its parameters in order."""

    token: str  # lower case; "" when there is none
    parameters: tuple[Parameter, ...]

    def value(self, name: str) -> bytes | None:
        """Return an ASCII parameter (boundary, charset), put together from sections if need be."""
        in_sections = False
        for key, value in self.parameters:  # `next` over a generator takes three times as long
            if key == name:
                return value
            in_sections = in_sections or key.startswith(name + "*")
        if not in_sections:
            return None
        text = parameter(self, name)
        return None if text is None else text.encode()


def read_structured(value: bytes) -> Structured:
    """Read a Content-Type, Content-Disposition or Content-Transfer-Encoding value."""
    # An application writes the same few values into all its mails: 0.1 us instead of 1 to 3.
    return _read_again(value) if len(value) <= MAX_REMEMBERED else _read(value)


def _read(value: bytes) -> Structured:
    value = blank_comments(value[:MAX_STRUCTURED])
    head = _TOKEN.match(value)
    assert head is not None  # every piece of the pattern may be empty
    token = b"".join(head[1].split()).lower().decode("latin-1")
    if b";" not in value:
        return Structured(token, ())
    parameters: list[Parameter] = []
    at = head.end()
    while len(parameters) < MAX_PARAMETERS and (found := _PARAMETER.match(value, at)):
        name, quoted, plain = found.groups()
        text = plain if quoted is None else _ESCAPE.sub(rb"\1", quoted)
        parameters.append(Parameter(name.lower().decode("latin-1"), unfold(text)))
        at = found.end()
    return Structured(token, tuple(parameters))


_read_again = lru_cache(maxsize=256)(_read)


def unfold(value: bytes) -> bytes:
    """Take the line ends out of a folded value (RFC 5322 section 2.2.3)."""
    return value.replace(b"\r\n", b"").replace(b"\n", b"") if b"\n" in value else value


def blank_comments(value: bytes) -> bytes:
    """Replace comments by spaces, so that every other octet keeps its place."""
    if b"(" not in value:
        return value
    pieces = []
    depth = kept = opened = 0
    for found in _COMMENT_OR_QUOTED.finditer(value):
        mark = found[0]
        if mark == b"(":
            if depth == 0:
                opened = found.start()
            depth += 1
        elif mark == b")" and depth:
            depth -= 1
            if depth == 0:
                pieces += [value[kept:opened], b" " * (found.end() - opened)]
                kept = found.end()
    return b"".join([*pieces, value[kept:]])


def parameter(structured: Structured, name: str) -> str | None:
    """Return a parameter's text, RFC 2231 sections joined and decoded; None when it is absent.

    The extended form wins over the plain one (RFC 6266 section 4.3 says so for the same pair).
    """
    sections: dict[int, tuple[bytes, bool]] = {}
    plain: bytes | None = None
    for key, value in structured.parameters:
        found = _SECTION.fullmatch(key)
        if found is None or found[1] != name:
            continue
        if found[2] is None and found[3] is None:
            plain = value if plain is None else plain
        else:
            sections.setdefault(int(found[2] or 0), (value, found[3] is not None))
    if 0 in sections:
        return _joined(sections)
    return None if plain is None else decode_words(plain)


def _joined(sections: dict[int, tuple[bytes, bool]]) -> str:
    charset, raw = "utf-8", b""
    for number in range(len(sections)):
        if number not in sections:
            break
        value, extended = sections[number]
        if extended and number == 0 and value.count(b"'") >= 2:
            label, _, value = value.split(b"'", 2)
            charset = label.decode("latin-1") or charset
        raw += unquote_to_bytes(value) if extended else value
    return printable(decode_text(raw, charset if encoding_known(charset) else "utf-8"))
