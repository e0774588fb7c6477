"""Live look-ups, from the name servers of this machine, where a setting asks for them."""

from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.resolver

from msa.ports import Resolver
from sandbox_mta.mta.lookups import Lookups, read_zone_file

ANSWER_S = 2.0  # that one look-up may take, all servers and tries together
CACHED = 10_000  # answers, each for as long as its owner says

OFF, LIVE = "off", "live"


class NoDns(Exception):
    """DNS can't be asked; the text is one line."""


def live_lookups() -> Lookups:
    """Ask the name servers of this machine. Raises `NoDns` where none is configured."""
    try:
        resolver = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError) as error:
        raise NoDns(f"no name server is configured on this machine: {error}") from None
    resolver.timeout = resolver.lifetime = ANSWER_S
    resolver.cache = dns.resolver.LRUCache(CACHED)
    return Lookups(resolver)


def resolver_for(dns_source: str, live: Callable[[], Resolver] = live_lookups) -> Resolver | None:
    """Return what answers lint's look-ups: None for "off", a zone file's records, or live DNS.

    Raises `NoDns` and `ZoneFileError`.
    """
    if dns_source == OFF:
        return None
    return live() if dns_source == LIVE else read_zone_file(Path(dns_source))
