"""A `DeliveryQueue` in a dict, for the tests of the worker."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from msa.envelope import Submission
from sandbox_mta.mta.clock import Clock
from sandbox_mta.mta.ports import QueuedRecipient, Settlement
from sandbox_mta.mta.status import TERMINAL, State, check


class QueueInMemory:
    """Leases recipients, keeps every settlement, and queues the reports they give rise to."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.settlements: list[Settlement] = []
        self.committed = 0
        self.reports: list[Submission] = []
        self.claims = 0
        self.timeouts: list[float] = []  # real seconds the worker was ready to wait
        self.fails = 0  # of the next claims
        self._due: dict[int, tuple[datetime, QueuedRecipient]] = {}
        self._leased: dict[int, QueuedRecipient] = {}
        self._contents: dict[str, bytes] = {}
        self._changed = asyncio.Event()

    def put(self, recipient: QueuedRecipient, content: bytes = b"Subject: hi\r\n\r\n") -> None:
        """Queue a recipient that is due now."""
        number = recipient.number if recipient.number not in self._all() else self._next()
        now = self.clock.now()
        queued = replace(recipient, number=number, queued_at=now)
        self._contents[recipient.submission_id] = content
        self._due[number] = now, queued
        self._changed.set()

    def history(self, forward_path: str) -> list[Settlement]:
        """Return the settlements of a recipient in order."""
        return [s for s in self.settlements if s.recipient.recipient.forward_path == forward_path]

    async def claim(self, now: datetime, limit: int) -> Sequence[QueuedRecipient]:
        self.claims += 1
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the database is away")
        due = sorted((at, number) for number, (at, _) in self._due.items() if at <= now)[:limit]
        claimed = [self._due.pop(number)[1] for _, number in due]
        self._leased |= {each.number: each for each in claimed}
        self._changed.clear()
        return claimed

    async def wait(self, timeout_s: float) -> None:
        self.timeouts.append(timeout_s)
        try:
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        except TimeoutError:
            return

    async def record(self, settlements: Sequence[Settlement]) -> None:
        self.settlements += settlements

    async def flush(self) -> None:
        for settlement in self.settlements[self.committed :]:
            self._commit(settlement)
        self.committed = len(self.settlements)

    async def next_due(self) -> datetime | None:
        await self.flush()
        return min((at for at, _ in self._due.values()), default=None)

    async def unsettled(self) -> int:
        await self.flush()
        return len(self._due) + len(self._leased)

    async def content(self, submission_id: str) -> bytes:
        return self._contents[submission_id]

    def lease_to_nobody(self, forward_path: str) -> None:
        """Let another worker hold a recipient."""
        [number] = [
            n for n, (_, r) in self._due.items() if r.recipient.forward_path == forward_path
        ]
        self._leased[number] = self._due.pop(number)[1]

    def lose_contents(self) -> None:
        """Forget the messages, as when somebody deletes them in the meantime."""
        self._contents.clear()

    def _commit(self, settlement: Settlement) -> None:
        about = settlement.recipient
        check(about.state, settlement.state)
        assert self._leased.pop(about.number) == about
        if settlement.state not in TERMINAL:
            assert settlement.due_at is not None
            again = replace(about, state=settlement.state, attempts=about.attempts + 1)
            self._due[about.number] = settlement.due_at, again
        if settlement.report is not None and settlement.report not in self.reports:
            self._take(settlement.report)
        self._changed.set()

    def _take(self, report: Submission) -> None:
        self.reports.append(report)
        [recipient] = report.envelope.recipients
        self._contents[report.id] = report.content
        number = self._next()
        self._due[number] = (
            self.clock.now(),
            QueuedRecipient(
                number=number,
                epoch=1,
                submission_id=report.id,
                kind=report.kind,
                reverse_path=report.envelope.reverse_path,
                ret=None,
                envid=None,
                smtputf8=False,
                size_octets=len(report.content),
                recipient=recipient,
                state=State.QUEUED,
                attempts=0,
                queued_at=self.clock.now(),
            ),
        )

    def _all(self) -> set[int]:
        return {*self._due, *self._leased}

    def _next(self) -> int:
        return max(self._all(), default=0) + 1
