"""Days of retries in a moment: `advance_until_idle` jumps from due time to due time."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox_mta.mta.clock import ClockKeeper
from sandbox_mta.mta.worker import Worker

MAX_JUMPS = 100_000  # a year of tries every five minutes; beyond that something never ends
# Between two jumps, so that a thousand recipients which came within a second are one commit.
GRAIN = timedelta(seconds=1)
PATIENCE_S = 10.0  # real seconds to wait for what other workers hold
POLL_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """How far the clock was moved, and whether everything is settled now."""

    started_at: datetime  # times of the clock
    ended_at: datetime
    jumps: int
    settled: int  # attempts made on the way
    left: int  # recipients that are not settled: 0 unless a bound was met

    @property
    def is_idle(self) -> bool:
        return self.left == 0


async def advance_until_idle(
    worker: Worker, keeper: ClockKeeper, *, max_jumps: int = MAX_JUMPS
) -> Advance:
    """Move the clock to each due time and settle what is due, until nothing waits.

    Nothing can happen between two due times, so nothing is missed. The worker's own loop pauses
    meanwhile; mail that is submitted meanwhile is settled too.
    """
    started_at = keeper.clock.now()
    jumps = 0
    async with worker.paused():
        settled = await worker.settle_due()
        while jumps < max_jumps:
            due_at = await worker.queue.next_due()
            if due_at is None:
                if await _others_are_done(worker):
                    break
            else:
                grain = GRAIN if jumps else timedelta(0)
                await keeper.advance_to(max(due_at, keeper.clock.now() + grain))
            jumps += 1
            settled += await worker.settle_due()
    return Advance(
        started_at=started_at,
        ended_at=keeper.clock.now(),
        jumps=jumps,
        settled=settled,
        left=await worker.queue.unsettled(),
    )


async def _others_are_done(worker: Worker) -> bool:
    """Wait for recipients that other workers hold: True when all settle or none comes back."""
    for _ in range(round(PATIENCE_S / POLL_S)):
        if await worker.queue.unsettled() == 0:
            return True
        if await worker.queue.next_due() is not None:
            return False
        await asyncio.sleep(POLL_S)
    return True
