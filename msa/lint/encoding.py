"""ENC: transfer encodings, and the length of lines (RFC 2045 section 6, RFC 5322 section 2.1.1)."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.decoding import AFTER_SPACE, MAX_BASE64_LINE
from msa.message.tree import Part, Span

OVER_127 = re.compile(rb"[\x80-\xff]")
MAX_LINE = 998  # octets without the line end, RFC 5322 section 2.1.1
GOOD_LINE = 78  # octets, the same section's SHOULD
MAX_QP_LINE = 76  # characters, RFC 2045 section 6.7(5)
TOLERATED_QP_LINE = 78  # characters; what Python's email package writes, and nobody minds

_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_DATA = re.compile(rb"[A-Za-z0-9+/]")
# The first finds what no encoder should write, the second what no decoder has to take.
_QP_UNUSUAL = re.compile(rb"=(?![0-9A-F]{2}|\r?\n|\Z)")
_QP_BAD = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]{0,998}(?:\r?\n|\Z))")


@rule(
    "ENC005",
    "quoted-printable-line-too-long",
    Severity.ERROR,
    "RFC 2045 section 6.7",
    fix="Encode the text with a library, which breaks lines with = at 76 characters.",
)
def quoted_printable_line(draft: Draft) -> Iterator[Flaw]:
    """A line of a quoted-printable part is longer than 76 characters.

    Servers may wrap or cut what is longer than the encoding promises, and then words or signatures
    break. It often comes from text that was labelled quoted-printable without being encoded. Lines
    of 77 and 78, as Python writes them, are let through.

    Let the mail library encode the part when it sets the label.
    """
    for part in _quoted_printable(draft):
        at = part.body.start
        lines = draft.content[at : part.body.end].split(b"\n")
        if max(map(len, lines)) <= TOLERATED_QP_LINE:
            continue
        for line in lines:
            size = len(line) - line.endswith(b"\r")
            if TOLERATED_QP_LINE < size <= MAX_LINE:  # beyond it is ENC008's matter
                text = f"a line of {size} characters (at most {MAX_QP_LINE})"
                yield draft.flaw(text, at, at + size, part)
                break
            at += len(line) + 1


@rule(
    "ENC006",
    "quoted-printable-broken",
    Severity.ERROR,
    "RFC 2045 section 6.7",
    fix="Encode the text with a library; write a plain = as =3D.",
)
def quoted_printable_broken(draft: Draft) -> Iterator[Flaw]:
    """A quoted-printable part has a "=" without two hex digits, octets over 127, or trailing space.

    Readers guess: "?id=4f" of a link becomes "?idO", and the link is dead. Space at the end of a
    line is lost, which is a warning; hex digits in lower case are only mentioned.

    Encode the whole text, once, and don't add a line to it afterwards.
    """
    for part in _quoted_printable(draft):
        start, end = part.body
        if (unusual := _QP_UNUSUAL.search(draft.content, start, end)) is not None:
            yield from _qp_flaws(draft, part, unusual.start())
        if not draft.is_ascii and (found := OVER_127.search(draft.content, start, end)):
            text = "an octet over 127 is not encoded"
            yield draft.flaw(text, found.start(), found.end(), part)
        if (after := AFTER_SPACE.search(draft.content, start, end)) is not None:
            text = "a line ends in a space, which is lost on the way"
            stop = after.start() - (draft.content[after.start() - 1] == 0x0D)
            yield draft.flaw(text, stop - 1, stop, part, severity=Severity.WARNING)


def _qp_flaws(draft: Draft, part: Part, first: int) -> Iterator[Flaw]:
    bad = _QP_BAD.search(draft.content, first, part.body.end)
    if bad is not None:
        at = bad.start()
        yield draft.flaw('a "=" is not followed by two hex digits', at, at + 3, part)
    elif draft.content[first + 1 : first + 2] not in (b" ", b"\t"):  # else the line ends in space
        text = "hex digits are in lower case"
        yield draft.flaw(text, first, first + 3, part, severity=Severity.INFO)


def _quoted_printable(draft: Draft) -> Iterator[Part]:
    for part in draft.parts:
        if part.encoding == "quoted-printable" and part.delimiters is None:
            yield part


@rule(
    "ENC007",
    "base64-broken",
    Severity.ERROR,
    "RFC 2045 section 6.8",
    fix="Encode the part with a library (in Python base64.encodebytes), in lines of 76 characters.",
)
def base64_broken(draft: Draft) -> Iterator[Flaw]:
    """A base64 part has a bad character, a wrong length or padding, or data after the padding.

    Readers decode such a part differently: the attachment is damaged or empty. Lines over 76
    characters are a warning.

    Encode the file once and whole; don't join two encoded pieces.
    """
    for part in draft.parts:
        if part.encoding == "base64" and not draft.is_regular(part) and part.delimiters is None:
            yield from base64_flaws(draft, part)


def base64_flaws(draft: Draft, part: Part) -> Iterator[Flaw]:
    start, end = part.body
    body = draft.content[start:end]
    rest = body.translate(None, _BASE64 + b"\r\n")
    if rest.strip(b"= \t") and (bad := _NOT_BASE64.search(draft.content, start, end)):
        at = bad.start()
        yield draft.flaw("a character is not of the base64 alphabet", at, at + 1, part)
    else:
        yield from _length_flaws(draft, part, body, rest)
    yield from _line_flaws(draft, part, body)


def _length_flaws(draft: Draft, part: Part, body: bytes, rest: bytes) -> Iterator[Flaw]:
    start, end = part.body
    pads = rest.count(b"=")
    if pads and (after := _DATA.search(draft.content, start + body.find(b"="), end)):
        yield draft.flaw("data follows the padding", after.start(), end, part)
        return
    spaces = body.count(b"\r") + body.count(b"\n") + len(rest) - pads
    characters = len(body) - spaces
    if characters % 4 or pads > 2:
        text = f"{characters} characters with {pads} of padding are no whole base64"
        yield draft.flaw(text, start, line_end(draft, start, end), part)


def _line_flaws(draft: Draft, part: Part, body: bytes) -> Iterator[Flaw]:
    at = part.body.start
    for line in body.split(b"\n"):
        size = len(line) - line.endswith(b"\r")
        if MAX_BASE64_LINE < size <= MAX_LINE:  # beyond it is ENC008's matter
            text = f"a line of {size} characters (at most {MAX_BASE64_LINE})"
            yield draft.flaw(text, at, at + size, part, severity=Severity.WARNING)
            return
        at += len(line) + 1


@rule(
    "ENC008",
    "body-line-too-long",
    Severity.ERROR,
    "RFC 5322 section 2.1.1",
    fix="Encode the part as quoted-printable or base64, which have short lines.",
)
def body_line(draft: Draft) -> Iterator[Flaw]:
    """A line of the body is longer than 998 octets.

    Servers refuse such a message, or break the line wherever they like: in the middle of a tag, a
    link or a character. HTML on one long line is the usual cause. Except in the profile txn, plain
    text over 78 octets a line is mentioned where it could be wrapped.

    Let the mail library encode the part as quoted-printable.
    """
    heads = sorted(part.header for part in draft.parts)
    long = 0
    for span in draft.restless:
        for start, end in _long_lines(draft.content, span):
            index = bisect_right(heads, Span(start, len(draft.content))) - 1
            if start >= heads[index].end:  # else it is HDR013's matter
                long += 1
                yield draft.flaw(f"a line of {end - start} octets (at most {MAX_LINE})", start, end)
    if not long and draft.profile != "txn":
        yield from _unwrapped(draft)


def _long_lines(content: bytes, span: Span) -> Iterator[Span]:
    """Yield the lines that are too long; jumps from line end to line end, 998 octets at a time."""
    at, end = span
    while end - at > MAX_LINE:
        stop = content.rfind(b"\n", at, at + MAX_LINE + 1)
        if stop < 0:
            stop = content.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            size = stop - at - (content[stop - 1] == 0x0D)
            if size > MAX_LINE:
                yield Span(at, at + size)
        at = stop + 1


def _unwrapped(draft: Draft) -> Iterator[Flaw]:
    for part in draft.parts:
        if part.type != "text/plain" or part.encoding not in ("7bit", "8bit"):
            continue
        if (part.parameters.value("format") or b"").lower() == b"flowed" or part.delimiters:
            continue
        at = part.body.start
        for line in draft.content[at : part.body.end].split(b"\n"):
            size = len(line) - line.endswith(b"\r")
            if size > GOOD_LINE and b" " in line[:GOOD_LINE].strip():
                text = f"a line of {size} octets (better {GOOD_LINE}) that could be wrapped"
                yield draft.flaw(text, at, at + size, part, severity=Severity.INFO)
                break
            at += len(line) + 1


def line_end(draft: Draft, start: int, end: int) -> int:
    """Return where the line of an octet ends, at most `end`."""
    stop = draft.content.find(b"\n", start, end)
    return end if stop < 0 else stop


RULES: tuple[Rule, ...] = (
    quoted_printable_line,
    quoted_printable_broken,
    base64_broken,
    body_line,
)
