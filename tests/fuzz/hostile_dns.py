"""A DNS in which whoever sent the message wrote every answer."""

import zlib
from ipaddress import IPv4Address, IPv6Address

from msa.auth.resolver import Address, Addresses, Exchangers, Names, Status, Texts


class HostileResolver:
    """Answers with the given texts, always the same for the same name.

    It holds its askers to what a resolver is promised: names of ASCII, 253 characters at most, in
    labels of 1 to 63.
    """

    def __init__(self, texts: list[bytes]) -> None:
        self._texts = texts
        self.asked = 0

    def txt(self, name: str) -> Texts:
        pick = self._pick(name)
        if pick % 4 == 0:
            return Texts(Status.NXDOMAIN)
        return Texts(Status.FOUND, (self._texts[pick % len(self._texts)],) * (1 + pick % 5 // 4))

    def mx(self, name: str) -> Exchangers:
        hosts = ("", "mx.example", f"m.{name}"[:60].rstrip("."), "x" * 60 + ".example")
        pick = self._pick(name)
        found = tuple((n, hosts[(pick + n) % 4]) for n in range(pick % 13))
        return Exchangers(Status.FOUND if found else Status.NODATA, found)

    def a(self, name: str) -> Addresses:
        found = tuple(IPv4Address(f"192.0.2.{n}") for n in range(self._pick(name) % 4))
        return Addresses(Status.FOUND if found else Status.NXDOMAIN, found)

    def aaaa(self, name: str) -> Addresses:
        found = tuple(IPv6Address(f"2001:db8::{n}") for n in range(self._pick(name) % 3))
        return Addresses(Status.FOUND if found else Status.FAILED, found)

    def ptr(self, address: Address) -> Names:
        self.asked += 1
        return Names(Status.FOUND, tuple(f"host-{n}.example" for n in range(int(address) % 14)))

    def _pick(self, name: str) -> int:
        self.asked += 1
        assert name.isascii()
        assert 0 < len(name) <= 253
        assert all(1 <= len(label) <= 63 for label in name.split("."))
        return zlib.crc32(name.encode())
