"""What a client and the server said to each other: `Transcript`, bounded and without secrets.

Text of printable ASCII, a line each: how many milliseconds after the start of the session a command
came, "C:" for the client, "S:" for the server. Octets that are not printable are escaped, content
is shown by its size alone, and of AUTH (RFC 4954) nothing is kept but the mechanism.
"""

import re

from msa.command import SYNTAX
from msa.reply import Reply

KEPT_LINES = 120  # the first and the last half; a reply of several lines counts as one
MAX_LINE = 512  # characters shown of a command
MAX_TEXT = 32_768  # characters of a whole transcript

# Nearly every line.
_PLAIN = re.compile(
    rb"(?i:MAIL|RCPT|DATA|BDAT|EHLO|RSET|QUIT)(?: [ -~]{0,%d})?\r\n" % (MAX_LINE - 5)
)
# Wherever it stands: a line that is broken may hold a password all the same.
_AUTH = re.compile(rb"(?i)AUTH\s")
_MECHANISM = re.compile(rb"(?i)AUTH +(PLAIN|LOGIN|CRAM-MD5|XOAUTH2)(\s*)")
_WORD = re.compile(rb"[^ \r\n]*")
_UNPRINTABLE = re.compile(rb"[^ -~]")
_HIDDEN = b"***"
_BEFORE_REPLY = b"        S: "


class Transcript:
    """Gathers a session's lines; what was said since the last message ended is at hand apart.

    While it `hides`, a reply that quotes the client is not to be added.
    """

    def __init__(self) -> None:
        self._session = _Lines()
        self._message = _Lines()
        self.hides = False  # AUTH was said: the next lines may be its answers
        self._heard = b""  # the last line of the client, as shown

    @property
    def command(self) -> str:
        """The last line of the client, as it is shown."""
        return self._heard.decode("ascii")

    def heard(self, line: bytes, after_s: float, *, is_secret: bool = False) -> None:
        """Add a line of the client, with its CR LF; a secret one answers a challenge of AUTH."""
        if not is_secret and _PLAIN.fullmatch(line):
            self.hides = False
            shown = line[:-2]
        else:
            shown = self._shown(line, is_secret)
        self._heard = shown
        self._message.lines.append(b"%7d C: %b\n" % (after_s * 1000, shown))
        self._message.bound()

    def content(self, octets: int) -> None:
        """Add that the content came, or a chunk of it."""
        self._message.lines.append(b"        C: [%d octets]\n" % octets)

    def said(self, wire: bytes) -> None:
        """Add a reply, given with its CR LF."""
        self._message.lines.append(_shown_reply(wire))

    def message(self) -> str:
        """Return what was said since the last message ended."""
        return self._message.text()

    def message_ended(self) -> None:
        """Begin the next message."""
        self._session.extend(self._message)
        self._message = _Lines()

    def text(self) -> str:
        """Return what was said in the whole session."""
        whole = _Lines()
        whole.extend(self._session)
        whole.extend(self._message)
        return whole.text()

    def _shown(self, line: bytes, is_secret: bool) -> bytes:
        if is_secret or (self.hides and not _is_command(line)):
            return _HIDDEN
        self.hides = line[:4].upper() == b"AUTH" or _AUTH.search(line) is not None
        return _without_secrets(line) if self.hides else _escaped(line)


class _Lines:
    """The first and the last lines of a dialogue, and how many lie between them."""

    __slots__ = ("_left_out", "lines")

    def __init__(self) -> None:
        self.lines: list[bytes] = []  # some more than are shown, until the next `bound`
        self._left_out = 0

    def extend(self, other: "_Lines") -> None:
        """Add the lines that another one kept."""
        self.lines += other.lines
        self._left_out += other._left_out
        self.bound()

    def bound(self) -> None:
        """Forget lines in the middle once there are twice as many as are kept."""
        if len(self.lines) > 2 * KEPT_LINES:
            self._cut()

    def text(self) -> str:
        """Write all that is kept, cut in its middle to `MAX_TEXT`."""
        if len(self.lines) > KEPT_LINES:
            self._cut()
        lines = self.lines
        if self._left_out:
            half = KEPT_LINES // 2
            note = b"        [%d lines left out]\n" % self._left_out
            lines = [*lines[:half], note, *lines[half:]]
        return cut(b"".join(lines).decode("ascii"))

    def _cut(self) -> None:
        half, surplus = KEPT_LINES // 2, len(self.lines) - KEPT_LINES
        del self.lines[half : half + surplus]
        self._left_out += surplus


def with_reply(text: str, answer: Reply) -> str:
    """Return a transcript that ends with one more reply."""
    return f"{text}{_shown_reply(answer.wire()).decode()}"


def cut(text: str) -> str:
    """Leave the middle out of a text that is too long."""
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n        [{left_out} characters left out]\n{text[-half:]}"


def _shown_reply(wire: bytes) -> bytes:
    if wire[3:4] == b"-":  # of several lines
        wire = wire[:-2].replace(b"\r\n", b"\n" + _BEFORE_REPLY) + b"\r\n"
    return b"%b%b\n" % (_BEFORE_REPLY, wire[:-2])


def _escaped(line: bytes) -> bytes:
    line = line.removesuffix(b"\r\n")
    shown = _UNPRINTABLE.sub(lambda found: b"\\x%02x" % found[0][0], line[: MAX_LINE + 1])
    if len(shown) <= MAX_LINE and len(line) <= MAX_LINE:
        return shown
    return b"%b [line of %d octets]" % (shown[:MAX_LINE], len(line))


def _is_command(line: bytes) -> bool:
    word = _WORD.match(line)
    return word is not None and word[0].decode("ascii", "replace").upper() in SYNTAX


def _without_secrets(line: bytes) -> bytes:
    said = _MECHANISM.match(line)
    if said is None:
        return b"AUTH ***"
    has_more = said.end() < len(line)
    return b"AUTH %b%b" % (said[1].upper(), b" ***" if has_more else b"")
