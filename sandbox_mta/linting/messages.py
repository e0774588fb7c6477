"""Reads messages from files: one message each, or an mbox, a message at a time."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import BinaryIO

MAX_OCTETS = 100_000_000  # of one message; it is held in memory while it is linted
_PIECE = 1_048_576  # octets of a line that are read at once
_FROM = b"From "  # begins the line before each message of an mbox (RFC 4155)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMessage:
    """One message of a file, and where its octets stand there."""

    number: int  # in the file, from 1
    content: bytes
    start: int  # octet of the file at which it begins
    first_line: int  # its first line's number in the file, from 1
    first_column: int = 1  # where it begins there: behind a separator at which the file ends
    unquoted: tuple[int, ...] = ()  # offsets of the content before which mbox's ">" was taken away

    def offset(self, offset: int) -> int:
        """Turn an offset of the content into one of the file."""
        return self.start + offset + bisect_left(self.unquoted, offset + 1)

    def column(self, offset: int, column: int) -> int:
        """Turn a column of the content into one of the file."""
        line_start = offset - column + 1
        if line_start == 0:
            column += self.first_column - 1
        at = bisect_left(self.unquoted, line_start)
        return column + (self.unquoted[at : at + 1] == (line_start,))

    def line_before(self, offset: int) -> bytes:
        """Return what stands before a place of the file on its line, as the content has it."""
        marks = range(len(self.unquoted))
        passed = bisect_left(marks, offset - self.start, key=lambda n: self.unquoted[n] + n)
        end = offset - self.start - passed
        return self.content[self.content.rfind(b"\n", 0, end) + 1 : end]


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A message over the limit, which is passed over."""

    number: int


def read_messages(stream: BinaryIO, limit: int = MAX_OCTETS) -> Iterator[FileMessage | TooLarge]:
    """Yield the messages of a file in order.

    A file that begins with "From " is an mbox: each message follows such a line, and ">From " in
    it is "From " (mboxrd). Any other file is one message, octet by octet.
    """
    first = stream.readline(_PIECE)
    if first.startswith(_FROM):
        yield from _Mailbox(stream, limit).read(first)
        return
    content = first + stream.read(max(limit - len(first), 0) + 1)
    if len(content) > limit:
        yield TooLarge(1)
    else:
        yield FileMessage(number=1, content=content, start=0, first_line=1)


class _Mailbox:
    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._offset = 0  # of the next piece in the file
        self._line = 1  # its line's number
        self._column = 1  # and its column there

    def read(self, first: bytes) -> Iterator[FileMessage | TooLarge]:
        separator = first
        for number in count(1):
            self._pass(separator)
            while not separator.endswith(b"\n") and (more := self._stream.readline(_PIECE)):
                self._pass(more)
                separator = more
            message, separator = self._message(number)
            yield message
            if not separator:
                return

    def _pass(self, piece: bytes) -> None:
        self._offset += len(piece)
        is_whole = piece.endswith(b"\n")
        self._line += is_whole
        self._column = 1 if is_whole else self._column + len(piece)

    def _message(self, number: int) -> tuple[FileMessage | TooLarge, bytes]:
        """Read up to the next separator, which is returned as well; b"" at the end."""
        start, first_line, first_column = self._offset, self._line, self._column
        pieces: list[bytes] = []
        unquoted: list[int] = []
        size, after_blank, at_start, separator = 0, False, True, b""
        while piece := self._stream.readline(_PIECE):
            if at_start and after_blank and piece.startswith(_FROM):
                separator = piece
                break
            self._pass(piece)
            if at_start and piece.startswith(b">") and piece.lstrip(b">").startswith(_FROM):
                unquoted.append(size)
                piece = piece[1:]
            size += len(piece)
            if size <= self._limit:
                pieces.append(piece)
            after_blank = at_start and piece in (b"\n", b"\r\n")
            at_start = piece.endswith(b"\n")
        if size > self._limit:
            return TooLarge(number), separator
        if after_blank:
            pieces.pop()  # the blank line before a separator is the mailbox's
        message = FileMessage(
            number=number,
            content=b"".join(pieces),
            start=start,
            first_line=first_line,
            first_column=first_column,
            unquoted=tuple(unquoted),
        )
        return message, separator
