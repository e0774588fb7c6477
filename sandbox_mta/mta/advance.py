"""Days of retries in a moment: jump from due time to due time, and settle what is due at each.

Nothing can happen between two due times, so nothing is missed.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sandbox_mta.mta.clock import ClockKeeper, check_step
from sandbox_mta.mta.worker import Worker

MAX_JUMPS = 100_000  # a year of tries every five minutes; beyond that something never ends
# Between two jumps, so that a thousand recipients which came within a second are one commit.
GRAIN = timedelta(seconds=1)
PATIENCE_S = 10.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far the clock was moved, and whether everything is settled now."""

    started_at: datetime  # times of the clock
    ended_at: datetime
    jumps: int
    settled: int  # attempts made on the way
    left: int  # recipients that are not settled

    @property
    def is_idle(self) -> bool:
        return self.left == 0


async def advance_by(worker: Worker, keeper: ClockKeeper, by: timedelta) -> Advance:
    """Move the clock, making every attempt that falls due on the way at its own time.

    The worker's loop pauses meanwhile. Raises ValueError for a step that is not forward or is
    too long.
    """
    check_step(by)
    return await _advance(worker, keeper, by, MAX_JUMPS, patience_s=0.0)


async def advance_until_idle(
    worker: Worker,
    keeper: ClockKeeper,
    *,
    max_jumps: int = MAX_JUMPS,
    patience_s: float = PATIENCE_S,
) -> Advance:
    """Move the clock until nothing waits; `left` is above 0 when a bound was met before that.

    `patience_s` is how long, in real time, to wait for what other workers hold.
    """
    return await _advance(worker, keeper, None, max_jumps, patience_s)


async def _advance(
    worker: Worker,
    keeper: ClockKeeper,
    by: timedelta | None,
    max_jumps: int,
    patience_s: float,
) -> Advance:
    jumps = 0
    async with worker.paused():  # one advance after the other, so that two steps add up
        started_at = keeper.clock.now()
        until = None if by is None else started_at + by
        settled = await worker.settle_due()
        while jumps < max_jumps and not worker.is_stopping:
            due_at = await _next_due(worker, patience_s)
            if due_at is None or (until is not None and due_at > until):
                break
            grain = GRAIN if jumps else timedelta(0)
            moment = max(due_at, keeper.clock.now() + grain)
            await keeper.advance_to(moment if until is None else min(moment, until))
            jumps += 1
            settled += await worker.settle_due()
        if until is not None:
            await keeper.advance_to(until)
            settled += await worker.settle_due()
        left = await worker.queue.unsettled()
    return Advance(
        started_at=started_at,
        ended_at=keeper.clock.now(),
        jumps=jumps,
        settled=settled,
        left=left,
    )


async def _next_due(worker: Worker, patience_s: float) -> datetime | None:
    """Return the next due time; when there is none, wait for what other workers may give back."""
    for _ in range(ceil(patience_s / POLL_S)):
        due_at = await worker.queue.next_due()
        if due_at is not None or await worker.queue.unsettled() == 0:
            return due_at
        await asyncio.sleep(POLL_S)
    return await worker.queue.next_due()
