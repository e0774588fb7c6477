"""What the bridge may rely on of its ledger: nothing is lost, and nothing is owed twice."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, select

from bridge.event import EventRef, Record
from bridge.ports import (
    EventLedger,
    EventState,
    Identified,
    LedgerEntry,
    Outcome,
    Outgoing,
    TemplateVersion,
    Verdict,
)
from sandbox_mta.store.database import Address, Database
from sandbox_mta.store.event_rows import KEPT_OCTETS, MAX_KEY_AND_HEADERS_OCTETS, MAX_RECORD_OCTETS
from sandbox_mta.store.events import LEASE_US, PIECE_OCTETS, Events
from sandbox_mta.store.memory_events import MemoryEvents
from sandbox_mta.store.tables import event_messages, events, template_versions
from sandbox_mta.store.times import to_microseconds
from sandbox_mta.store.writer import Writer
from tests.contract.conftest import SQL_BACKENDS, Databases, connection_to

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ACCEPTED = Verdict(code=250, enhanced="2.0.0", text="Ok: queued", submission_id="A" * 22)
REFUSED = Verdict(code=550, enhanced="5.1.1", text="No such user")


@dataclass(slots=True)
class Clock:
    """Real time, as far as a ledger knows."""

    now: datetime = NOON

    def pass_by(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def microseconds(self) -> int:
        return to_microseconds(self.now)


@dataclass(frozen=True, slots=True)
class Seen:
    """A stored event."""

    ref: EventRef
    state: str
    detail: str = ""
    forward_paths: tuple[str, ...] = ()


@dataclass(slots=True)
class Bench:
    """A ledger of one instance, and a way to start others over the same events."""

    clock: Clock
    start: Callable[[str], Awaitable[EventLedger]]
    look: Callable[[], Awaitable[Sequence[Seen]]]  # in order of receipt
    ledger: EventLedger = field(init=False)

    async def states(self) -> list[str]:
        return [seen.state for seen in await self.look()]


async def memory_bench() -> Bench:
    clock = Clock()
    ledger = MemoryEvents(now=lambda: clock.now)

    async def start(instance: str) -> EventLedger:
        del instance
        return ledger

    async def look() -> Sequence[Seen]:
        return [
            Seen(
                event.entry.record.ref,
                event.state,
                event.detail,
                tuple(o.forward_path for o, _ in event.outcome.submitted) if event.outcome else (),
            )
            for event in ledger.events
        ]

    return Bench(clock, start, look)


async def database_bench(database: Database, writer: Writer) -> Bench:
    clock = Clock()

    async def start(instance: str) -> EventLedger:
        ledger = Events(database, writer, instance, now_us=clock.microseconds)
        await ledger.recover()
        return ledger

    async def look() -> Sequence[Seen]:
        rows = await rows_of(database, select(events).order_by(events.c.number))
        made = await rows_of(database, select(event_messages))
        return [
            Seen(
                EventRef(row.topic, row.partition, row.offset, row.timestamp_ms),
                row.state,
                row.detail,
                tuple(message.forward_path for message in made if message.event == row.number),
            )
            for row in rows
        ]

    return Bench(clock, start, look)


async def rows_of(database: Database, statement: Select[Any]) -> Sequence[Any]:
    async with database.read() as connection:
        return (await connection.execute(statement)).all()


@pytest.fixture(params=["memory", *SQL_BACKENDS])
async def bench(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            made = await memory_bench()
        else:
            address = stack.enter_context(databases.fresh(request.param, tmp_path))
            writer = Writer(connection_to(address))
            await writer.open()
            stack.push_async_callback(writer.close)
            database = Database(address)
            stack.push_async_callback(database.close)
            made = await database_bench(database, writer)
        made.ledger = await made.start("one")
        yield made


@pytest.fixture
async def sql_bench(database: Database, writer: Writer) -> Bench:
    made = await database_bench(database, writer)
    made.ledger = await made.start("one")
    return made


def identified(
    offset: int,
    identity: str = "",
    value: bytes | None = b"{}",
    *,
    topic: str = "email-events",
    timestamp_ms: int = 1,
) -> Identified:
    record = Record(EventRef(topic, 0, offset, timestamp_ms), b"key", value, (("h", b"\xff\x00"),))
    return Identified(record=record, identity=identity or f"{topic}-{offset}-{timestamp_ms}")


def outgoing(forward_path: str = "bob@example.org") -> Outgoing:
    return Outgoing(
        submission_key="key-1",
        reverse_path="app@example.org",
        forward_path=forward_path,
        content=b"Subject: hi\r\n\r\n",
        template="welcome",
        template_version="v1",
        locale="en",
        message_id="<1@example.org>",
    )


def accepted(entry: LedgerEntry, *forward_paths: str) -> Outcome:
    submitted = tuple((outgoing(path), ACCEPTED) for path in forward_paths)
    return Outcome(entry=entry, state=EventState.ACCEPTED, submitted=submitted)


async def test_a_received_record_comes_back_as_it_was(bench: Bench) -> None:
    given = identified(7)

    [entry] = await bench.ledger.receive([given])

    assert (entry.record, entry.identity, entry.attempts) == (given.record, given.identity, 0)
    assert await bench.states() == ["received"]
    assert await bench.ledger.backlog() == 1


async def test_a_batch_keeps_its_order(bench: Bench) -> None:
    entries = await bench.ledger.receive([identified(n) for n in range(1200)])

    assert [entry.record.ref.offset for entry in entries] == list(range(1200))
    assert [entry.number for entry in entries] == sorted({entry.number for entry in entries})


async def test_a_position_that_is_a_row_already_is_left_out(bench: Bench) -> None:
    await bench.ledger.receive([identified(1), identified(2)])

    entries = await bench.ledger.receive([identified(2), identified(3), identified(3)])

    assert [entry.record.ref.offset for entry in entries] == [3]
    assert len(await bench.look()) == 3


async def test_offsets_of_a_topic_that_was_made_again_are_new(bench: Bench) -> None:
    await bench.ledger.receive([identified(1)])

    assert len(await bench.ledger.receive([identified(1, timestamp_ms=2)])) == 1


async def test_topics_differ_by_case(bench: Bench) -> None:
    entries = await bench.ledger.receive([identified(1, topic="a"), identified(1, topic="A")])

    assert len(entries) == 2


async def test_a_known_identity_is_a_duplicate(bench: Bench) -> None:
    await bench.ledger.receive([identified(1, "same")])

    assert await bench.ledger.receive([identified(2, "same"), identified(3, "Same")]) != []
    assert await bench.states() == ["received", "duplicate", "received"]


async def test_the_second_of_an_identity_within_a_batch_is_a_duplicate(bench: Bench) -> None:
    entries = await bench.ledger.receive([identified(1, "same"), identified(2, "same")])

    assert [entry.record.ref.offset for entry in entries] == [1]
    assert await bench.states() == ["received", "duplicate"]


async def test_a_tombstone_is_ignored_and_makes_no_identity_known(bench: Bench) -> None:
    assert await bench.ledger.receive([identified(1, "same", None)]) == []

    assert len(await bench.ledger.receive([identified(2, "same")])) == 1
    assert await bench.states() == ["ignored", "received"]


async def test_nothing_is_received_from_nothing(bench: Bench) -> None:
    assert list(await bench.ledger.receive([])) == []
    assert list(await bench.ledger.claim(10)) == []
    assert await bench.ledger.backlog() == 0


async def test_what_is_held_is_not_claimed(bench: Bench) -> None:
    await bench.ledger.receive([identified(1)])

    assert list(await bench.ledger.claim(10)) == []


async def test_a_lease_that_ended_is_claimed_and_the_old_one_changes_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    [old] = await bench.ledger.receive([identified(1)])
    bench.clock.pass_by(microseconds=LEASE_US)

    [new] = await bench.ledger.claim(10)
    await bench.ledger.record(accepted(old, "late@example.org"))

    assert (new.number, new.record) == (old.number, old.record)
    assert new.epoch > old.epoch
    assert [(seen.state, seen.forward_paths) for seen in await bench.look()] == [("received", ())]
    assert "email-events/0@1: the lease was lost" in caplog.text


async def test_the_oldest_are_claimed_first(bench: Bench) -> None:
    await bench.ledger.receive([identified(n) for n in range(5)])
    bench.clock.pass_by(microseconds=LEASE_US)

    first = await bench.ledger.claim(2)
    second = await bench.ledger.claim(10)

    assert [entry.record.ref.offset for entry in first] == [0, 1]
    assert [entry.record.ref.offset for entry in second] == [2, 3, 4]


async def test_an_outcome_settles_its_event_with_all_its_messages(bench: Bench) -> None:
    [entry] = await bench.ledger.receive([identified(1)])

    await bench.ledger.record(accepted(entry, "ada@example.org", "bob@example.org"))

    [seen] = await bench.look()
    assert (seen.state, seen.forward_paths) == ("accepted", ("ada@example.org", "bob@example.org"))
    assert await bench.ledger.backlog() == 0
    bench.clock.pass_by(days=1)
    assert list(await bench.ledger.claim(10)) == []


async def test_a_settled_event_is_not_settled_again(bench: Bench) -> None:
    [entry] = await bench.ledger.receive([identified(1)])
    await bench.ledger.record(accepted(entry, "ada@example.org"))

    await bench.ledger.record(Outcome(entry=entry, state=EventState.PARKED, detail="late"))
    await bench.ledger.retry(entry, 0, "late")

    [seen] = await bench.look()
    assert (seen.state, seen.detail, len(seen.forward_paths)) == ("accepted", "", 1)


async def test_a_parked_event_says_why(bench: Bench) -> None:
    [entry] = await bench.ledger.receive([identified(1)])

    await bench.ledger.record(
        Outcome(
            entry=entry,
            state=EventState.PARKED,
            submitted=((outgoing(), REFUSED),),
            reason="smtp-permanent",
            detail="550 5.1.1 No such user",
        )
    )

    [seen] = await bench.look()
    assert (seen.state, seen.detail) == ("parked", "550 5.1.1 No such user")


async def test_a_retried_event_waits_and_comes_back_with_its_attempts(bench: Bench) -> None:
    [entry] = await bench.ledger.receive([identified(1)])

    await bench.ledger.retry(entry, 30, "451 4.3.0 try later")

    assert list(await bench.ledger.claim(10)) == []
    assert await bench.ledger.backlog() == 1
    bench.clock.pass_by(seconds=30)
    [again] = await bench.ledger.claim(10)
    assert again.attempts == 1
    assert [seen.detail for seen in await bench.look()] == ["451 4.3.0 try later"]


async def test_whoever_gave_an_event_back_may_not_settle_it(bench: Bench) -> None:
    [entry] = await bench.ledger.receive([identified(1)])
    await bench.ledger.retry(entry, 30, "451")

    await bench.ledger.record(accepted(entry, "ada@example.org"))

    assert await bench.states() == ["received"]


class Interleaving:
    """Whoever uses a ledger, in any order; remembers what was given, held and settled."""

    def __init__(self, bench: Bench, draw: random.Random) -> None:
        self.bench = bench
        self.ledger = bench.ledger
        self.draw = draw
        self.given: dict[EventRef, Identified] = {}
        self.held: list[LedgerEntry] = []
        self.settled: list[str] = []  # identities

    async def step(self) -> None:
        steps = [self.receive, self.claim, self.record, self.record, self.retry, self.restart]
        await self.draw.choice(steps)()
        self.bench.clock.pass_by(seconds=self.draw.choice([0, 0, 10, 400]))

    async def receive(self) -> None:
        start = max(0, len(self.given) - self.draw.randrange(5))  # the end comes once more
        end = start + self.draw.randrange(9)
        batch = [identified(offset, f"e{offset // 2}") for offset in range(start, end)]
        self.given.update((given.record.ref, given) for given in batch)
        self.held += await self.ledger.receive(batch)

    async def claim(self) -> None:
        self.held += await self.ledger.claim(self.draw.randrange(1, 4))

    async def record(self) -> None:
        if self.held:
            await self.settle(self.held.pop(self.draw.randrange(len(self.held))))

    async def settle(self, entry: LedgerEntry) -> None:
        before = await self.bench.states()
        await self.ledger.record(accepted(entry, "ada@example.org"))
        if await self.bench.states() != before:
            self.settled.append(entry.identity)

    async def retry(self) -> None:
        if self.held:
            entry = self.held.pop(self.draw.randrange(len(self.held)))
            await self.ledger.retry(entry, self.draw.randrange(60), "451")

    async def restart(self) -> None:
        # What was held stays in `held`: a process that was thought dead may still come late.
        self.ledger = await self.bench.start("one")

    async def finish(self) -> None:
        self.bench.clock.pass_by(days=1)
        while entries := await self.ledger.claim(7):
            for entry in entries:
                await self.settle(entry)


@pytest.mark.parametrize("seed", range(5))
async def test_no_interleaving_loses_an_event_or_settles_it_twice(bench: Bench, seed: int) -> None:
    users = Interleaving(bench, random.Random(seed))

    for _ in range(60):
        await users.step()
    await users.finish()

    seen = await bench.look()
    assert Counter(event.ref for event in seen) == Counter(users.given.keys())
    assert Counter(users.settled) == Counter({given.identity for given in users.given.values()})
    assert sum(len(event.forward_paths) for event in seen) == len(users.settled)
    assert {event.state for event in seen} == {"accepted", "duplicate"}
    assert await bench.ledger.backlog() == 0


async def test_a_restart_gives_back_what_the_instance_held(sql_bench: Bench) -> None:
    [old] = await sql_bench.ledger.receive([identified(1)])

    second = await sql_bench.start("one")

    [new] = await second.claim(10)
    assert new.epoch > old.epoch


async def test_a_restart_leaves_other_instances_their_leases(
    sql_bench: Bench, database: Database
) -> None:
    [entry] = await sql_bench.ledger.receive([identified(1)])

    second = await sql_bench.start("two")

    # A file belongs to one process, so there whatever was held before the start is given back.
    is_given_back = database.dialect == "sqlite"
    assert len(await second.claim(10)) == is_given_back
    await sql_bench.ledger.record(accepted(entry))
    assert await sql_bench.states() == ["received" if is_given_back else "accepted"]


async def test_two_writers_that_receive_the_same_records_store_them_once(
    sql_bench: Bench, database: Database, address: Address
) -> None:
    if database.dialect == "sqlite":
        pytest.skip("a file has one writer")
    async with AsyncExitStack() as stack:
        other = Writer(connection_to(address))
        await other.open()
        stack.push_async_callback(other.close)
        ledgers = [sql_bench.ledger, Events(database, other, "two")]
        batch = [identified(offset) for offset in range(300)]

        received = await asyncio.gather(*(ledger.receive(batch) for ledger in ledgers))

    assert len(await sql_bench.look()) == 300
    assert sum(len(entries) for entries in received) == 300


async def test_a_value_that_takes_several_statements_is_kept_whole(
    sql_bench: Bench, database: Database
) -> None:
    ledger = sql_bench.ledger
    value = random.Random(1).randbytes(MAX_RECORD_OCTETS - 100)
    assert len(value) > 2 * PIECE_OCTETS

    await ledger.receive([identified(1, value=value), identified(2)])

    sql_bench.clock.pass_by(microseconds=LEASE_US)
    first = await ledger.claim(1)
    assert [entry.record.value for entry in first] == [value]


async def test_a_record_too_large_for_a_row_is_parked_with_its_beginning(
    sql_bench: Bench, database: Database
) -> None:
    ledger = sql_bench.ledger
    value = bytes(MAX_RECORD_OCTETS + 1)
    long_key = Record(EventRef("t", 0, 2, 1), bytes(MAX_KEY_AND_HEADERS_OCTETS + 1), b"{}")

    entries = await ledger.receive(
        [identified(1, value=value), Identified(record=long_key, identity="long key")]
    )

    large, keyed = await rows_of(database, select(events).order_by(events.c.number))
    assert list(entries) == []
    assert (large.state, large.reason, len(large.value)) == ("parked", "decode", KEPT_OCTETS)
    assert large.detail == (
        "the value has 16000001 octets, key and headers 6; "
        "at most 16000000 and 1000000 can be stored"
    )
    assert (keyed.state, keyed.record_key, keyed.value) == ("parked", None, b"{}")


async def test_a_claim_holds_no_more_than_a_bounded_number_of_octets(
    sql_bench: Bench, database: Database
) -> None:
    ledger = sql_bench.ledger
    for offset in range(3):
        await ledger.receive([identified(offset, value=bytes(15_000_000))])
    sql_bench.clock.pass_by(microseconds=LEASE_US)

    assert len(await ledger.claim(10)) == 2
    assert len(await ledger.claim(10)) == 1


async def test_hostile_words_are_kept_as_far_as_they_can_be_written(
    sql_bench: Bench, database: Database
) -> None:
    ledger = sql_bench.ledger
    record = Record(EventRef("t", 0, 1, 1), None, b"\x00\xff", (("\ud800 ?", b""),))
    given = Identified(
        record=record, identity="i", id="a\ud800", source="?'\\", type="\x00" * 9_999
    )

    [entry] = await ledger.receive([given])
    await ledger.record(
        Outcome(
            entry=entry,
            state=EventState.PARKED,
            submitted=(
                (
                    outgoing("b" * 999),
                    Verdict(code=550, enhanced="5" * 99, text="\udfff"),
                ),
            ),
            detail="\ud800" * 9_999,
        )
    )

    [row] = await rows_of(database, select(events))
    assert (row.id, row.source, len(row.type), len(row.detail)) == ("a?", "?'\\", 4_000, 4_000)
    assert entry.record == record


async def test_a_template_version_is_stored_once(sql_bench: Bench, database: Database) -> None:
    version = TemplateVersion(name="welcome", version="v1", sources='{"subject.j2": "Hi"}')

    for _ in range(2):
        ledger = await sql_bench.start("one")
        await ledger.keep_template(version)
        await ledger.keep_template(version)

    rows = await rows_of(database, select(template_versions))
    assert [(row.name, row.version, row.sources) for row in rows] == [
        ("welcome", "v1", '{"subject.j2": "Hi"}')
    ]


async def test_an_event_can_not_be_recorded_as_still_owed(
    sql_bench: Bench, database: Database
) -> None:
    ledger = sql_bench.ledger
    [entry] = await ledger.receive([identified(1)])

    with pytest.raises(ValueError, match="retry"):
        await ledger.record(Outcome(entry=entry, state=EventState.RECEIVED))
