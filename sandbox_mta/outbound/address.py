"""Which addresses may be connected to: those of the public internet, and those that are allowed.

A message is hostile, and its links choose where we connect: without this check they would reach
the services of this machine and of its network, and the metadata of clouds.
"""

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last four octets are an IPv4 address
_SITE_LOCAL = IPv6Network("fec0::/10")  # RFC 3879: deprecated, and still routed in places
_COMPATIBLE = IPv6Network("::/96")  # RFC 4291 section 2.5.5.1, deprecated


def is_allowed(address: str, allowed: Sequence[Network] = ()) -> bool:
    """Say whether an address, as `getaddrinfo` writes it, may be connected to.

    Private, loopback, link-local, shared (CGNAT), multicast and reserved ones are not, however
    they are wrapped into IPv6, unless they lie in one of the networks `allowed`.
    """
    meant = [_parsed(address)]
    meant += _embedded(meant[0])
    if any(one in network for one in meant for network in allowed):
        return True
    return all(one.is_global and not one.is_multicast and one not in _SITE_LOCAL for one in meant)


def _parsed(address: str) -> IPv4Address | IPv6Address:
    return ip_address(address.partition("%")[0])


def _embedded(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """Return the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return []
    teredo = address.teredo or ()
    found = [address.ipv4_mapped, address.sixtofour, *teredo]
    if address in _NAT64 or address in _COMPATIBLE:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]
