import asyncio
from datetime import datetime, timedelta

import pytest

from sandbox_mta.mta.advance import advance_by, advance_until_idle
from sandbox_mta.mta.clock import Clock, ClockKeeper, parse_mode, started
from sandbox_mta.mta.ports import ClockState
from sandbox_mta.mta.schedule import POSTFIX
from sandbox_mta.mta.status import State
from sandbox_mta.mta.worker import Worker
from tests.unit.mta.queue_in_memory import QueueInMemory
from tests.unit.mta.recipients import QUEUED_AT, queued

MINUTE = timedelta(minutes=1)


class StoredClock:
    """A `ClockStore` that keeps one state."""

    def __init__(self) -> None:
        self.state: ClockState | None = None

    async def load_clock(self) -> ClockState | None:
        return self.state

    async def save_clock(self, state: ClockState) -> None:
        self.state = state


class Stage:
    """A transfer stage whose real time stands still."""

    def __init__(self, mode: str = "manual") -> None:
        self.store = StoredClock()
        self.clock = Clock(started(None, parse_mode(mode), QUEUED_AT), lambda: QUEUED_AT)
        self.keeper = ClockKeeper(self.clock, self.store)
        self.queue = QueueInMemory(self.clock)
        self.worker = Worker(self.queue, self.clock, hostname="sandbox.test")

    def minutes_of(self, forward_path: str) -> list[float]:
        """Return the age at each attempt."""
        started_at: list[datetime] = [
            settlement.attempts[0].started_at for settlement in self.queue.history(forward_path)
        ]
        return [(moment - QUEUED_AT) / MINUTE for moment in started_at]


@pytest.mark.parametrize("mode", ["manual", "real", "60x"])
async def test_five_days_of_retries_end_with_a_report(mode: str) -> None:
    stage = Stage(mode)
    stage.queue.put(queued("softbounce@sim.test"))

    done = await advance_until_idle(stage.worker, stage.keeper)

    history = stage.queue.history("softbounce@sim.test")
    assert stage.minutes_of("softbounce@sim.test")[:7] == [0, 5, 10, 20, 40, 80, 150]
    assert [each.attempts[0].n for each in history] == list(range(1, 109))
    assert [each.state for each in history] == [State.DEFERRED] * 107 + [State.EXPIRED]
    assert done.is_idle
    assert (done.jumps, done.settled) == (107, 109)  # the report is delivered at once
    assert done.ended_at - done.started_at >= POSTFIX.lifetime
    assert b"Status: 4.4.7" in stage.queue.reports[0].content
    assert stage.queue.history("ada@example.org")[0].state is State.DELIVERED


async def test_nothing_to_do_moves_nothing() -> None:
    stage = Stage()

    done = await advance_until_idle(stage.worker, stage.keeper)

    assert (done.jumps, done.settled, done.ended_at) == (0, 0, QUEUED_AT)
    assert done.is_idle


async def test_every_jump_is_stored_before_anything_happens_at_it() -> None:
    stage = Stage()
    stage.queue.put(queued("defer@sim.test"))

    await advance_until_idle(stage.worker, stage.keeper)

    assert stage.store.state is not None
    assert stage.store.state.virtual_base == QUEUED_AT + 5 * MINUTE


async def test_the_number_of_jumps_is_bounded() -> None:
    stage = Stage()
    stage.queue.put(queued("defer-forever@sim.test"))

    done = await advance_until_idle(stage.worker, stage.keeper, max_jumps=3)

    assert (done.jumps, done.left, done.is_idle) == (3, 1, False)
    assert stage.minutes_of("defer-forever@sim.test") == [0, 5, 10, 20]


async def test_recipients_that_came_within_a_second_share_their_jumps() -> None:
    stage = Stage()
    for n in range(1, 101):
        stage.queue.put(queued(f"defer+{n}@sim.test", number=n))
        stage.clock.advance(timedelta(milliseconds=5))

    done = await advance_until_idle(stage.worker, stage.keeper)

    assert done.is_idle
    assert done.jumps == 2
    assert stage.minutes_of("defer+1@sim.test") == [pytest.approx(0.5 / 60), pytest.approx(5)]


async def test_a_step_makes_every_attempt_on_its_way_at_its_own_time() -> None:
    stage = Stage()
    stage.queue.put(queued("defer-forever@sim.test"))

    done = await advance_by(stage.worker, stage.keeper, timedelta(hours=1))

    assert stage.minutes_of("defer-forever@sim.test") == [0, 5, 10, 20, 40]
    assert done.ended_at == QUEUED_AT + timedelta(hours=1)
    assert done.left == 1


async def test_a_step_back_is_refused() -> None:
    stage = Stage()

    with pytest.raises(ValueError, match="forward"):
        await advance_by(stage.worker, stage.keeper, -MINUTE)


async def test_two_steps_at_once_add_up() -> None:
    stage = Stage()
    hour = timedelta(hours=1)

    await asyncio.gather(*(advance_by(stage.worker, stage.keeper, hour) for _ in range(2)))

    assert stage.clock.now() == QUEUED_AT + 2 * hour


async def test_an_advance_ends_when_the_worker_stops() -> None:
    stage = Stage()
    stage.queue.put(queued("defer-forever@sim.test"))
    stage.worker.stop()

    done = await advance_until_idle(stage.worker, stage.keeper)

    assert (done.jumps, done.left) == (0, 1)


async def test_what_another_worker_never_gives_back_is_reported() -> None:
    stage = Stage()
    stage.queue.put(queued("bob@example.net"))
    stage.queue.lease_to_nobody("bob@example.net")

    done = await advance_until_idle(stage.worker, stage.keeper, patience_s=0.1)

    assert (done.left, done.is_idle) == (1, False)


async def test_the_running_worker_and_an_advance_settle_nothing_twice() -> None:
    stage = Stage()
    for n in range(1, 201):
        stage.queue.put(queued(f"defer-3+{n}@sim.test", number=n))

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(stage.worker.run())
        done = await advance_until_idle(stage.worker, stage.keeper)
        stage.worker.stop()

    assert done.is_idle
    assert len(stage.queue.settlements) == 200 * 4
