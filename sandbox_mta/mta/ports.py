"""What the transfer stage needs of the outside: a queue, and a place for the clock.

`QueuedRecipient` is what a queue hands out, `Settlement` what it gets back.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeAlias

from msa.envelope import Kind, Recipient, Submission
from msa.reply import Reply
from sandbox_mta.mta.status import State


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRecipient:
    """One recipient that is due, leased to whoever claimed it."""

    number: int  # recipients.number: submission number << 10 | position in the envelope
    epoch: int  # of the lease; a settlement with an older epoch changes nothing
    submission_id: str
    kind: Kind
    reverse_path: str
    ret: str | None
    envid: str | None
    smtputf8: bool
    size_octets: int
    recipient: Recipient
    state: State  # before this attempt: queued or deferred
    attempts: int  # already made
    queued_at: datetime  # time of the clock
    asks: bool = False  # the message has a field X-Sandbox-Outcome
    fields: Mapping[str, tuple[str, ...]] | None = None  # of its header; None: nobody read them


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one exchanger; several make up one attempt number when the first ones fail."""

    n: int  # from 1
    position: int  # order of the exchanger in the route, from 0
    exchanger: str  # host name that the MX record gave; "" when routing failed
    address: str  # IP address; "" when there was none
    preference: int | None
    stage: str  # "connect", "mail", "rcpt", "data", "dot", or "routing"
    reply: Reply
    started_at: datetime  # times of the clock
    ended_at: datetime
    decided_by: str  # the rule: "default", "magic:bounce", "dns:null-mx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a claimed recipient; the store writes all of it in one transaction."""

    recipient: QueuedRecipient
    state: State
    reply: Reply
    attempts: tuple[Attempt, ...]
    reason: str  # classification: "" when delivered, else "user-unknown", "mailbox-full", ...
    due_at: datetime | None = None  # time of the clock of the next attempt; only when deferred
    # The delivery status notification this gives rise to; settlements may share one.
    report: Submission | None = None


# What exchangers remember, by rule and key; () stands for what is forgotten.
Notes: TypeAlias = Mapping[tuple[str, str], tuple[int, ...]]


class ScenarioNotes(Protocol):
    """Keeps what simulated exchangers remember over a restart; exact for one worker."""

    async def load_notes(self, limit: int) -> Notes:
        """Return the notes that changed last, in the order of their change."""

    async def save_notes(self, changes: Notes) -> None:
        """Store changes durably."""


class Suppressions(Protocol):
    """Knows the addresses that are not sent to any more."""

    async def among(self, forward_paths: Collection[str]) -> Mapping[str, str]:
        """Return which of some recipients are listed, and why: "bounce" or "complaint"."""


class DeliveryQueue(Protocol):
    """Hands out recipients that are due, each to one worker at a time."""

    async def claim(self, now: datetime, limit: int) -> Sequence[QueuedRecipient]:
        """Lease up to `limit` recipients whose `due_at` is at most `now` (time of the clock)."""

    async def wait(self, timeout_s: float) -> None:
        """Return as soon as there may be something to claim, or after `timeout_s` of real time."""

    async def record(self, settlements: Sequence[Settlement]) -> None:
        """Queue settlements for the next commit and return; waits only when the queue is full.

        A settlement whose lease was lost changes nothing, and is logged. Settlements that follow
        each other and share a report are recorded together or not at all: a report names nobody
        who did not meet that end.
        """

    async def flush(self) -> None:
        """Return when every settlement recorded so far is committed."""

    async def next_due(self) -> datetime | None:
        """Return the earliest `due_at` of all waiting recipients; None when nothing waits."""

    async def unsettled(self, by: datetime | None = None) -> int:
        """Count the recipients that are claimed, or due by a time of the clock; None: ever."""

    async def content(self, submission_id: str) -> bytes:
        """Return the stored octets of a message, for the report that quotes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockState:
    """How time of the clock follows from real time: virtual + (real now - real) * rate."""

    mode: str  # "real", "accelerated" or "manual"
    rate: float  # 1.0, 60.0, ...; 0.0 when manual
    virtual_base: datetime
    real_base: datetime


class ClockStore(Protocol):
    """Keeps the clock over a restart, and shares it between processes."""

    async def load_clock(self) -> ClockState | None:
        """Return the stored state; None when the clock was never set."""

    async def save_clock(self, state: ClockState) -> None:
        """Store the state durably."""
