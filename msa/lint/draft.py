"""The `Draft`: a message under inspection, and the facts that several rules share."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from msa.auth.names import domain_of
from msa.auth.signature import Kind, Reading, read_signature
from msa.envelope import Envelope
from msa.lint.facts import NOTHING, Facts
from msa.lint.finding import MAX_EVIDENCE, Flaw, Severity
from msa.lint.html import Page
from msa.lint.html.support import DEFAULT_CLIENTS
from msa.lint.profile import DEFAULT, Profile
from msa.lint.target import Authority, Survey, Target, find_targets, survey
from msa.message.charset import UNDECLARED, decode_text
from msa.message.date import DateTime, read_date
from msa.message.decoding import is_regular_base64, octets
from msa.message.mailbox import AddressList, Mailbox, read_addresses
from msa.message.structured import Structured, read_structured
from msa.message.tree import Field, Message, Part, Span, parse
from msa.message.words import decode_words

ADDRESS_FIELDS = (
    *("from", "sender", "reply-to", "to", "cc", "bcc"),
    *("resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc"),
)

MAX_TEXT = 1_048_576  # encoded octets of one text that are decoded; a long newsletter has 200 KB
MAX_PAGES = 8  # HTML bodies of one message; an honest one has one, or two
_BEFORE_NAME = b"\xef\xbb\xbf> \t"  # a byte order mark, mbox's quote, a space too many
MAX_SIGNATURES = 20  # of one message that are read
MAX_ADDRESSES = 1_048_576  # octets of address fields that are read; over 500 KB HDR013 tells
MAX_LOOK_ALIKES = 1_000  # of one message that are remembered
_NOTHING_SAID = Structured("", ())
_BARE_CR = re.compile(rb"\r(?!\n)")
_LOOK_ALIKE = re.compile(rb"(?:\r\n|\r|\n)\0?\.\0?(?=(\r\n|\r|\n))")


class LineEnds(NamedTuple):
    """How many octets of each kind end lines."""

    cr: int
    lf: int
    crlf: int

    @property
    def bare_lf(self) -> int:
        """The number of LF without CR before it."""
        return self.lf - self.crlf

    @property
    def bare_cr(self) -> int:
        """The number of CR without LF behind it."""
        return self.cr - self.crlf

    @property
    def are_sound(self) -> bool:
        """Every CR is followed by LF, and every LF follows CR."""
        return self.cr == self.lf == self.crlf


class Draft:
    """A message under inspection: its octets, their tree, the envelope; shared facts once."""

    def __init__(
        self,
        content: bytes,
        envelope: Envelope | None = None,
        *,
        profile: Profile = DEFAULT,
        facts: Facts = NOTHING,
        clients: tuple[str, ...] = DEFAULT_CLIENTS,
    ) -> None:
        self.content = content
        self.envelope = envelope
        self.profile = profile  # most rules leave it to their severities
        self.facts = facts
        self.clients = clients  # mail clients that should show it, as `html.support` names them
        self.message: Message = parse(content)
        self.root: Part = self.message.root
        self._named: dict[str, dict[str, list[Field]]] = {}
        self._regular: dict[str, bool] = {}
        self._octets: dict[str, bytes] = {}
        self.decoded_octets = 0  # of all bodies so far
        self._dispositions: dict[str, Structured] = {}
        self._addresses: dict[int, AddressList] = {}

    @cached_property
    def fields(self) -> dict[str, list[Field]]:
        """The fields of the message itself by lower-case name."""
        return _index(self.root)

    @cached_property
    def subjects(self) -> tuple[tuple[Field, str], ...]:
        """Each Subject field, and its text for people."""
        fields = self.fields.get("subject", ())
        return tuple((field, decode_words(self.value(field))) for field in fields)

    @cached_property
    def dates(self) -> tuple[tuple[Field, DateTime | None], ...]:
        """Each Date field, read; None where it can't be."""
        fields = self.fields.get("date", ())
        return tuple((field, read_date(self.value(field))) for field in fields)

    @cached_property
    def is_of_a_list(self) -> bool:
        """Some field of RFC 2369 or 2919 tells that subscribers get it."""
        return any(name.startswith("list-") for name in self.fields)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The author's own parts: what stands inside an enclosed message is another's work."""
        return tuple(_own(self.root))

    @cached_property
    def is_ascii(self) -> bool:
        """No octet is over 127."""
        return self.content.isascii()

    @cached_property
    def restless(self) -> tuple[Span, ...]:
        """The content without the bodies whose line ends say nothing.

        Those of regular base64 are all sound: to prove that of an attachment takes a fifth of
        searching it for what rules look for. What BDAT brought as binary has no lines at all.
        """
        spans: list[Span] = []
        at = 0
        for part in self.parts:
            if self.is_regular(part) or self.is_binary(part):
                spans.append(Span(at, part.body.start))
                at = part.body.end
        return (*spans, Span(at, len(self.content)))

    def is_regular(self, part: Part) -> bool:
        """Say whether a part is a flawless base64 body; found out once."""
        if part.encoding != "base64" or part.delimiters is not None:
            return False
        known = self._regular.get(part.path)
        if known is None:
            known = is_regular_base64(self.content[part.body.start : part.body.end])
            self._regular[part.path] = known
        return known

    def is_binary(self, part: Part) -> bool:
        """Say whether a body is octets without lines (RFC 3030 section 3)."""
        asked = self.envelope is not None and self.envelope.body == "BINARYMIME"
        return asked and part.encoding == "binary" and part.delimiters is None

    @cached_property
    def line_ends(self) -> LineEnds:
        """How the lines end, regular base64 left out."""
        content = self.content
        cr, lf = (sum(content.count(mark, *span) for span in self.restless) for mark in b"\r\n")
        # To find no bare CR takes a third of counting pairs.
        if not any(_BARE_CR.search(content, *span) for span in self.restless):
            return LineEnds(cr, lf, cr)
        return LineEnds(cr, lf, sum(content.count(b"\r\n", *span) for span in self.restless))

    @property
    def at_rest(self) -> bool:
        """A text file as it lies on a disk: all its lines end in LF, and no SMTP was spoken."""
        return self.envelope is None and not self.line_ends.crlf

    @cached_property
    def end_of_data(self) -> tuple[tuple[int, int], ...]:
        """The ranges that some server takes for the end of the data, at most MAX_LOOK_ALIKES."""
        content = self.content
        # Each look-alike has a wrong line end or a NUL; the only sound one is a doubled dot.
        if self.line_ends.are_sound and b"\0" not in content:
            return ()
        spans = (
            (found.start(), found.end(1))
            for span in self.restless
            for found in _LOOK_ALIKE.finditer(content, *span)
            if found[0] != b"\r\n." or found[1] != b"\r\n"  # a doubled dot, undoubled: legal
        )
        return tuple(islice(spans, MAX_LOOK_ALIKES))

    @cached_property
    def bodies(self) -> tuple[Part, ...]:
        """The texts that are shown, plain or HTML, not attached."""
        return tuple(
            part
            for part in self.parts
            if part.type in ("text/plain", "text/html") and not self.is_attached(part)
        )

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """The HTML that is shown, at most MAX_PAGES parts of it, read once."""
        shown = (part for part in self.bodies if part.type == "text/html")
        return tuple(
            Page(self.message, part, self.octets(part)) for part in islice(shown, MAX_PAGES)
        )

    @cached_property
    def targets(self) -> Mapping[str, Target]:
        """The web addresses of HTML and text by what is written."""
        return find_targets(self.pages, self._texts)

    @property
    def _texts(self) -> Iterator[tuple[Part, bytes]]:
        for part in self.bodies:
            if part.type == "text/plain":
                yield part, self.octets(part)

    @cached_property
    def surveys(self) -> tuple[tuple[Page, Survey], ...]:
        """What the addresses of each page come to."""
        return tuple((page, survey(page)) for page in self.pages)

    @cached_property
    def _authorities(self) -> set[Authority]:
        in_text = {target.authority for target in find_targets((), self._texts).values()}
        return in_text.union(*(found.authorities for _, found in self.surveys))

    def targets_of(self, is_wanted: Callable[[Authority], bool]) -> Iterator[Target]:
        """Yield the web addresses of some authorities, asked about each of those once."""
        wanted = {each for each in self._authorities if is_wanted(each)}
        for target in self.targets.values() if wanted else ():
            if target.authority in wanted:
                yield target

    def is_attached(self, part: Part) -> bool:
        """Say whether a part is a file, not a body."""
        how = self.disposition(part).token
        return how == "attachment"

    def text(self, part: Part) -> str:
        """Return a text part's body as text, of at most MAX_TEXT encoded octets."""
        return decode_text(self.octets(part), part.charset or UNDECLARED)

    @cached_property
    def within_end_of_data(self) -> frozenset[int]:
        """The places in those ranges, where SEC003 tells the cause of every wrong octet."""
        return frozenset(at for span in self.end_of_data for at in range(*span))

    def octets(self, part: Part) -> bytes:
        """Return a part's body decoded, of at most MAX_TEXT encoded octets; done once."""
        data = self._octets.get(part.path)
        if data is None:
            data = self._octets[part.path] = octets(self.message, part, MAX_TEXT)
            self.decoded_octets += len(data)
        return data

    def addresses(self, field: Field) -> AddressList:
        """Return an address field of the message itself, read once."""
        read = self._addresses.get(field.start)
        if read is None:
            read = self._addresses[field.start] = read_addresses(self.value(field))
        return read

    def named(self, part: Part, name: str) -> Sequence[Field]:
        """Return a part's fields of a name, given in lower case."""
        if part is self.root:
            return self.fields.get(name, ())
        index = self._named.get(part.path)
        if index is None:
            index = self._named[part.path] = _index(part)
        return index.get(name, ())

    def disposition(self, part: Part) -> Structured:
        """Return a part's first Content-Disposition, read once; its token is "" without one."""
        known = self._dispositions.get(part.path)
        if known is None:
            fields = self.named(part, "content-disposition")
            known = read_structured(self.value(fields[0])) if fields else _NOTHING_SAID
            self._dispositions[part.path] = known
        return known

    @cached_property
    def address_lists(self) -> tuple[tuple[Field, AddressList], ...]:
        """The address fields of the message itself, read; at most MAX_ADDRESSES octets of them."""
        lists: list[tuple[Field, AddressList]] = []
        left = MAX_ADDRESSES
        for name in ADDRESS_FIELDS:
            for field in self.fields.get(name, ()):
                left -= field.end - field.start
                if left >= 0 or not lists:
                    lists.append((field, self.addresses(field)))
        return tuple(lists)

    @cached_property
    def mailboxes(self) -> tuple[tuple[Field, Mailbox], ...]:
        """All their addresses, each with the field that it stands in."""
        return tuple((field, box) for field, read in self.address_lists for box in read.mailboxes)

    @cached_property
    def worded(self) -> tuple[tuple[Part, Field], ...]:
        """The fields of all parts that may hold an encoded-word."""
        # Looked for in place: most fields have no such word, and need not be cut out.
        find = self.content.find
        return tuple(
            (part, field)
            for part in self.parts
            if find(b"=?", *part.header) >= 0
            for field in part.fields
            if find(b"=?", field.value_start, field.value_end) >= 0
        )

    @cached_property
    def signatures(self) -> tuple[tuple[Field, Reading], ...]:
        """The DKIM-Signature fields, at most MAX_SIGNATURES, each read."""
        fields = self.fields.get(Kind.DKIM, [])[:MAX_SIGNATURES]
        return tuple((each, read_signature(self.value(each), Kind.DKIM)) for each in fields)

    @cached_property
    def author_domain(self) -> str | None:
        """The ASCII domain of the first author; None without one that DNS could know."""
        for field in self.fields.get("from", ())[:1]:
            for mailbox in self.addresses(field).mailboxes[:1]:
                return domain_of(mailbox.address.decode("utf-8", "replace"))
        return None

    @property
    def reverse_path_domain(self) -> str | None:
        """The ASCII domain of the reverse-path; None without one."""
        return None if self.envelope is None else domain_of(self.envelope.reverse_path)

    def value(self, field: Field) -> bytes:
        """Return a field's value as written."""
        return self.message.value(field)

    def flaw(
        self,
        text: str,
        start: int,
        end: int,
        part: Part | None = None,
        *,
        severity: Severity | None = None,
    ) -> Flaw:
        """Return a flaw over a range of the content."""
        path = "" if part is None else part.path
        evidence = self.content[start : min(end, start + MAX_EVIDENCE)]
        return Flaw(text, start, path, evidence, severity)

    def value_flaw(self, text: str, field: Field, *, severity: Severity | None = None) -> Flaw:
        """Return a flaw that begins at the first visible octet of a value."""
        value = self.value(field)
        start = field.value_start + len(value) - len(value.lstrip())
        return self.flaw(text, min(start, field.value_end), field.value_end, severity=severity)

    def stray_named(self, name: str) -> bool:
        """Say whether some line that is no field begins with a field's name.

        Then the cause is that line, and the field isn't called missing.
        """
        wanted = name.encode()
        return any(
            self.content[stray.start : stray.start + MAX_EVIDENCE]
            .lstrip(_BEFORE_NAME)
            .lower()
            .startswith(wanted)
            for stray in self.root.strays
        )


def _index(part: Part) -> dict[str, list[Field]]:
    index: dict[str, list[Field]] = {}
    for field in part.fields:
        index.setdefault(field.name.lower(), []).append(field)
    return index


def _own(part: Part) -> Iterator[Part]:
    yield part
    if part.delimiters is not None:
        for child in part.parts:
            yield from _own(child)
