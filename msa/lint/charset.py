"""ENC: charsets, and the label that octets over 127 need (RFC 2045, RFC 2046 section 4.1.2)."""

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache

from msa.lint.draft import MAX_TEXT, Draft
from msa.lint.encoding import OVER_127, base64_flaws, line_end
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.charset import codec_name
from msa.message.charset_name import is_registered, preferred_name
from msa.message.decoding import encoded_offsets
from msa.message.tree import Part

MAX_META = 4_096  # decoded octets of a page that are searched for its charset; browsers take 1,024

# UTF-8 read as Latin-1 or windows-1252 and encoded again: "Ã©" and "â€™" in the reader's eyes.
# Left out are pairs that words end in: "Ãª", "Ãº" and "Ã»".
_TWICE = re.compile(
    rb"\xc3\x83\xc2[\x80-\xa9\xac-\xb9\xbc-\xbf]|\xc3\xa2\xe2\x82\xac|\xc3\xa2\xc2\x80\xc2[\x80-\xbf]"
)
# An unknown charset is ENC004's matter, 8 bits in ASCII are ENC002's, and Latin-1 takes all.
_NEVER_WRONG = (None, "ascii", "latin_1")
_REPLACEMENT = "\ufffd".encode()
# Those whose charset is ASCII when none is named; calendars, CSV and XML have rules of their own.
_ASCII_BY_DEFAULT = ("text/plain", "text/html", "text/enriched")
_UNWISE = ("utf_7", "utf_16", "utf_32")
_META = re.compile(
    rb"<meta\b[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE
)


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
        found = OVER_127.search(draft.content, start, end)
        if found is not None:
            label = "is labelled 7bit" if _is_labelled(part) else "has no encoding label"
            text = f"the part {label} but holds 8-bit octets"
            yield draft.flaw(text, found.start(), line_end(draft, found.start(), end), part)


@rule(
    "ENC002",
    "charset-undeclared",
    Severity.ERROR,
    "RFC 2046 section 4.1.2",
    fix="Name the charset: Content-Type: text/plain; charset=utf-8.",
)
def charset_undeclared(draft: Draft) -> Iterator[Flaw]:
    """A text holds octets over 127, but its charset is us-ascii or isn't named.

    Readers guess then, each by its own language: umlauts and emoji come out as garbage.

    Write the text in UTF-8 and say so in the Content-Type field.
    """
    for part in draft.parts:
        if part.type.startswith("text/") and _is_ascii_only(part):
            at = _first_8bit(draft, part)
            if at is not None:
                named = "names us-ascii" if part.charset else "names no charset"
                text = f"the text {named} but holds 8-bit octets"
                yield draft.flaw(text, at, line_end(draft, at, part.body.end), part)


def _is_ascii_only(part: Part) -> bool:
    charset = part.charset
    return codec_name(charset) == "ascii" if charset else part.type in _ASCII_BY_DEFAULT


def _first_8bit(draft: Draft, part: Part) -> int | None:
    if part.encoding not in ("quoted-printable", "base64"):
        found = None if draft.is_ascii else OVER_127.search(draft.content, *part.body)
        return None if found is None else found.start()
    data = draft.octets(part)
    decoded = None if data.isascii() else OVER_127.search(data)
    if decoded is None:
        return None
    [at] = encoded_offsets(draft.message, part, [decoded.start()])
    return at


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
        # Only a text that was cut may end inside a character.
        _ = data.decode(codec) if whole else codecs.getincrementaldecoder(codec)().decode(data)
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        if part.encoding != "base64" or not any(base64_flaws(draft, part)):  # the cause
            yield _decoded_flaw(draft, part, f"the text does not decode as {part.charset}", at)
        return
    if codec != "utf_8":
        return
    if b"\xef" in data and (at := data.find(_REPLACEMENT)) >= 0:
        text = "the text holds U+FFFD, which stands for a lost character"
        yield _decoded_flaw(draft, part, text, at, Severity.WARNING)
    if (b"\x83" in data or b"\xa2" in data) and (found := _TWICE.search(data)):
        text = "the text was encoded as UTF-8 twice"
        yield _decoded_flaw(draft, part, text, found.start(), Severity.WARNING)


def _decoded_flaw(
    draft: Draft, part: Part, text: str, decoded: int, severity: Severity | None = None
) -> Flaw:
    [start] = encoded_offsets(draft.message, part, [decoded])
    return draft.flaw(text, start, line_end(draft, start, part.body.end), part, severity=severity)


@rule(
    "ENC004",
    "charset-unwise",
    Severity.WARNING,
    "RFC 2978 section 2",
    fix="Say charset=utf-8, in the Content-Type field and in the HTML.",
)
def charset_unwise(draft: Draft) -> Iterator[Flaw]:
    """A charset has an unknown or unregistered name, or one that does harm; or HTML names another.

    Readers know the names of IANA's registry. Others work by luck: "utf8" does mostly, "utf8mb4"
    nowhere. UTF-7 hides scripts from filters, and UTF-16 and UTF-32 aren't allowed in texts. Where
    a meta element names another charset, mail readers and browsers show different letters.

    Use UTF-8 under its right name, with the hyphen.
    """
    for part in draft.parts:
        charset = part.charset
        if not charset or not part.type.startswith("text/"):
            continue
        trouble = _name_trouble(charset)
        if trouble:
            field = draft.named(part, "content-type")[0]
            yield draft.flaw(trouble, field.start, field.end, part)
        elif part.type == "text/html":
            yield from _meta_flaws(draft, part, charset)


@lru_cache(maxsize=64)
def _name_trouble(charset: str) -> str:
    shown = ascii(charset[:40])[1:-1]
    if (codec_name(charset) or "").startswith(_UNWISE):
        return f'the charset "{shown}" is unsafe or unusable in mail'
    if is_registered(charset):
        return ""
    better = preferred_name(charset)
    if better is not None:
        return f'the charset "{shown}" is not registered; its name is {better}'
    return f'the charset "{shown}" is unknown'


def _meta_flaws(draft: Draft, part: Part, charset: str) -> Iterator[Flaw]:
    found = _META.search(draft.octets(part), 0, MAX_META)
    if found is None:
        return
    name = found[1].decode("ascii", "replace")
    if codec_name(name) != codec_name(charset):
        first, last = encoded_offsets(draft.message, part, [found.start(1), found.end(1) - 1])
        text = f'the HTML names the charset "{name}", the Content-Type field another'
        yield draft.flaw(text, first, last + 1, part)


def _is_labelled(part: Part) -> bool:
    return bool(part.named("content-transfer-encoding"))


RULES: tuple[Rule, ...] = (
    label_7bit,
    charset_undeclared,
    undecodable,
    charset_unwise,
)
