"""The web addresses of a message, in its HTML and in its text, taken apart once for all rules."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from msa.lint.html import Page, Reference
from msa.message.decoding import encoded_offsets
from msa.message.tree import Message, Part, Span

MAX_TARGETS = 1_000  # addresses of one message that are looked at
MAX_URL = 2_048  # characters of one; browsers and proxies cut longer ones

_IN_TEXT = re.compile(rb"https?://[^\s<>\"\x00-\x20]{1,2048}", re.IGNORECASE)
_TRAILING = b".,;:!?)]}'"  # what ends a sentence, or a bracket around the address
# RFC 3986 section 3, and no more: what has other characters is malformed.
# Letters of either size are named: IGNORECASE makes every step of the pattern slower.
_WEB = re.compile(
    r"([Hh][Tt][Tt][Pp][Ss]?)://(?:([^/?#@\s]*)@)?(\[[0-9A-Fa-f:.]{2,45}\]|[^/?#:@\s\"<>\\^`{|}\[\]]+)"
    r"(?::(\d{1,5}))?(?:[/?#][^\s\"<>\\^`{|}]*)?"
)
# Addresses, each after a line end, without a character that none may have; and how far each of
# those goes that are of the web.
_SOUND = re.compile(r"[\n!#-;=?-\[\]_a-z~]*+")
_ORIGIN = re.compile(r"\n([Hh][Tt][Tt][Pp][Ss]?://[^/?#\n]*)")


class Authority(NamedTuple):
    """Who is asked for an address (RFC 3986 section 3.2)."""

    scheme: str  # lower case
    has_login: bool
    host: str  # lower case, without a final dot or the brackets of a number
    port: int | None


class Target(NamedTuple):
    """An address of the web, and where the message names it first."""

    url: str
    authority: Authority
    part: Part
    page: Page | None  # None: it stands in plain text, at `start` of the decoded body
    reference: Reference | None
    start: int = 0

    def span(self, message: Message) -> Span:
        """Return the octets where it is written."""
        if self.page is not None and self.reference is not None:
            return self.page.element_span(self.reference.element, self.reference.attribute)
        ends = [self.start, self.start + len(self.url) - 1]
        first, last = encoded_offsets(message, self.part, ends)
        return Span(first, min(last + 1, self.part.body.end))


def find_targets(
    pages: Iterable[Page], texts: Iterable[tuple[Part, bytes]]
) -> Mapping[str, Target]:
    """Return the well-formed web addresses, at most MAX_TARGETS, in order of appearance."""
    found: dict[str, Target] = {}
    for target in islice(_all_targets(pages, texts), MAX_TARGETS):
        if target.url not in found:
            found[target.url] = target
    return found


def _all_targets(pages: Iterable[Page], texts: Iterable[tuple[Part, bytes]]) -> Iterator[Target]:
    for page in pages:
        for reference in page.references:
            taken = _WEB.fullmatch(reference.url, 0, MAX_URL)
            if taken is not None:
                authority = _authority(*taken.groups())
                yield Target(reference.url, authority, page.part, page, reference)
    for part, text in texts:
        for found in _IN_TEXT.finditer(text) if b"://" in text else ():
            taken = _WEB.fullmatch(found[0].rstrip(_TRAILING).decode("latin-1"))
            if taken is not None:
                yield Target(taken[0], _authority(*taken.groups()), part, None, None, found.start())


class Survey(NamedTuple):
    """What the addresses of a page come to."""

    authorities: frozenset[Authority]  # whom its web addresses name; maybe too many
    strange: Sequence[Reference]  # of the first MAX_TARGETS references, those of no web address


def survey(page: Page) -> Survey:
    """Look at all addresses at once: those of usual mail name a few hosts, and all are sound."""
    origins = _ORIGIN.findall(page.url_text)
    taken = [_WEB.fullmatch(origin, 0, MAX_URL) for origin in dict.fromkeys(origins)]
    if not (_SOUND.fullmatch(page.url_text) and all(taken)):
        return survey_each(page)
    authorities = frozenset(_authority(*each.groups()) for each in taken if each is not None)
    if len(origins) == len(page.urls):
        return Survey(authorities, ())
    references = page.references[:MAX_TARGETS]
    return Survey(authorities, [each for each in references if not _ORIGIN.match("\n" + each.url)])


def survey_each(page: Page) -> Survey:
    """Look at each address by itself."""
    strange: list[Reference] = []
    authorities: set[Authority] = set()
    for n, reference in enumerate(page.references):
        taken = _WEB.fullmatch(reference.url, 0, MAX_URL)
        if taken is not None:
            authorities.add(_authority(*taken.groups()))
        elif n < MAX_TARGETS:
            strange.append(reference)
    return Survey(frozenset(authorities), strange)


# A newsletter has a hundred links to one site.
@lru_cache(maxsize=512)
def _authority(scheme: str, login: str | None, host: str, port: str | None) -> Authority:
    name = host.lower().strip("[]").rstrip(".")
    return Authority(scheme.lower(), login is not None, name, None if port is None else int(port))


def host_of(url: str) -> str:
    """Return the host of a well-formed web address; "" for all else."""
    taken = _WEB.fullmatch(url, 0, MAX_URL)
    return "" if taken is None else _authority(*taken.groups()).host
