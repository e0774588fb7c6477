"""What the bridge needs of the outside: a ledger of events, and somebody to submit to."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bridge.event import Record


class EventState(StrEnum):
    """Where an event stands in the bridge."""

    RECEIVED = "received"  # a row, nothing sent for it yet (or not all of it)
    ACCEPTED = "accepted"  # the MSA took every message it makes
    PARKED = "parked"  # makes no message; `reason` and `detail` say why
    IGNORED = "ignored"  # a tombstone
    DUPLICATE = "duplicate"  # same source and id as an earlier event


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A record, and what could be read of its envelope when it was received.

    `identity` is the event's identity: the same for the same source and id at another offset,
    and unique to the record when its envelope has no id. At most 64 characters.
    """

    record: Record
    identity: str
    id: str = ""
    source: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One event that is still owed, leased to whoever holds it."""

    number: int  # events.number, in order of receipt
    epoch: int
    record: Record
    identity: str
    attempts: int  # tries that met a transient reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the submission server said to one message."""

    code: int  # 250, 451, 550, ...; 0 when there was no connection or it broke
    enhanced: str  # "2.0.0"; "" when the server gave none
    text: str
    submission_id: str = ""  # from "queued as <id>"; "" when another server answers otherwise
    stage: str = "data"  # where it was said: "connect", "ehlo", "auth", "mail", "rcpt" or "data"

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code or ""), self.enhanced, self.text)))

    @property
    def is_accepted(self) -> bool:
        return self.code // 100 == 2

    @property
    def is_permanent(self) -> bool:
        return self.code // 100 == 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message ready to submit."""

    submission_key: str  # 1 to 64 of A-Z a-z 0-9 and "-", derived from the event's identity
    reverse_path: str
    forward_path: str
    content: bytes
    template: str
    template_version: str
    locale: str
    message_id: str  # the Message-ID field, with its angle brackets


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an event; the ledger writes all of it in one transaction."""

    entry: LedgerEntry
    state: EventState
    submitted: tuple[tuple[Outgoing, Verdict], ...] = ()
    reason: str = ""
    detail: str = ""
    type: str = ""  # the event's type when the record could be read


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVersion:
    """The sources of a template as they were when it was used."""

    name: str
    version: str  # hash of all sources
    sources: str  # JSON object: file name -> text


class EventLedger(Protocol):
    """Remembers every event, so that none is lost and none is mailed twice."""

    async def receive(self, records: Sequence[Identified]) -> Sequence[LedgerEntry]:
        """Make every record a row, durably, in one transaction; only then commit its offset.

        A record at a position that is already a row is left out. One whose identity is known
        becomes a row in state `duplicate`, a tombstone one in state `ignored`. Returns the rows
        in state `received`, leased to this process.
        """

    async def claim(self, limit: int) -> Sequence[LedgerEntry]:
        """Lease up to `limit` events in state `received` that nobody holds, oldest first."""

    async def record(self, outcome: Outcome) -> None:
        """Write an outcome durably; one whose lease was lost changes nothing, and is logged."""

    async def retry(self, entry: LedgerEntry, after_s: float, detail: str) -> None:
        """Give an event back: it may be claimed again after `after_s` seconds."""

    async def backlog(self) -> int:
        """Count the events in state `received`."""

    async def keep_template(self, version: TemplateVersion) -> None:
        """Store a version's sources when they are not stored yet."""


class Submitter(Protocol):
    """Submits messages over SMTP."""

    async def submit(self, outgoing: Outgoing) -> Verdict:
        """Submit one message and return the reply; never raises for what the server does."""
