"""SEC: what was slipped into a message: line breaks in disguise, header blocks, hidden letters."""

import re
import unicodedata
from collections.abc import Iterator

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule
from msa.message.mailbox import display_name
from msa.message.structured import Structured, parameter
from msa.message.tree import Field, Part
from msa.message.words import decode_words, each_word

MAX_LINES = 20  # of a body's beginning that may be a header block

_BREAK = re.compile(r"[\r\n\0]")
_ENCODED_BREAK = re.compile(rb"%0[0ad]", re.IGNORECASE)


@rule(
    "SEC004",
    "line-break-encoded",
    Severity.ERROR,
    "RFC 2047 section 6.2; CWE-93",
    fix="Take line breaks and NUL out of the text before it is encoded.",
)
def encoded_break(draft: Draft) -> Iterator[Flaw]:
    """An encoded-word or a parameter hides a line break or a NUL.

    Decoded it is a new line: a program that decodes a subject and writes it into a header again
    adds the fields that somebody chose, a Bcc for example. No honest text has one.

    Replace line breaks in everything that users type before you set a header field.
    """
    for part, field in draft.worded:
        for start, end, text in each_word(draft.value(field)):
            if _BREAK.search(text):
                said = f"an encoded-word in {field.name} holds a line break or NUL"
                place = field.value_start
                yield draft.flaw(said, place + start, place + end, part)
    for part in draft.parts:
        for name, structured in _structured(draft, part):
            if any(
                key.endswith("*") and _ENCODED_BREAK.search(value)
                for key, value in structured.parameters
            ):
                field = draft.named(part, name)[0]
                said = f"a parameter of {field.name} holds a line break or NUL"
                yield draft.flaw(said, field.start, field.end, part)


# Fields that nobody begins a letter with, and others that count beside one of them.
_HEADER_LINE = re.compile(
    rb"(?:(bcc|content-type|content-transfer-encoding|content-disposition|mime-version|reply-to"
    rb"|return-path|message-id|dkim-signature)|from|to|cc|sender|subject|date):[ \t]*\S[^\n]*\n",
    re.IGNORECASE,
)


@rule(
    "SEC005",
    "header-block-in-body",
    Severity.WARNING,
    "CWE-93",
    fix="Take line breaks out of header values; end the header with one blank line only.",
)
def header_in_body(draft: Draft) -> Iterator[Flaw]:
    """The body begins with header fields, such as Bcc or Content-Type.

    Somebody injected a blank line into a header value, and the rest of the header fell into the
    body: forms for contact are attacked that way. Or the program wrote a blank line too many, and
    readers see the fields as text.

    Look at the last field above the blank line, and at where its value comes from.
    """
    for part in draft.parts:
        if part.type not in ("text/plain", "text/html") and part.delimiters is None:
            continue
        found = _injected(draft, part)
        if found is not None and not draft.is_attached(part):
            name = ascii(found[1].decode("latin-1"))[1:-1]
            text = f"the body begins like a header, with {name}"
            yield draft.flaw(text, part.body.start, found.end(), part)


def _injected(draft: Draft, part: Part) -> re.Match[bytes] | None:
    at, end = part.body
    for _ in range(MAX_LINES):
        line = _HEADER_LINE.match(draft.content, at, end)
        if line is None or line[1] is not None:
            return line
        at = line.end()
    return None


# Zero-width characters beside ASCII, where no script needs them; joiners between ASCII only, since
# Persian, Indian scripts and emoji are written with them; tags, which only flags may have.
_HIDDEN = re.compile(
    "[\u202d\u202e\ufeff\U000e0000-\U000e007f]|(?<=[!-~])[\u200b\u2060-\u2064]"
    "|[\u200b\u2060-\u2064](?=[!-~])|(?<=[!-~])[\u200c\u200d](?=[!-~])"
)
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,32}\U000e007f")
_OPENING = re.compile("[\u202a\u202b\u2066-\u2068]")
_CLOSING = re.compile("[\u202c\u2069]")


@rule(
    "SEC008",
    "hidden-characters",
    Severity.WARNING,
    "UTS 39; Unicode Technical Report 36",
    fix="Take direction overrides, zero-width characters and tags out of the text.",
)
def hidden(draft: Draft) -> Iterator[Flaw]:
    """A subject, a display name or a file name holds characters that nobody sees.

    A right-to-left override makes "fdp.exe" look like "exe.pdf"; zero-width characters inside a
    word hide it from filters; tags carry text for machines. Marks that a language needs are left
    alone: joiners outside of Latin words, direction marks, embeddings and isolates that are
    closed.

    Filter what users type; text that was copied from a web page often has them.
    """
    for field, text in draft.subjects:
        yield from _told(draft, field, "the subject", text)
    for field, box in draft.mailboxes:
        if b"=?" in box.phrase or not box.phrase.isascii():
            name = decode_words(display_name(box.phrase))
            yield from _told(draft, field, "a display name", name)
    for part in draft.parts:
        for name, structured in _structured(draft, part):
            file_name = parameter(structured, "filename" if name != "content-type" else "name")
            if file_name and (seen := _hidden_in(file_name)):
                field = draft.named(part, name)[0]
                text = f"a file name holds {seen}"
                yield draft.flaw(text, field.start, field.end, part)


def _told(draft: Draft, field: Field, where: str, text: str) -> Iterator[Flaw]:
    seen = _hidden_in(text)
    if seen:
        yield draft.value_flaw(f"{where} holds {seen}", field)


def _hidden_in(text: str) -> str:
    """Return what is hidden, by its name; "" when nothing is."""
    if text.isprintable():
        return ""
    found = _HIDDEN.search(_FLAG.sub("", text))
    if found is not None:
        return f"U+{ord(found[0]):04X} {unicodedata.name(found[0], '').lower()}".rstrip()
    opened = len(_OPENING.findall(text)) - len(_CLOSING.findall(text))
    return "a change of direction that is never closed" if opened > 0 else ""


def _structured(draft: Draft, part: Part) -> Iterator[tuple[str, Structured]]:
    """Yield the two fields that name a file, where they have parameters."""
    if part.parameters.parameters:
        yield "content-type", part.parameters
    disposition = draft.disposition(part)
    if disposition.parameters:
        yield "content-disposition", disposition


RULES: tuple[Rule, ...] = (
    encoded_break,
    header_in_body,
    hidden,
)
