"""Whether a domain takes mail at all (RFC 5321 section 5.1, RFC 7505)."""

from enum import StrEnum

from msa.auth.resolver import Resolver, Status


class Reach(StrEnum):
    """What DNS says of mail for a domain."""

    TAKES_MAIL = "takes-mail"
    NULL_MX = "null-mx"  # it says that it takes none
    NO_ADDRESS = "no-address"  # neither MX nor A nor AAAA
    UNKNOWN = "unknown"  # a look-up failed


def reach_of(domain: str, resolver: Resolver) -> Reach:
    """Find out about a domain, in ASCII; never raises."""
    found = resolver.mx(domain)
    if found.records:
        # RFC 7505 section 3: a null MX stands alone; among others it means nothing.
        return Reach.TAKES_MAIL if any(host for _, host in found.records) else Reach.NULL_MX
    asked = [found.status]
    for ask in (resolver.a, resolver.aaaa):
        addresses = ask(domain)
        if addresses.records:
            return Reach.TAKES_MAIL
        asked.append(addresses.status)
    return Reach.UNKNOWN if Status.FAILED in asked else Reach.NO_ADDRESS
