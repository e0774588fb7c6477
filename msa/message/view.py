"""What readers want of a message: its texts, attachments, addresses and fields, decoded.

Everything is computed when it is asked for; nothing here raises, whatever the octets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from msa.message import decoding
from msa.message.charset import UNDECLARED, decode_text
from msa.message.date import read_date
from msa.message.mailbox import display_name, read_addresses
from msa.message.structured import parameter, read_structured
from msa.message.tree import Message, Part, parse
from msa.message.words import decode_words, printable

MAX_FILE_NAME = 255  # characters, what file systems take


class HeaderField(NamedTuple):
    """One header field for people."""

    name: str
    raw: bytes  # the value as written, folds included
    value: str  # decoded, on one line


class Address(NamedTuple):
    """One address of a header field; either may be ""."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part that is no text body."""

    path: str
    file_name: str  # no folders in it; "" when the part has no name
    content_type: str
    content_id: str  # without angle brackets; "" without one
    size_octets: int  # decoded
    inline: bool  # shown inside the HTML body


class View:
    """A message for readers; keeps the octets and the tree over them."""

    def __init__(self, content: bytes) -> None:
        self.message: Message = parse(content)

    @cached_property
    def fields(self) -> tuple[HeaderField, ...]:
        """All fields of the message itself, in order."""
        value = self.message.value
        return tuple(
            HeaderField(field.name, value(field), decode_words(value(field)))
            for field in self.message.root.fields
        )

    @property
    def subject(self) -> str:
        """The first Subject, decoded; "" without one."""
        return self.first("subject")

    @property
    def date(self) -> datetime | None:
        """The instant of the first Date field in UTC; None when it is missing or unreadable."""
        field = next(iter(self.message.root.named("date")), None)
        written = None if field is None else read_date(self.message.value(field))
        return None if written is None else written.moment()

    def first(self, name: str) -> str:
        """Return the first field of a name (in lower case), decoded; "" without one."""
        field = next(iter(self.message.root.named(name)), None)
        return "" if field is None else decode_words(self.message.value(field))

    def addresses(self, name: str) -> tuple[Address, ...]:
        """Return the addresses of all fields of a name (in lower case): "to", "reply-to"."""
        return tuple(
            Address(_name(box.phrase), printable(decode_text(box.address, UNDECLARED)))
            for field in self.message.root.named(name)
            for box in read_addresses(self.message.value(field)).mailboxes
        )

    @cached_property
    def text(self) -> str:
        """The text/plain body; "" without one."""
        return self._body("text/plain")

    @cached_property
    def html(self) -> str:
        """The text/html body; "" without one. It is hostile: never show it outside a sandbox."""
        return self._body("text/html")

    @cached_property
    def attachments(self) -> tuple[Attachment, ...]:
        """The parts that are no body, inline ones included, in order."""
        bodies = {part.path for part in self._bodies.values()}
        return tuple(
            self._attachment(part) for part in _leaves(self.message.root) if part.path not in bodies
        )

    def part(self, path: str) -> Part | None:
        """Return the part of a path, or None."""
        return next((part for part in self.message.root.walk() if part.path == path), None)

    def octets(self, path: str) -> bytes | None:
        """Return a part's body, decoded; None when there is no such part."""
        part = self.part(path)
        return None if part is None else decoding.octets(self.message, part)

    @cached_property
    def _bodies(self) -> dict[str, Part]:
        """The first text/plain and the first text/html that are not attached."""
        found: dict[str, Part] = {}
        for part in _leaves(self.message.root):
            # A multipart without parts is shown as text, or its reader would see nothing.
            kind = "text/plain" if part.delimiters is not None else part.type
            if kind in ("text/plain", "text/html") and not self._is_attached(part):
                found.setdefault(kind, part)
        return found

    def _body(self, kind: str) -> str:
        part = self._bodies.get(kind)
        return "" if part is None else decoding.text(self.message, part)

    def _is_attached(self, part: Part) -> bool:
        how, _ = self._disposition(part)
        return how == "attachment" or bool(self._file_name(part))

    def _disposition(self, part: Part) -> tuple[str, str | None]:
        field = next(iter(part.named("content-disposition")), None)
        if field is None:
            return "", None
        structured = read_structured(self.message.value(field))
        return structured.token, parameter(structured, "filename")

    def _file_name(self, part: Part) -> str:
        name = self._disposition(part)[1] or parameter(part.parameters, "name") or ""
        # A name with folders is an attempt to write elsewhere (RFC 2183 section 2.3).
        return name.replace("\\", "/").rpartition("/")[2].strip()[:MAX_FILE_NAME]

    def _attachment(self, part: Part) -> Attachment:
        field = next(iter(part.named("content-id")), None)
        content_id = "" if field is None else decode_words(self.message.value(field)).strip(" <>")
        how, _ = self._disposition(part)
        return Attachment(
            path=part.path,
            file_name=self._file_name(part),
            content_type=part.type,
            content_id=content_id,
            size_octets=len(decoding.octets(self.message, part)),
            inline=how == "inline" or (how != "attachment" and bool(content_id)),
        )


def _leaves(part: Part) -> Iterator[Part]:
    """Yield the parts that hold something; an enclosed message is one attachment."""
    if part.delimiters is None or not part.parts:
        yield part
        return
    for child in part.parts:
        yield from _leaves(child)


def _name(phrase: bytes) -> str:
    return decode_words(display_name(phrase))
