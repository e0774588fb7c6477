"""How good an address is: from what every server takes to what is none at all.

The grammar is RFC 5322 section 3.4.1 with its obsolete forms, RFC 5321 section 4.1.2 on top, and
RFC 6531 for what is not ASCII. DNS is never asked.
"""

import ipaddress
import re
from dataclasses import dataclass
from enum import IntEnum

from msa.address import (
    MAX_DOMAIN,
    MAX_LABEL,
    MAX_LOCAL_PART,
    MAX_MAILBOX,
    Malformed,
    parse_mailbox,
)


class Grade(IntEnum):
    """From best to worst; the worst trait of an address decides."""

    VALID = 0
    UNUSUAL = 1  # legal in RFC 5321, but many programs refuse it
    COMMENTED = 2  # comments or folding: legal in a header field only
    OBSOLETE = 3  # RFC 5322 section 4: must be understood, must not be written
    UNROUTABLE = 4  # legal in RFC 5322, but no path of SMTP can hold it
    INVALID = 5

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Graded:
    """The grade of a text, and why; the position counts characters from 1."""

    grade: Grade
    reason: str  # "" for a valid address
    position: int | None = None
    ascii_domain: str | None = None  # the A-label form of an internationalized domain


def grade(text: str) -> Graded:
    """Grade one address, an addr-spec without display name; never raises."""
    reader = _Reader(text)
    try:
        reader.read()
    except _Invalid as invalid:
        return Graded(Grade.INVALID, invalid.reason, invalid.index + 1)
    found = reader.worst
    domain = None if found.grade is Grade.INVALID else _ascii_domain(reader.domain)
    return Graded(found.grade, found.reason, found.position, domain)


def _ascii_domain(domain: str) -> str | None:
    if domain.isascii():
        return None
    import idna  # imported here: most runs never see such an address

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return None  # too long; the grade says so


class _Invalid(Exception):
    def __init__(self, reason: str, index: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.index = index


_ATEXT = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\ud7ff\ue000-\U0010ffff-]+")
_QTEXT = re.compile(r"[ !#-\[\]-~\x80-\ud7ff\ue000-\U0010ffff]+")
_CTEXT = re.compile(r"[!-'*-\[\]-~\x80-\ud7ff\ue000-\U0010ffff]+")
_DTEXT = re.compile(r"[!-Z^-~]+")
_OBSOLETE = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")  # obs-NO-WS-CTL
_WHITE = re.compile(r"[ \t]*")
_HOST = re.compile(r"[A-Za-z0-9\x80-\U0010ffff-]+")
_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)


class _Reader:
    """Reads one address from left to right, and remembers the worst it saw."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.worst = Graded(Grade.VALID, "")
        self.domain = ""  # without comments and white space
        self._pieces: list[str] = []  # of the local part

    def read(self) -> None:
        """Read all of the text; raises `_Invalid`."""
        self._local_part()
        self.at += 1  # the "@"
        self._cfws(Grade.OBSOLETE, 'a comment or space stands next to the "@"')
        start = self.at
        if self._peek() == "[":
            self._literal()
            self._cfws(Grade.COMMENTED, "a comment or space surrounds the address")
        else:
            self._labels()
        if self.at < len(self.text):
            raise self._unexpected("after the domain" if self.domain[-1:] == "]" else "a domain")
        self._check_lengths(start)
        self._check_international(start)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _note(self, grade: Grade, reason: str, index: int) -> None:
        if grade > self.worst.grade:
            self.worst = Graded(grade, reason, index + 1)

    def _unexpected(self, where: str) -> _Invalid:
        character = self._peek()
        if not character:
            return _Invalid("it ends too early", self.at)
        printable = character.isascii() and character.isprintable() and character != '"'
        name = f'"{character}"' if printable else f"U+{ord(character):04X}"
        place = where if where.startswith("after") else f"in {where}"
        return _Invalid(f"{name} is not allowed {place}", self.at)

    def _local_part(self) -> None:
        words = 0
        quoted_at: int | None = None
        before = self._cfws(Grade.COMMENTED, "a comment or space surrounds the address")
        while True:
            start = self.at
            if self._peek() == '"':
                quoted_at = start if quoted_at is None else quoted_at
                self._quoted()
            elif match := _ATEXT.match(self.text, self.at):
                self.at = match.end()
            else:
                raise self._no_word(words, before)
            self._pieces.append(self.text[start : self.at])
            words += 1
            before = self._cfws(
                Grade.OBSOLETE, "a comment or space stands inside the address", but_at=True
            )
            if self._peek() != ".":
                break
            self.at += 1
            self._pieces.append(".")
            self._cfws(Grade.OBSOLETE, "a comment or space stands inside the address")
        if self._peek() != "@":
            if self.at == len(self.text):
                raise _Invalid('no "@" and domain follow the local part', self.at)
            raise self._unexpected("a local part")
        if quoted_at is not None:
            grade = Grade.UNUSUAL if words == 1 else Grade.OBSOLETE
            said = "is a quoted string" if words == 1 else "is put together of quoted strings"
            self._note(grade, f"the local part {said}", quoted_at)

    def _no_word(self, words: int, before: bool) -> _Invalid:
        character = self._peek()
        if character == "." or (words and character in ("@", "")):
            what = "has two dots in a row" if words and character == "." else ""
            what = what or ("ends with a dot" if words else "begins with a dot")
            return _Invalid(f"the local part {what}", self.at)
        if character == "@":
            return _Invalid("the local part is empty", self.at)
        if not character and not before:
            return _Invalid("it is empty", self.at)
        return self._unexpected("a local part")

    def _quoted(self) -> None:
        start = self.at
        self.at += 1
        while (character := self._peek()) != '"':
            if match := _QTEXT.match(self.text, self.at):
                self.at = match.end()
            elif character in ("\t", "\r"):
                self._folding(Grade.COMMENTED, "white space folds inside the quoted string")
            elif not self._rare("a quoted string"):
                raise _Invalid("the closing quote is missing", start)
        self.at += 1

    def _rare(self, where: str, grade: Grade = Grade.OBSOLETE) -> bool:
        """Pass over a quoted pair or a control character; False at the end of the text."""
        character = self._peek()
        if character == "\\":
            pair = self.text[self.at + 1 : self.at + 2]
            if not pair:
                raise _Invalid("it ends with a backslash", self.at)
            if not pair.isascii():
                raise _Invalid("a backslash stands before what is not ASCII", self.at)
            if not " " <= pair <= "~" or grade is not Grade.OBSOLETE:
                rank = Grade.COMMENTED if pair == "\t" and grade is Grade.OBSOLETE else grade
                self._note(rank, f"{where} has a quoted control character", self.at)
            self.at += 2
        elif _OBSOLETE.match(character):
            self._note(grade, f"{where} has the control character U+{ord(character):04X}", self.at)
            self.at += 1
        elif character:
            raise self._unexpected(where)
        return bool(character)

    def _cfws(self, grade: Grade, reason: str, *, but_at: bool = False) -> bool:
        """Pass over comments and white space; say whether there were any."""
        start = self.at
        while (character := self._peek()) and character in "( \t\r":
            if character == "(":
                self._comment()
            else:
                self._folding(Grade.COMMENTED, "white space surrounds the address")
        if self.at > start:
            near = 'a comment or space stands next to the "@"'
            self._note(grade, near if but_at and self._peek() == "@" else reason, start)
        return self.at > start

    def _comment(self) -> None:
        start, depth = self.at, 0
        while True:
            character = self._peek()
            if match := _CTEXT.match(self.text, self.at):
                self.at = match.end()
            elif character and character in "()":
                depth += 1 if character == "(" else -1
                self.at += 1
                if depth == 0:
                    return
            elif character and character in " \t\r":
                self._folding(Grade.COMMENTED, "white space stands in a comment")
            elif not self._rare("a comment"):
                raise _Invalid("a comment is not closed", start)

    def _folding(self, grade: Grade, reason: str) -> None:
        """Pass over white space, whose line ends must each be followed by more (section 3.2.2)."""
        start, folds = self.at, 0
        self.at = self._white_end(self.at)
        while self._peek() == "\r":
            if self.text[self.at + 1 : self.at + 2] != "\n":
                raise _Invalid("a carriage return has no line feed after it", self.at)
            end = self._white_end(self.at + 2)
            if end == self.at + 2:
                raise _Invalid("a line end is not followed by white space", self.at)
            self.at = end
            folds += 1
        if folds > 1:
            self._note(Grade.OBSOLETE, "white space folds over an empty line", start)
        self._note(grade, reason, start)

    def _white_end(self, at: int) -> int:
        match = _WHITE.match(self.text, at)
        assert match is not None, "it may match nothing"
        return match.end()

    def _literal(self) -> None:
        start = self.at
        known = True
        self.at += 1
        pieces: list[str] = []
        while (character := self._peek()) != "]":
            begin = self.at
            if match := _DTEXT.match(self.text, self.at):
                self.at = match.end()
            elif character and character in " \t\r":
                self._folding(Grade.COMMENTED, "white space stands in the literal")
            elif self._rare("the literal", Grade.UNROUTABLE):
                known = False
            else:
                raise _Invalid("the closing bracket is missing", start)
            pieces.append(self.text[begin : self.at])
        self.at += 1
        inner = "".join(pieces)
        self.domain = f"[{inner}]"
        grade, reason = _grade_literal(inner) if known else (Grade.UNROUTABLE, "")
        self._note(grade, reason or "the literal is none of RFC 5321", start)

    def _labels(self) -> None:
        labels: list[tuple[int, str]] = []
        while True:
            match = _ATEXT.match(self.text, self.at)
            if match is None:
                raise self._no_label(bool(labels))
            labels.append((self.at, match[0]))
            self.at = match.end()
            start = self.at
            # What follows decides: inside the domain comments are obsolete, behind it they're not.
            surrounds = "a comment or space surrounds the address"
            had = self._cfws(Grade.COMMENTED, surrounds)
            if self._peek() != ".":
                break
            self.at += 1
            had = self._cfws(Grade.OBSOLETE, "a comment or space stands inside the address") or had
            if had:
                self._note(Grade.OBSOLETE, "a comment or space stands inside the address", start)
        self.domain = ".".join(label for _, label in labels)
        for index, label in labels:
            self._check_label(index, label)
        index, last = labels[-1]
        if len(labels) == 1:
            self._note(Grade.UNUSUAL, "the domain is a single label", index)
        elif last.isascii() and last.isdigit():
            self._note(Grade.UNUSUAL, "the last label of the domain is a number", index)

    def _no_label(self, some: bool) -> _Invalid:
        character = self._peek()
        if character == ".":
            what = "has two dots in a row" if some else "begins with a dot"
            return _Invalid(f"the domain {what}", self.at)
        if not character:
            return _Invalid(f"the domain {'ends with a dot' if some else 'is missing'}", self.at)
        return self._unexpected("a domain")

    def _check_label(self, index: int, label: str) -> None:
        if label.startswith("-"):
            raise _Invalid('a label of the domain begins with "-"', index)
        if label.endswith("-"):
            raise _Invalid('a label of the domain ends with "-"', index + len(label) - 1)
        if label.isascii() and len(label) > MAX_LABEL:
            reason = f"a label of the domain is longer than {MAX_LABEL} octets"
            self._note(Grade.UNROUTABLE, reason, index)
        match = _HOST.match(label)
        end = match.end() if match else 0
        if end < len(label):
            reason = f'no host name has "{label[end]}"'
            self._note(Grade.UNROUTABLE, reason, index + end)

    def _check_lengths(self, domain_start: int) -> None:
        local_part, domain = len("".join(self._pieces).encode()), len(self.domain.encode())
        for octets, limit, what, index in (
            (local_part, MAX_LOCAL_PART, "local part", 0),
            (domain, MAX_DOMAIN, "domain", domain_start),
            (local_part + 1 + domain, MAX_MAILBOX, "address", 0),
        ):
            if octets > limit:
                reason = f"the {what} is longer than {limit} octets"
                self._note(Grade.UNROUTABLE, reason, index)

    def _check_international(self, domain_start: int) -> None:
        """Ask about what is not ASCII, part by part (RFC 6531, IDNA 2008)."""
        written = "".join(self._pieces)
        if not written.isascii():
            local = parse_mailbox(f"{written}@a.example")
            if isinstance(local, Malformed) and self.worst.grade < Grade.OBSOLETE:
                raise _Invalid(local.problem, 0)
        if not self.domain.isascii() or "xn--" in self.domain.lower():
            domain = parse_mailbox(f"a@{self.domain}")
            if isinstance(domain, Malformed) and self.worst.grade < Grade.UNROUTABLE:
                raise _Invalid(domain.problem, domain_start)


def _grade_literal(inner: str) -> tuple[Grade, str]:
    """Grade what stands between the brackets (RFC 5321 section 4.1.3)."""
    if match := _IPV4.fullmatch(inner):
        if all(int(number) <= 255 for number in match.groups()):
            return Grade.UNUSUAL, "the domain is an address literal"
        return Grade.UNROUTABLE, "the literal is no IPv4 address"
    tag, colon, address = inner.partition(":")
    if not colon or tag.lower() != "ipv6":
        return Grade.UNROUTABLE, "the literal is none of RFC 5321"
    try:
        ipaddress.IPv6Address("" if "%" in address else address)
    except ValueError:
        return Grade.UNROUTABLE, "the literal is no IPv6 address"
    groups = [group for group in address.split(":") if group]
    written = len(groups) + ("." in address)  # an IPv4 address fills two groups
    if "::" in address and written == 7:
        return Grade.OBSOLETE, 'the "::" of the literal stands for a single group'
    return Grade.UNUSUAL, "the domain is an address literal"
