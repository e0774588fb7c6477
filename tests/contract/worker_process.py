"""A process that settles what is due, for the tests that kill it.

usage: python -m tests.contract.worker_process URL INSTANCE [until-idle]

With `until-idle` it moves a manual clock and ends when nothing waits; otherwise it works in real
time until it is killed. It says "ready" once it begins.
"""

import asyncio
import sys
from pathlib import Path

from sandbox_mta.mta.advance import advance_until_idle
from sandbox_mta.mta.clock import MANUAL, REAL, ClockKeeper
from sandbox_mta.mta.schedule import POSTFIX, explicit
from sandbox_mta.mta.worker import Worker
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import parse_url

EVERY_SECOND = explicit("1s*600")


async def work(url: str, instance: str, *, until_idle: bool) -> None:
    store = Store(parse_url(url, Path()), instance=instance)
    await store.open()
    keeper = await ClockKeeper.start(store.clock, MANUAL if until_idle else REAL)
    store.use_clock(keeper.clock.now)
    schedule = POSTFIX if until_idle else EVERY_SECOND
    worker = Worker(store.deliveries, keeper.clock, schedule=schedule)
    print("ready", flush=True)  # the parent reads it
    if until_idle:
        done = await advance_until_idle(worker, keeper)
        assert done.is_idle
        await store.close()
    else:
        await worker.run()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:3], until_idle="until-idle" in sys.argv[3:]))
