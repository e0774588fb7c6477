"""What the MTA may rely on: each recipient that is due goes to one worker, and comes back."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from msa.envelope import Kind, Recipient
from sandbox_mta.mta.ports import ClockState, DeliveryQueue, QueuedRecipient, Settlement
from sandbox_mta.mta.status import IllegalTransition, State
from sandbox_mta.store.claims import DUE
from sandbox_mta.store.composition import Store, connection_to
from sandbox_mta.store.database import Address, Database, Unavailable
from sandbox_mta.store.deliveries import LEASE_S, Deliveries
from sandbox_mta.store.statements import Insert, Result, Statement, Steps
from sandbox_mta.store.submissions import Submissions
from sandbox_mta.store.writer import Connection, OutcomeUnknown, Writer
from tests.contract.conftest import (
    SQL_BACKENDS,
    Bench,
    BenchClock,
    Databases,
    memory_bench,
    sql_bench,
)
from tests.contract.mail import BOUNCED, settlement, submission

T = TypeVar("T")


async def settle(queue: DeliveryQueue, *recipients: QueuedRecipient, state: State) -> None:
    await queue.record([settlement(each, state) for each in recipients])
    await queue.flush()


async def test_a_claimed_recipient_tells_all_that_delivery_needs(bench: Bench) -> None:
    given = submission(
        b"x" * 123,
        recipients=(Recipient("bob@example.org", ("DELAY",), "rfc822;b@example.org"),),
        ret="HDRS",
        envid="e+2B1",
        smtputf8=True,
    )
    await bench.submissions.accept(given)

    [claimed] = await bench.deliveries.claim(bench.clock(), 10)

    assert claimed == QueuedRecipient(
        number=claimed.number,
        epoch=claimed.epoch,
        submission_id=given.id,
        kind=Kind.MAIL,
        reverse_path="app@shop.example",
        ret="HDRS",
        envid="e+2B1",
        smtputf8=True,
        size_octets=123,
        recipient=given.envelope.recipients[0],
        state=State.QUEUED,
        attempts=0,
        queued_at=bench.clock(),
    )


async def test_a_claim_takes_no_more_than_its_limit_and_nothing_twice(bench: Bench) -> None:
    await bench.submissions.accept(submission(recipients=5))

    first = await bench.deliveries.claim(bench.clock(), 3)
    second = await bench.deliveries.claim(bench.clock(), 3)
    third = await bench.deliveries.claim(bench.clock(), 3)

    assert [len(first), len(second), len(third)] == [3, 2, 0]
    paths = [each.recipient.forward_path for each in (*first, *second)]
    assert paths == [f"r{n}@customer.example" for n in range(5)]


async def test_a_delivered_recipient_is_settled_for_good(bench: Bench) -> None:
    given = submission()
    await bench.submissions.accept(given)
    [claimed] = await bench.deliveries.claim(bench.clock(), 10)

    assert await bench.deliveries.unsettled() == 1
    await settle(bench.deliveries, claimed, state=State.DELIVERED)

    [seen] = (await bench.look(given.id)).recipients
    assert (seen.state, seen.attempts) == ("delivered", 1)
    assert seen.reply == "250 2.0.0 Ok: delivered"
    assert await bench.deliveries.unsettled() == 0
    assert await bench.deliveries.next_due() is None
    bench.clock.now += timedelta(days=30)
    assert list(await bench.deliveries.claim(bench.clock(), 10)) == []


async def test_a_deferred_recipient_comes_back_when_it_is_due(bench: Bench) -> None:
    await bench.submissions.accept(submission())
    [claimed] = await bench.deliveries.claim(bench.clock(), 10)
    due_at = bench.clock() + timedelta(minutes=5)

    await bench.deliveries.record([settlement(claimed, State.DEFERRED, due_at=due_at)])

    assert await bench.deliveries.next_due() == due_at
    bench.clock.now = due_at - timedelta(microseconds=1)
    assert list(await bench.deliveries.claim(bench.clock(), 10)) == []
    bench.clock.now = due_at
    [again] = await bench.deliveries.claim(bench.clock(), 10)
    assert again == replace(claimed, epoch=again.epoch, state=State.DEFERRED, attempts=1)
    assert again.epoch > claimed.epoch


async def test_recipients_come_in_the_order_in_which_they_are_due(bench: Bench) -> None:
    await bench.submissions.accept(submission(recipients=4))
    claimed = await bench.deliveries.claim(bench.clock(), 10)
    due = [bench.clock() + timedelta(minutes=minutes) for minutes in (30, 10, 20, 40)]
    await bench.deliveries.record(
        [settlement(each, State.DEFERRED, due_at=at) for each, at in zip(claimed, due, strict=True)]
    )
    await bench.deliveries.flush()
    bench.clock.now += timedelta(minutes=35)

    again = await bench.deliveries.claim(bench.clock(), 10)

    assert [each.recipient.forward_path[:2] for each in again] == ["r1", "r2", "r0"]


async def test_what_waits_is_due_now_until_it_is_claimed(bench: Bench) -> None:
    await bench.submissions.accept(submission())

    assert await bench.deliveries.next_due() == bench.clock()
    await bench.deliveries.claim(bench.clock(), 10)
    assert await bench.deliveries.next_due() is None


async def test_a_second_settlement_changes_nothing_and_is_logged(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    given = submission()
    await bench.submissions.accept(given)
    [claimed] = await bench.deliveries.claim(bench.clock(), 10)
    await settle(bench.deliveries, claimed, state=State.DELIVERED)

    await settle(bench.deliveries, claimed, state=State.BOUNCED)

    assert [each.state for each in (await bench.look(given.id)).recipients] == ["delivered"]
    assert "too late" in caplog.text


async def test_a_lost_lease_leaves_the_other_settlements_standing(bench: Bench) -> None:
    given = submission(recipients=5)
    await bench.submissions.accept(given)
    claimed = await bench.deliveries.claim(bench.clock(), 10)
    await settle(bench.deliveries, claimed[2], state=State.DELIVERED)

    await settle(bench.deliveries, *claimed, state=State.BOUNCED)

    states = [each.state for each in (await bench.look(given.id)).recipients]
    assert states == ["bounced", "bounced", "delivered", "bounced", "bounced"]


async def test_a_report_is_stored_and_queued_with_its_settlement(bench: Bench) -> None:
    given = submission()
    report = submission(b"report", kind=Kind.DSN, reverse_path="", parent_id=given.id, recipients=2)
    await bench.submissions.accept(given)
    [claimed] = await bench.deliveries.claim(bench.clock(), 10)

    await bench.deliveries.record([settlement(claimed, State.BOUNCED, report=report)])
    await bench.deliveries.flush()

    queued = await bench.deliveries.claim(bench.clock(), 10)
    assert [(each.submission_id, each.kind) for each in queued] == [(report.id, Kind.DSN)] * 2
    assert await bench.deliveries.content(report.id) == b"report"
    assert [each.reply for each in (await bench.look(given.id)).recipients] == [str(BOUNCED)]


async def test_a_report_of_a_lost_lease_is_not_stored(bench: Bench) -> None:
    given = submission()
    reports = [submission(kind=Kind.DSN) for _ in range(2)]
    await bench.submissions.accept(given)
    [claimed] = await bench.deliveries.claim(bench.clock(), 10)

    for report in reports:
        await bench.deliveries.record([settlement(claimed, State.BOUNCED, report=report)])
        await bench.deliveries.flush()

    assert (await bench.look(reports[0].id)).content is not None
    assert (await bench.look(reports[1].id)).content is None
    assert await bench.deliveries.unsettled() == 1


async def test_a_report_that_several_share_is_stored_once_with_all_of_them(bench: Bench) -> None:
    given = submission(recipients=4)
    report = submission(b"report", kind=Kind.DSN, reverse_path="", parent_id=given.id)
    await bench.submissions.accept(given)
    claimed = await bench.deliveries.claim(bench.clock(), 10)

    bounced = [settlement(each, State.BOUNCED, report=report) for each in claimed[:3]]
    await bench.deliveries.record([*bounced, settlement(claimed[3])])
    await bench.deliveries.flush()

    states = [each.state for each in (await bench.look(given.id)).recipients]
    assert states == ["bounced", "bounced", "bounced", "delivered"]
    [queued] = await bench.deliveries.claim(bench.clock(), 10)
    assert (queued.submission_id, queued.recipient) == (report.id, report.envelope.recipients[0])


async def test_a_report_that_names_one_whose_lease_was_lost_is_not_stored(bench: Bench) -> None:
    given = submission(recipients=4)
    report = submission(b"report", kind=Kind.DSN, reverse_path="", parent_id=given.id)
    await bench.submissions.accept(given)
    claimed = await bench.deliveries.claim(bench.clock(), 10)
    await settle(bench.deliveries, claimed[1], state=State.DELIVERED)

    bounced = [settlement(each, State.BOUNCED, report=report) for each in claimed[:3]]
    await bench.deliveries.record([*bounced, settlement(claimed[3])])
    await bench.deliveries.flush()

    states = [each.state for each in (await bench.look(given.id)).recipients]
    assert states == ["queued", "delivered", "queued", "delivered"]
    assert (await bench.look(report.id)).content is None
    assert await bench.deliveries.unsettled() == 2  # until their leases end


async def test_what_waits_for_its_time_is_told_from_what_is_due(bench: Bench) -> None:
    await bench.submissions.accept(submission())
    [claimed] = await bench.deliveries.claim(bench.clock(), 10)
    assert await bench.deliveries.unsettled(bench.clock()) == 1

    later = bench.clock() + timedelta(minutes=5)
    await bench.deliveries.record([settlement(claimed, State.DEFERRED, due_at=later)])
    await bench.deliveries.flush()

    assert await bench.deliveries.unsettled(bench.clock()) == 0
    assert await bench.deliveries.unsettled(later) == 1
    assert await bench.deliveries.unsettled() == 1


async def test_an_illegal_transition_is_refused_before_it_is_written(bench: Bench) -> None:
    await bench.submissions.accept(submission())
    [claimed] = await bench.deliveries.claim(bench.clock(), 10)

    with pytest.raises(IllegalTransition):
        await bench.deliveries.record([settlement(claimed, State.REJECTED)])


async def test_who_waits_is_woken_by_an_accepted_message(bench: Bench) -> None:
    async with asyncio.timeout(20):
        waiting = asyncio.create_task(bench.deliveries.wait(timeout_s=60))
        await asyncio.sleep(0)

        await bench.submissions.accept(submission())

        while not await bench.deliveries.claim(bench.clock(), 10):
            await waiting
            waiting = asyncio.create_task(bench.deliveries.wait(timeout_s=60))
        waiting.cancel()


async def test_who_waits_in_vain_is_released(bench: Bench) -> None:
    async with asyncio.timeout(20):
        await bench.deliveries.wait(timeout_s=0.01)


async def test_the_content_of_an_unknown_message_is_a_key_error(bench: Bench) -> None:
    with pytest.raises(KeyError):
        await bench.deliveries.content("x" * 22)


async def test_the_clock_is_kept(bench: Bench) -> None:
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    state = ClockState(mode="accelerated", rate=60.5, virtual_base=noon, real_base=noon)

    assert await bench.clock_states.load_clock() is None
    await bench.clock_states.save_clock(replace(state, mode="real", rate=1.0))
    await bench.clock_states.save_clock(state)

    assert await bench.clock_states.load_clock() == state


@pytest.mark.parametrize("seed", range(3))
async def test_every_store_tells_the_same_story(bench: Bench, seed: int) -> None:
    assert await story(bench, seed) == await story(memory_bench(), seed)


async def story(bench: Bench, seed: int) -> list[object]:
    """Accept, claim, settle and let time pass, in an order that follows from the seed."""
    draw = random.Random(seed)
    held: list[QueuedRecipient] = []
    late: list[QueuedRecipient] = []
    told: list[object] = []
    ids: list[str] = []
    for step in range(60):
        match draw.choice(("accept", "accept", "claim", "settle", "settle late", "wait")):
            case "accept":
                key = draw.choice((None, None, f"key-{draw.randrange(6)}"))
                made = [Recipient(f"s{step}r{n}@example.org") for n in range(draw.randrange(1, 4))]
                given = submission(
                    b"%d" % step,
                    id=f"{seed:011}{step:011}",
                    recipients=tuple(made),
                    submission_key=key,
                )
                ids.append(await bench.submissions.accept(given))
            case "claim":
                claimed = await bench.deliveries.claim(bench.clock(), 1000)
                held += sorted(claimed, key=path_of)
                told += [(path_of(each), each.state, each.attempts) for each in held]
            case "settle":
                await bench.deliveries.record([decided(draw, bench, each) for each in held])
                await bench.deliveries.flush()
                late, held = held, []
                told.append(await bench.deliveries.unsettled())
            case "settle late":
                await bench.deliveries.record([decided(draw, bench, each) for each in late[:2]])
                await bench.deliveries.flush()
            case "wait":
                bench.clock.now += timedelta(minutes=draw.randrange(90))
                told.append(await bench.deliveries.next_due())
    return [*told, ids, [await bench.look(id) for id in sorted(set(ids))]]


def path_of(recipient: QueuedRecipient) -> str:
    return recipient.recipient.forward_path


def decided(draw: random.Random, bench: Bench, recipient: QueuedRecipient) -> Settlement:
    state = draw.choice((State.DELIVERED, State.DEFERRED, State.DEFERRED, State.BOUNCED))
    if state is not State.DEFERRED:
        return settlement(recipient, state)
    return settlement(recipient, state, due_at=bench.clock() + timedelta(minutes=30))


# What only a database can be asked.


@pytest.fixture(params=SQL_BACKENDS)
async def sql(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path, stack: AsyncExitStack
) -> Bench:
    address = stack.enter_context(databases.fresh(request.param, tmp_path))
    return await sql_bench(address, stack, BenchClock())


async def test_a_crash_gives_back_what_was_claimed_and_nothing_else(sql: Bench) -> None:
    given = submission(recipients=3)
    await sql.submissions.accept(given)
    old = await sql.deliveries.claim(sql.clock(), 2)
    await settle(sql.deliveries, old[0], state=State.DELIVERED)

    assert sql.reopen is not None
    after = await sql.reopen()
    new = await after.deliveries.claim(sql.clock(), 10)

    assert [each.recipient.forward_path[:2] for each in new] == ["r1", "r2"]
    await settle(sql.deliveries, old[1], state=State.BOUNCED)  # what the dead one had decided
    assert [each.state for each in (await after.look(given.id)).recipients] == [
        "delivered",
        "queued",
        "queued",
    ]
    await settle(after.deliveries, *new, state=State.DELIVERED)
    assert await after.deliveries.unsettled() == 0


async def test_every_step_of_a_recipient_is_a_row(writer: Writer, database: Database) -> None:
    clock = BenchClock()
    deliveries = Deliveries(writer, database, owner="one", now=clock)
    await Submissions(writer, deliveries).accept(submission())
    due_at = clock() + timedelta(hours=1)
    [claimed] = await deliveries.claim(clock(), 1)
    await deliveries.record([settlement(claimed, State.DEFERRED, due_at=due_at)])
    await deliveries.flush()
    clock.now = due_at
    [claimed] = await deliveries.claim(clock(), 1)
    await settle(deliveries, claimed, state=State.DELIVERED)

    steps = "SELECT n, state, attempt FROM statuses ORDER BY n"
    tries = "SELECT n, position, exchanger, reply_code FROM attempts ORDER BY n"
    assert await ask(writer, steps) == [(0, "queued", 0), (1, "deferred", 1), (2, "delivered", 2)]
    assert await ask(writer, tries) == [
        (1, 0, "mx.customer.example", 451),
        (2, 0, "mx.customer.example", 250),
    ]


async def test_where_nobody_delivers_recipients_wait_to_be_claimed(
    writer: Writer, database: Database
) -> None:
    clock = BenchClock()
    receiving = Deliveries(writer, database, owner="msa", now=clock, hand_over=False)
    delivering = Deliveries(writer, database, owner="mta", now=clock)
    given = submission(recipients=3)

    await Submissions(writer, receiving).accept(given)
    claimed = await delivering.claim(clock(), 10)

    assert len(claimed) == 3
    assert {(each.submission_id, each.state) for each in claimed} == {(given.id, State.QUEUED)}


async def test_an_ended_lease_is_freed(writer: Writer, database: Database) -> None:
    clock = BenchClock()
    dead = Deliveries(writer, database, owner="dead", now=clock, hand_over=False)
    await Submissions(writer, dead).accept(submission())
    [claimed] = await dead.claim(clock(), 1)
    alive = Deliveries(writer, database, owner="alive", now=clock)

    assert list(await alive.claim(clock(), 1)) == []
    await ask(writer, f"UPDATE recipients SET lease_until = lease_until - {LEASE_S * 1_000_000}")
    [again] = await Deliveries(writer, database, owner="alive", now=clock).claim(clock(), 1)

    assert again.number == claimed.number
    assert again.epoch > claimed.epoch


class Forgetful:
    """A connection that loses the answer to its next commit, once it is told to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect
        self.open, self.close = connection.open, connection.close
        self.loses_answer = False

    async def transact(self, write: Callable[[], Steps[T]]) -> T:
        outcome = await self._connection.transact(write)
        if self.loses_answer:
            self.loses_answer = False
            raise OutcomeUnknown("the connection broke", outcome)
        return outcome


async def test_a_claim_whose_answer_was_lost_is_made_again(
    address: Address, database: Database, stack: AsyncExitStack
) -> None:
    connection = Forgetful(connection_to(address))
    writer = Writer(connection)
    clock = BenchClock()
    deliveries = Deliveries(writer, database, owner="one", now=clock, hand_over=False)
    submissions = Submissions(writer, deliveries)
    await writer.open()
    stack.push_async_callback(writer.close)
    await deliveries.recover()
    await submissions.accept(submission())
    connection.loses_answer = True

    with pytest.raises(Unavailable):
        await deliveries.claim(clock(), 10)
    [claimed] = await deliveries.claim(clock(), 10)
    await settle(deliveries, claimed, state=State.DELIVERED)

    assert await deliveries.unsettled() == 0


async def test_a_claim_reads_the_index_of_what_is_ready(writer: Writer, database: Database) -> None:
    await writer.command(partial(many_recipients, 2000))
    if writer.dialect == "mysql":
        await ask(writer, "ANALYZE TABLE recipients")
        [plan] = await ask(
            writer, f"EXPLAIN SELECT number {DUE} FOR UPDATE SKIP LOCKED", 10**16, 50
        )
        assert "ix_recipients_ready" in str(plan)
        assert "sort" not in str(plan).lower()
    else:
        plans = await ask(writer, f"EXPLAIN QUERY PLAN SELECT number {DUE}", 10**16, 50)
        assert ["ix_recipients_ready" in plan[-1] for plan in plans] == [True]


@pytest.fixture(params=SQL_BACKENDS[1:])
async def server(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path, stack: AsyncExitStack
) -> Address:
    """A database that several processes may share."""
    return stack.enter_context(databases.fresh(request.param, tmp_path))


async def test_two_processes_share_the_work_and_do_nothing_twice(
    server: Address, stack: AsyncExitStack
) -> None:
    clock = BenchClock()
    benches = [await sql_bench(server, stack, clock, name) for name in ("one", "two")]
    receiving = Store(server, instance="msa", delivers=False)
    await receiving.open()
    stack.push_async_callback(receiving.close)
    given = [submission(recipients=3) for _ in range(100)]
    await asyncio.gather(*(receiving.submissions.accept(each) for each in given))

    async def work(bench: Bench) -> list[QueuedRecipient]:
        done: list[QueuedRecipient] = []
        while claimed := await bench.deliveries.claim(datetime.now(UTC), 7):
            await bench.deliveries.record([settlement(each) for each in claimed])
            done += claimed
        await bench.deliveries.flush()
        return done

    done = await asyncio.gather(*map(work, benches))

    assert Counter(each.number for some in done for each in some).most_common(1)[0][1] == 1
    assert sum(map(len, done)) == 300
    assert await benches[0].deliveries.unsettled() == 0


async def test_a_restart_leaves_alone_what_another_process_holds(
    server: Address, stack: AsyncExitStack
) -> None:
    clock = BenchClock()
    one = await sql_bench(server, stack, clock, "one")
    await one.submissions.accept(submission())
    [claimed] = await one.deliveries.claim(clock(), 1)

    two = await sql_bench(server, stack, clock, "two")

    assert list(await two.deliveries.claim(clock(), 1)) == []
    await settle(one.deliveries, claimed, state=State.DELIVERED)
    assert await two.deliveries.unsettled() == 0


async def test_two_processes_that_race_for_a_key_store_one_message(
    server: Address, stack: AsyncExitStack
) -> None:
    clock = BenchClock()
    benches = [await sql_bench(server, stack, clock, name) for name in ("one", "two")]
    given = [submission(submission_key=f"key-{n // 2}") for n in range(80)]

    ids = await asyncio.gather(
        *(benches[n % 2].submissions.accept(each) for n, each in enumerate(given))
    )

    assert ids[::2] == ids[1::2]
    assert await benches[0].deliveries.unsettled() == 40


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def ask(writer: Writer, sql: str, *values: int) -> Sequence[tuple[object, ...]]:
    def steps() -> Steps[Result]:
        return (yield Statement(sql, values))

    return list((await writer.command(steps)).rows)


def many_recipients(count: int) -> Steps[None]:
    yield Insert(
        "INSERT INTO recipients (number, forward_path, state, ready, due_at, queued_at, attempts,"
        " reason, lease_epoch)",
        "(?, 'bob@example.org', 'delivered', ?, ?, 0, 1, '', 1)",
        [(n << 10, int(n % 100 == 0), n) for n in range(1, count)],
    )
