"""What the simulated DNS holds: zones, the names that fail in it, and how an answer looks.

Nothing here needs a DNS library, so that mail to any other domain never loads one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Protocol

from sandbox_mta.mta.tls_policy import TLS


class Result(StrEnum):
    """How a look-up ends."""

    FOUND = "found"
    NODATA = "nodata"  # the name exists, the type doesn't
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"  # also replies that make no sense
    REFUSED = "refused"
    LAME = "lame"  # the servers that should know the zone don't
    TIMEOUT = "timeout"
    LOOP = "loop"  # of CNAME records, or a chain that is too long


FAULTS = (Result.SERVFAIL, Result.TIMEOUT, Result.REFUSED, Result.LAME)  # that can be asked for


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one name and type."""

    result: Result
    name: str  # after following CNAME records; without the final dot
    exchangers: tuple[tuple[int, str], ...] = ()  # preference and host of MX; "" is the root
    addresses: tuple[str, ...] = ()  # of A and AAAA, the two by turns


class Names(Protocol):
    """Answers look-ups; nothing raises."""

    is_slow: bool  # it asks somebody, so it is called in a thread

    def exchangers(self, name: str) -> Answer:
        """Look up the MX records of a name (lower case, no final dot)."""

    def addresses(self, name: str) -> Answer:
        """Look up the A and AAAA records of a name; the two fail together or not at all."""


class Nowhere:
    """Knows no name at all."""

    is_slow = False

    def exchangers(self, name: str) -> Answer:
        """See `Names`."""
        return Answer(Result.NXDOMAIN, name)

    def addresses(self, name: str) -> Answer:
        """See `Names`."""
        return Answer(Result.NXDOMAIN, name)


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone as its master file says it, and the names whose look-up fails."""

    origin: str  # without the final dot, lower case; "" is the root
    text: str  # RFC 1035 section 5
    faults: Mapping[str, Result] = field(default_factory=dict)  # name -> one of FAULTS
    tls: Mapping[str, str] = field(default_factory=dict)  # host -> one of tls_policy.TLS


class FaultError(ValueError):
    """A fault can't be read; the text says why."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


def read_fault(name: str, word: str) -> tuple[str, Result]:
    """Read a fault as people write it: a name, with or without its final dot, and a word.

    Raises `FaultError`.
    """
    known = {fault.name: fault for fault in FAULTS}
    if word.upper() not in known:
        raise FaultError(f"there is no fault {word!r}; there are {', '.join(known)}")
    return name.lower().removesuffix("."), known[word.upper()]


def faults_of(words: Iterable[str]) -> dict[str, Result]:
    """Read faults as a setting names them, `broken.test=SERVFAIL`; raises `FaultError`."""
    faults: dict[str, Result] = {}
    for word in words:
        name, _, fault = word.partition("=")
        if not name:
            raise FaultError(f"{word!r} is no fault; write `broken.test=SERVFAIL`")
        faults.update([read_fault(name.strip(), fault.strip())])
    return faults


# Comments to any name server, since a master file has no words for how a server fails.
_COMMENT = re.compile(r"\s*;\s*sim-(fault|tls):\s*(.*)", re.IGNORECASE)
_ORIGIN = re.compile(r"\s*\$ORIGIN\s+(\S+)", re.IGNORECASE)


def faults_in(text: str, origin: str) -> dict[str, Result]:
    """Read the comments `; sim-fault: NAME SERVFAIL` of a master file, with full names.

    Raises `FaultError` with the line.
    """
    faults: dict[str, Result] = {}
    for line, name, word in _said_in(text, origin, "fault"):
        try:
            faults.update([read_fault(name, word)])
        except FaultError as error:
            raise FaultError(str(error), line) from None
    return faults


def tls_in(text: str, origin: str) -> dict[str, str]:
    """Read the comments `; sim-tls: HOST none` of a master file, a word of `tls_policy.TLS` each.

    Raises `FaultError` with the line.
    """
    hosts: dict[str, str] = {}
    for line, name, word in _said_in(text, origin, "tls"):
        if word.lower() not in TLS:
            known = ", ".join(TLS)
            raise FaultError(f"TLS of a host can't be {word!r}; it can be {known}", line)
        hosts[name.lower().removesuffix(".")] = word.lower()
    return hosts


def _said_in(text: str, origin: str, key: str) -> Iterator[tuple[int, str, str]]:
    """Yield line, full name and word of each comment of one kind."""
    for number, line in enumerate(text.splitlines(), start=1):
        if moved := _ORIGIN.match(line):
            origin = _absolute(moved[1], origin)
        elif (found := _COMMENT.fullmatch(line)) and found[1].lower() == key:
            words = found[2].split()
            if len(words) != 2:
                example = {"fault": "NAME SERVFAIL", "tls": "HOST none"}[key]
                raise FaultError(f"write such a comment like `; sim-{key}: {example}`", number)
            yield number, _absolute(words[0], origin), words[1]


def _absolute(name: str, origin: str) -> str:
    if name == "@":
        return origin
    return name if name.endswith(".") else f"{name}.{origin}"


SIM_ORIGIN = "sim.test"  # RFC 6761 reserves .test, so that it can be nobody's domain


def sim_zone() -> Zone:
    """Return the built-in zone, with one subdomain per way in which a look-up can end."""
    text = (files(__package__) / "sim.test.zone").read_text("utf-8")
    return Zone(SIM_ORIGIN, text, faults_in(text, SIM_ORIGIN), tls_in(text, SIM_ORIGIN))
