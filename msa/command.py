"""Command lines: cut out of the stream, split into verb and argument, path and parameters."""

import re
from collections.abc import Callable
from typing import NamedTuple

from msa import reply
from msa.reply import Refused, Reply

MAX_LINE = 512  # octets with CR LF, RFC 5321 section 4.5.3.1.4
MAX_AUTH_LINE = 12_288  # octets, RFC 4954 section 4
MAX_PARAMETER_LINE = {
    # 512, SIZE=20 digits 26 (RFC 1870), BODY 17 (RFC 6152), SMTPUTF8 10 (RFC 6531), RET and
    # ENVID 124 (RFC 3461 section 4: 1036 in all), AUTH 500 (RFC 4954), our XSUBMISSIONKEY 80
    "MAIL": 1036 + 500 + 80,
    "RCPT": 1036,  # RFC 3461 section 4: ORCPT has up to 500
    "AUTH": MAX_AUTH_LINE,
}

# Verb -> its syntax, as HELP and 501 replies tell it.
SYNTAX = {
    "AUTH": "AUTH mechanism [initial-response]",
    "BDAT": "BDAT size [LAST]",
    "DATA": "DATA",
    "EHLO": "EHLO hostname",
    "EXPN": "EXPN list",
    "HELO": "HELO hostname",
    "HELP": "HELP [command]",
    "MAIL": "MAIL FROM:<reverse-path> [parameters]",
    "NOOP": "NOOP [anything]",
    "QUIT": "QUIT",
    "RCPT": "RCPT TO:<forward-path> [parameters]",
    "RSET": "RSET",
    "STARTTLS": "STARTTLS",
    "VRFY": "VRFY address",
}

_PATH = re.compile(r'<((?:[^">]++|"(?:[^"\\]++|\\.)*+")*+)>(.*)', re.DOTALL)


class CommandLines:
    """Cuts one line after the other out of a connection's buffer.

    Of a line that is too long the first octets are kept, the rest is dropped as it comes, so
    that the buffer never grows with it.
    """

    def __init__(self) -> None:
        self._head = b""  # of a line that is too long and has not ended yet

    def take(self, buffer: bytearray) -> bytes | None:
        """Remove and return the next line with its end, or None when it is not there yet."""
        end = buffer.find(b"\n") + 1
        if not end:
            if is_handshake(buffer) and not self._head:
                end = len(buffer)  # a TLS ClientHello: its end may never come as a line's
            elif len(buffer) > MAX_AUTH_LINE:
                self._head = self._head or bytes(buffer[: MAX_AUTH_LINE + 1])
                buffer.clear()
                return None
            else:
                return None
        line, self._head = self._head or bytes(buffer[:end]), b""
        del buffer[:end]
        return line


def read_verb(line: bytes) -> tuple[str, str]:
    """Split a command line into its verb, in upper case, and its argument.

    Octets that are not UTF-8 become lone surrogates, for the reader of the argument to refuse.
    """
    if not line.endswith(b"\r\n"):
        raise Refused(_why_no_line(line))
    verb, _, argument = line[:-2].decode("utf-8", "surrogateescape").partition(" ")
    if not (verb.isascii() and verb.isalnum()):
        raise Refused(reply.NOT_TLS if is_handshake(line) else reply.BAD_COMMAND)
    verb = verb.upper()
    if len(line) > MAX_LINE and len(line) > MAX_PARAMETER_LINE.get(verb, MAX_LINE):
        raise Refused(reply.LINE_TOO_LONG)
    return verb, argument.strip(" ")


def is_handshake(octets: bytes | bytearray) -> bool:
    """Say whether a client begins TLS here (RFC 8446 section 5.1), where nobody invited it."""
    return octets[:1] == b"\x16"


_CHUNK = re.compile(r"([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE)


class Chunk(NamedTuple):
    """What BDAT announces: so many octets follow its line at once."""

    size: int
    is_last: bool


def read_chunk(argument: str) -> Chunk:
    """Read the argument of BDAT (RFC 3030 section 2); raises `Refused`.

    Where it can't be read nobody knows how many octets follow, so the reply ends the session.
    """
    match = _CHUNK.fullmatch(argument)
    if match is None:
        raise Refused(reply.LOST_IN_CHUNKS)
    return Chunk(int(match[1]), match[2] is not None)


def _why_no_line(line: bytes) -> Reply:
    if is_handshake(line):
        return reply.NOT_TLS
    return reply.LINE_TOO_LONG if len(line) > MAX_AUTH_LINE else reply.BARE_LINE_FEED


def read_path(
    verb: str, keyword: str, argument: str, malformed: Callable[[str, int], Reply]
) -> tuple[str, list[str]]:
    """Split `FROM:<path> A=1 B=2` into the path without its brackets, and the parameters.

    Raises `Refused`, for a path without brackets with the reply that `malformed` makes.
    """
    if argument[: len(keyword)].upper() != keyword:
        raise Refused(reply.bad_syntax(SYNTAX[verb]))
    # RFC 5321 section 3.3 has no space behind the colon, but so many clients send one.
    text = argument[len(keyword) :].lstrip(" ")
    if not text.startswith("<"):
        raise Refused(malformed('it must begin with "<"', 1))
    match = _PATH.fullmatch(text)
    if match is None:
        raise Refused(malformed('the closing ">" is missing', len(text)))
    path, rest = match.groups()
    if rest and not rest.startswith(" "):
        raise Refused(reply.GLUED_PARAMETERS)
    return path, rest.split()
