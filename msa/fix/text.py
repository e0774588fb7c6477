"""Fixes of raw letters in header fields: free text becomes encoded-words (RFC 2047)."""

import re
from collections.abc import Iterator

from msa.fix.edit import Edit, Suppressed
from msa.fix.place import line_end
from msa.fix.remedy import Remedy
from msa.lint.draft import Draft
from msa.lint.optional import is_of_servers
from msa.message.structured import unfold
from msa.message.tree import Field, Part

MAX_LINE = 76  # characters of a line with an encoded-word, RFC 2047 section 2
MAX_WORD = 75  # characters of an encoded-word
LEAST_ROOM = 24  # for a word with one character of four octets
MAX_OCTETS = 131_072  # of all fields of one message that are encoded; a long subject has 200
REFERENCE = "RFC 2047 section 5"

_TOO_MUCH = f"the message has more than {MAX_OCTETS} octets of such fields"
_HEAD, _TAIL = "=?utf-8?q?", "?="
_FREE_TEXT = ("subject", "comments", "content-description", "thread-topic")
_8BIT = re.compile(rb"[\x80-\xff]")
_SPACE = b" \t\r\n"
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_SPACE = re.compile(rb"[^ \t\r\n]")
# RFC 2047 section 5(3): these stand for themselves anywhere.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def encoded_words(draft: Draft) -> Iterator[Remedy]:
    """Write free text that is raw UTF-8 in encoded-words, unless SMTPUTF8 was asked for."""
    if draft.is_ascii:
        return
    utf8 = draft.envelope is not None and draft.envelope.smtputf8
    left = MAX_OCTETS
    for part in draft.parts:
        for field in part.fields:
            value = draft.value(field)
            if not value.isascii() and not is_of_servers(field.name.lower()):
                left -= len(value)
                yield from _remedies(draft, part, field, value, utf8=utf8, has_room=left >= 0)


def _remedies(
    draft: Draft, part: Part, field: Field, value: bytes, *, utf8: bool, has_room: bool
) -> Iterator[Remedy]:
    text = f"write the letters of the {field.name} field as encoded-words"
    reason = _obstacle(field, value, utf8=utf8) if has_room else _TOO_MUCH
    if reason:
        yield Suppressed(
            name=field.name, part=part.path, reference=REFERENCE, text=text, reason=reason
        )
    elif not utf8:
        start, end, octets = _encoded(draft, field, value)
        yield (
            Edit(
                start=field.value_start + start,
                end=field.value_start + end,
                octets=octets,
                name=field.name,
                part=part.path,
                reference=REFERENCE,
                text=text,
            ),
        )


def _obstacle(field: Field, value: bytes, *, utf8: bool) -> str:
    try:
        text = unfold(value).decode()
    except UnicodeDecodeError:
        return "they are no UTF-8, and no charset says which letters they are"
    if utf8:
        return ""
    name = field.name.lower()
    if name not in _FREE_TEXT and not name.startswith("x-"):
        return "only free text can be encoded without taking the field apart"
    if "=?" in text:
        return "the field has encoded-words already, and joining them may change the text"
    if _CONTROL.search(text):
        return "the field holds control characters"
    return ""


def _encoded(draft: Draft, field: Field, value: bytes) -> tuple[int, int, bytes]:
    """Return the range of the value from the first such word to the last, and what it becomes."""
    start, end = _words(value)
    text = unfold(value[start:end]).decode().replace("\t", " ")
    fold = line_end(draft)
    at = field.value_start + start
    column = at - max(draft.content.rfind(b"\n", field.start, at) + 1, field.start)
    before = b""
    if start == 0:
        before, column = b" ", column + 1
    elif MAX_LINE - column < LEAST_ROOM and _NOT_SPACE.search(value, 0, start):
        start -= 1
        before, column = fold + value[start : start + 1], 1
    room = MAX_LINE - column if MAX_LINE - column >= LEAST_ROOM else MAX_WORD
    words = list(_pieces(text, min(room, MAX_WORD)))
    octets = before + (fold + b" ").join(words)
    column = (column if len(words) == 1 else 1) + len(words[-1])
    return start, end, octets + _fold_after(value, end, column, fold)


def _words(value: bytes) -> tuple[int, int]:
    found = _8BIT.search(value)
    last = _8BIT.search(value[::-1])
    assert found is not None  # the caller saw that it is not ASCII
    assert last is not None
    start = 1 + max(value.rfind(bytes([space]), 0, found.start()) for space in _SPACE)
    after = (value.find(bytes([space]), len(value) - last.start()) for space in _SPACE)
    return start, min((at for at in after if at >= 0), default=len(value))


def _fold_after(value: bytes, end: int, column: int, fold: bytes) -> bytes:
    """Return a line end when what follows in the line is too much for it."""
    stop = value.find(b"\n", end)
    rest = value[end : len(value) if stop < 0 else stop]
    return fold if rest.strip() and column + len(rest) > MAX_LINE else b""


def _pieces(text: str, room: int) -> Iterator[bytes]:
    """Cut a text into encoded-words of whole characters, the first of at most `room`."""
    piece = ""
    left = room - len(_HEAD) - len(_TAIL)
    for character in text:
        unit = _unit(character)
        if len(unit) > left:
            yield f"{_HEAD}{piece}{_TAIL}".encode()
            piece, left = "", MAX_WORD - len(_HEAD) - len(_TAIL)
        piece += unit
        left -= len(unit)
    yield f"{_HEAD}{piece}{_TAIL}".encode()


def _unit(character: str) -> str:
    if character == " ":
        return "_"
    return "".join(
        chr(octet) if octet in _PLAIN else f"={octet:02X}" for octet in character.encode()
    )
