"""ENC: transfer encodings and charsets (RFC 2045 section 6)."""

import codecs
import re
from collections.abc import Iterator

from msa.lint.draft import MAX_TEXT, Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.charset import codec_name
from msa.message.decoding import MAX_BASE64_LINE, encoded_offsets
from msa.message.tree import Part

_8BIT = re.compile(rb"[\x80-\xff]")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_SPACE = b" \t\r\n"
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_DATA = re.compile(rb"[A-Za-z0-9+/]")
# UTF-8 read as Latin-1 or windows-1252 and encoded again: "Ã©" and "â€™" in the reader's eyes.
# Left out are pairs that words end in: "Ãª", "Ãº" and "Ã»".
_TWICE = re.compile(
    rb"\xc3\x83\xc2[\x80-\xa9\xac-\xb9\xbc-\xbf]|\xc3\xa2\xe2\x82\xac|\xc3\xa2\xc2\x80\xc2[\x80-\xbf]"
)
# An unknown charset is ENC004's matter, 8 bits in ASCII are ENC002's, and Latin-1 takes all.
_NEVER_WRONG = (None, "ascii", "latin_1")
_REPLACEMENT = "\ufffd".encode()


@rule(
    "ENC001",
    "content-8bit-unlabelled",
    Severity.ERROR,
    "RFC 2045 section 6.2",
    fix="Say Content-Transfer-Encoding: 8bit, or encode the part as quoted-printable.",
)
def label_7bit(draft: Draft) -> Iterator[Flaw]:
    """A part holds octets over 127, but is labelled 7bit or not labelled.

    Servers may cut the eighth bit or refuse the message, and signatures break on the way.

    Use quoted-printable or base64; or 8bit where the server offers 8BITMIME.
    """
    if draft.is_ascii:
        return
    for part in draft.parts:
        if part.encoding != "7bit" or part.delimiters is not None:
            continue
        start, end = part.body
        found = _8BIT.search(draft.content, start, end)
        if found is not None:
            label = "is labelled 7bit" if _is_labelled(part) else "has no encoding label"
            text = f"the part {label} but holds 8-bit octets"
            yield draft.flaw(text, found.start(), _line_end(draft, found.start(), end), part)


@rule(
    "ENC003",
    "charset-mismatch",
    Severity.ERROR,
    "RFC 2045 section 5",
    fix="Name the charset that the text is really in, or write the text in the one you name.",
)
def undecodable(draft: Draft) -> Iterator[Flaw]:
    """A text doesn't decode in the charset that it names.

    Readers show question marks or garbage. The replacement character U+FFFD, and UTF-8 that was
    encoded twice, are warnings: something went wrong earlier on the way.

    Encode the text once, at the end, in the charset that the part names.
    """
    for part in draft.parts:
        if part.type.startswith("text/") and part.charset:
            codec = codec_name(part.charset)
            if codec not in _NEVER_WRONG:
                yield from _charset_flaws(draft, part, codec or "")


def _charset_flaws(draft: Draft, part: Part, codec: str) -> Iterator[Flaw]:
    data = draft.octets(part)
    if data.isascii() and codec == "utf_8":
        return
    whole = part.body.end - part.body.start <= MAX_TEXT
    try:
        codecs.getincrementaldecoder(codec)().decode(data, whole)
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        if part.encoding != "base64" or not any(_base64_flaws(draft, part)):  # the cause
            yield _decoded_flaw(draft, part, f"the text does not decode as {part.charset}", at)
        return
    if codec != "utf_8":
        return
    if (at := data.find(_REPLACEMENT)) >= 0:
        text = "the text holds U+FFFD, which stands for a lost character"
        yield _decoded_flaw(draft, part, text, at, Severity.WARNING)
    if (found := _TWICE.search(data)) is not None:
        text = "the text was encoded as UTF-8 twice"
        yield _decoded_flaw(draft, part, text, found.start(), Severity.WARNING)


def _decoded_flaw(
    draft: Draft, part: Part, text: str, decoded: int, severity: Severity | None = None
) -> Flaw:
    [start] = encoded_offsets(draft.message, part, [decoded])
    return draft.flaw(text, start, _line_end(draft, start, part.body.end), part, severity=severity)


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
            yield from _base64_flaws(draft, part)


def _base64_flaws(draft: Draft, part: Part) -> Iterator[Flaw]:
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
        yield draft.flaw(text, start, _line_end(draft, start, end), part)


def _line_flaws(draft: Draft, part: Part, body: bytes) -> Iterator[Flaw]:
    at = part.body.start
    for line in body.split(b"\n"):
        size = len(line) - line.endswith(b"\r")
        if size > MAX_BASE64_LINE:
            text = f"a line of {size} characters (at most {MAX_BASE64_LINE})"
            yield draft.flaw(text, at, at + size, part, severity=Severity.WARNING)
            return
        at += len(line) + 1


def _is_labelled(part: Part) -> bool:
    return bool(part.named("content-transfer-encoding"))


def _line_end(draft: Draft, start: int, end: int) -> int:
    stop = draft.content.find(b"\n", start, end)
    return end if stop < 0 else stop


RULES: tuple[Rule, ...] = (
    label_7bit,
    undecodable,
    base64_broken,
)
