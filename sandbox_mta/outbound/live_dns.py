"""Live look-ups, from the name servers of this machine, where a setting asks for them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import dns.exception
import dns.rdatatype
import dns.resolver

from msa.ports import Resolver
from sandbox_mta.mta.lookups import Lookups, read_zone_file
from sandbox_mta.mta.nameserver import ResolvedNames
from sandbox_mta.mta.recorded import LookedUp
from sandbox_mta.mta.zone import Answer, Result

ANSWER_S = 2.0  # that one look-up may take, all servers and tries together
CACHED = 10_000  # answers, each for as long as its owner says

OFF, LIVE = "off", "live"

_ROUTING = (dns.rdatatype.MX, dns.rdatatype.A, dns.rdatatype.AAAA, dns.rdatatype.CNAME)


class NoDns(Exception):
    """DNS can't be asked; the text is one line."""


def live_lookups() -> Lookups:
    """Ask the name servers of this machine. Raises `NoDns` where none is configured."""
    return Lookups(_resolver())


class LiveNames(ResolvedNames):
    """The `Names` of the name servers of this machine; what they answer is told."""

    is_slow = True

    def __init__(self, told: Callable[[LookedUp], None]) -> None:
        """`told` is called in whatever thread asks. Raises `NoDns` where none is configured."""
        super().__init__(_resolver())
        self._told = told

    def _resolve(self, name: str, rdtype: str) -> dns.resolver.Answer | Answer:
        found = super()._resolve(name, rdtype)
        asked_at = datetime.now(UTC)
        if isinstance(found, Answer):
            self._told(LookedUp(name, rdtype, found.result, (), asked_at))
        else:
            result = Result.NODATA if found.rrset is None else Result.FOUND
            self._told(LookedUp(name, rdtype, result, tuple(_records(found)), asked_at))
        return found


def _records(found: dns.resolver.Answer) -> Iterator[str]:
    """Write the records that led to an answer as lines of a master file."""
    for rrset in found.response.answer:
        if rrset.rdtype in _ROUTING:
            yield from rrset.to_text(origin=None, relativize=False).splitlines()
    if found.rrset is None:
        yield f'{found.canonical_name} 300 IN TXT "no record of the types that were asked for"'


def _resolver() -> dns.resolver.Resolver:
    try:
        resolver = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError) as error:
        raise NoDns(f"no name server is configured on this machine: {error}") from None
    resolver.timeout = resolver.lifetime = ANSWER_S
    resolver.cache = dns.resolver.LRUCache(CACHED)
    return resolver


def resolver_for(dns_source: str, live: Callable[[], Resolver] = live_lookups) -> Resolver | None:
    """Return what answers lint's look-ups: None for "off", a zone file's records, or live DNS.

    Raises `NoDns` and `ZoneFileError`.
    """
    if dns_source == OFF:
        return None
    return live() if dns_source == LIVE else read_zone_file(Path(dns_source))
