"""Paths as MAIL and RCPT write them (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

The grammar is our own, since it has to say where an address is wrong. email-validator is asked
second, about internationalized addresses only. DNS is never asked.
"""

import ipaddress
import re
from dataclasses import dataclass

from msa import reply
from msa.reply import Refused

MAX_LOCAL_PART = 64  # octets, RFC 5321 section 4.5.3.1.1
MAX_DOMAIN = 255  # octets, section 4.5.3.1.2
MAX_MAILBOX = 254  # octets, section 4.5.3.1.3: a path has 256, of which two are "<" and ">"
MAX_LABEL = 63  # octets, RFC 1035 section 2.3.4

_NON_ASCII = "\x80-\ud7ff\ue000-\U0010ffff"  # RFC 6531 section 3.3; no lone surrogates
_ATOM = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.{_NON_ASCII}-]*")
_QUOTED = re.compile(rf'"(?:[ !#-\[\]-~{_NON_ASCII}]|\\[ -~])*+')
_HOST = re.compile(rf"[A-Za-z0-9.{_NON_ASCII}-]*")
_ROUTE = re.compile(rf"@[A-Za-z0-9.{_NON_ASCII}-]+(?:,@[A-Za-z0-9.{_NON_ASCII}-]+)*:")
_LITERAL = re.compile(r"\[[!-Z^-~]*\]")
_IPV4 = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}", re.ASCII)
_TAGGED = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+")

# What nearly every path is. aiosmtpd reads paths with the standard library's parser of header
# fields: 27 % of its time per message, against 0.4 us for this match. A label with "--" goes the
# long way, since it may begin with "xn--".
_PLAIN = re.compile(
    r"(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++)*+@"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address by the grammar of RFC 5321; both parts as written, quotes and brackets kept."""

    local_part: str
    domain: str

    @property
    def is_quoted(self) -> bool:
        return self.local_part.startswith('"')

    @property
    def is_literal(self) -> bool:
        return self.domain.startswith("[")

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Why a text is no mailbox, and where: the position counts characters from 1."""

    problem: str
    position: int


class _Stop(Exception):
    """Ends the reading at an index of the text; becomes a `Malformed`."""

    def __init__(self, problem: str, index: int) -> None:
        super().__init__(problem)
        self.malformed = Malformed(problem, index + 1)


def read_reverse_path(path: str, *, smtputf8: bool = False) -> str:
    """Read what stands between the brackets of MAIL; "" is the null reverse-path.

    Raises `Refused`: 501 5.1.7 when malformed, 553 5.6.7 for non-ASCII without SMTPUTF8.
    """
    if path == "" or _is_plain(path):
        return path
    mailbox = _parse_path(path, smtputf8)
    if isinstance(mailbox, Malformed):
        raise Refused(reply.malformed_reverse_path(mailbox.problem, mailbox.position))
    return str(mailbox)


def read_forward_path(path: str, *, smtputf8: bool = False) -> str:
    """Read what stands between the brackets of RCPT.

    Raises `Refused`: 501 5.1.3 when malformed, 553 5.6.7 for non-ASCII without SMTPUTF8.
    """
    # RFC 5321 section 4.1.1.3: "Postmaster" alone may lack a domain.
    if _is_plain(path) or path.lower() == "postmaster":
        return path
    mailbox = _parse_path(path, smtputf8)
    if isinstance(mailbox, Malformed):
        raise Refused(reply.malformed_forward_path(mailbox.problem, mailbox.position))
    return str(mailbox)


def _is_plain(path: str) -> bool:
    return len(path) <= MAX_MAILBOX and "--" not in path and _PLAIN.fullmatch(path) is not None


def _parse_path(path: str, smtputf8: bool) -> Mailbox | Malformed:
    if not path.isascii():
        if any("\ud800" <= character <= "\udfff" for character in path):
            raise Refused(reply.NOT_UTF8)  # octets that the decoder could only pass on
        if not smtputf8:
            raise Refused(reply.NEED_SMTPUTF8)
    # RFC 5321 appendix C: a source route is read and dropped.
    route = _ROUTE.match(path)
    return parse_mailbox(path, route.end() if route else 0)


def parse_mailbox(text: str, start: int = 0) -> Mailbox | Malformed:
    """Read `local-part@domain` by RFC 5321 section 4.1.2, with non-ASCII as in RFC 6531.

    Reading begins at the index `start`; positions count from the beginning of the text.
    """
    try:
        at = _end_of_local_part(text, start)
        mailbox = Mailbox(text[start:at], text[at + 1 :])
        _check_domain(text, at + 1)
        _check_lengths(mailbox, start, at + 1)
        _ask_second(mailbox, start)
    except _Stop as stop:
        return stop.malformed
    return mailbox


def _end_of_local_part(text: str, start: int) -> int:
    """Return the index of the "@" behind the local part."""
    if text[start:] == "":
        raise _Stop("it is empty", start)
    if text[start] == '"':
        end = _end_of(_QUOTED, text, start)
        if text[end : end + 1] != '"':
            raise _unexpected(text, end, "a quoted local part", "the closing quote is missing")
        end += 1
    else:
        end = _end_of(_ATOM, text, start)
        if text[end : end + 1] in ("@", ""):
            _check_dots(text[start:end], start, "local part")
    if text[end : end + 1] != "@":
        raise _unexpected(text, end, "a local part", 'no "@" and domain follow the local part')
    return end


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    assert match is not None, "a pattern that may match nothing always matches"
    return match.end()


def _unexpected(text: str, index: int, where: str, at_end: str) -> _Stop:
    if index == len(text):
        return _Stop(at_end, index)
    character = text[index]
    printable = character.isascii() and character.isprintable() and character != '"'
    name = f'"{character}"' if printable else f"U+{ord(character):04X}"
    return _Stop(f"{name} is not allowed in {where}", index)


def _check_dots(text: str, start: int, what: str) -> None:
    if text == "":
        raise _Stop(f"the {what} is empty", start)
    if text.startswith("."):
        raise _Stop(f"the {what} begins with a dot", start)
    if text.endswith("."):
        raise _Stop(f"the {what} ends with a dot", start + len(text) - 1)
    if ".." in text:
        raise _Stop(f"the {what} has two dots in a row", start + text.index("..") + 1)


def _check_domain(text: str, start: int) -> None:
    if text.startswith("[", start):
        _check_literal(text, start)
        return
    end = _end_of(_HOST, text, start)
    if end < len(text):
        raise _unexpected(text, end, "a domain", "")
    _check_dots(text[start:], start, "domain")
    for label in text[start:].split("."):
        if label.startswith("-"):
            raise _Stop('a label of the domain begins with "-"', start)
        if label.endswith("-"):
            raise _Stop('a label of the domain ends with "-"', start + len(label) - 1)
        if label.isascii() and len(label) > MAX_LABEL:
            raise _Stop(f"a label of the domain is longer than {MAX_LABEL} octets", start)
        start += len(label) + 1


def _check_literal(text: str, start: int) -> None:
    """Check an address literal (RFC 5321 section 4.1.3)."""
    if _LITERAL.fullmatch(text, start) is None:
        raise _Stop("the address literal is not of the form [address]", start)
    literal = text[start + 1 : -1]
    tag, colon, address = literal.partition(":")
    if not colon:
        numbers = literal.split(".") if _IPV4.fullmatch(literal) else ["256"]
        if any(int(number) > 255 for number in numbers):
            raise _Stop("the address literal is no IPv4 address", start + 1)
    elif tag.lower() == "ipv6":
        try:
            # A scope ("%eth0") is Python's extension, not RFC 5321's.
            ipaddress.IPv6Address("" if "%" in address else address)
        except ValueError:
            raise _Stop("the address literal is no IPv6 address", start + 1) from None
    elif _TAGGED.fullmatch(literal) is None:
        raise _Stop("the address literal is not of the form [tag:address]", start + 1)


def _check_lengths(mailbox: Mailbox, start: int, domain_start: int) -> None:
    local_part = len(mailbox.local_part.encode())
    domain = len(mailbox.domain.encode())
    if local_part > MAX_LOCAL_PART:
        raise _Stop(f"the local part is longer than {MAX_LOCAL_PART} octets", start)
    if domain > MAX_DOMAIN:
        raise _Stop(f"the domain is longer than {MAX_DOMAIN} octets", domain_start)
    if local_part + 1 + domain > MAX_MAILBOX:
        raise _Stop(f"the address is longer than {MAX_MAILBOX} octets", start)


def _ask_second(mailbox: Mailbox, start: int) -> None:
    """Ask email-validator about what is internationalized (IDNA 2008, unsafe characters)."""
    address = str(mailbox)
    if address.isascii() and "xn--" not in mailbox.domain.lower():
        return
    # Imported here: it takes 36 ms, and most runs never see such an address.
    from email_validator import EmailSyntaxError
    from email_validator.syntax import validate_email_domain_name, validate_email_local_part

    try:
        if not mailbox.local_part.isascii():
            quoted = mailbox.is_quoted
            text = mailbox.local_part[1:-1] if quoted else mailbox.local_part
            validate_email_local_part(text, quoted_local_part=quoted)
    except EmailSyntaxError:
        problem = "the local part has characters that internationalized mail does not allow"
        raise _Stop(problem, start) from None
    try:
        if not mailbox.is_literal:
            validate_email_domain_name(mailbox.domain, globally_deliverable=False)
    except EmailSyntaxError:
        problem = "the domain is no valid internationalized name (IDNA 2008)"
        raise _Stop(problem, start + len(mailbox.local_part) + 1) from None
