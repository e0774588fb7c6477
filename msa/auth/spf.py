"""SPF: whether a host may send for a domain, and what is wrong with a domain's record (RFC 7208).

Without a host every mechanism is walked through and none matches, which finds what some host will
run into: too many look-ups, names that lead nowhere, records that can't be read.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import NamedTuple, TypeVar

from msa.auth.names import ascii_name
from msa.auth.resolver import Address, Addresses, Exchangers, Resolver, Status
from msa.auth.spf_record import (
    LOOKING_UP,
    Record,
    SyntaxFault,
    Term,
    expand,
    is_record,
    letters,
    read_record,
)

MAX_LOOK_UPS = 10  # terms that ask DNS, section 4.6.4
MAX_VOIDS = 2  # look-ups that find nothing
MAX_EXCHANGERS = 10  # of one mx, and names of one ptr
MAX_DOMAIN = 253  # characters that an expanded domain may have
_OF_HOST = frozenset("ipvh")  # macros that say something else for every host


_Found = TypeVar("_Found", Exchangers, Addresses)


class Result(StrEnum):
    """What a check ends with (section 2.6)."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"  # noqa: S105 # no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


_OF_QUALIFIER = {
    "+": Result.PASS,
    "-": Result.FAIL,
    "~": Result.SOFTFAIL,
    "?": Result.NEUTRAL,
}


class Outcome(NamedTuple):
    """The result of a check."""

    result: Result
    reason: str  # of none, temperror and permerror; else ""
    look_ups: int = 0
    voids: int = 0


class _Stop(Exception):
    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result = result


def analyse(domain: str, resolver: Resolver, sender: str = "") -> Outcome:
    """Walk through a domain's record for no host in particular; never raises.

    `domain` is in ASCII; `sender` stands for itself in macros. The result is none, permerror,
    temperror, or what the record says of a host that it doesn't know.
    """
    return _run(_Check(None, sender or f"postmaster@{domain}", "", resolver), domain)


def check_host(
    address: Address, domain: str, sender: str, helo: str, resolver: Resolver
) -> Outcome:
    """Say whether a host may send for a domain (section 4); never raises.

    `sender` is the reverse-path, or "" with `domain` the HELO name.
    """
    local, _, _ = sender.rpartition("@")
    whole = f"{local or 'postmaster'}@{domain}"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return _run(_Check(address, whole, helo, resolver), domain)


def _run(check: "_Check", domain: str) -> Outcome:
    name = ascii_name(domain)
    if name is None or "." not in name:
        return Outcome(Result.NONE, f'"{ascii(domain[:60])[1:-1]}" is no full domain name')
    try:
        result, reason = check.domain(name)
    except _Stop as stop:
        result, reason = stop.result, str(stop)
    return Outcome(result, reason, check.look_ups, check.voids)


class _Check:
    """The counters of one check, and what macros stand for."""

    def __init__(self, address: Address | None, sender: str, helo: str, resolver: Resolver) -> None:
        self._address = address
        self._sender = sender
        self._helo = helo
        self._resolver = resolver
        self.look_ups = 0
        self.voids = 0

    def domain(self, domain: str) -> tuple[Result, str]:
        """Check one domain's record; raises `_Stop`."""
        record = self._record(domain)
        if record is None:
            return Result.NONE, f"{domain} has no SPF record"
        for term in record.mechanisms:
            if term.name in LOOKING_UP:
                self._count(term)
            if self._matches(term, domain):
                return _OF_QUALIFIER[term.qualifier], ""
        if record.redirect is not None:
            self._count(record.redirect)
            return self._redirected(record.redirect, domain)
        return Result.NEUTRAL, ""

    def _record(self, domain: str) -> Record | None:
        texts = self._resolver.txt(domain)
        if texts.status is Status.FAILED:
            raise _Stop(Result.TEMPERROR, f"the SPF record of {domain} could not be looked up")
        records = [text for text in texts.records if is_record(text)]
        if len(records) > 1:
            raise _Stop(Result.PERMERROR, f"{domain} has {len(records)} SPF records")
        try:
            return read_record(records[0]) if records else None
        except SyntaxFault as fault:
            raise _Stop(Result.PERMERROR, f"in the record of {domain} {fault}") from None

    def _count(self, term: Term) -> None:
        self.look_ups += 1
        if self.look_ups > MAX_LOOK_UPS:
            text = f"the record needs more than {MAX_LOOK_UPS} look-ups"
            raise _Stop(Result.PERMERROR, text)

    def _redirected(self, term: Term, domain: str) -> tuple[Result, str]:
        target = self._target(term, domain)
        if target is None:
            return Result.NEUTRAL, ""  # for every host another one
        name = _dns_name(target)
        result = Result.NONE if name is None else self.domain(name)[0]
        if result is Result.NONE:
            text = f"{domain} redirects to {_shown(target)}, which has no SPF record"
            raise _Stop(Result.PERMERROR, text)
        return result, ""

    def _matches(self, term: Term, domain: str) -> bool:
        if term.name == "all":
            return True
        if term.network is not None:
            return self._address is not None and self._address in term.network
        target = self._target(term, domain)
        return target is not None and _MATCHERS[term.name](self, term, target)

    def _target(self, term: Term, domain: str) -> str | None:
        """Return the domain that a term means; None when it depends on a host not known."""
        if not term.domain:
            return domain
        if self._address is None and letters(term.domain) & _OF_HOST:
            return None
        name = expand(term.domain, lambda letter: self._macro(letter, domain)).removesuffix(".")
        while len(name) > MAX_DOMAIN and "." in name:
            name = name.partition(".")[2]
        return name

    def _include(self, term: Term, target: str) -> bool:
        name = _dns_name(target)
        result = Result.NONE if name is None else self.domain(name)[0]
        if result is Result.NONE:
            text = f"it includes {_shown(target)}, which has no SPF record"
            raise _Stop(Result.PERMERROR, text)
        return result is Result.PASS

    def _exists(self, term: Term, target: str) -> bool:
        found = self._ask(self._resolver.a, Addresses, target)
        return bool(found.records) and self._address is not None

    def _a(self, term: Term, target: str) -> bool:
        return self._inside(term, self._addresses(target))

    def _mx(self, term: Term, target: str) -> bool:
        found = self._ask(self._resolver.mx, Exchangers, target)
        if len(found.records) > MAX_EXCHANGERS:
            text = f"{_shown(target)} has more than {MAX_EXCHANGERS} MX records"
            raise _Stop(Result.PERMERROR, text)
        if self._address is None:
            return False
        return any(
            self._inside(term, self._addresses(host, is_void=False))
            for _, host in sorted(found.records)
            if host
        )

    def _ptr(self, term: Term, target: str) -> bool:
        wanted = target.lower()
        return any(
            name == wanted or name.endswith("." + wanted) for name in self._validated(strict=True)
        )

    def _validated(self, *, strict: bool) -> list[str]:
        """Return the names of the host that lead back to it (section 5.5)."""
        if self._address is None:
            return []
        found = self._resolver.ptr(self._address)
        if strict and found.status in (Status.NODATA, Status.NXDOMAIN):
            self._void()
        names = []
        for name in found.records[:MAX_EXCHANGERS]:
            ask = self._resolver.a if self._address.version == 4 else self._resolver.aaaa
            usable = ascii_name(name)
            if usable is not None and self._address in ask(usable).records:
                names.append(usable)
        return names

    def _addresses(self, name: str, *, is_void: bool = True) -> tuple[Address, ...]:
        if self._address is None:
            ipv4 = self._ask(self._resolver.a, Addresses, name, is_void=False)
            if ipv4.records:
                return ipv4.records
        four = self._address is not None and self._address.version == 4
        ask = self._resolver.a if four else self._resolver.aaaa
        return self._ask(ask, Addresses, name, is_void=is_void).records

    def _inside(self, term: Term, addresses: tuple[Address, ...]) -> bool:
        if self._address is None:
            return False
        bits = term.ipv4_bits if self._address.version == 4 else term.ipv6_bits
        return any(
            self._address in ip_network(f"{each}/{bits}", strict=False) for each in addresses
        )

    def _ask(
        self,
        ask: Callable[[str], _Found],
        kind: Callable[[Status], _Found],
        name: str,
        *,
        is_void: bool = True,
    ) -> _Found:
        """Ask for a name; one that can't exist is not found, without asking."""
        usable = _dns_name(name)
        found = kind(Status.NXDOMAIN) if usable is None else ask(usable)
        if found.status is Status.FAILED:
            raise _Stop(Result.TEMPERROR, f"{_shown(name)} could not be looked up")
        if is_void and found.status is not Status.FOUND:
            self._void()
        return found

    def _void(self) -> None:
        self.voids += 1
        if self.voids > MAX_VOIDS:
            text = f"more than {MAX_VOIDS} of its look-ups find nothing"
            raise _Stop(Result.PERMERROR, text)

    def _macro(self, letter: str, domain: str) -> str:
        local, _, sender_domain = self._sender.rpartition("@")
        known: Mapping[str, str] = {
            "s": self._sender,
            "l": local,
            "o": sender_domain,
            "d": domain,
            "h": self._helo,
            "v": "ip6" if isinstance(self._address, IPv6Address) else "in-addr",
        }
        if letter == "i":
            return _dotted(self._address)
        return self._best_name(domain) if letter == "p" else known[letter]

    def _best_name(self, domain: str) -> str:
        names = self._validated(strict=False)
        names.sort(key=lambda name: (name != domain, not name.endswith("." + domain)))
        return names[0] if names else "unknown"


_MATCHERS: Mapping[str, Callable[[_Check, Term, str], bool]] = {
    "include": _Check._include,
    "exists": _Check._exists,
    "a": _Check._a,
    "mx": _Check._mx,
    "ptr": _Check._ptr,
}


def _dotted(address: Address | None) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return "" if address is None else ".".join(address.exploded.replace(":", ""))


def _dns_name(name: str) -> str | None:
    """Return a name that can be asked for; DNS takes any octet, which host names don't."""
    name = name.lower().removesuffix(".")
    fits = name.isascii() and len(name) <= MAX_DOMAIN
    return name if fits and all(0 < len(label) < 64 for label in name.split(".")) else None


def _shown(name: str) -> str:
    return ascii(name[:80])[1:-1]
