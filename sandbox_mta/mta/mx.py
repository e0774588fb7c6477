"""Where mail for a domain goes: the exchangers to try in order, or why there are none.

The look-up of RFC 5321 section 5.1 against the simulated zones. A domain in none of them gets an
exchanger made up from its name, so that any address an application uses can be delivered to,
unless somebody else answers for it.
"""

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address
from itertools import groupby
from typing import TYPE_CHECKING

from sandbox_mta.mta.tls_policy import Insecure, judge, policy_of
from sandbox_mta.mta.verdicts import ANY_NULL_MX, DNS_POLICIES, Case, Unroutable
from sandbox_mta.mta.zone import Answer, Names, Result, Zone, sim_zone

if TYPE_CHECKING:
    from sandbox_mta.mta.nameserver import SimulatedDns

MAX_ROUTES = 4096  # domains remembered, about 1 KB each
LIVE_S = 60.0  # that an answer from outside is remembered
MAX_HOSTS = 16  # of a domain that are looked up; five are tried
MAX_SILENT = 2  # hosts whose look-up times out, before the others are left alone
MAX_ADDRESSES = 5  # of one host, as Postfix's smtp_mx_address_limit
MAX_HOPS = 10  # of CNAME records from one source of answers into another
MAX_DOMAIN = 253  # octets of a domain name in text (RFC 1035 section 2.3.4)
OWN_NAME = "mta.sim.test"  # what the built-in zone calls this MTA
OWN_ADDRESSES = frozenset({"192.0.2.25", "2001:db8::25"})  # which that zone gives it


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One host that takes mail for a domain."""

    host: str
    addresses: tuple[str, ...]  # IPv4 and IPv6 by turns; never empty
    preference: int | None  # of the MX record; None for an address literal
    insecure: Insecure | None = None  # why mail may not be sent there, whatever it would answer


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


_FAILED = {
    Result.NXDOMAIN: Case.NXDOMAIN,
    Result.NODATA: Case.NO_ADDRESS,
    Result.SERVFAIL: Case.SERVFAIL,
    Result.REFUSED: Case.REFUSED,
    Result.LAME: Case.LAME,
    Result.TIMEOUT: Case.TIMEOUT,
    Result.LOOP: Case.CNAME_LOOP,
}
_HARD = frozenset({Result.NXDOMAIN, Result.NODATA})  # asking again gives the same


@dataclass(frozen=True, slots=True)
class _Known:
    """The zones in force; replaced as a whole, so that a look-up under way keeps its own."""

    zones: tuple[Zone, ...]
    faults: Mapping[str, Result]
    origins: frozenset[str]
    tls: Mapping[str, str]  # of hosts whose TLS is missing or bad

    @classmethod
    def of(cls, zones: Sequence[Zone], faults: Mapping[str, Result]) -> "_Known":
        tls = {host: word for zone in reversed(zones) for host, word in zone.tls.items()}
        return cls(tuple(zones), faults, frozenset(zone.origin for zone in zones), tls)

    def holds(self, name: str) -> bool:
        """Say whether a name (lower case, no final dot) lies in a zone, or is to fail."""
        if name in self.faults or name in self.origins or "" in self.origins:
            return True
        while "." in name:
            name = name.partition(".")[2]
            if name in self.origins:
                return True
        return False


class Router:
    """Finds the route of a domain, and remembers the last ones.

    What comes from zones is remembered until they change; what somebody had to be asked for,
    `LIVE_S`.
    """

    def __init__(  # what a sandbox may choose
        self,
        zones: Sequence[Zone] | None = None,
        *,
        hostname: str = OWN_NAME,
        policy: str = "postfix",
        unknown: Names | None = None,
        faults: Mapping[str, Result] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use the given zones, the built-in one when none are; `hostname` is this MTA's name.

        `policy` is one of `DNS_POLICIES`. `unknown` answers for names that lie in no zone; None
        makes up an exchanger for each.
        """
        self._hostname = hostname
        self._own_names = frozenset({hostname.lower(), OWN_NAME})
        self._verdicts = DNS_POLICIES[policy]
        self._any_null_mx = policy in ANY_NULL_MX
        self._unknown = unknown
        self._monotonic = monotonic
        self._live: dict[str, tuple[float, Route | Unroutable]] = {}
        self._known = _Known.of((sim_zone(),) if zones is None else zones, faults or {})
        self._dns: SimulatedDns | None = None
        self._loading = threading.Lock()
        self._remembered = lru_cache(maxsize=MAX_ROUTES)(self._find)

    def route(self, domain: str) -> Route | Unroutable:
        """Return the route of a recipient's domain; "" (`postmaster`) is this MTA itself."""
        if self._unknown is None or not self._unknown.is_slow:
            return self._remembered(domain)
        until, found = self._live.get(domain, (0.0, None))
        if found is not None and self._monotonic() < until:
            return found
        found = self._find(domain)
        if len(self._live) >= MAX_ROUTES:
            self._live.clear()
        self._live[domain] = self._monotonic() + LIVE_S, found
        return found

    def is_slow(self, domain: str) -> bool:
        """Say whether `route` of a domain takes its time now, so that a thread should call it."""
        if self._unknown is not None and self._unknown.is_slow:
            return self._live.get(domain, (0.0, None))[0] <= self._monotonic()
        return self._dns is None and self._known.holds(domain.lower().removesuffix("."))

    def load(self) -> None:
        """Load the DNS library and the zones: 0.2 s, which most runs never need."""
        with self._loading:
            if self._dns is None:
                from sandbox_mta.mta.nameserver import SimulatedDns

                self._dns = SimulatedDns(self._known.zones, self._known.faults)

    def use(self, zones: Sequence[Zone]) -> None:
        """Answer from other zones from now on; call it in a thread.

        Raises what `SimulatedDns` raises for a zone that can't be read, and changes nothing then.
        """
        from sandbox_mta.mta.nameserver import SimulatedDns

        known = _Known.of(zones, self._known.faults)
        self._dns = SimulatedDns(known.zones, known.faults)
        self._known = known
        self._live.clear()
        self._remembered = lru_cache(maxsize=MAX_ROUTES)(self._find)

    def _find(self, domain: str) -> Route | Unroutable:
        if not domain:
            return _made_up(self._hostname, self._hostname)
        if domain.startswith("["):
            return _literal(domain) or self._fails(Case.BAD_LITERAL, domain)
        name = _ascii_name(domain)
        if name is None:
            return self._fails(Case.BAD_NAME, domain)
        return self._look_up(name, domain, 0)

    def _names(self, name: str) -> Names | None:
        """Return what answers for a name; None when an answer is made up."""
        return self._zones() if self._known.holds(name) else self._unknown

    def _zones(self) -> "SimulatedDns":
        if self._dns is None:
            self.load()
        assert self._dns is not None
        return self._dns

    def _look_up(self, name: str, domain: str, hops: int) -> Route | Unroutable:
        names = self._names(name)
        if names is None:
            return _made_up(name, f"mx.{name}")
        answer = names.exchangers(name)
        if self._leads_on(answer, name, names):
            # RFC 5321 section 5.1: the target "is processed as if it were the initial name".
            if hops == MAX_HOPS:
                return self._fails(Case.CNAME_LOOP, domain)
            return self._look_up(answer.name, domain, hops + 1)
        if answer.result is Result.NODATA:
            return self._implicit(answer.name, domain)
        if answer.result is not Result.FOUND:
            return self._fails(_FAILED[answer.result], domain)
        return self._choose(answer, domain)

    def _leads_on(self, answer: Answer, name: str, names: Names) -> bool:
        """Say whether a CNAME record ends outside of what was asked."""
        if answer.result is not Result.NODATA or answer.name == name:
            return False
        return self._names(answer.name) is not names

    def _choose(self, answer: Answer, domain: str) -> Route | Unroutable:
        """Drop the exchangers that are none, and ourselves with all that are worse."""
        named = [(preference, host) for preference, host in answer.exchangers if host]
        # RFC 7505 section 3: a null MX stands alone; among others it means nothing, to most.
        if not named or (self._any_null_mx and len(named) < len(answer.exchangers)):
            return self._fails(Case.NULL_MX, domain)
        own = [preference for preference, host in named if host in self._own_names]
        before_us = [mx for mx in named if not own or mx[0] < min(own)]
        if not before_us:
            return self._fails(Case.OURSELVES, domain)
        return self._reachable(sorted(before_us, key=lambda mx: mx[0]), domain, bool(own))

    def _implicit(self, name: str, domain: str) -> Route | Unroutable:
        """Take the domain itself for its exchanger (RFC 5321 section 5.1)."""
        found = self._addresses(name)
        if found.result is not Result.FOUND:
            return self._fails(_FAILED[found.result], domain)
        if OWN_ADDRESSES & set(found.addresses):
            return self._fails(Case.OURSELVES, domain)
        return self._secured([Exchanger(found.name, found.addresses[:MAX_ADDRESSES], 0)], domain)

    def _reachable(
        self, named: Sequence[tuple[int, str]], domain: str, is_backup: bool
    ) -> Route | Unroutable:
        """Keep the exchangers that have an address; `is_backup`: we are one of the worse ones."""
        exchangers: list[Exchanger] = []
        results: list[Result] = []
        host = ""
        for preference, host in named[:MAX_HOSTS]:
            found = self._addresses(host)
            results.append(found.result)
            if results.count(Result.TIMEOUT) >= MAX_SILENT:
                break
            if OWN_ADDRESSES & set(found.addresses):
                # Known by its address and not by its name; what is as good or worse goes too.
                exchangers = [each for each in exchangers if each.preference != preference]
                if not exchangers and preference == named[0][0]:
                    return self._fails(Case.OURSELVES, domain)
                is_backup = True
                break
            if found.result is Result.FOUND:
                addresses = found.addresses[:MAX_ADDRESSES]
                exchangers.append(Exchanger(host, addresses, preference))
        if exchangers:
            return self._secured(exchangers, domain)
        if is_backup:
            return self._fails(Case.LOST_PRIMARY, domain)
        is_soft = not _HARD.issuperset(results)
        return self._fails(Case.LOST_MX if is_soft else Case.DEAD_MX, domain, host)

    def _secured(self, exchangers: Sequence[Exchanger], domain: str) -> Route:
        """Note to which exchangers mail may not be sent over their TLS, as zones say it."""
        name = _ascii_name(domain) or domain
        policy = policy_of(self._zones(), name) if self._known.holds(name) else None
        judged = []
        for each in exchangers:
            usages: Sequence[int] = ()
            if self._known.holds(each.host):
                usages = self._zones().tlsa_usages(f"_25._tcp.{each.host}")
            tls = self._known.tls.get(each.host, "")
            insecure = judge((each.host, each.addresses[0]), tls, usages, policy)
            judged.append(replace(each, insecure=insecure) if insecure else each)
        return Route(tuple(judged))

    def _addresses(self, host: str) -> Answer:
        """Look up a host's addresses, following CNAME records from one source into another."""
        for _ in range(MAX_HOPS + 1):
            names = self._names(host)
            if names is None:
                return Answer(Result.FOUND, host, addresses=_made_up_addresses(host))
            answer = names.addresses(host)
            if max(len(host), len(answer.name)) > MAX_DOMAIN:
                return Answer(Result.NXDOMAIN, host)  # full of escapes: nobody's host
            if not self._leads_on(answer, host, names):
                return answer
            host = answer.name
        return Answer(Result.LOOP, host)

    def _fails(self, case: Case, domain: str, host: str = "") -> Unroutable:
        return self._verdicts[case].unroutable(case, domain, host)


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
