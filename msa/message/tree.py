"""The span parser: header fields and MIME parts of a message, as ranges of its octets.

All ranges are half-open and count from the start of the content, so that every finding has a
place and every fix is a splice. A line ends at LF, with or without CR: bare LF is tolerated and
remembered. Nothing is decoded here, and nobody looks at the lines of an attachment, so the cost
grows with fields and parts, not with size.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from msa.message.structured import Structured, read_structured

MAX_DEPTH = 100  # levels of parts; the deepest honest forward has about ten
MAX_PARTS = 1_000  # of one message, as Gmail and SpamAssassin draw the line
MAX_FIELDS = 5_000  # of one header section, Gmail's limit; lines that are no field count too
SCAN_ALLOWANCE = 16 * 1024 * 1024  # octets searched for delimiters at least, and ...
SCAN_FACTOR = 10  # ... at most so many times the content: nesting must not multiply the work

_FIELD_END = re.compile(rb"\n(?![ \t])")
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")  # RFC 5322 section 2.2; the space is section 4.5's
_DELIMITER_END = re.compile(rb"(--)?[ \t]*(?:\r?\n|\Z)")
_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9a-z{}-]+/[!#$%&'*+.^_`|~0-9a-z{}-]+")
_IDENTITY = ("7bit", "8bit", "binary")
_ENCLOSING = ("message/rfc822", "message/global")


class Span(NamedTuple):
    """A half-open range of octets."""

    start: int
    end: int


# A tuple, not a dataclass: a message has twenty of them, and it is made in a third of the time.
class Field(NamedTuple):
    """One header field, line end included (RFC 5322 section 2.2)."""

    name: str  # as written
    start: int
    value_start: int  # after the colon
    value_end: int  # before the line end
    end: int


class Delimiters(NamedTuple):
    """What was found of a multipart's boundary (RFC 2046 section 5.1.1)."""

    boundary: bytes | None  # None: no such parameter
    opened: bool
    closed: bool
    look_alike: int | None = None  # the first line that begins like a delimiter, and goes on


@dataclass(frozen=True, slots=True)
class Part:
    """One node of the tree: the message itself, a part of a multipart, or an enclosed message."""

    path: str  # as IMAP counts: "" the message itself, "1", "2.1"; see `parse`
    header: Span  # without the blank line
    body: Span  # without the line end that belongs to the next delimiter
    fields: tuple[Field, ...]
    strays: tuple[Span, ...]  # lines of the header section that are no field
    type: str  # lower case, what applies: "text/plain" when the field is missing or unreadable
    parameters: Structured  # the Content-Type field, read; its token is what was written
    charset: str | None  # the parameter, lower case; None when it is absent
    encoding: str  # lower case, as written; "7bit" when the field is missing
    delimiters: Delimiters | None  # of a multipart
    parts: tuple["Part", ...]
    bare_lf: bool  # some line of the header section ends without CR

    def walk(self) -> Iterator["Part"]:
        """Yield this part and all below it, in the order of their octets."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def named(self, name: str) -> list[Field]:
        """Return the fields of a name, given in lower case."""
        return [field for field in self.fields if field.name.lower() == name]


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message: its octets and the tree over them."""

    content: bytes
    root: Part
    caps: tuple[str, ...]  # limits that were hit: "depth", "parts", "fields", "scan"

    def value(self, field: Field) -> bytes:
        """Return a field's value as written: folded, with its leading space."""
        return self.content[field.value_start : field.value_end]


def parse(content: bytes) -> Message:
    """Parse a message; any octets give a tree.

    Paths are IMAP's section numbers (RFC 9051 section 6.4.5.1). The message that a message/rfc822
    part "2" encloses is "2.1" when it is a single part; when it is a multipart, its own parts are
    "2.1", "2.2", and it is itself "2.TEXT".
    """
    parser = _Parser(content)
    root = parser.part("", Span(0, len(content)), 0, "text/plain")
    return Message(content, root, tuple(sorted(parser.caps)))


class _Header(NamedTuple):
    span: Span
    body_start: int
    fields: tuple[Field, ...]
    strays: tuple[Span, ...]
    bare_lf: bool


class _Parser:
    """The counters of one run; the tree itself is values."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.caps: set[str] = set()
        self._parts_left = MAX_PARTS
        self._scan_left = max(SCAN_ALLOWANCE, SCAN_FACTOR * len(content))

    def part(
        self, path: str, span: Span, depth: int, default: str, *, enclosed: bool = False
    ) -> Part:
        """Parse the entity that fills a range; `path` of an enclosed message is its holder's."""
        self._parts_left -= 1
        header = self._header(span)
        structured, encoding = self._mime_fields(header.fields)
        kind = structured.token if _TYPE.fullmatch(structured.token) else default
        multipart = kind.startswith("multipart/")
        prefix = path
        if enclosed:
            path = _join(prefix, "TEXT" if multipart else "1")
            prefix = prefix if multipart else path
        body = Span(header.body_start, span.end)
        delimiters: Delimiters | None = None
        parts: tuple[Part, ...] = ()
        if multipart:
            delimiters, parts = self._multipart(prefix, body, depth, kind, structured)
        elif kind in _ENCLOSING and encoding in _IDENTITY and self._may_descend(depth):
            parts = (self.part(path, body, depth + 1, "text/plain", enclosed=True),)
        charset = structured.value("charset")
        return Part(
            *(path, header.span, body, header.fields, header.strays, kind, structured),
            None if charset is None else charset.strip().lower().decode("latin-1"),
            *(encoding, delimiters, parts, header.bare_lf),
        )

    def _header(self, span: Span) -> _Header:
        start, end = span
        header_end, body_start = _header_end(self.content, start, end)
        section = Span(start, header_end)
        fields, strays = self._fields(section)
        lines = self.content.count(b"\n", start, body_start)
        bare_lf = lines != self.content.count(b"\r\n", start, body_start)
        return _Header(section, body_start, fields, strays, bare_lf)

    def _fields(self, section: Span) -> tuple[tuple[Field, ...], tuple[Span, ...]]:
        # The hottest loop of the parser, 0.75 us a field: a call a line makes it 0.9.
        content, (at, end) = self.content, section
        fields: list[Field] = []
        strays: list[Span] = []
        for line_end in _FIELD_END.finditer(content, at, end):
            stop = line_end.end()
            name = _NAME.match(content, at, stop)
            if name is None:
                strays.append(Span(at, stop))
            else:
                value_end = stop - 2 if content[stop - 2] == 0x0D else stop - 1
                fields.append(Field(name[1].decode(), at, name.end(), value_end, stop))
            at = stop
            if len(fields) + len(strays) >= MAX_FIELDS:
                self.caps.add("fields")
                return tuple(fields), tuple(strays)
        if at < end:  # a header section that ends without a line end
            name = _NAME.match(content, at, end)
            if name is None:
                strays.append(Span(at, end))
            else:
                fields.append(Field(name[1].decode(), at, name.end(), end, end))
        return tuple(fields), tuple(strays)

    def _mime_fields(self, fields: tuple[Field, ...]) -> tuple[Structured, str]:
        structured, encoding = None, None
        for field in fields:
            name = field.name
            if structured is None and len(name) == 12 and name.lower() == "content-type":
                structured = read_structured(self.content[field.value_start : field.value_end])
            elif encoding is None and name.lower() == "content-transfer-encoding":
                value = self.content[field.value_start : field.value_end]
                encoding = read_structured(value).token
        return structured or _NO_TYPE, encoding or "7bit"

    def _multipart(
        self, prefix: str, body: Span, depth: int, kind: str, structured: Structured
    ) -> tuple[Delimiters, tuple[Part, ...]]:
        boundary = structured.value("boundary")
        self._scan_left -= body.end - body.start
        if boundary is None or not boundary.strip() or not self._may_descend(depth):
            return Delimiters(boundary, False, False), ()
        spans, delimiters = self._split(body, boundary)
        default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        parts = []
        for number, span in enumerate(spans, start=1):
            if self._parts_left <= 0:
                self.caps.add("parts")
                break
            parts.append(self.part(_join(prefix, str(number)), span, depth + 1, default))
        return delimiters, tuple(parts)

    def _may_descend(self, depth: int) -> bool:
        if depth >= MAX_DEPTH:
            self.caps.add("depth")
        elif self._scan_left < 0:
            self.caps.add("scan")
        else:
            return True
        return False

    def _split(self, body: Span, boundary: bytes) -> tuple[list[Span], Delimiters]:
        """Find the parts between the delimiter lines."""
        content, (start, end) = self.content, body
        needle = b"\n--" + boundary.rstrip()  # a final space is illegal, and lost on many ways
        spans: list[Span] = []
        opened: int | None = None
        look_alike: int | None = None
        at = content.find(needle, max(start - 1, 0), end)
        while at >= 0 and len(spans) <= MAX_PARTS:
            line = _DELIMITER_END.match(content, at + len(needle), end)
            if line is not None:
                # Two delimiter lines in a row have no part between them, not even an empty one.
                if opened is not None and at >= opened:
                    before = at - 1 if content[at - 1] == 0x0D else at
                    spans.append(Span(opened, max(before, opened)))
                if line[1]:
                    return spans, Delimiters(boundary, opened is not None, True, look_alike)
                opened = line.end()
            elif look_alike is None:
                look_alike = at + 1
            at = content.find(needle, at + 1, end)
        if opened is not None:
            spans.append(Span(opened, end))
        return spans, Delimiters(boundary, opened is not None, False, look_alike)


_NO_TYPE = Structured("", ())


def _join(path: str, step: str) -> str:
    return f"{path}.{step}" if path else step


def _header_end(content: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where the header section ends, and where the body starts after the blank line."""
    if content.startswith(b"\r\n", start, end):
        return start, start + 2
    if content.startswith(b"\n", start, end):
        return start, start + 1
    crlf = content.find(b"\n\r\n", start, end)
    # One octet more: the LF that "\n\r\n" begins with may end a blank line itself.
    lf = content.find(b"\n\n", start, crlf + 1 if crlf >= 0 else end)
    if lf >= 0:
        return lf + 1, lf + 2
    if crlf >= 0:
        return crlf + 1, crlf + 3
    return end, end
