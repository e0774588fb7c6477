"""Fixes of bodies: a transfer encoding for what may not travel as it is (RFC 6409 section 8.4)."""

import re
from collections.abc import Iterator

from msa.fix.edit import BODY, Edit, Encoding, Suppressed, encode
from msa.fix.place import UNCLEAR, line_end
from msa.fix.remedy import Remedy
from msa.lint.draft import Draft
from msa.message.tree import Part

MAX_LINE = 998  # octets without the line end, RFC 5321 section 4.5.3.1.6
FEW = 40  # octets that may be coded in any text, so that a short one stays legible
REFERENCE = "RFC 6409 section 8.4"

_LABEL = "Content-Transfer-Encoding"
_IDENTITY = ("7bit", "8bit", "binary")
_8BIT = re.compile(rb"[\x80-\xff]")
_READABLE = bytes(set(b"\t\r\n") | set(range(0x20, 0x7F)) - set(b"="))


def transfer_encoding(draft: Draft) -> Iterator[Remedy]:
    """Encode the parts whose octets break their label, or what the envelope allows."""
    for part in draft.parts:
        if part.delimiters is None and part.encoding in _IDENTITY:
            why = _why(draft, part)
            if why:
                yield _remedy(draft, part, why)


def _why(draft: Draft, part: Part) -> str:
    """Say why a part can't stay as it is; "" when it can."""
    start, end = part.body
    envelope = draft.envelope
    if not draft.is_ascii and _8BIT.search(draft.content, start, end):
        if part.encoding == "7bit":
            label = "its label says 7bit" if part.named(_LABEL.lower()) else "has no label for it"
            return f"holds octets over 127 and {label}"
        allowed = envelope is None or envelope.smtputf8 or envelope.body not in (None, "7BIT")
        if not allowed:
            return "holds octets over 127 and the client did not say BODY=8BITMIME"
    if envelope is not None and envelope.body == "BINARYMIME":
        return ""
    if end - start > MAX_LINE and _has_long_line(draft.content[start:end]):
        return f"has a line of more than {MAX_LINE} octets"
    return ""


def _has_long_line(body: bytes) -> bool:
    lines = [line for line in body.split(b"\n") if len(line) > MAX_LINE]
    return any(len(line) - line.endswith(b"\r") > MAX_LINE for line in lines)


def _remedy(draft: Draft, part: Part, why: str) -> Remedy:
    reason = _obstacle(part)
    if reason:
        text = f"encode {_named(part)}, since it {why}"
        return Suppressed(name=BODY, part=part.path, reference=REFERENCE, text=text, reason=reason)
    start, end = part.body
    encoding = _encoding(part, draft.content[start:end])
    text = f"write {_named(part)} as {encoding}, since it {why}; it decodes to the same octets"
    body = Edit(
        start=start,
        end=end,
        encoding=encoding,
        name=BODY,
        part=part.path,
        reference=REFERENCE,
        text=text,
    )
    return (_label(draft, part, encoding), body)


def _obstacle(part: Part) -> str:
    if part.type.startswith("message/"):
        return f"a {part.type} may not be encoded as a whole (RFC 2046 section 5.2)"
    if part.strays:
        return UNCLEAR
    if len(part.named(_LABEL.lower())) > 1:
        return f"the part has several {_LABEL} fields"
    return ""


def _named(part: Part) -> str:
    return f"part {part.path}" if part.path else "the body"


def _encoding(part: Part, body: bytes) -> Encoding:
    """Choose the encoding that people can read, unless it is longer than the other."""
    coded = len(body.translate(None, _READABLE))
    # Each such octet takes two more in quoted-printable; base64 adds a third to all.
    if not part.type.startswith("text/") or (coded > FEW and 6 * coded > len(body)):
        return "base64"
    # An LF that ends no line is encoded, and binascii makes lines too long before one.
    if b"\r\n" in body and body.count(b"\n") != body.count(b"\r\n"):
        return "base64"
    # A soft line break may leave what looks like a boundary at the start of a line.
    written = encode(body, "quoted-printable")
    return "base64" if b"=\r\n--" in written or b"=\n--" in written else "quoted-printable"


def _label(draft: Draft, part: Part, encoding: Encoding) -> Edit:
    fields = part.named(_LABEL.lower())
    if fields:
        start, end = fields[0].value_start, fields[0].value_end
        octets, what = f" {encoding}".encode(), "correct"
    else:
        types = part.named("content-type")
        start = end = types[0].end if types else part.header.end
        octets, what = f"{_LABEL}: {encoding}".encode() + line_end(draft), "add"
    return Edit(
        start=start,
        end=end,
        octets=octets,
        name=_LABEL,
        part=part.path,
        reference=REFERENCE,
        text=f"{what} the {_LABEL} field of {_named(part)}",
    )
