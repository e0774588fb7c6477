"""The frame that reports share: multipart/report (RFC 6522), and an original as its last part.

The octets are put together by hand: the original is quoted from its stored octets, which no
library gives back unchanged.
"""

import re
from binascii import b2a_qp
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

MAX_QUOTED = 1_000_000  # octets of an original quoted whole; of a longer one only the header
MAX_QUOTED_HEADER = 65_536  # octets of the header quoted alone
MAX_LINE = 998  # octets without CRLF (RFC 5322 section 2.1.1)
MAX_STATEMENT = 900  # octets of a field or paragraph of ours: unfolded it still fits a line
WIDTH = 76  # columns of what we write ourselves


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a report."""

    media_type: str
    description: str
    body: bytes
    encoding: str  # "7bit", "8bit" or "quoted-printable"

    def octets(self, boundary: str) -> bytes:
        head = lines(
            "",
            f"--{boundary}",
            f"Content-Type: {self.media_type}",
            f"Content-Description: {self.description}",
            f"Content-Transfer-Encoding: {self.encoding}",
            "",
        )
        return head + self.body


def frame(fields: Sequence[str], kind: str, preamble: str, parts: Sequence[Part], id: str) -> bytes:
    """Return a report of a kind, the report-type: its header begins with `fields`.

    `id` makes the boundary.
    """
    boundary = _boundary(id, parts)
    head = lines(
        *fields,
        "MIME-Version: 1.0",
        f"Content-Type: multipart/report; report-type={kind};",
        f' boundary="{boundary}"',
        f"Content-Transfer-Encoding: {_widest(parts)}",
        "",
        preamble,
    )
    end = lines("", f"--{boundary}--")
    return b"".join((head, *(part.octets(boundary) for part in parts), end))


def quoted(original: bytes, what: str, *, whole: bool, smtputf8: bool) -> Part:
    """Return the original, or its header when that is wanted or the rest can't travel."""
    if whole and len(original) <= MAX_QUOTED and _are_lines(original):
        media_type = "message/global" if smtputf8 else "message/rfc822"
        return Part(media_type, what, original, encoding_of(original))
    header = _header(original)
    media_type = "message/global-headers" if smtputf8 else "text/rfc822-headers"
    if _are_lines(header):
        return Part(media_type, f"{what}'s header", header, encoding_of(header))
    printable = b2a_qp(header, istext=False).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return Part(media_type, f"{what}'s header", printable, "quoted-printable")


_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(
    rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[!-;=?-~]{1,250}>)[ \t]*\r?$",
    re.IGNORECASE | re.MULTILINE,
)


def _header(original: bytes) -> bytes:
    """Return the header with its last line end, at most `MAX_QUOTED_HEADER` octets of it."""
    end = _END_OF_HEADER.search(original, 0, MAX_QUOTED_HEADER)
    if end:
        return original[: original.index(b"\n", end.start()) + 1]
    if len(original) <= MAX_QUOTED_HEADER:
        return original
    return original[: original.rfind(b"\n", 0, MAX_QUOTED_HEADER) + 1 or MAX_QUOTED_HEADER]


def references(original: bytes) -> Iterable[str]:
    """Name the original by its Message-ID, so that mail clients show both together."""
    found = _MESSAGE_ID.search(_header(original))
    if not found:
        return ()
    message_id = found[1].decode("ascii")
    return (f"In-Reply-To: {message_id}", f"References: {message_id}")


def _are_lines(octets: bytes) -> bool:
    """Say whether octets can travel as 7bit or 8bit (RFC 2045 section 2.8)."""
    ends = octets.count(b"\r\n")
    return (
        ends == octets.count(b"\n") == octets.count(b"\r")
        and b"\0" not in octets
        and max(map(len, octets.split(b"\r\n"))) <= MAX_LINE
    )


def encoding_of(octets: bytes) -> str:
    return "7bit" if octets.isascii() else "8bit"


def _widest(parts: Iterable[Part]) -> str:
    """Return what a multipart has to declare (RFC 2045 section 6.4)."""
    return "8bit" if any(part.encoding == "8bit" for part in parts) else "7bit"


def _boundary(report_id: str, parts: Iterable[Part]) -> str:
    boundary = f"report-{report_id}"
    while any(boundary.encode("ascii") in part.body for part in parts):
        boundary += "-"
    return boundary


def printable(text: str) -> str:
    """Put a text on one line: what an exchanger or a client said adds no line of its own."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown.encode("utf-8", "replace")[:MAX_STATEMENT].decode("utf-8", "ignore")


def folded(text: str, indent: str = " ") -> str:
    """Break a text at its spaces; the lines after the first begin with `indent`."""
    broken = wrap(
        text,
        WIDTH,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(broken)


def lines(*texts: str) -> bytes:
    return "".join(f"{line}\r\n" for line in texts).encode("utf-8", "replace")


def as_ascii(octets: bytes) -> bytes:
    """Replace what may not stand in a report without SMTPUTF8 (RFC 6533 section 3)."""
    return octets.decode("utf-8").encode("ascii", "replace")
