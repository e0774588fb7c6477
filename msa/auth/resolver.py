"""What evaluators ask of DNS, and what they get."""

from collections.abc import Callable
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, Protocol, TypeVar

Address = IPv4Address | IPv6Address

REMEMBERED = 1_000  # answers of each type that one batch keeps


class Status(StrEnum):
    """How a look-up ends."""

    FOUND = "found"
    NODATA = "nodata"  # the name exists, the type doesn't
    NXDOMAIN = "nxdomain"
    FAILED = "failed"  # nobody answered, or nonsense: another time it may be found


class Texts(NamedTuple):
    """The TXT records of a name, each with its strings joined."""

    status: Status
    records: tuple[bytes, ...] = ()


class Exchangers(NamedTuple):
    """The MX records of a name: preference and host without the final dot, "" is the root."""

    status: Status
    records: tuple[tuple[int, str], ...] = ()


class Addresses(NamedTuple):
    """The addresses of a name."""

    status: Status
    records: tuple[Address, ...] = ()


class Names(NamedTuple):
    """The names of an address (PTR), without the final dot."""

    status: Status
    records: tuple[str, ...] = ()


class Resolver(Protocol):
    """Looks names up. Nothing raises.

    A name is ASCII without its final dot, of at most 253 characters, in labels of 1 to 63 that
    may hold any character: SPF's macros make such names.
    """

    def txt(self, name: str) -> Texts:
        """Look up the TXT records of a name."""

    def mx(self, name: str) -> Exchangers:
        """Look up the MX records of a name."""

    def a(self, name: str) -> Addresses:
        """Look up the IPv4 addresses of a name."""

    def aaaa(self, name: str) -> Addresses:
        """Look up the IPv6 addresses of a name."""

    def ptr(self, address: Address) -> Names:
        """Look up the names of an address."""


_Answer = TypeVar("_Answer", Texts, Exchangers, Addresses, Names)


class Remembering:
    """A resolver that asks once for each name and type; what failed it asks again."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._texts: dict[str, Texts] = {}
        self._exchangers: dict[str, Exchangers] = {}
        self._ipv4: dict[str, Addresses] = {}
        self._ipv6: dict[str, Addresses] = {}

    def txt(self, name: str) -> Texts:
        """See `Resolver`."""
        return _remembered(self._texts, name, self._resolver.txt)

    def mx(self, name: str) -> Exchangers:
        """See `Resolver`."""
        return _remembered(self._exchangers, name, self._resolver.mx)

    def a(self, name: str) -> Addresses:
        """See `Resolver`."""
        return _remembered(self._ipv4, name, self._resolver.a)

    def aaaa(self, name: str) -> Addresses:
        """See `Resolver`."""
        return _remembered(self._ipv6, name, self._resolver.aaaa)

    def ptr(self, address: Address) -> Names:
        """See `Resolver`."""
        return self._resolver.ptr(address)


def _remembered(memory: dict[str, _Answer], name: str, ask: Callable[[str], _Answer]) -> _Answer:
    known = memory.get(name)
    if known is None:
        known = ask(name)
        if len(memory) >= REMEMBERED:
            memory.clear()
        if known.status is not Status.FAILED:
            memory[name] = known
    return known


class Bounded:
    """A resolver that stops asking after so many look-ups, or so many seconds.

    What is asked afterwards fails, so that no message makes the linter wait or work for long.
    """

    def __init__(
        self, resolver: Resolver, *, look_ups: int, seconds: float, clock: Callable[[], float]
    ) -> None:
        """Count from now on; `clock` gives seconds, as `time.monotonic` does."""
        self._resolver = resolver
        self._left = look_ups
        self._clock = clock
        self._until = clock() + seconds

    def txt(self, name: str) -> Texts:
        """See `Resolver`."""
        return self._resolver.txt(name) if self._may() else Texts(Status.FAILED)

    def mx(self, name: str) -> Exchangers:
        """See `Resolver`."""
        return self._resolver.mx(name) if self._may() else Exchangers(Status.FAILED)

    def a(self, name: str) -> Addresses:
        """See `Resolver`."""
        return self._resolver.a(name) if self._may() else Addresses(Status.FAILED)

    def aaaa(self, name: str) -> Addresses:
        """See `Resolver`."""
        return self._resolver.aaaa(name) if self._may() else Addresses(Status.FAILED)

    def ptr(self, address: Address) -> Names:
        """See `Resolver`."""
        return self._resolver.ptr(address) if self._may() else Names(Status.FAILED)

    def _may(self) -> bool:
        self._left -= 1
        return self._left >= 0 and self._clock() < self._until
