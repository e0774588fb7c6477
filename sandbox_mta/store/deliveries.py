"""Recipients that wait for delivery: implements `DeliveryQueue` of `sandbox_mta.mta.ports`.

A recipient that was just accepted is stored as leased to this process already and handed over in
memory; nobody looks for it in the database. What has to wait, what was too much to keep in memory,
and what another process left is claimed there.

A lease has an epoch that goes up each time the recipient changes hands, so number and epoch say
who may settle it; the epoch is also the position of the status that a settlement writes. Leases
run in real time, everything else in time of the clock.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from msa.envelope import Submission
from sandbox_mta.mta.ports import QueuedRecipient, Settlement
from sandbox_mta.store.claims import Handed, claim, handed
from sandbox_mta.store.database import Database
from sandbox_mta.store.outbox import StatusOutbox
from sandbox_mta.store.settlement_rows import Settled, settle, settled
from sandbox_mta.store.statements import Statement, Steps, Value
from sandbox_mta.store.submission_rows import (
    Intake,
    Lease,
    Stored,
    submission_row,
)
from sandbox_mta.store.times import to_datetime, to_microseconds
from sandbox_mta.store.writer import Lane, Writer

LEASE_S = 300  # longer than any attempt takes; what a dead process held is delayed by this
MAX_HANDED = 10_000  # recipients leased and kept in memory, a few hundred octets each
MAX_SETTLEMENTS = 4_096  # that wait for a commit before `record` waits
REAP_EVERY_S = 30
LOOK_EVERY_S = 0.5  # for recipients that other processes store; MySQL only

_FREE = "lease_owner = NULL, lease_until = NULL, lease_epoch = lease_epoch + 1, ready = 1"
# Writes more of settlements; the second argument is what `settle` returned.
Beside = Callable[[Sequence[Settled], "Sequence[Stored | bool]"], Steps[None]]
log = logging.getLogger(__name__)


class Deliveries:
    """The queue of one process; `owner` names it in the leases it takes."""

    def __init__(
        self,
        writer: Writer,
        database: Database,
        *,
        owner: str,
        now: Callable[[], datetime],
        hand_over: bool = True,
        outbox: StatusOutbox | None = None,
    ) -> None:
        """`now` tells time of the clock; `hand_over` is False where nobody here delivers.

        `outbox` is given where somebody listens to what becomes of messages.
        """
        self._writer = writer
        self._database = database
        self._owner = owner
        self._now = now
        self._most = MAX_HANDED if hand_over else 0
        self._reserved = 0  # recipients handed over, or about to be
        self._handed: deque[Handed] = deque()
        self._news = asyncio.Event()
        self._due_from: int | None = 0  # no recipient of ours is due before; None: none waits
        self._looked_at = self._reaped_at = 0.0
        self._doubtful: list[Lease] = []  # of claims that failed, and may be durable all the same
        self._listeners: list[Callable[[int], None]] = []
        self._lane = _Lane(self, outbox)
        writer.add(self._lane)

    def write_beside(self, beside: Beside) -> None:
        """Let `beside` write more in the transaction of each settlement."""
        self._lane.beside.append(beside)

    def subscribe(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with the number of each submission once it is stored."""
        self._listeners.append(listener)

    def clock_now(self) -> int:
        """Return the time of the clock in microseconds."""
        return to_microseconds(self._now())

    async def recover(self) -> int:
        """Free what a dead process of this name held, and return how many; call before claiming."""
        if self._is_alone:  # then every lease is an old one, whatever the name was
            freed = await self._free("lease_owner IS NOT NULL")
        else:
            freed = await self._free("lease_owner = ?", self._owner)
        return freed + await self._reap()

    async def release(self) -> None:
        """Give back what this process holds, so that another need not wait for the leases' end."""
        self._most = 0
        self._handed.clear()
        await self.flush()
        await self.recover()

    def reserve(self, submission: Submission) -> Lease | None:
        """Return the lease under which its recipients are to be stored; None: they must wait."""
        count = len(submission.envelope.recipients)
        if self._reserved + count > self._most:
            return None
        self._reserved += count
        return self._lease()

    def dismiss(self, intake: Intake) -> None:
        """Take back the reservation for a submission that wasn't stored."""
        if intake.lease is not None:
            self._reserved -= len(intake.submission.envelope.recipients)

    def hand_over(self, intake: Intake, stored: Stored) -> None:
        """Offer the recipients of a submission that was just stored to whoever delivers."""
        if not stored.number:
            self.dismiss(intake)
            return
        for listener in self._listeners:
            listener(stored.number)
        if intake.lease is None:
            if intake.refusal is None:
                self.expect(intake.queued_at)
            return
        self._handed.extend(handed(intake, stored.number))
        self._news.set()

    def expect(self, due_at: int) -> None:
        """Take note that a recipient in the database is due at a time."""
        if self._due_from is None or due_at < self._due_from:
            self._due_from = due_at
        self._news.set()

    async def claim(self, now: datetime, limit: int) -> Sequence[QueuedRecipient]:
        """Lease up to `limit` recipients that are due; see `sandbox_mta.mta.ports`."""
        due = to_microseconds(now)
        claimed = await self._claim_stored(due, limit) if self._should_look(due) else []
        room = min(limit - len(claimed), len(self._handed))
        self._reserved -= room
        claimed += [self._handed.popleft().queued() for _ in range(room)]
        return claimed

    async def wait(self, timeout_s: float) -> None:
        """Return as soon as there may be something to claim, or after `timeout_s`."""
        if self._handed:
            return
        if not self._is_alone:
            timeout_s = min(timeout_s, LOOK_EVERY_S)
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def record(self, settlements: Sequence[Settlement]) -> None:
        """Queue settlements for the next commit; see `sandbox_mta.mta.ports`."""
        for together in _sharing(settlements):
            if len(self._lane.waiting) >= MAX_SETTLEMENTS:
                await self._writer.room(self._lane, MAX_SETTLEMENTS)
            self._writer.put(self._lane, settled(together, self.clock_now(), self._report))

    async def flush(self) -> None:
        """Return when every settlement recorded so far is committed."""
        await self._writer.flush(self._lane)

    async def next_due(self) -> datetime | None:
        """Return the earliest `due_at` of all waiting recipients; None when nothing waits."""
        await self.flush()
        stored = await self._ask("SELECT MIN(due_at) FROM recipients WHERE ready = 1")
        times = [item.queued_at for item in self._handed]
        if stored is not None:
            times.append(stored)
        return to_datetime(min(times)) if times else None

    async def unsettled(self, by: datetime | None = None) -> int:
        """Count the recipients that are claimed, or due by a time of the clock; None: ever."""
        due = "" if by is None else f" AND due_at <= {to_microseconds(by)}"
        count: int = await self._ask(
            f"SELECT (SELECT COUNT(*) FROM recipients WHERE ready = 1{due})"
            " + (SELECT COUNT(*) FROM recipients WHERE lease_owner IS NOT NULL)"
        )
        return count

    async def content(self, submission_id: str) -> bytes:
        """Return the stored octets of a message; raises KeyError when it was deleted."""
        from sqlalchemy import select

        from sandbox_mta.store.tables import contents, submissions

        pieces = (
            select(contents.c.octets)
            .join(submissions, submissions.c.number == contents.c.submission)
            .where(submissions.c.id == submission_id)
            .order_by(contents.c.n)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(pieces)).scalars().all()
        if not found:
            raise KeyError(submission_id)
        return b"".join(found)

    @property
    def _is_alone(self) -> bool:
        return self._writer.dialect == "sqlite"

    def _lease(self) -> Lease:
        return Lease(self._owner, time.time_ns() // 1000 + LEASE_S * 1_000_000)

    async def _ask(self, sql: str) -> Any:
        async with self._database.read() as connection:
            return (await connection.exec_driver_sql(sql)).scalar()

    def _report(self, report: Submission) -> Intake:
        return Intake(
            submission=report,
            queued_at=self.clock_now(),
            lease=self.reserve(report),
            row=submission_row(report, refused=False, linted=False),
        )

    def _should_look(self, due: int) -> bool:
        """Tell whether something may be due in the database."""
        if self._due_from is not None and self._due_from <= due:
            return True
        now = time.monotonic()
        if now - self._reaped_at >= REAP_EVERY_S:
            return True
        return not self._is_alone and now - self._looked_at >= LOOK_EVERY_S

    async def _claim_stored(self, due: int, limit: int) -> list[QueuedRecipient]:
        self._looked_at = time.monotonic()
        if self._looked_at - self._reaped_at >= REAP_EVERY_S:
            await self._reap()
        while self._doubtful:
            await self._free("lease_owner = ? AND lease_until = ?", *self._doubtful[-1])
            self._doubtful.pop()
        lease = self._lease()
        before, self._due_from = self._due_from, None  # what is expected meanwhile counts
        try:
            steps = partial(claim, self._writer.dialect, lease, due, limit)
            claimed, next_due = await self._writer.command(steps)
        except BaseException:
            self._doubtful.append(lease)
            self.expect(before or 0)
            raise
        if next_due is not None:
            self.expect(next_due)
        return claimed

    async def _free(self, where: str, *values: Value) -> int:
        """Let the recipients that a condition finds be claimed again, and count them."""
        sql = f"UPDATE recipients SET {_FREE} WHERE {where}"
        return await self._writer.command(partial(_count, Statement(sql, values)))

    async def _reap(self) -> int:
        """Free recipients whose lease has ended."""
        self._reaped_at = time.monotonic()
        now = time.time_ns() // 1000
        freed = await self._free("lease_owner IS NOT NULL AND lease_until < ?", now)
        if freed:
            log.warning("%d recipients were claimed and never settled; they are free again", freed)
            self.expect(0)
        return freed


class _Lane(Lane[Settled, "Stored | bool"]):
    """Settlements that wait for a commit to ride with."""

    rides = True

    def __init__(self, deliveries: Deliveries, outbox: StatusOutbox | None) -> None:
        super().__init__()
        self._deliveries = deliveries
        self._outbox = outbox
        self.beside: list[Beside] = []

    def write(self, items: Sequence[Settled]) -> "Steps[Sequence[Stored | bool]]":
        outcomes = yield from settle(items)
        if self._outbox is not None:
            yield from self._outbox.tell_settled(items, outcomes)
        for beside in self.beside:
            yield from beside(items, outcomes)
        return outcomes

    def written(self, items: Sequence[Settled], outcomes: "Sequence[Stored | bool]") -> None:
        for item, outcome in zip(items, outcomes, strict=True):
            if outcome is False:
                self._lost(item)
                continue
            for one in item.recipients:
                if one.due_at is not None:
                    self._deliveries.expect(one.due_at)
            if item.report is not None and isinstance(outcome, Stored):
                self._deliveries.hand_over(item.report, outcome)
        if self._outbox is not None:
            self._outbox.wake()

    def failed(self, item: Settled, error: Exception) -> None:
        log.error(
            "recipient %d can't be settled; its lease will end", item.first.number, exc_info=error
        )
        self._dismiss(item)

    def proof(self, item: Settled, outcome: "Stored | bool") -> Statement | None:
        if outcome is False:
            return None
        sql = "SELECT 1 FROM statuses WHERE recipient = ? AND n = ?"
        return Statement(sql, (item.first.number, item.first.epoch))

    def _lost(self, item: Settled) -> None:
        log.warning("recipient %d was settled too late: its lease was lost", item.first.number)
        self._dismiss(item)

    def _dismiss(self, item: Settled) -> None:
        if item.report is not None:
            self._deliveries.dismiss(item.report)


def _sharing(settlements: Sequence[Settlement]) -> Iterator[Sequence[Settlement]]:
    """Yield each settlement alone, and those that follow each other with one report together."""
    for report, some in groupby(settlements, key=lambda each: each.report and each.report.id):
        if report is None:
            yield from ((each,) for each in some)
        else:
            yield tuple(some)


def _count(statement: Statement) -> Steps[int]:
    return (yield statement).count
