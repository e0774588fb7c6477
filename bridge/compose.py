"""From rendered parts to the octets of an RFC 5322 message; pure.

Put together octet by octet, since the standard library takes forty times as long. Nothing that
comes from an event can add a field or end the header section: every value passes `_unstructured`
or `_phrase`, which leave no line break but the ones they make.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from bridge.address import Mailbox

MAX_LINE = 78  # characters, RFC 5322 section 2.1.1 (SHOULD)
MAX_VALUE = 2000  # characters of a field's value; a subject or id that is longer is cut
MAX_WORD = 900  # characters; a long URL may be a line of its own, below the limit of 998 octets
MAX_ENCODED_WORD = 75  # characters, RFC 2047 section 2
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q = tuple(
    "_" if octet == 0x20 else chr(octet) if octet in _Q_SAFE else f"={octet:02X}"
    for octet in range(256)
)
_QP_TEXT = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"
_QP_HTML = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a message says, before it is octets."""

    key: str  # the submission key: of A-Z a-z 0-9 and "-"; makes the boundary
    domain: str  # right side of the Message-ID
    author: Mailbox
    to: Mailbox
    reply_to: Mailbox | None
    date: datetime  # with a time zone
    subject: str
    text: str
    html: str  # "" makes a message of one part
    fields: tuple[tuple[str, str], ...]  # further fields: trusted names, values of any kind

    @property
    def message_id(self) -> str:
        """The same for every retry; a deliberate second mail would count up the 0."""
        return f"<{self.key}.0@{self.domain}>"


def compose(letter: Letter) -> bytes:
    """Write a message; every line of it ends in CRLF."""
    head = [
        f"From: {_mailbox(letter.author, 6)}",
        f"To: {_mailbox(letter.to, 4)}",
        *([f"Reply-To: {_mailbox(letter.reply_to, 10)}"] if letter.reply_to else ()),
        f"Subject: {_unstructured(letter.subject, 9)}",
        f"Date: {format_datetime(letter.date)}",
        f"Message-ID: {letter.message_id}",
        "MIME-Version: 1.0",
        "Auto-Submitted: auto-generated",  # RFC 3834 section 5
        *(f"{name}: {_unstructured(value, len(name) + 2)}" for name, value in letter.fields),
    ]
    header = "\r\n".join(head).encode("utf-8", "replace")
    if not letter.html:
        return b"%s\r\n%s\r\n\r\n%s" % (header, _QP_TEXT, _quoted_printable(letter.text))
    # "=_" can't stand in quoted-printable (RFC 2045 section 6.7), so no part holds the boundary.
    boundary = f"=_{letter.key}".encode()
    return b"".join(
        (
            header,
            b'\r\nContent-Type: multipart/alternative;\r\n boundary="%s"\r\n' % boundary,
            b"\r\n--%s\r\n%s\r\n\r\n" % (boundary, _QP_TEXT),
            _quoted_printable(letter.text),
            b"\r\n--%s\r\n%s\r\n\r\n" % (boundary, _QP_HTML),
            _quoted_printable(letter.html),
            b"\r\n--%s--\r\n" % boundary,
        )
    )


def _quoted_printable(text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    octets = "\r\n".join((*lines, "")).encode("utf-8", "replace")
    # b2a_qp breaks lines the way the first one ends, and there is always a first CRLF.
    return binascii.b2a_qp(octets, istext=True)


def _mailbox(mailbox: Mailbox, indent: int) -> str:
    if not mailbox.name:
        return mailbox.path
    name = _phrase(mailbox.name, indent)
    last_line = name.rpartition("\r\n")[2]
    used = len(last_line) + (0 if "\r\n" in name else indent)
    space = " " if used + len(mailbox.path) + 3 <= MAX_LINE else "\r\n "
    return f"{name}{space}<{mailbox.path}>"


def _phrase(text: str, indent: int) -> str:
    """Write a display name (RFC 5322 section 3.2.5, RFC 2047 section 5 (3))."""
    text = _SPACE.sub(" ", text).strip()
    if text.isascii() and "=?" not in text and indent + len(text) + 2 <= MAX_LINE:
        if _ATOMS.fullmatch(text):
            return text
        return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
    return _encoded_words(text, indent)


def _unstructured(text: str, indent: int) -> str:
    """Write a value on one or several lines; white space of any kind becomes a space."""
    text = _SPACE.sub(" ", text).strip()[:MAX_VALUE].rstrip()
    if not text.isascii() or "=?" in text:
        return _encoded_words(text, indent)
    if indent + len(text) <= MAX_LINE:
        return text
    if max(map(len, text.split(" "))) > MAX_WORD:
        return _encoded_words(text, indent)
    return _folded(text, indent)


def _folded(text: str, indent: int) -> str:
    lines = [""]
    room = MAX_LINE - indent
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
            room = MAX_LINE - 1
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encoded_words(text: str, indent: int) -> str:
    """Write encoded-words of whole characters (RFC 2047 section 5), one on each line."""
    octets = text.encode("utf-8", "replace")
    plain = sum(octet in _Q_SAFE or octet == 0x20 for octet in octets)
    is_mostly_plain = plain * 5 >= len(octets) * 4  # Q is then shorter, and people can read it
    overhead = len("=?utf-8?q??=")
    words = []
    room = min(MAX_ENCODED_WORD, MAX_LINE - indent) - overhead
    for piece in _pieces(text, max(room, 12), is_mostly_plain, MAX_ENCODED_WORD - overhead):
        if is_mostly_plain:
            encoded = "".join([_Q[octet] for octet in piece])
            words.append(f"=?utf-8?q?{encoded}?=")
        else:
            words.append(f"=?utf-8?b?{base64.b64encode(piece).decode()}?=")
    return "\r\n ".join(words)


def _pieces(text: str, first: int, is_q: bool, rest: int) -> list[bytes]:
    """Cut a text into pieces that fit `first` and then `rest` characters when encoded."""
    pieces = [b""]
    size, room = 0, first
    for character in text:
        octets = character.encode("utf-8", "replace")
        cost = sum(len(_Q[octet]) for octet in octets) if is_q else len(octets)
        if size + cost > (room if is_q else room // 4 * 3):
            pieces.append(b"")
            size, room = 0, rest
        pieces[-1] += octets
        size += cost
    return pieces
