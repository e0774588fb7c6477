"""The store in memory: for tests, and for a sandbox that keeps nothing.

It keeps the promises of the ports, which one contract suite checks for it and for the databases.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from msa.envelope import Submission
from msa.fix.edit import Fixed
from msa.lint.finding import Finding
from msa.message.summary import summarise
from msa.reply import Reply
from sandbox_mta.mta.ports import ClockState, QueuedRecipient, Settlement
from sandbox_mta.mta.status import WAITING, State, check

log = logging.getLogger(__name__)


def _real_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A submission with what was said of it."""

    submission: Submission
    findings: tuple[Finding, ...] | None  # None: lint has still to run
    refusal: Reply | None
    fixed: Fixed | None = None  # None: nobody has looked for fixes


@dataclass(slots=True, kw_only=True)
class KeptRecipient:
    """A recipient with where it stands; `queued.state` is that before the attempt under way."""

    queued: QueuedRecipient
    due_at: datetime | None  # time of the clock; None: it waits for nothing
    is_leased: bool = False
    settlements: tuple[Settlement, ...] = ()

    @property
    def state(self) -> State:
        return self.settlements[-1].state if self.settlements else self.queued.state


class MemoryStore:
    """Implements `SubmissionStore`, `DeliveryQueue` and `ClockStore`."""

    def __init__(self, clock_now: Callable[[], datetime] = _real_now) -> None:
        self.submissions: dict[str, Kept] = {}
        self.recipients: dict[int, KeptRecipient] = {}
        self._keys: dict[str, str] = {}
        self._clock: ClockState | None = None
        self._clock_now = clock_now
        self._news = asyncio.Event()

    async def accept(
        self,
        submission: Submission,
        findings: Sequence[Finding] | None = None,
        fixed: Fixed | None = None,
    ) -> str:
        if submission.id in self.submissions:
            raise ValueError(f"the id {submission.id} is taken")
        key = submission.submission_key
        if key is not None:
            first = self._keys.setdefault(key, submission.id)
            if first != submission.id:
                return first
        judged = None if findings is None else tuple(findings)
        kept = Kept(submission=submission, findings=judged, refusal=None, fixed=fixed)
        self._keep(kept, State.QUEUED)
        return submission.id

    async def refuse(
        self, submission: Submission, reply: Reply, findings: Sequence[Finding]
    ) -> None:
        kept = Kept(submission=submission, findings=tuple(findings), refusal=reply)
        self._keep(kept, State.REJECTED)

    async def claim(self, now: datetime, limit: int) -> Sequence[QueuedRecipient]:
        due = [one for one in self._waiting() if one.due_at is not None and one.due_at <= now]
        due.sort(key=lambda one: (one.due_at, one.queued.number))
        for one in due[:limit]:
            one.is_leased = True
            one.queued = replace(one.queued, epoch=one.queued.epoch + 1)
        return [one.queued for one in due[:limit]]

    async def wait(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def record(self, settlements: Sequence[Settlement]) -> None:
        for settlement in settlements:
            check(settlement.recipient.state, settlement.state)
        lost = {id(each.report) for each in settlements if each.report and not self._holds(each)}
        for settlement in settlements:
            if not self._holds(settlement) or id(settlement.report) in lost:
                log.warning("recipient %d was settled too late", settlement.recipient.number)
                continue
            self._settle(self.recipients[settlement.recipient.number], settlement)

    def _holds(self, settlement: Settlement) -> bool:
        """Tell whether the lease of a settlement still stands."""
        kept = self.recipients.get(settlement.recipient.number)
        epoch = settlement.recipient.epoch
        return kept is not None and kept.is_leased and kept.queued.epoch == epoch

    async def flush(self) -> None:
        """Nothing waits here."""

    async def next_due(self) -> datetime | None:
        return min((one.due_at for one in self._waiting() if one.due_at), default=None)

    async def unsettled(self, by: datetime | None = None) -> int:
        return sum(
            one.due_at is not None and (by is None or one.is_leased or one.due_at <= by)
            for one in self.recipients.values()
        )

    async def content(self, submission_id: str) -> bytes:
        return self.submissions[submission_id].submission.content

    async def load_clock(self) -> ClockState | None:
        return self._clock

    async def save_clock(self, state: ClockState) -> None:
        self._clock = state

    def _waiting(self) -> list[KeptRecipient]:
        kept = self.recipients.values()
        return [one for one in kept if one.state in WAITING and not one.is_leased]

    def _keep(self, kept: Kept, state: State) -> None:
        submission = kept.submission
        envelope = submission.envelope
        self.submissions[submission.id] = kept
        now = self._clock_now()
        for position, recipient in enumerate(envelope.recipients):
            number = len(self.submissions) << 10 | position
            queued = QueuedRecipient(
                number=number,
                epoch=0,
                submission_id=submission.id,
                kind=submission.kind,
                reverse_path=envelope.reverse_path,
                ret=envelope.ret,
                envid=envelope.envid,
                smtputf8=envelope.smtputf8,
                size_octets=len(submission.content),
                recipient=recipient,
                state=state,
                attempts=0,
                queued_at=now,
                asks=summarise(submission.content).asks_outcome,
            )
            due_at = now if state is State.QUEUED else None
            self.recipients[number] = KeptRecipient(queued=queued, due_at=due_at)
        self._news.set()

    def _settle(self, kept: KeptRecipient, settlement: Settlement) -> None:
        attempts = settlement.attempts[-1].n if settlement.attempts else kept.queued.attempts
        kept.queued = replace(kept.queued, state=settlement.state, attempts=attempts)
        kept.due_at = settlement.due_at
        kept.is_leased = False
        kept.settlements += (settlement,)
        if settlement.report is not None and settlement.report.id not in self.submissions:
            report = Kept(submission=settlement.report, findings=None, refusal=None)
            self._keep(report, State.QUEUED)
        self._news.set()
