"""Where mail for a domain goes: the exchangers to try in order, or why there are none.

The look-up of RFC 5321 section 5.1 against the simulated zones. A domain in none of them gets an
exchanger made up from its name, so that any address an application uses can be delivered to.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address
from itertools import groupby
from typing import TYPE_CHECKING

from msa.reply import Reply
from sandbox_mta.mta.zone import Answer, Result, Zone, sim_zone

if TYPE_CHECKING:
    from sandbox_mta.mta.nameserver import SimulatedDns

MAX_ROUTES = 4096  # domains remembered, about 1 KB each
MAX_DOMAIN = 253  # octets of a domain name in text (RFC 1035 section 2.3.4)
OWN_NAME = "mta.sim.test"  # what the built-in zone calls this MTA


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One host that takes mail for a domain."""

    host: str
    addresses: tuple[str, ...]  # of IPv4, then IPv6; never empty
    preference: int | None  # of the MX record; None for an address literal


@dataclass(frozen=True, slots=True)
class Route:
    """The exchangers of a domain by preference; never empty."""

    exchangers: tuple[Exchanger, ...]

    def in_order(self, key: str) -> tuple[Exchanger, ...]:
        """Return them in the order to try: equals are shuffled, the same way for the same key.

        RFC 5321 section 5.1: among equal preferences the order MUST be random.
        """
        if len(self.exchangers) == 1:
            return self.exchangers
        return tuple(
            exchanger
            for _, equals in groupby(self.exchangers, key=lambda exchanger: exchanger.preference)
            for exchanger in sorted(equals, key=lambda each: _draw(f"{key}\0{each.host}"))
        )


@dataclass(frozen=True, slots=True)
class Unroutable:
    """Why a domain has no exchangers, in the words of the reply that people see."""

    reply: Reply  # 4xx: worth another try
    rule: str  # "dns:null-mx"
    reason: str


class Case(StrEnum):
    """The ways in which routing fails."""

    BAD_NAME = "bad-name"
    BAD_LITERAL = "bad-literal"
    NXDOMAIN = "nxdomain"
    NO_ADDRESS = "no-address"  # neither MX nor A nor AAAA
    NULL_MX = "null-mx"  # RFC 7505
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"
    CNAME_LOOP = "cname-loop"
    DEAD_MX = "dead-mx"  # MX records, and none of their hosts has an address
    LOST_MX = "lost-mx"  # the same, but an address may be there: a soft error dominates
    OURSELVES = "loop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an MTA makes of one case: the reply, with `{domain}` to fill, and its reason."""

    code: int
    detail: str
    text: str
    reason: str

    def unroutable(self, case: Case, domain: str) -> Unroutable:
        reply = Reply(self.code, self.detail, self.text.format(domain=domain))
        return Unroutable(reply, f"dns:{case}", self.reason)


# Servers disagree here (some retry a domain without addresses), hence a table and not code.
VERDICTS: Mapping[Case, Verdict] = {
    Case.BAD_NAME: Verdict(550, "1.2", "Host or domain name not valid: {domain}", "domain-unknown"),
    Case.BAD_LITERAL: Verdict(
        550, "1.3", "Bad address literal in the recipient's address: {domain}", "domain-unknown"
    ),
    Case.NXDOMAIN: Verdict(
        550,
        "1.2",
        "Host or domain name not found. Name service error for name={domain} type=MX: "
        "Host not found",
        "domain-unknown",
    ),
    Case.NO_ADDRESS: Verdict(
        550,
        "4.4",
        "Host or domain name not found. Name service error for name={domain} type=AAAA: "
        "Host found but no data record of requested type",
        "domain-unknown",
    ),
    Case.NULL_MX: Verdict(556, "1.10", "Domain {domain} does not accept mail (null MX)", "null-mx"),
    Case.SERVFAIL: Verdict(
        451,
        "4.3",
        "Host or domain name not found. Name service error for name={domain} type=MX: "
        "Host not found, try again",
        "dns",
    ),
    Case.TIMEOUT: Verdict(
        451, "4.3", "Name service for {domain} did not answer in time, try again", "dns"
    ),
    Case.CNAME_LOOP: Verdict(
        451, "4.3", "Name server loop: the CNAME records of {domain} never end", "dns"
    ),
    Case.DEAD_MX: Verdict(
        550, "4.4", "No mail exchanger of {domain} has an address", "domain-unknown"
    ),
    Case.LOST_MX: Verdict(
        451, "4.3", "No mail exchanger of {domain} could be looked up, try again", "dns"
    ),
    Case.OURSELVES: Verdict(550, "4.6", "Mail for {domain} loops back to myself", "dns"),
}

_FAILED = {
    Result.NXDOMAIN: Case.NXDOMAIN,
    Result.SERVFAIL: Case.SERVFAIL,
    Result.TIMEOUT: Case.TIMEOUT,
    Result.LOOP: Case.CNAME_LOOP,
}


class Router:
    """Finds the route of a domain; remembers the last ones, since zones don't change."""

    def __init__(
        self,
        zones: Sequence[Zone] | None = None,
        *,
        hostname: str = OWN_NAME,
        verdicts: Mapping[Case, Verdict] = VERDICTS,
    ) -> None:
        """Use the given zones, the built-in one when none are; `hostname` is this MTA's name."""
        self._zones = (sim_zone(),) if zones is None else tuple(zones)
        self._hostname = hostname
        self._own_names = frozenset({hostname.lower(), OWN_NAME})
        self._verdicts = verdicts
        self._dns: SimulatedDns | None = None
        self._remembered = lru_cache(maxsize=MAX_ROUTES)(self._find)

    def route(self, domain: str) -> Route | Unroutable:
        """Return the route of a recipient's domain; "" (`postmaster`) is this MTA itself."""
        return self._remembered(domain)

    def needs_load(self, domain: str) -> bool:
        """Say whether the route of a domain needs `load` first, which `route` would do itself."""
        return self._dns is None and self._is_simulated(domain.lower())

    def load(self) -> None:
        """Load the DNS library and the zones: 0.2 s, which most runs never need."""
        if self._dns is None:
            from sandbox_mta.mta.nameserver import SimulatedDns

            self._dns = SimulatedDns(self._zones)

    def _find(self, domain: str) -> Route | Unroutable:
        if not domain:
            return _made_up(self._hostname, self._hostname)
        if domain.startswith("["):
            return _literal(domain) or self._fails(Case.BAD_LITERAL, domain)
        name = _ascii_name(domain)
        if name is None:
            return self._fails(Case.BAD_NAME, domain)
        if not self._is_simulated(name):
            return _made_up(name, f"mx.{name}")
        return self._look_up(name, domain)

    def _look_up(self, name: str, domain: str) -> Route | Unroutable:
        answer = self._names().exchangers(name)
        if answer.result in _FAILED:
            return self._fails(_FAILED[answer.result], domain)
        if answer.result is Result.NODATA:
            return self._implicit(answer, domain)
        # RFC 7505 section 3: a null MX stands alone; among others it means nothing.
        named = [(preference, host) for preference, host in answer.exchangers if host]
        if not named:
            return self._fails(Case.NULL_MX, domain)
        own = [preference for preference, host in named if host in self._own_names]
        before_us = [mx for mx in named if not own or mx[0] < min(own)]
        if not before_us:
            return self._fails(Case.OURSELVES, domain)
        return self._reachable(sorted(before_us, key=lambda mx: mx[0]), domain)

    def _implicit(self, answer: Answer, domain: str) -> Route | Unroutable:
        """Take the domain itself for its exchanger (RFC 5321 section 5.1)."""
        if not self._is_simulated(answer.name):
            return _made_up(answer.name, f"mx.{answer.name}")  # a CNAME led out of the zones
        found = self._names().addresses(answer.name)
        if found.result is Result.FOUND:
            return Route((Exchanger(answer.name, found.addresses, 0),))
        if found.result is Result.NODATA:
            return self._fails(Case.NO_ADDRESS, domain)
        return self._fails(_FAILED[found.result], domain)

    def _reachable(self, named: Sequence[tuple[int, str]], domain: str) -> Route | Unroutable:
        """Keep the exchangers that have an address."""
        exchangers, soft = [], False
        for preference, host in named:
            if not self._is_simulated(host):
                exchangers.append(Exchanger(host, _made_up_addresses(host), preference))
                continue
            found = self._names().addresses(host)
            if found.result is Result.FOUND:
                exchangers.append(Exchanger(host, found.addresses, preference))
            soft = soft or found.result in (Result.SERVFAIL, Result.TIMEOUT, Result.LOOP)
        if exchangers:
            return Route(tuple(exchangers))
        return self._fails(Case.LOST_MX if soft else Case.DEAD_MX, domain)

    def _fails(self, case: Case, domain: str) -> Unroutable:
        return self._verdicts[case].unroutable(case, domain)

    def _is_simulated(self, name: str) -> bool:
        return any(zone.holds(name) for zone in self._zones)

    def _names(self) -> "SimulatedDns":
        self.load()
        assert self._dns is not None
        return self._dns


_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def _ascii_name(domain: str) -> str | None:
    """Return a domain in lower-case ASCII, without its final dot; None when it can't be one."""
    name = domain.lower().removesuffix(".")
    if not name.isascii():
        import idna  # its tables are large, and most domains don't need them

        try:
            name = idna.encode(name, uts46=True, transitional=False).decode("ascii")
        except idna.IDNAError:
            return None
    if len(name) > MAX_DOMAIN or not all(map(_LABEL.fullmatch, name.split("."))):
        return None
    return name


def _literal(domain: str) -> Route | None:
    """Return the route of an address literal (RFC 5321 section 4.1.3); None when it is broken."""
    text = domain.removeprefix("[").removesuffix("]")
    try:
        if text[:5].lower() == "ipv6:":
            address: IPv4Address | IPv6Address = IPv6Address(text[5:])
        else:
            address = IPv4Address(text)
    except ValueError:
        return None
    return Route((Exchanger(domain, (str(address),), None),))


def _made_up(name: str, host: str) -> Route:
    """Return the exchanger of a domain that no zone knows."""
    fits = host if len(host) <= MAX_DOMAIN else name
    return Route((Exchanger(fits, _made_up_addresses(fits), 10),))


def _made_up_addresses(host: str) -> tuple[str, str]:
    """Derive a host's addresses from its name, in the blocks of RFC 5737 and RFC 3849."""
    drawn = _draw(host)
    low = f"{drawn:016x}"
    return (
        f"192.0.2.{drawn % 254 + 1}",
        str(IPv6Address(f"2001:db8::{low[:4]}:{low[4:8]}:{low[8:12]}:{low[12:]}")),
    )


def _draw(text: str) -> int:
    """Return 64 bits that any machine and any run draws for the same text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
