"""What the simulated DNS holds: zones, the names that fail in it, and how an answer looks.

Nothing here needs a DNS library, so that mail to any other domain never loads one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files


class Result(StrEnum):
    """How a look-up ends."""

    FOUND = "found"
    NODATA = "nodata"  # the name exists, the type doesn't
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"  # also REFUSED and replies that make no sense
    TIMEOUT = "timeout"
    LOOP = "loop"  # of CNAME records, or a chain that is too long


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one name and type."""

    result: Result
    name: str  # after following CNAME records; without the final dot
    exchangers: tuple[tuple[int, str], ...] = ()  # preference and host of MX; "" is the root
    addresses: tuple[str, ...] = ()  # of A and AAAA


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone as its master file says it, and the names whose look-up fails."""

    origin: str  # without the final dot, lower case
    text: str  # RFC 1035 section 5
    faults: Mapping[str, Result] = field(default_factory=dict)  # name -> SERVFAIL or TIMEOUT

    def holds(self, name: str) -> bool:
        """Say whether a name (lower case, no final dot) lies in this zone."""
        return name == self.origin or name.endswith("." + self.origin)


SIM_ORIGIN = "sim.test"  # RFC 6761 reserves .test, so that it can be nobody's domain


def sim_zone() -> Zone:
    """Return the built-in zone, with one subdomain per way in which a look-up can end."""
    return Zone(
        SIM_ORIGIN,
        (files(__package__) / "sim.test.zone").read_text("utf-8"),
        {"servfail.sim.test": Result.SERVFAIL, "dnstimeout.sim.test": Result.TIMEOUT},
    )
