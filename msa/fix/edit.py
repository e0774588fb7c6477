"""What a fix is: `Edit`, one splice; `Suppressed`, one that was held back; `Fixed`, both."""

import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["", "quoted-printable", "base64"]

BODY = "body"  # what an edit of a part's body goes by; no field has this name in lower case
BASE64_LINE = 57  # octets that make 76 characters, RFC 2045 section 6.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One half-open range of the submitted octets, and what takes its place.

    A body that is encoded is not kept twice: `encoding` says how its own octets are written.
    """

    start: int
    end: int  # equal to `start` where something is put in
    octets: bytes = b""  # what takes its place; without meaning when `encoding` is given
    encoding: Encoding = ""
    name: str  # the field's name, "Date"; or BODY
    part: str = ""  # "" is the message itself, "2.1" a part of it
    reference: str  # "RFC 6409 section 8.2"
    text: str  # one sentence without final stop

    def replacement(self, content: bytes) -> bytes:
        """Return what takes the place of the range."""
        if not self.encoding:
            return self.octets
        return encode(content[self.start : self.end], self.encoding)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """A fix that is due and was not made, and why."""

    name: str
    part: str = ""
    reference: str
    text: str  # what is wrong, one sentence without final stop
    reason: str  # why it stays so, one sentence without final stop


@dataclass(frozen=True, slots=True)
class Fixed:
    """What was mended of a message, and what was left alone; edits don't overlap."""

    edits: tuple[Edit, ...] = ()  # in the order of their octets
    suppressed: tuple[Suppressed, ...] = ()


def apply(content: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the content with its edits made; octets outside them are as they were."""
    pieces: list[bytes] = []
    at = 0
    for edit in edits:
        pieces += (content[at : edit.start], edit.replacement(content))
        at = edit.end
    return b"".join((*pieces, content[at:]))


def encode(data: bytes, encoding: Encoding) -> bytes:
    """Write octets in a transfer encoding, so that decoding gives them back octet by octet.

    Lines end as those of the data do: in CR LF, or in LF where it has no CR LF.
    """
    end = b"\n" if b"\n" in data and b"\r\n" not in data else b"\r\n"
    if encoding == "base64":
        lines = [
            binascii.b2a_base64(data[at : at + BASE64_LINE], newline=False)
            for at in range(0, len(data), BASE64_LINE)
        ]
        return end.join(lines) + (end if data.endswith(b"\n") else b"")
    # Line by line, so that a CR or LF alone is encoded and every line end stays one.
    return end.join(
        binascii.b2a_qp(line, istext=False).replace(b"\n", end) for line in data.split(end)
    )
