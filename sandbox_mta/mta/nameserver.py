"""The only door to dnspython: real resolver logic over simulated zones, without a socket."""

from collections.abc import Sequence

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

from sandbox_mta.mta.zone import Answer, Result, Zone

MAX_CNAMES = 17  # served in a chain: one more than the resolver accepts, which then says so


class SimulatedDns:
    """Answers look-ups from the zones it is given; the longest matching origin wins."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        """Read the zones; raises `dns.exception.DNSException` for a broken master file."""
        self._faults = {name: fault for zone in zones for name, fault in zone.faults.items()}
        self._resolver = resolver_over([_parsed(zone) for zone in zones])

    def exchangers(self, name: str) -> Answer:
        """Look up the MX records of a name."""
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
        """Look up the A and AAAA records of a name; the two fail together or not at all."""
        ipv4, ipv6 = (self._addresses(name, rdtype) for rdtype in ("A", "AAAA"))
        if ipv6.result is not Result.FOUND:
            return ipv4
        return Answer(Result.FOUND, ipv6.name, addresses=ipv4.addresses + ipv6.addresses)

    def _addresses(self, name: str, rdtype: str) -> Answer:
        found = self._resolve(name, rdtype)
        if isinstance(found, Answer):
            return found
        addresses = tuple(record.to_text() for record in found.rrset or ())
        result = Result.FOUND if addresses else Result.NODATA
        return Answer(result, _text(found.canonical_name), addresses=addresses)

    def _resolve(self, name: str, rdtype: str) -> dns.resolver.Answer | Answer:
        if name in self._faults:  # ahead of the resolver, which would wait for a silent server
            return Answer(self._faults[name], name)
        try:
            return self._resolver.resolve(
                name + ".", rdtype, search=False, raise_on_no_answer=False
            )
        except dns.resolver.NXDOMAIN:
            return Answer(Result.NXDOMAIN, name)
        except dns.resolver.NoNameservers as error:
            looped = any(
                isinstance(reason, dns.message.ChainTooLong)
                for *_, reason, _ in error.kwargs["errors"]
            )
            return Answer(Result.LOOP if looped else Result.SERVFAIL, name)


def resolver_over(zones: Sequence[dns.zone.Zone]) -> dns.resolver.Resolver:
    """Return a resolver that asks nothing but the given zones."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [_ZoneNameserver(zones)]
    return resolver


class _ZoneNameserver(dns.nameserver.Nameserver):
    """Serves zones in the process: no address, no port, no waiting."""

    def __init__(self, zones: Sequence[dns.zone.Zone]) -> None:
        self._zones = zones

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

    def _zone_of(self, name: dns.name.Name) -> dns.zone.Zone | None:
        inside = [zone for zone in self._zones if name.is_subdomain(_origin(zone))]
        return max(inside, key=lambda zone: len(_origin(zone)), default=None)


def _answer_from(
    zone: dns.zone.Zone,
    name: dns.name.Name,
    rdtype: dns.rdatatype.RdataType,
    response: dns.message.Message,
) -> dns.name.Name | None:
    """Add what a zone says of a name; returns the target when that is a CNAME record."""
    node = _node(zone, name)
    records = node.get_rdataset(zone.rdclass, rdtype) if node else None
    alias = node.get_rdataset(zone.rdclass, dns.rdatatype.CNAME) if node else None
    served = records or alias
    if served is None:
        if node is None and not _exists(zone, name):
            response.set_rcode(dns.rcode.NXDOMAIN)
        response.authority.append(zone.find_rrset(_origin(zone), dns.rdatatype.SOA))
        return None
    # Not `answer.append`: it leaves the message's index stale, and the resolver finds nothing.
    rrset = response.find_rrset(response.answer, name, zone.rdclass, served.rdtype, create=True)
    for record in served:
        rrset.add(record, served.ttl)
    return None if records else served[0].target


def _node(zone: dns.zone.Zone, name: dns.name.Name) -> dns.node.Node | None:
    """Find a name's node, or the wildcard that stands for it (RFC 4592)."""
    if _exists(zone, name):
        return zone.get_node(name)
    while not _exists(zone, name):
        name = name.parent()
    return zone.get_node(dns.name.Name((b"*", *name.labels)))


def _exists(zone: dns.zone.Zone, name: dns.name.Name) -> bool:
    """Say whether a name or one below it has records: names in between exist without any."""
    return any(key.is_subdomain(name) for key in zone.nodes)


def _parsed(zone: Zone) -> dns.zone.Zone:
    return dns.zone.from_text(
        zone.text, origin=zone.origin + ".", relativize=False, allow_include=False
    )


def _origin(zone: dns.zone.Zone) -> dns.name.Name:
    assert zone.origin is not None  # `from_text` was given one
    return zone.origin


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
