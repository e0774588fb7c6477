"""What name servers answered, and a master file made of it: a live run becomes a zone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sandbox_mta.mta.zone import FAULTS, Result

_SOUND = (Result.FOUND, Result.NODATA, Result.NXDOMAIN)
_HEAD = """\
$ORIGIN .
@ 300 IN SOA localhost. hostmaster.localhost. 1 7200 3600 1209600 60
@ 300 IN NS localhost.
"""


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The answer to one question, as the name servers of this machine gave it."""

    name: str  # that was asked for, without the final dot
    rdtype: str  # "MX", "A" or "AAAA"
    result: Result
    records: tuple[str, ...]  # lines of a master file, with full names
    asked_at: datetime  # real time


def master_file(answers: Sequence[LookedUp]) -> str:
    """Return a zone that gives the same answers again; any name that was not asked is unknown.

    Where two answers contradict each other, since DNS changed between them, the later one holds.
    """
    ordered = sorted(answers, key=lambda each: each.asked_at)
    sets: dict[tuple[str, str], dict[str, None]] = {}  # records of one name and type, in order
    for answer in ordered:
        fresh: dict[tuple[str, str], dict[str, None]] = {}
        for line in answer.records:
            owner, _, _, rdtype, _ = line.split(maxsplit=4)
            fresh.setdefault((owner.lower(), rdtype), {})[line] = None
        for owner, rdtype in fresh:
            # An alias has nothing beside it (RFC 1034 section 3.6.2).
            stale = [key for key in sets if key[0] == owner and "CNAME" in (key[1], rdtype)]
            for key in stale:
                del sets[key]
        sets |= fresh
    lines = [line for each in sets.values() for line in each]
    return "".join(
        [*_title(ordered), _HEAD, *(f"{line}\n" for line in lines), *_faults(ordered)],
    )


def _title(ordered: Sequence[LookedUp]) -> Iterable[str]:
    if ordered:
        first, last = (f"{each.asked_at:%Y-%m-%d %H:%M}" for each in (ordered[0], ordered[-1]))
        yield f"; What name servers answered from {first} to {last} (UTC).\n"


def _faults(ordered: Sequence[LookedUp]) -> Iterable[str]:
    """Write the failures of names that never had an answer; a fault is of all types of a name."""
    sound = {answer.name for answer in ordered if answer.result in _SOUND}
    failed = {answer.name: answer.result for answer in ordered if answer.name not in sound}
    for name, result in failed.items():
        fault = result if result in FAULTS else Result.SERVFAIL
        yield f"; sim-fault: {name}. {fault.name}\n"
