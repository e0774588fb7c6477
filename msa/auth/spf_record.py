"""SPF records read: their terms, and the macros in them (RFC 7208 sections 4.5 to 7)."""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from msa.auth.tags import shown

MAX_RECORD = 8_192  # octets that are read; the answer would not fit in one packet
LOOKING_UP = frozenset(("include", "a", "mx", "ptr", "exists", "redirect"))

_EXPAND = re.compile(r"%(?:\{([slodipvh])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_LITERALS = re.compile(r"[!-$&-~]*")
_TOP_LABEL = re.compile(r"(?=[a-z0-9-]*[a-z-])[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.IGNORECASE)
_TERM = re.compile(r"([+?~-]?)([a-z][a-z0-9]*)([:/].*)?", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
_CIDR = re.compile(r"(?:/(0|[1-9]\d?))?(?://(0|[1-9]\d{0,2}))?\Z")
_VERSION = re.compile(rb"v=spf1(?: |\Z)", re.IGNORECASE)


class SyntaxFault(ValueError):
    """A record can't be read; the text says why."""


class Term(NamedTuple):
    """A mechanism with its qualifier, or the modifier `redirect`."""

    name: str  # lower case
    qualifier: str  # "+", "-", "~" or "?"
    domain: str  # a domain-spec with its macros; "" is the domain that is checked
    network: IPv4Network | IPv6Network | None = None  # of ip4 and ip6
    ipv4_bits: int = 32  # of a and mx
    ipv6_bits: int = 128


class Record(NamedTuple):
    """A record read: its mechanisms in order, and where it redirects to."""

    mechanisms: tuple[Term, ...]
    redirect: Term | None


def is_record(text: bytes) -> bool:
    """Say whether a TXT record is one of SPF (section 4.5)."""
    return _VERSION.match(text) is not None


def read_record(octets: bytes) -> Record:
    """Read a record; raises `SyntaxFault`."""
    if not octets.isascii() or len(octets) > MAX_RECORD:
        what = "is not ASCII" if not octets.isascii() else f"is longer than {MAX_RECORD} octets"
        raise SyntaxFault(f"the record {what}")
    mechanisms: list[Term] = []
    modifiers: dict[str, str] = {}
    for word in filter(None, octets.decode("ascii").split(" ")[1:]):
        found = _MODIFIER.fullmatch(word)
        if found is None:
            mechanisms.append(_mechanism(word))
            continue
        name, value = found[1].lower(), found[2]
        if name in ("redirect", "exp") and name in modifiers:
            raise SyntaxFault(f"{name}= stands twice")
        check = _check_domain if name in ("redirect", "exp") else _check_macros
        check(value, word)
        modifiers[name] = value
    redirect = modifiers.get("redirect")
    return Record(tuple(mechanisms), None if redirect is None else Term("redirect", "+", redirect))


def _mechanism(word: str) -> Term:
    found = _TERM.fullmatch(word)
    read = None if found is None else _MECHANISMS.get(found[2].lower())
    if found is None or read is None:
        raise SyntaxFault(f'"{shown(word)}" is no mechanism')
    return read(found[2].lower(), found[1] or "+", found[3] or "", word)


def _bare(name: str, qualifier: str, rest: str, word: str) -> Term:
    if rest:
        raise SyntaxFault(f'"{shown(word)}": all takes nothing')
    return Term(name, qualifier, "")


def _needing_domain(name: str, qualifier: str, rest: str, word: str) -> Term:
    if not rest.startswith(":"):
        raise SyntaxFault(f'"{shown(word)}": {name} needs a domain')
    _check_domain(rest[1:], word)
    return Term(name, qualifier, rest[1:])


def _with_domain(name: str, qualifier: str, rest: str, word: str) -> Term:
    if not rest:
        return Term(name, qualifier, "")
    return _needing_domain(name, qualifier, rest, word)


def _with_cidr(name: str, qualifier: str, rest: str, word: str) -> Term:
    cidr = _CIDR.search(rest)
    assert cidr is not None  # both of its pieces may be missing
    domain = rest[: cidr.start()]
    ipv4, ipv6 = int(cidr[1] or 32), int(cidr[2] or 128)
    if ipv4 > 32 or ipv6 > 128:
        raise SyntaxFault(f'"{shown(word)}": the prefix is too long')
    if domain:
        _needing_domain(name, qualifier, domain, word)
    return Term(name, qualifier, domain[1:], None, ipv4, ipv6)


def _network(name: str, qualifier: str, rest: str, word: str) -> Term:
    kind = IPv4Network if name == "ip4" else IPv6Network
    address, slash, bits = rest[1:].partition("/")
    limit = 32 if name == "ip4" else 128
    good = not slash or re.fullmatch(r"0|[1-9]\d{0,2}", bits)
    try:
        if not rest.startswith(":") or not good or int(bits or limit) > limit or "%" in address:
            raise ValueError
        network = kind(f"{address}/{bits or limit}", strict=False)
    except ValueError:
        raise SyntaxFault(f'"{shown(word)}" is no network') from None
    return Term(name, qualifier, "", network)


_MECHANISMS: dict[str, Callable[[str, str, str, str], Term]] = {
    "all": _bare,
    "include": _needing_domain,
    "exists": _needing_domain,
    "ptr": _with_domain,
    "a": _with_cidr,
    "mx": _with_cidr,
    "ip4": _network,
    "ip6": _network,
}


def _check_domain(spec: str, word: str) -> None:
    """Check a domain-spec (section 7.1): it ends in a top label or in a macro."""
    _check_macros(spec, word)
    last = spec.removesuffix(".")
    before, dot, label = last.rpartition(".")
    if last.endswith("}") or (last == spec and re.search(r"%[%_-]\Z", last)):
        return
    if not dot or not before or not _TOP_LABEL.fullmatch(label):
        raise SyntaxFault(f'"{shown(word)}" names no domain')


def _check_macros(text: str, word: str) -> None:
    at = 0
    while at < len(text):
        literals = _LITERALS.match(text, at)
        assert literals is not None  # it may match nothing
        at = literals.end()
        if at == len(text):
            return
        macro = _EXPAND.match(text, at)
        if macro is None or (macro[2] and not int(macro[2])):
            raise SyntaxFault(f'"{shown(word)}" has a broken macro')
        at = macro.end()


def letters(spec: str) -> frozenset[str]:
    """Return the macro letters that a domain-spec uses, in lower case."""
    return frozenset(found[1].lower() for found in _EXPAND.finditer(spec) if found[1])


def expand(spec: str, value: Callable[[str], str]) -> str:
    """Put values in for macros (section 7.3); `value` is asked for a letter in lower case."""
    return _EXPAND.sub(lambda found: _expanded(found, value), spec)


def _expanded(found: re.Match[str], value: Callable[[str], str]) -> str:
    letter, digits, turned, delimiters, sign = found.groups()
    if sign:
        return {"%": "%", "_": " ", "-": "%20"}[sign]
    pieces: Iterable[str] = re.split(f"[{re.escape(delimiters or '.')}]", value(letter.lower()))
    pieces = list(pieces)[::-1] if turned else list(pieces)
    text = ".".join(pieces[-int(digits) :] if digits else pieces)
    if letter.isupper():
        from urllib.parse import quote

        return quote(text, safe="-._~")
    return text
