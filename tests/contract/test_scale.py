"""Many recipients, many days, many workers: nothing is late, lost or done twice."""

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from msa.envelope import Recipient
from sandbox_mta.mta.advance import advance_until_idle
from sandbox_mta.mta.clock import MANUAL, ClockKeeper
from sandbox_mta.mta.ports import ClockState
from sandbox_mta.mta.schedule import POSTFIX
from sandbox_mta.mta.worker import Worker
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address
from tests.contract.conftest import SQL_BACKENDS, Databases
from tests.contract.mail import submission
from tests.contract.test_crash import url_of

pytestmark = pytest.mark.slow

FIVE_DAYS_S = 60.0  # real seconds that five days of a thousand recipients may take
WAIT_S = 120.0  # real seconds for processes to do their work
KILLS = 6
SEED = 20261125
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Story:
    """What is recorded of one recipient, without real times and the leases it needed."""

    statuses: Sequence[tuple[Any, ...]]  # state, attempt, time of the clock
    attempts: Sequence[tuple[Any, ...]]  # number, exchanger and reply, times of the clock
    reports: int  # that name it

    @property
    def outline(self) -> tuple[list[str], list[int], int]:
        """Return its states, the numbers of its attempts, and how many reports name it."""
        return (
            [state for state, *_ in self.statuses],
            [n for n, *_ in self.attempts],
            self.reports,
        )


OUTLINES = {
    "ok": (["queued", "delivered"], [1], 0),
    "bounce": (["queued", "bounced"], [1], 1),
    # At a try a second it keeps the workers busy for as long as they are killed.
    "defer-15": (["queued", *["deferred"] * 15, "delivered"], list(range(1, 17)), 0),
}


class Working:
    """A process of `worker_process.py` that is killed and started again under its name."""

    def __init__(self, address: Address, instance: str, *flags: str) -> None:
        self._arguments = (url_of(address), instance, *flags)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> "Working":
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it, and return when it begins to work."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.contract.worker_process",
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        assert self._process.stdout is not None
        assert await self._process.stdout.readline() == b"ready\n"

    async def kill(self) -> int:
        """Kill it, unless it has ended; returns its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.kill()
        return await self._process.wait()

    async def ended(self) -> int:
        """Return its exit status once it has ended by itself."""
        assert self._process is not None
        return await self._process.wait()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def address(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Address]:
    with databases.fresh(request.param, tmp_path) as address:
        yield address


on_each_database = pytest.mark.parametrize("address", SQL_BACKENDS, indirect=True)
on_each_server = pytest.mark.parametrize("address", SQL_BACKENDS[1:], indirect=True)


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_five_days_of_a_thousand_deferred_recipients_pass_in_a_minute(
    address: Address, stack: AsyncExitStack
) -> None:
    store = await opened(address, stack)
    keeper = await ClockKeeper.start(store.clock, MANUAL)
    store.use_clock(keeper.clock.now)
    await accept(store, [f"defer-forever+{n}@sim.test" for n in range(1_000)])
    began = time.monotonic()

    done = await advance_until_idle(Worker(store.deliveries, keeper.clock), keeper)

    took_s = time.monotonic() - began
    assert done.is_idle
    assert done.ended_at - done.started_at >= POSTFIX.lifetime
    stories = await told(store)
    states = ["queued", *["deferred"] * 107, "expired"]
    assert len(stories) == 1_000
    for story in stories.values():
        assert story.outline == (states, list(range(1, 109)), 1)
    assert took_s < FIVE_DAYS_S


@on_each_server
@pytest.mark.parametrize("count", [2, 4])
async def test_workers_that_are_killed_again_and_again_settle_each_recipient_once(
    address: Address, stack: AsyncExitStack, count: int
) -> None:
    store = await opened(address, stack, delivers=False)
    paths = [f"{kind}+{n}@sim.test" for n in range(400) for kind in OUTLINES]
    await accept(store, paths)
    chance = random.Random(SEED)
    kills = 0

    async with asyncio.timeout(WAIT_S):
        workers = [
            await stack.enter_async_context(Working(address, f"worker-{n}")) for n in range(count)
        ]
        while await store.deliveries.unsettled():
            await asyncio.sleep(chance.uniform(0.1, 0.5))
            if kills < KILLS:
                killed = chance.choice(workers)
                assert await killed.kill() == -signal.SIGKILL
                await killed.start()
                kills += 1

    assert kills == KILLS, "too little to do for this many kills"
    stories = await told(store)
    assert {path: story.outline for path, story in stories.items()} == {
        path: OUTLINES[path.partition("+")[0]] for path in paths
    }


@on_each_database
async def test_a_run_that_is_killed_at_random_leaves_what_an_undisturbed_one_leaves(
    address: Address, stack: AsyncExitStack
) -> None:
    store = await opened(address, stack, delivers=False)
    store.use_clock(lambda: NOON)
    noon = ClockState(mode=MANUAL.name, rate=MANUAL.rate, virtual_base=NOON, real_base=NOON)
    kinds = ("defer-forever", *OUTLINES)
    paths = [f"{kind}+{n}@sim.test" for n in range(40) for kind in kinds]
    chance = random.Random(SEED)
    runs = []

    for lives_s in ((), [chance.uniform(0.0, 0.3) for _ in range(KILLS)]):
        await store.clock.save_clock(noon)
        await accept(store, paths)
        async with asyncio.timeout(WAIT_S):
            await work_until_idle(address, lives_s)
        runs.append(await told(store))
        await store.inbox.delete()

    undisturbed, disturbed = runs
    assert sorted(undisturbed) == sorted(paths)
    assert disturbed == undisturbed


async def work_until_idle(address: Address, lives_s: Sequence[float]) -> None:
    """Let a process settle everything there ever will be; it is killed after each of its lives."""
    async with Working(address, "one", "until-idle") as working:
        for life_s in lives_s:
            await asyncio.sleep(life_s)
            assert await working.kill() == -signal.SIGKILL, "it was done before it could be killed"
            await working.start()
        assert await working.ended() == 0


async def opened(address: Address, stack: AsyncExitStack, *, delivers: bool = True) -> Store:
    """Open a store that is closed with the stack."""
    store = Store(address, instance="test", delivers=delivers)
    await store.open()
    stack.push_async_callback(store.close)
    return store


async def accept(store: Store, paths: Sequence[str]) -> None:
    """Accept messages to ten recipients each."""
    for start in range(0, len(paths), 10):
        recipients = tuple(map(Recipient, paths[start : start + 10]))
        await store.submissions.accept(submission(recipients=recipients))


async def told(store: Store) -> Mapping[str, Story]:
    """Read what is recorded of each recipient of a message that is no report."""
    statuses, attempts = defaultdict(list), defaultdict(list)
    of_mail = (
        "JOIN recipients r ON r.number = x.recipient"
        " JOIN submissions s ON s.number = r.number >> 10 AND s.kind = 'mail'"
    )
    async with store.database.read() as connection:

        async def rows(sql: str) -> Sequence[Sequence[Any]]:
            return (await connection.exec_driver_sql(sql)).fetchall()

        for path, *status in await rows(
            f"SELECT r.forward_path, x.state, x.attempt, x.at FROM statuses x {of_mail}"
            " ORDER BY x.recipient, x.n"
        ):
            statuses[path].append(tuple(status))
        for path, *attempt in await rows(
            "SELECT r.forward_path, x.n, x.position, x.exchanger, x.reply_code, x.reply_text,"
            f" x.started_at, x.ended_at FROM attempts x {of_mail}"
            " ORDER BY x.recipient, x.n, x.position"
        ):
            attempts[path].append(tuple(attempt))
        reports = [id for (id,) in await rows("SELECT id FROM submissions WHERE kind = 'dsn'")]
    named = Counter([path for id in reports for path in finals(await store.deliveries.content(id))])
    return {path: Story(steps, attempts[path], named[path]) for path, steps in statuses.items()}


def finals(report: bytes) -> Iterator[str]:
    """Yield the recipients that a delivery status notification names."""
    for part in message_from_bytes(report).walk():
        if final := part["Final-Recipient"]:
            yield final.partition(";")[2].strip()
