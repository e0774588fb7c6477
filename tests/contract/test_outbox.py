"""What is told to listeners is written with what happened, and kept until they have it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from msa.envelope import Kind
from msa.reply import Reply
from sandbox_mta.events.event import EventType, StatusEvent
from sandbox_mta.events.outbox import Channel, Later, Owed
from sandbox_mta.events.sender import NotTaken, Sender, Unreachable
from sandbox_mta.mta.status import State
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address
from sandbox_mta.store.outbox import StatusOutbox
from sandbox_mta.store.tables import status_outbox
from tests.contract.conftest import BenchClock
from tests.contract.mail import finding, settlement, submission


async def opened(
    address: Address, *channels: Channel, instance: str = "one"
) -> AsyncIterator[Store]:
    store = Store(address, instance=instance, channels=channels)
    store.use_clock(BenchClock())
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def store(address: Address) -> AsyncIterator[Store]:
    async for store in opened(address, Channel.WEBHOOK):
        yield store


@pytest.fixture
def outbox(store: Store) -> StatusOutbox:
    assert store.outbox is not None
    return store.outbox


def later() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


async def owed(outbox: StatusOutbox, channel: Channel = Channel.WEBHOOK) -> list[Owed]:
    return list(await outbox.owed(channel, later(), 100))


async def settle(store: Store, state: State, **fields: object) -> None:
    claimed = await store.deliveries.claim(BenchClock().now + timedelta(days=1), 10)
    await store.deliveries.record([settlement(each, state, **fields) for each in claimed])
    await store.deliveries.flush()


async def test_each_step_of_a_message_is_told_once_and_in_order(
    store: Store, outbox: StatusOutbox
) -> None:
    due_at = BenchClock().now
    id = await store.submissions.accept(submission())
    await settle(store, State.DEFERRED, due_at=due_at, reason="mailbox-full")
    await settle(store, State.DELIVERED)

    received, deferred, delivered = [each.event for each in await owed(outbox)]

    assert [received.type, deferred.type, delivered.type] == [
        *(EventType.RECEIVED, EventType.DEFERRED, EventType.DELIVERED)
    ]
    assert received.forward_paths == ("r0@customer.example",)
    assert deferred.submission_id == id
    assert (deferred.author, deferred.subject) == ("Ada <ada@example.org>", "Hello")
    assert deferred.next_attempt_at == due_at
    assert deferred.reason == "mailbox-full"
    assert deferred.reply is not None
    assert deferred.reply.enhanced == "4.4.1"
    assert deferred.route is not None
    assert deferred.route.exchanger == "mx.customer.example"
    assert (delivered.previous_state, delivered.attempt) == (State.DEFERRED, 2)
    assert delivered.at == BenchClock().now + timedelta(seconds=3)


async def test_a_refused_message_is_told_with_the_reply(store: Store, outbox: StatusOutbox) -> None:
    reply = Reply(550, "6.0", "Date is missing")

    await store.submissions.refuse(submission(), reply, [finding()])

    [told] = [each.event for each in await owed(outbox)]
    assert (told.type, told.reply) == (EventType.REJECTED, reply)


async def test_a_report_is_told_after_the_bounce_and_what_becomes_of_it_is_not(
    store: Store, outbox: StatusOutbox
) -> None:
    await store.submissions.accept(submission())
    report = submission(kind=Kind.DSN, reverse_path="")
    await settle(store, State.BOUNCED, report=report)
    await settle(store, State.DELIVERED)

    told = [each.event for each in await owed(outbox)]

    assert [each.type for each in told] == [
        *(EventType.RECEIVED, EventType.BOUNCED, EventType.REPORTED)
    ]
    assert told[2].report_id == report.id
    assert len({each.id for each in told}) == 3


async def test_a_repeated_submission_and_a_lost_lease_tell_nothing(
    store: Store, outbox: StatusOutbox
) -> None:
    await store.submissions.accept(submission(submission_key="k1"))
    await store.submissions.accept(submission(submission_key="k1"))
    [claimed] = await store.deliveries.claim(BenchClock().now, 10)
    for state in (State.DELIVERED, State.BOUNCED):
        await store.deliveries.record([settlement(claimed, state)])
        await store.deliveries.flush()

    told = [each.event.type for each in await owed(outbox)]

    assert told == [EventType.RECEIVED, EventType.DELIVERED]


async def test_where_nobody_listens_nothing_is_written(address: Address) -> None:
    async for store in opened(address):
        await store.submissions.accept(submission())
        await settle(store, State.BOUNCED)

        assert store.outbox is None
        async with store.database.read() as connection:
            assert await connection.scalar(select(func.count()).select_from(status_outbox)) == 0


async def test_every_listener_is_owed_everything(address: Address) -> None:
    async for store in opened(address, Channel.WEBHOOK, Channel.TOPIC):
        await store.submissions.accept(submission())
        assert store.outbox is not None
        [hook], [topic] = [await owed(store.outbox, channel) for channel in Channel]
        await store.outbox.settle([hook.number], [])

        assert hook.event == topic.event
        assert [await owed(store.outbox, channel) for channel in Channel] == [[], [topic]]


async def test_what_is_owed_survives_a_restart(address: Address) -> None:
    async for store in opened(address, Channel.WEBHOOK):
        await store.submissions.accept(submission())
    async for store in opened(address, Channel.WEBHOOK):
        assert store.outbox is not None
        assert len(await owed(store.outbox)) == 1


async def test_an_event_waits_for_the_earlier_ones_of_its_message_alone(
    store: Store, outbox: StatusOutbox
) -> None:
    for _ in range(2):
        await store.submissions.accept(submission())
    await settle(store, State.DELIVERED)
    [first, *_] = await owed(outbox)

    await outbox.settle([], [Later(first.number, later() + timedelta(minutes=1))])

    waiting = await owed(outbox)
    assert [each.event.type for each in waiting] == [EventType.RECEIVED, EventType.DELIVERED]
    assert {each.event.submission_id for each in waiting} != {first.event.submission_id}
    [again, *_] = await outbox.owed(Channel.WEBHOOK, later() + timedelta(minutes=2), 100)
    assert (again.event, again.tries) == (first.event, 1)


async def test_one_process_at_a_time_sends(store: Store, address: Address) -> None:
    other = StatusOutbox(store.writer, store.database, owner="two", channels=[Channel.WEBHOOK])
    assert store.outbox is not None
    past = datetime.now(UTC) - timedelta(seconds=1)

    assert await store.outbox.lead(Channel.WEBHOOK, later())
    assert not await other.lead(Channel.WEBHOOK, later())
    assert await other.lead(Channel.TOPIC, later())
    assert await store.outbox.lead(Channel.WEBHOOK, past)
    assert await other.lead(Channel.WEBHOOK, later())


class Hook:
    """A listener that fails as a test says."""

    def __init__(self) -> None:
        self.heard: list[StatusEvent] = []
        self.error: Exception | None = None
        self.hates = ""  # the id of a message it never takes

    async def tell(self, event: StatusEvent) -> None:
        if self.error is not None:
            raise self.error
        if event.submission_id == self.hates:
            raise NotTaken("it answered 500")
        self.heard.append(event)


async def test_a_dead_listener_gets_everything_in_order_once_it_is_back(
    store: Store, outbox: StatusOutbox
) -> None:
    hook, now = Hook(), later()
    sender = Sender(outbox, Channel.WEBHOOK, hook.tell, now=lambda: now)
    hook.error = Unreachable("connection refused")
    for _ in range(3):
        await store.submissions.accept(submission())
    await settle(store, State.DELIVERED)
    for _ in range(3):
        assert await sender.send_due() == 0

    hook.error = None
    now += timedelta(minutes=10)
    assert await sender.send_due() == 6

    assert await outbox.owed(Channel.WEBHOOK, now + timedelta(days=1), 100) == []
    for id in {each.submission_id for each in hook.heard}:
        story = [each.type for each in hook.heard if each.submission_id == id]
        assert story == [EventType.RECEIVED, EventType.DELIVERED]


async def test_a_message_the_listener_never_takes_holds_up_no_other_and_ends(
    store: Store, outbox: StatusOutbox
) -> None:
    hook, now = Hook(), later()
    sender = Sender(outbox, Channel.WEBHOOK, hook.tell, now=lambda: now)
    recorded_at = now - timedelta(minutes=1)
    hook.hates = await store.submissions.accept(submission(accepted_at=recorded_at))
    await store.submissions.accept(submission(accepted_at=recorded_at))

    assert await sender.send_due() == 1
    assert await sender.send_due() == 0  # it is not its time yet
    now += timedelta(days=1)
    assert await sender.send_due() == 0

    assert await outbox.owed(Channel.WEBHOOK, now + timedelta(days=1), 100) == []
