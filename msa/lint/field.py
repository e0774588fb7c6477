"""HDR: how header fields are written: their lines, their octets, their encoded-words."""

import binascii
import codecs
import re
from collections.abc import Iterator

from msa.lint.draft import ADDRESS_FIELDS, Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.charset import codec_name
from msa.message.structured import blank_comments
from msa.message.tree import Field, Part

MAX_LINE = 998  # octets without the line end, RFC 5322 section 2.1.1
GOOD_LINE = 78  # octets, the same section's SHOULD
MAX_FIELD = 32_768  # octets, Gmail's limit for one field
MAX_SECTION = 512_000  # octets, Gmail's limit for all of them
MAX_FIELD_COUNT = 5_000  # Gmail's limit
MAX_WORD = 75  # characters of an encoded-word, RFC 2047 section 2


@rule(
    "HDR013",
    "header-line-too-long",
    Severity.ERROR,
    "RFC 5322 section 2.1.1",
    fix="Fold the field: a line break and a space, where a space stands already.",
)
def line_too_long(draft: Draft) -> Iterator[Flaw]:
    """A line of the header section is too long, or there is too much of it.

    998 octets are the limit; servers cut or refuse what is longer. Lines over 78 octets that
    could be folded are mentioned. Gmail refuses a field over 32 KB, a header section over 500 KB,
    and more than 5,000 fields.

    Let the mail library fold; encode long text in several encoded-words.
    """
    for part in draft.parts:
        yield from _section_too_big(draft, part)
        for field in part.fields:
            size = field.value_end - field.start
            if size > GOOD_LINE:
                yield from _long_lines(draft, part, field)


def _section_too_big(draft: Draft, part: Part) -> Iterator[Flaw]:
    start, end = part.header
    if end - start > MAX_SECTION:
        text = f"a header section of {end - start} octets (Gmail takes {MAX_SECTION})"
        yield draft.flaw(text, start, end, part)
    if len(part.fields) + len(part.strays) >= MAX_FIELD_COUNT:
        text = f"more than {MAX_FIELD_COUNT} fields (Gmail takes no more); the rest is not read"
        yield draft.flaw(text, start, end, part)


def _long_lines(draft: Draft, part: Part, field: Field) -> Iterator[Flaw]:
    if field.end - field.start > MAX_FIELD:
        text = f"a field of {field.end - field.start} octets (Gmail takes {MAX_FIELD})"
        yield draft.flaw(text, field.start, field.end, part)
    at = field.start
    while at < field.value_end:
        stop = draft.content.find(b"\n", at, field.value_end)
        stop = field.value_end if stop < 0 else stop
        size = stop - at - (draft.content[stop - 1 : stop] == b"\r")
        if size > MAX_LINE:
            yield draft.flaw(f"a line of {size} octets (at most {MAX_LINE})", at, stop, part)
        elif size > GOOD_LINE and _can_fold(draft, field, at, stop):
            text = f"a line of {size} octets (better {GOOD_LINE}) that could be folded"
            yield draft.flaw(text, at, stop, part, severity=Severity.INFO)
        at = stop + 1


def _can_fold(draft: Draft, field: Field, start: int, stop: int) -> bool:
    # A line without a space after its first word can't be made shorter.
    words = draft.content[max(start, field.value_start) : stop].strip()
    return b" " in words or b"\t" in words


@rule(
    "HDR014",
    "header-raw-8bit",
    Severity.ERROR,
    "RFC 5322 section 2.2",
    fix="Write other letters as encoded-words (RFC 2047), or ask for SMTPUTF8 and send UTF-8.",
)
def raw_8bit(draft: Draft) -> Iterator[Flaw]:
    """A field holds octets over 127 without SMTPUTF8, or octets that are not UTF-8.

    Header fields are ASCII unless both sides agreed on SMTPUTF8 (RFC 6532). Readers guess the
    charset, and umlauts come out as garbage.

    Let the mail library encode the field; don't put text in it by string formatting.
    """
    if draft.is_ascii:
        return
    utf8 = draft.envelope is not None and draft.envelope.smtputf8
    for part in draft.parts:
        for field in part.fields:
            value = draft.value(field)
            if not value.isascii():
                yield from _raw_8bit_in(draft, part, field, utf8=utf8)


def _raw_8bit_in(draft: Draft, part: Part, field: Field, *, utf8: bool) -> Iterator[Flaw]:
    value = draft.value(field)
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        start = field.value_start + error.start
        text = f"the {field.name} field is neither ASCII nor UTF-8"
        yield draft.flaw(text, start, field.value_end, part)
        return
    if not utf8 and _high(value) != _high_in_addresses(draft, part, field):
        first = next(index for index, octet in enumerate(value) if octet > 127)
        text = f"the {field.name} field holds raw UTF-8 without SMTPUTF8"
        yield draft.flaw(text, field.value_start + first, field.value_end, part)


def _high(octets: bytes) -> int:
    return len(octets) - len(octets.translate(None, _HIGH))


def _high_in_addresses(draft: Draft, part: Part, field: Field) -> int:
    """Count the octets over 127 that stand in addresses: ADR006 tells of them."""
    if part is not draft.root or field.name.lower() not in ADDRESS_FIELDS:
        return 0
    return sum(_high(box.address) for box in draft.addresses(field).mailboxes)


_HIGH = bytes(range(128, 256))

# Bounded, and no two pieces can take the same octet: a text may hold three "?" (which is wrong),
# so that a field full of beginnings without ends is walked through a few times, not a thousand.
_WORD = re.compile(
    rb"=\?([^?\s=]{1,60})\?([^?\s]{1,8})\?(?:([^?]{0,500}(?:\?(?!=)[^?]{0,200}){0,3})\?=)?"
)
_BAD_Q = re.compile(rb"=(?![0-9A-Fa-f]{2})")
# One that never ends is taken to the end of the value, or each quote in it would be a beginning.
_QUOTED = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(")?', re.DOTALL)
_Q_UNIT = re.compile(rb"=([0-9A-Fa-f]{2})")
# Parameters have RFC 2231 instead, and a name in an encoded-word there is MIM010's matter.
_NO_WORDS = frozenset(
    (
        *("content-type", "content-disposition", "content-transfer-encoding", "content-id"),
        *("message-id", "references", "in-reply-to", "date", "mime-version", "dkim-signature"),
        *("received", "return-path"),
    )
)


@rule(
    "HDR015",
    "encoded-word-broken",
    Severity.ERROR,
    "RFC 2047 section 2",
    fix="Let the mail library encode the text; encode each word whole, at most 75 characters.",
)
def encoded_word(draft: Draft) -> Iterator[Flaw]:
    """An encoded-word (=?utf-8?q?...?=) breaks the rules of RFC 2047.

    It has a space or line break inside, an unknown charset or encoding, base64 that can't be
    decoded, only a piece of a character, or stands inside a quoted string. Readers then show the
    raw characters or a wrong text. More than 75 characters are a warning.

    Encode with a mail library, and fold between words only.
    """
    for part, field in draft.worded:
        if field.name.lower() not in _NO_WORDS:
            yield from _words(draft, part, field)


def _words(draft: Draft, part: Part, field: Field) -> Iterator[Flaw]:
    value = draft.value(field)
    quoted: list[tuple[int, int]] = []
    if field.name.lower() in ADDRESS_FIELDS and b'"' in value:
        quoted = [found.span() for found in _QUOTED.finditer(blank_comments(value)) if found[1]]
    for word in _WORD.finditer(value):
        reason = _word_trouble(word)
        severity: Severity | None = None
        if not reason and any(start < word.start() < end for start, end in quoted):
            reason = "stands inside a quoted string"
        if not reason and len(word[0]) > MAX_WORD:
            # A warning: every reader takes it, and Python's own library writes 76 now and then.
            reason, severity = (
                f"has {len(word[0])} characters (at most {MAX_WORD})",
                Severity.WARNING,
            )
        if reason:
            start = field.value_start + word.start()
            stop = field.value_start + word.end()
            yield draft.flaw(f"an encoded-word {reason}", start, stop, part, severity=severity)


def _word_trouble(word: re.Match[bytes]) -> str:
    charset = word[1].partition(b"*")[0].decode("latin-1")
    codec, kind, text = codec_name(charset), word[2].lower(), word[3]
    if text is None:
        return "never ends" if codec is not None and kind in (b"b", b"q") else ""
    if kind not in (b"b", b"q"):
        return f'has the unknown encoding "{ascii(word[2].decode("latin-1"))[1:-1]}"'
    if codec is None:
        return f'has the unknown charset "{ascii(charset)[1:-1]}"'
    if len(text.split()) > 1 or text.strip() != text:
        return "has a space inside"
    return _text_trouble(kind, text, codec)


def _text_trouble(kind: bytes, text: bytes, codec: str) -> str:
    if kind == b"b":
        try:
            data = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            return "has broken base64"
    else:
        if _BAD_Q.search(text) or b"?" in text:
            return 'has a "=" or "?" that is not encoded'
        data = _Q_UNIT.sub(lambda unit: bytes([int(unit[1], 16)]), text.replace(b"_", b" "))
    try:
        codecs.decode(data, codec)
    except (UnicodeError, LookupError):
        return f"is no text in {codec}, perhaps a character was split"
    return ""


RULES: tuple[Rule, ...] = (
    line_too_long,
    raw_8bit,
    encoded_word,
)
