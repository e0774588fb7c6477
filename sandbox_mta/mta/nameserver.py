"""A door to dnspython: real resolver logic over simulated zones, without a socket."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest

import dns.asyncbackend
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import dns.zone
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TLSA import TLSA
from dns.rdtypes.ANY.TXT import TXT

from sandbox_mta.mta.zone import Answer, Result, Zone

MAX_CNAMES = 17  # served in a chain: one more than the resolver accepts, which then says so


class ResolvedNames:
    """The `Names` and `TlsNames` of a resolver of dnspython."""

    is_slow = False

    def __init__(self, resolver: dns.resolver.Resolver) -> None:
        self._resolver = resolver

    def exchangers(self, name: str) -> Answer:
        """See `Names`."""
        found = self._resolve(name, "MX")
        if isinstance(found, Answer):
            return found
        records = tuple(
            (record.preference, record.exchange.to_text(omit_final_dot=True).lower().strip("."))
            for record in found.rrset or ()
            if isinstance(record, MX)
        )
        result = Result.FOUND if records else Result.NODATA
        return Answer(result, _text(found.canonical_name), exchangers=records)

    def addresses(self, name: str) -> Answer:
        """See `Names`."""
        ipv4, ipv6 = (self._addresses(name, rdtype) for rdtype in ("A", "AAAA"))
        if ipv6.result is not Result.FOUND:
            return ipv4
        by_turns = zip_longest(ipv4.addresses, ipv6.addresses)
        both = tuple(address for pair in by_turns for address in pair if address)
        return Answer(Result.FOUND, ipv6.name, addresses=both)

    def texts(self, name: str) -> Sequence[Sequence[str]]:
        """See `TlsNames`."""
        found = self._resolve(name, "TXT")
        records = () if isinstance(found, Answer) else found.rrset or ()
        return [
            [string.decode("utf-8", "replace") for string in record.strings]
            for record in records
            if isinstance(record, TXT)
        ]

    def tlsa_usages(self, name: str) -> Sequence[int]:
        """See `TlsNames`."""
        found = self._resolve(name, "TLSA")
        records = () if isinstance(found, Answer) else found.rrset or ()
        return [record.usage for record in records if isinstance(record, TLSA)]

    def _addresses(self, name: str, rdtype: str) -> Answer:
        found = self._resolve(name, rdtype)
        if isinstance(found, Answer):
            return found
        addresses = tuple(record.to_text() for record in found.rrset or ())
        result = Result.FOUND if addresses else Result.NODATA
        return Answer(result, _text(found.canonical_name), addresses=addresses)

    def _resolve(self, name: str, rdtype: str) -> dns.resolver.Answer | Answer:
        try:
            return self._resolver.resolve(
                name + ".", rdtype, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return Answer(Result.NXDOMAIN, name)
        except dns.resolver.LifetimeTimeout:
            return Answer(Result.TIMEOUT, name)
        except dns.resolver.NoNameservers as error:
            return Answer(_failure(error), name)
        except (dns.exception.DNSException, OSError, ValueError):
            return Answer(Result.SERVFAIL, name)


def _failure(error: dns.resolver.NoNameservers) -> Result:
    for *_, reason, _ in error.kwargs["errors"]:
        if isinstance(reason, _Fault):
            return reason.result
        if isinstance(reason, dns.message.ChainTooLong):
            return Result.LOOP
        if reason == "REFUSED":
            return Result.REFUSED
    return Result.SERVFAIL


class SimulatedDns(ResolvedNames):
    """Answers look-ups from the zones it is given; the longest matching origin wins."""

    def __init__(self, zones: Sequence[Zone], faults: Mapping[str, Result] | None = None) -> None:
        """Read the zones; raises `dns.exception.DNSException` for a broken master file.

        `faults` are those besides the zones' own.
        """
        failing = {name: fault for zone in zones for name, fault in zone.faults.items()}
        failing.update(faults or {})
        super().__init__(resolver_over([_parsed(zone) for zone in zones], failing))


def resolver_over(
    zones: Sequence[dns.zone.Zone], faults: Mapping[str, Result] | None = None
) -> dns.resolver.Resolver:
    """Return a resolver that asks nothing but the given zones; looking up a name of `faults` fails.

    Of two zones with one origin the first is served.
    """
    resolver = dns.resolver.Resolver(configure=False)
    failing = {dns.name.from_text(name): fault for name, fault in (faults or {}).items()}
    resolver.nameservers = [_ZoneNameserver([_Served(zone) for zone in zones], failing)]
    return resolver


class _Fault(OSError):
    """A simulated server's failure: the resolver gives that server up, and waits for nobody."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.value)
        self.result = result


class _Served:
    """A zone, with the names that exist in it: names in between do so without any record."""

    def __init__(self, zone: dns.zone.Zone) -> None:
        assert zone.origin is not None  # whoever made it said which
        self.zone = zone
        self.origin = zone.origin
        self._existing = {zone.origin}
        for name in zone.nodes:
            while name not in self._existing and name.is_subdomain(self.origin):
                self._existing.add(name)
                name = name.parent()

    def exists(self, name: dns.name.Name) -> bool:
        return name in self._existing

    def node(self, name: dns.name.Name) -> dns.node.Node | None:
        """Find a name's node, or the wildcard that stands for it (RFC 4592)."""
        if self.exists(name):
            return self.zone.get_node(name)
        while not self.exists(name):
            name = name.parent()
        try:
            return self.zone.get_node(dns.name.Name((b"*", *name.labels)))
        except dns.name.NameTooLong:
            return None


class _ZoneNameserver(dns.nameserver.Nameserver):
    """Serves zones in the process: no address, no port, no waiting."""

    def __init__(self, zones: Sequence[_Served], faults: Mapping[dns.name.Name, Result]) -> None:
        self._zones = {zone.origin: zone for zone in reversed(zones)}
        self._faults = faults

    def __str__(self) -> str:
        return "simulated zones"

    def kind(self) -> str:
        return "simulated"

    def is_always_max_size(self) -> bool:
        return True  # nothing is cut to a datagram, so nothing is asked again over TCP

    def answer_nameserver(self) -> str:
        return "simulated"

    def answer_port(self) -> int:
        return 0

    def query(  # noqa: PLR0913, PLR0917 - the base class's signature
        self,
        request: dns.message.QueryMessage,
        timeout: float,
        source: str | None,
        source_port: int,
        max_size: bool,
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        """Answer a question, following CNAME records through all zones."""
        response = dns.message.make_response(request, recursion_available=True)
        question = request.question[0]
        name, zone = question.name, self._zone_of(question.name)
        for _ in range(MAX_CNAMES):
            if name in self._faults:
                raise _Fault(self._faults[name])
            if zone is None:
                break
            target = _answer_from(zone, name, question.rdtype, response)
            if target is None:
                return response
            name, zone = target, self._zone_of(target)
        else:
            return response  # the resolver finds the chain too long
        if name == question.name:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _zone_of(self, name: dns.name.Name) -> _Served | None:
        while name not in self._zones:
            if name == dns.name.root:
                return None
            name = name.parent()
        return self._zones[name]


def _answer_from(
    served: _Served,
    name: dns.name.Name,
    rdtype: dns.rdatatype.RdataType,
    response: dns.message.Message,
) -> dns.name.Name | None:
    """Add what a zone says of a name; returns the target when that is a CNAME record."""
    zone, node = served.zone, served.node(name)
    records = node.get_rdataset(zone.rdclass, rdtype) if node else None
    alias = node.get_rdataset(zone.rdclass, dns.rdatatype.CNAME) if node else None
    found = records or alias
    if found is None:
        if node is None and not served.exists(name):
            response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority.append(zone.find_rrset(served.origin, dns.rdatatype.SOA))
        return None
    # Not `answer.append`: it leaves the message's index stale, and the resolver finds nothing.
    rrset = response.find_rrset(response.answer, name, zone.rdclass, found.rdtype, create=True)
    for record in found:
        rrset.add(record, found.ttl)
    return None if records else found[0].target


def _parsed(zone: Zone) -> dns.zone.Zone:
    return dns.zone.from_text(
        zone.text, origin=zone.origin + ".", relativize=False, allow_include=False
    )


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removesuffix(".")
