"""Address lists of header fields (RFC 5322 section 3.4), with positions and graded troubles.

The text is cut into tokens, each element's tokens are spelled as a short word ("aa<a@a.a>"), and
the grammar is a handful of patterns over such words. What fails is classified and skipped, so
one bad address hides none of its neighbours.
"""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

MAX_LIST = 131_072  # octets of one field that are read: 1,000 recipients take about 50,000
MAX_REMEMBERED = 200  # octets of a value that is worth keeping; 256 of them are kept

_TOKEN = re.compile(
    rb"([!#$%&'*+/=?^_`{|}~0-9A-Za-z\x80-\xff-]+)"  # a: an atom; octets over 127 are RFC 6532's
    rb'|("[^"\\]*(?:\\.[^"\\]*)*")'  # q: a quoted string
    rb"|(\[[^\[\]\\]*\])"  # d: a domain literal
    rb"|([ \t\r\n]+)"
    rb"|(.)",
    re.DOTALL,
)
_COMMENT_MARK = re.compile(rb"\\.|[()]", re.DOTALL)

_ADDRESS = r"[aq](?:\.[aq])*@(?:a(?:\.a)*|d)"
_BARE = re.compile(_ADDRESS)
_ANGLE = re.compile(rf"([aq][aq.]*)?<((?:,*@a(?:\.a)*)(?:,(?:@a(?:\.a)*)?)*:)?({_ADDRESS})>")
_LOCAL_ONLY = re.compile(r"[aq](?:\.[aq])*|(?:[aq][aq.]*)?<[aq](?:\.[aq])*>")
_PHRASE = re.compile(r"[aq][aq.]*")
_PHRASE_GOES_ON = "aq."
_ANGLE_END = re.compile(rf"{_ADDRESS}>")


class TroubleKind(StrEnum):
    """What is wrong with one element of a list."""

    SYNTAX = "syntax"  # no address by any reading
    NO_DOMAIN = "no-domain"  # a local part alone
    UNQUOTED = "unquoted"  # a display name whose specials change what the field means
    OBSOLETE = "obsolete"  # legible, but a form of RFC 5322 section 4.4 that nobody may write


class Trouble(NamedTuple):
    """A range of the value that is no address, or an obsolete one, and why."""

    kind: TroubleKind
    text: str
    start: int
    end: int


class Mailbox(NamedTuple):
    """One address; positions count from the start of the value."""

    phrase: bytes  # the display name as written, b"" without one
    local: bytes  # without comments and spaces, quotes kept
    domain: bytes
    start: int
    end: int

    @property
    def address(self) -> bytes:
        """The addr-spec."""
        return self.local + b"@" + self.domain


class AddressList(NamedTuple):
    """What an address field holds."""

    mailboxes: tuple[Mailbox, ...]
    troubles: tuple[Trouble, ...]
    groups: int
    cut: bool  # the value is longer than MAX_LIST
    obsolete: tuple[Trouble, ...] = ()  # of the mailboxes above, and of the list itself


class _Token(NamedTuple):
    kind: str
    start: int
    end: int


class _Element(NamedTuple):
    tokens: list[_Token]
    word: str
    in_group: int  # 0: in none; else the number of the group


def read_addresses(value: bytes) -> AddressList:
    """Read a mailbox-list or address-list; never raises."""
    # An application has few authors: 0.1 us instead of 2.
    return _read_again(value) if len(value) <= MAX_REMEMBERED else _read_list(value)


def _read_list(value: bytes) -> AddressList:
    text = value[:MAX_LIST]
    simple = _simple_list(text)
    if simple is not None:
        return AddressList(simple, (), 0, len(value) > MAX_LIST)
    tokens = list(_tokens(text))
    elements, groups, open_group = _elements(tokens)
    mailboxes: list[Mailbox] = []
    troubles: list[Trouble] = []
    obsolete = list(_gap(tokens))
    named = False  # the element to the right is a named address: a bare phrase belongs to it
    for element in reversed(elements):
        read = _read(text, element, named=named)
        if isinstance(read, Mailbox):
            mailboxes.append(read)
            named = bool(read.phrase)
            obsolete += _obsolete(element)
        else:
            troubles.append(read)
            named = read.kind is TroubleKind.UNQUOTED
    troubles.reverse()
    if open_group is not None:
        troubles.append(_unclosed(text, open_group, elements))
    return AddressList(
        *(tuple(reversed(mailboxes)), tuple(troubles), groups, len(value) > MAX_LIST),
        tuple(sorted(obsolete, key=lambda trouble: trouble.start)),
    )


_read_again = lru_cache(maxsize=256)(_read_list)

# The two common forms in one step, without tokens: 1.2 us an address instead of 10. Every
# repetition is of one class and ends at an octet outside it, so no text makes it walk twice.
_ATOM = rb"[!#$%&'*+/=?^_`{|}~0-9A-Za-z\x80-\xff-]+"
_DOTTED = rb"%b(?:\.%b)*" % (_ATOM, _ATOM)
_NAME = rb'("[^"\\\r\n]*"|%b(?:[ \t]%b)*)' % (_ATOM, _ATOM)
_SPEC = rb"(%b)@(%b)" % (_DOTTED, _DOTTED)
_SIMPLE = re.compile(rb"\s*(?:%b[ \t]*<%b>|%b)\s*(?:,|\Z)" % (_NAME, _SPEC, _SPEC))


def _simple_list(text: bytes) -> tuple[Mailbox, ...] | None:
    """Read a list of addresses of the two common forms; None when there is any other."""
    mailboxes: list[Mailbox] = []
    at = 0
    while found := _SIMPLE.match(text, at):
        phrase, local, domain, bare_local, bare_domain = found.groups()
        start = found.start(1) if phrase else found.start(4)
        end = found.end(3) + 1 if phrase else found.end(5)
        mailboxes.append(
            Mailbox(phrase or b"", local or bare_local, domain or bare_domain, start, end)
        )
        at = found.end()
        if at == len(text) and text[-1] != 0x2C:
            return tuple(mailboxes)
    return None


def _tokens(text: bytes) -> Iterator[_Token]:
    """Yield the tokens; comments and white space are left out."""
    at, end = 0, len(text)
    comments_close = True
    while at < end:
        if text[at] == 0x28 and comments_close:
            stop = _comment_end(text, at)
            if stop is not None:
                at = stop
                continue
            comments_close = False  # looking again at each later "(" would take quadratic time
        found = _TOKEN.match(text, at)
        assert found is not None  # the last alternative takes any octet
        if found[0] == b'"':
            yield _Token('"', at, end)  # it never closes, so all the rest is inside it
            return
        if found.lastindex != 4:
            yield _Token(_KINDS.get(found.lastindex or 5) or chr(text[at]), at, found.end())
        at = found.end()


_KINDS = {1: "a", 2: "q", 3: "d"}


def _comment_end(text: bytes, at: int) -> int | None:
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, at):
        if mark[0] == b"(":
            depth += 1
        elif mark[0] == b")":
            depth -= 1
            if depth == 0:
                return mark.end()
    return None


def _elements(tokens: Iterable[_Token]) -> tuple[list[_Element], int, _Token | None]:
    """Cut the tokens at commas and groups; the token that opened an unclosed group comes last."""
    elements: list[_Element] = []
    own: list[_Token] = []  # of the element that is being read
    groups, in_group, in_angle = 0, 0, False
    is_phrase = False  # what `own` is, known as it grows: a list may be nothing but colons
    opened: _Token | None = None

    def close() -> None:
        if own:
            elements.append(_Element(own.copy(), _word(own), in_group))
            own.clear()

    for token in tokens:
        kind = token.kind
        if kind == "," and not in_angle:
            close()
        elif kind == ":" and own and is_phrase and not in_group and not in_angle:
            groups += 1
            in_group, opened = groups, own[0]
            own.clear()
        elif kind == ";" and in_group and not in_angle:
            close()
            in_group, opened = 0, None
        else:
            in_angle = kind == "<" or (in_angle and kind != ">")
            is_phrase = kind in _PHRASE_GOES_ON if own and is_phrase else not own and kind in "aq"
            own.append(token)
    close()
    return elements, groups, opened


def _word(tokens: Iterable[_Token]) -> str:
    return "".join([token.kind for token in tokens])


def _read(text: bytes, element: _Element, *, named: bool) -> Mailbox | Trouble:
    tokens, word = element.tokens, element.word
    start, end = tokens[0].start, tokens[-1].end
    if _BARE.fullmatch(word):
        return _mailbox(text, tokens, 0, len(tokens), 0)
    angle = _ANGLE.fullmatch(word)
    if angle is not None:
        return _mailbox(text, tokens, angle.start(3), angle.end(3), angle.end(1))
    if named and _PHRASE.fullmatch(word) and "a" in word:
        return Trouble(TroubleKind.UNQUOTED, "a comma in a display name", start, end)
    if _LOCAL_ONLY.fullmatch(word):
        return Trouble(TroubleKind.NO_DOMAIN, "an address without a domain", start, end)
    mark = _special_in_name(word)
    if mark:
        return Trouble(TroubleKind.UNQUOTED, f"{mark!r} in a display name", start, end)
    return Trouble(TroubleKind.SYNTAX, _why(word), start, end)


_GAP = re.compile(r"(?:\A|[,:]),|,(?=;|\Z)")
_ROUTE = re.compile(r"<[,@][^<]*:")


def _gap(tokens: list[_Token]) -> Iterator[Trouble]:
    """Yield the first comma that has nothing before or behind it."""
    found = _GAP.search(_word(tokens))
    if found is not None:
        comma = tokens[found.end() - 1]
        text = "an empty element, a comma too many"
        yield Trouble(TroubleKind.OBSOLETE, text, comma.start, comma.end)


def _obsolete(element: _Element) -> Iterator[Trouble]:
    """Yield what RFC 5322 section 4.4 forbids to write in a good address."""
    tokens, word = element.tokens, element.word
    first = word.find("<") + 1
    if _ROUTE.search(word):
        text = "a source route"
        yield Trouble(TroubleKind.OBSOLETE, text, tokens[first].start, tokens[-1].end)
        first = word.rindex(":") + 1
    spec = tokens[first : -1 if word.endswith(">") else None]
    if any(left.end != right.start for left, right in pairwise(spec)):
        text = "a space or comment inside the address"
        yield Trouble(TroubleKind.OBSOLETE, text, spec[0].start, spec[-1].end)
    elif "q" in (local := word[first : word.rindex("@")]) and local != "q":
        text = "a local part in several quoted pieces"
        yield Trouble(TroubleKind.OBSOLETE, text, spec[0].start, spec[-1].end)


def _special_in_name(word: str) -> str:
    """Return the first special before a good angle address, "" when that is not what is wrong."""
    name, _, address = word.rpartition("<")
    if not _ANGLE_END.fullmatch(address) or "<" in name or '"' in name:
        return ""
    return next((kind for kind in name if kind not in "aq."), "")


def _mailbox(text: bytes, tokens: list[_Token], first: int, last: int, named: int) -> Mailbox:
    spec = [text[token.start : token.end] for token in tokens[first:last]]
    sign = spec.index(b"@")
    phrase = text[tokens[0].start : tokens[named - 1].end] if named > 0 else b""
    local, domain = b"".join(spec[:sign]), b"".join(spec[sign + 1 :])
    return Mailbox(phrase, local, domain, tokens[0].start, tokens[-1].end)


def _why(word: str) -> str:
    for mark, reason in _REASONS:
        if mark in word:
            return reason
    return "it has no address" if "@" not in word else "it is not an address"


_REASONS = (
    ('"', "a quoted string never closes"),
    (";", "addresses are separated by commas, not semicolons"),
    ("@@", "it has two at signs in a row"),
    ("..", "it has two dots in a row"),
    (".@", "the local part ends in a dot"),
    ("@.", "the domain starts with a dot"),
    ("<>", "the angle brackets are empty"),
)


def _unclosed(text: bytes, opened: _Token, elements: list[_Element]) -> Trouble:
    members = [element for element in elements if element.in_group]
    word = members[0].word if members else ""
    angle = _ANGLE.fullmatch(word)
    if (angle is not None and angle[1]) or _special_in_name(word):
        return Trouble(TroubleKind.UNQUOTED, "':' in a display name", opened.start, opened.end)
    return Trouble(TroubleKind.SYNTAX, "a group never ends", opened.start, len(text.rstrip()))


def display_name(phrase: bytes) -> bytes:
    """Unquote a display name; encoded-words are left as they are."""
    if b'"' not in phrase:
        return phrase
    return _QUOTED.sub(
        lambda found: _ESCAPE.sub(rb"\1", found[1]) if found[2] else found[0], phrase
    )


# One that never ends is taken to the end of the phrase, or each quote in it would be a beginning.
_QUOTED = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)(")?', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
