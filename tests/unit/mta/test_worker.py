import asyncio
import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from threading import get_ident

import pytest

from msa.envelope import Kind
from sandbox_mta.mta.clock import MANUAL, Clock, parse_mode, started
from sandbox_mta.mta.exchanger import Outcome
from sandbox_mta.mta.mx import Exchanger, Route, Router
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.status import State
from sandbox_mta.mta.verdicts import Unroutable
from sandbox_mta.mta.worker import Worker
from tests.unit.mta.queue_in_memory import QueueInMemory
from tests.unit.mta.recipients import QUEUED_AT, queued


@pytest.fixture
def clock() -> Clock:
    return Clock(started(None, MANUAL, QUEUED_AT))


@pytest.fixture
def queue(clock: Clock) -> QueueInMemory:
    return QueueInMemory(clock)


@pytest.fixture
def worker(queue: QueueInMemory, clock: Clock) -> Worker:
    return Worker(queue, clock, hostname="sandbox.test")


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        async with asyncio.timeout(5):
            yield
            worker.stop()
            await task
    finally:
        task.cancel()


async def until_settled(queue: QueueInMemory, count: int) -> None:
    while len(queue.settlements) < count:
        await asyncio.sleep(0)


async def test_what_is_due_is_delivered(worker: Worker, queue: QueueInMemory) -> None:
    queue.put(queued("bob@example.net"))

    async with running(worker):
        await until_settled(queue, 1)

    [settlement] = queue.settlements
    assert settlement.state is State.DELIVERED
    assert queue.committed == 1


async def test_what_comes_later_wakes_the_worker(worker: Worker, queue: QueueInMemory) -> None:
    async with running(worker):
        await asyncio.sleep(0.01)  # it idles by now
        queue.put(queued())
        await until_settled(queue, 1)

    assert queue.settlements[0].state is State.DELIVERED


async def test_moving_the_clock_wakes_the_worker(
    worker: Worker, queue: QueueInMemory, clock: Clock
) -> None:
    queue.put(queued("defer@sim.test"))

    async with running(worker):
        await until_settled(queue, 1)
        await asyncio.sleep(0.01)
        clock.advance(timedelta(minutes=5))
        async with asyncio.timeout(0.5):  # it would ask by itself after a second
            await until_settled(queue, 2)

    assert [each.state for each in queue.settlements] == [State.DEFERRED, State.DELIVERED]


async def test_a_worker_waits_no_longer_than_until_the_next_attempt() -> None:
    clock = Clock(started(None, parse_mode("3600x"), QUEUED_AT), lambda: QUEUED_AT)
    queue = QueueInMemory(clock)
    worker = Worker(queue, clock)

    async with running(worker):
        while not queue.timeouts:
            await asyncio.sleep(0)
        queue.put(queued("defer@sim.test"))
        while len(queue.timeouts) < 2:
            await asyncio.sleep(0)

    assert queue.timeouts == [1.0, 300 / 3600]


async def test_a_worker_with_nothing_to_do_hardly_asks(
    worker: Worker, queue: QueueInMemory
) -> None:
    async with running(worker):
        await asyncio.sleep(0.05)

    assert queue.claims <= 2


async def test_a_bounce_is_reported_to_the_sender_and_the_report_is_delivered(
    worker: Worker, queue: QueueInMemory
) -> None:
    queue.put(queued("bounce@sim.test"), content=b"Subject: the original\r\n\r\n")

    async with running(worker):
        while not queue.history("ada@example.org"):
            await queue.flush()
            await asyncio.sleep(0)

    [report] = queue.reports
    assert (report.kind, report.envelope.reverse_path) == (Kind.DSN, "")
    assert b"Subject: the original" in report.content
    assert queue.history("ada@example.org")[0].state is State.DELIVERED


async def test_one_report_names_all_who_met_the_same_end_and_nobody_else(
    worker: Worker, queue: QueueInMemory
) -> None:
    never, success = ("NEVER",), ("SUCCESS", "FAILURE")
    for number, (path, notify) in enumerate(
        (
            ("bounce+1@sim.test", None),
            ("ok@sim.test", None),
            ("bounce+2@sim.test", never),
            ("disabled@sim.test", success),
            ("ok+told@sim.test", success),
            ("defer@sim.test", success),
        ),
        start=1,
    ):
        queue.put(queued(path, number=number, notify=notify))
    queue.put(queued("bounce+other@sim.test", number=7, submission_id="1" * 22))

    async with worker.paused():
        await worker.settle_due()

    assert [named(report.content) for report in queue.reports] == [
        ["bounce+1@sim.test", "disabled@sim.test"],
        ["ok+told@sim.test"],
        ["bounce+other@sim.test"],
    ]
    assert [report.parent_id for report in queue.reports] == ["0" * 22, "0" * 22, "1" * 22]


async def test_each_of_many_recipients_is_reported_once(
    worker: Worker, queue: QueueInMemory
) -> None:
    paths = [f"bounce+{n:03}@sim.test" for n in range(150)]
    for n in range(40):  # so that the message begins in the middle of a turn
        queue.put(queued(number=n + 1, submission_id=f"{n:022}"))
    for n, path in enumerate(paths[:50]):
        queue.put(queued(path, number=100 + n, submission_id="a" * 22))
    for n, path in enumerate(paths[50:]):
        queue.put(queued(path, number=200 + n, submission_id="b" * 22))

    async with worker.paused():
        await worker.settle_due()

    reports = [named(report.content) for report in queue.reports]
    assert [path for report in reports for path in report] == paths
    assert [len(report) for report in reports] == [50, 64, 36]


def named(report: bytes) -> list[str]:
    """Return the recipients that a report names."""
    return re.findall(r"^Final-Recipient: rfc822; (.*)\r$", report.decode(), re.MULTILINE)


async def test_a_report_that_bounces_makes_no_report(worker: Worker, queue: QueueInMemory) -> None:
    queue.put(queued("bounce@sim.test", reverse_path="nouser@sim.test"))

    async with worker.paused():
        await worker.settle_due()

    assert queue.history("nouser@sim.test")[0].state is State.BOUNCED
    assert len(queue.reports) == 1


async def test_a_mistake_in_one_decision_defers_that_recipient_alone(
    queue: QueueInMemory, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    class Mistaken(Scenario):
        def __call__(
            self, recipient: QueuedRecipient, exchanger: Exchanger, attempt: int, now: datetime
        ) -> Outcome:
            if "evil" in recipient.recipient.forward_path:
                raise RuntimeError("a bug")
            return super().__call__(recipient, exchanger, attempt, now)

    worker = Worker(queue, clock, scenario=Mistaken())
    for path in ("evil@example.org", "good@example.org"):
        queue.put(queued(path))

    async with worker.paused():
        await worker.settle_due()

    [evil], [good] = queue.history("evil@example.org"), queue.history("good@example.org")
    assert (evil.state, str(evil.reply)) == (
        State.DEFERRED,
        "451 4.3.0 Local error in processing",
    )
    assert good.state is State.DELIVERED
    assert "a bug" in caplog.text


async def test_a_report_that_can_not_be_made_defers_its_recipient(
    worker: Worker, queue: QueueInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    queue.put(queued("bounce@sim.test"))
    queue.lose_contents()

    async with worker.paused():
        await worker.settle_due()

    assert queue.settlements[0].state is State.DEFERRED
    assert caplog.records[0].levelno == logging.ERROR


async def test_a_queue_that_fails_is_asked_again(
    worker: Worker, queue: QueueInMemory, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    queue.put(queued())
    queue.fails = 1

    async with running(worker):
        while queue.claims < 1:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        clock.advance(timedelta(seconds=1))  # wakes it before its time
        await until_settled(queue, 1)

    assert "the database is away" in caplog.text
    assert queue.settlements[0].state is State.DELIVERED


async def test_a_stop_leaves_the_rest_to_the_lease_and_commits_what_was_decided(
    worker: Worker, queue: QueueInMemory
) -> None:
    for n in range(1, 301):
        queue.put(queued(number=n))

    async with running(worker):
        await until_settled(queue, 1)

    assert 1 <= len(queue.settlements) < 300
    assert queue.committed == len(queue.settlements)
    assert await queue.unsettled() == 300 - queue.committed


async def test_a_stop_that_comes_first_is_not_lost(worker: Worker, queue: QueueInMemory) -> None:
    queue.put(queued())
    worker.stop()

    async with asyncio.timeout(1):
        await worker.run()

    assert queue.settlements == []


async def test_other_tasks_get_their_turn_while_many_wait(
    worker: Worker, queue: QueueInMemory
) -> None:
    for n in range(1, 2001):
        queue.put(queued(f"user{n}@example.org", number=n, submission_id=f"{n:022}"))
    turns: list[int] = []

    async def intake() -> None:
        while len(queue.settlements) < 2000:
            turns.append(len(queue.settlements))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(intake())
        async with worker.paused():
            await worker.settle_due()

    decided = [after - before for before, after in pairwise(turns)]
    assert max(decided) <= 64
    assert len(turns) > 50


class RouterThatTells(Router):
    """Remembers the thread in which it loaded the DNS library."""

    loaded_in: int | None = None

    def load(self) -> None:
        self.loaded_in = self.loaded_in or get_ident()
        super().load()


async def test_the_dns_library_is_loaded_beside_the_loop(
    queue: QueueInMemory, clock: Clock
) -> None:
    router = RouterThatTells()
    queue.put(queued("ok@sim.test"))
    worker = Worker(queue, clock, router=router)

    async with worker.paused():
        await worker.settle_due()

    assert router.loaded_in not in (None, get_ident())
    assert queue.settlements[0].state is State.DELIVERED


class RouterThatAsks(Router):
    """Remembers which domains were asked for, in which thread, and has no quick answer."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []

    def is_slow(self, domain: str) -> bool:
        return True

    def route(self, domain: str) -> Route | Unroutable:
        if domain == "bad.example":
            raise ArithmeticError("a mistake of ours")
        self.asked.append((domain, get_ident()))
        return super().route(domain)


async def test_slow_routes_are_found_beside_the_loop_once_a_turn(
    queue: QueueInMemory, clock: Clock
) -> None:
    router = RouterThatAsks()
    for number, path in enumerate(("a@one.example", "b@one.example", "c@bad.example"), start=1):
        queue.put(queued(path, number=number))
    worker = Worker(queue, clock, router=router)

    async with worker.paused():
        assert await worker.settle_due() == 3

    beside = [domain for domain, thread in router.asked if thread != get_ident()]
    assert beside == ["one.example"]
    states = [each.state for each in queue.settlements]
    assert states == [State.DELIVERED, State.DELIVERED, State.DEFERRED]


async def test_two_workers_share_a_queue(queue: QueueInMemory, clock: Clock) -> None:
    one, other = Worker(queue, clock), Worker(queue, clock)
    for n in range(1, 101):
        queue.put(queued(number=n))

    async with running(one), running(other):
        await until_settled(queue, 100)

    assert await queue.unsettled() == 0
    assert len(queue.settlements) == 100


class Listed:
    """A suppression list of one address."""

    fails = False

    async def among(self, forward_paths: Collection[str]) -> Mapping[str, str]:
        if self.fails:
            raise ConnectionError
        return {path: "bounce" for path in forward_paths if path == "bob@example.net"}


@pytest.mark.parametrize(
    ("kind", "fails", "state"),
    [
        (Kind.MAIL, False, State.SUPPRESSED),
        (Kind.DSN, False, State.DELIVERED),
        (Kind.MAIL, True, State.DELIVERED),
    ],
)
async def test_mail_to_a_listed_address_is_not_tried(
    queue: QueueInMemory, clock: Clock, kind: Kind, fails: bool, state: State
) -> None:
    listed = Listed()
    listed.fails = fails
    worker = Worker(queue, clock, suppressions=listed)
    queue.put(queued("bob@example.net", kind=kind))
    queue.put(queued("ada@example.net"))

    async with running(worker):
        await until_settled(queue, 2)

    bob, ada = queue.settlements
    assert (bob.state, ada.state) == (state, State.DELIVERED)
    if state is State.SUPPRESSED:
        assert str(bob.reply) == (
            "550 5.1.1 <bob@example.net> is on the suppression list (bounce); nothing was tried"
        )
        assert bob.report is None
