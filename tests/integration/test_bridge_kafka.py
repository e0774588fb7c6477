"""The bridge on a Kafka: the embedded broker, and Apache Kafka as the judge.

With TEST_KAFKA=host:port every test runs against that broker too.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from bridge.broker import EmbeddedBroker
from bridge.consumer import Consumer, produce
from bridge.event import NewRecord
from bridge.options import KafkaOptions
from bridge.pipeline import House
from bridge.ports import EventState, Identified, LedgerEntry, Outgoing, Verdict
from bridge.rendering.catalogue import Catalogue
from bridge.retry import Pace
from bridge.stage import Bridge, State
from sandbox_mta.store.memory_events import MemoryEvents

BROKERS = ["embedded", pytest.param("apache", marks=pytest.mark.kafka)]
PATIENCE_S = 30.0
FAST = Pace(server_first_s=0.01, server_cap_s=0.05, event_first_s=0.01, claim_every_s=0.01)
HOUSE = House(domain="sandbox.test", sender="no-reply@sandbox.test")


@pytest.fixture(params=BROKERS)
async def kafka(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """The address of a broker."""
    if request.param == "apache":
        yield request.getfixturevalue("kafka_bootstrap")
        return
    broker = EmbeddedBroker(None)
    host, port = await broker.start()
    yield f"{host}:{port}"
    await broker.stop()


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("x") / "templates" / "hello"
    folder.mkdir(parents=True)
    (folder / "meta.toml").write_text("")
    (folder / "subject.j2").write_text("Hello {{ n }}")
    (folder / "body.txt.j2").write_text("Hello {{ n }}")
    return Catalogue(folder.parent)


class Inbox:
    """A server that knows submission keys, as the MSA does."""

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}
        self.tries = 0

    async def submit(self, outgoing: Outgoing) -> Verdict:
        self.tries += 1
        self.paths.setdefault(outgoing.submission_key, outgoing.forward_path)
        return Verdict(code=250, enhanced="2.0.0", text="Ok", submission_id="x")


def options(kafka: str, **changes: Any) -> KafkaOptions:
    name = uuid.uuid4().hex[:12]
    given = {"topics": (f"topic-{name}",), "group": f"group-{name}", "instance": f"one-{name}"}
    return KafkaOptions(bootstrap=kafka, **{**given, **changes})


async def make_topic(kafka: str, topic: str, partitions: int = 2) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


def write_event(data: Any, *, type: str, id: str, key: str = "") -> NewRecord:
    headers = {"specversion": "1.0", "id": id, "source": "test", "type": type}
    pairs = tuple((f"ce_{name}", text.encode()) for name, text in headers.items())
    return NewRecord(json.dumps(data).encode(), key.encode() or None, pairs)


def hello(n: int, key: str = "") -> NewRecord:
    data = {"to": f"user{n}@example.org", "n": n}
    return write_event(data, type="hello", id=f"e-{n}", key=key or f"k{n % 5}")


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    ledger: MemoryEvents, inbox: Inbox, catalogue: Catalogue, where: KafkaOptions
) -> AsyncIterator[Bridge]:
    bridge = Bridge(ledger, inbox, catalogue, kafka=where, house=HOUSE, pace=FAST)
    task = asyncio.create_task(bridge.run())
    try:
        yield bridge
    finally:
        await bridge.stop(8)
        await asyncio.wait_for(task, 8)


async def committed(where: KafkaOptions, partitions: int = 2) -> int:
    """Count the records whose offsets are committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=where.bootstrap, group_id=where.group)
    await consumer.start()
    try:
        topic = where.topics[0]
        offsets = [await consumer.committed(TopicPartition(topic, p)) for p in range(partitions)]
        return sum(offset or 0 for offset in offsets)
    finally:
        await consumer.stop()


async def test_every_event_makes_one_message_and_its_offset_is_committed(
    kafka: str, catalogue: Catalogue
) -> None:
    where, ledger, inbox = options(kafka), MemoryEvents(), Inbox()
    await make_topic(kafka, where.topics[0])
    await produce(where, where.topics[0], [hello(n) for n in range(100)])

    async with running(ledger, inbox, catalogue, where) as bridge:
        await until(lambda: len(inbox.paths) == 100)
        assert bridge.state is State.RUNNING
        assert bridge.detail == ""
        await until(lambda: bridge.backlog == 0)

    assert sorted(inbox.paths.values()) == sorted(f"user{n}@example.org" for n in range(100))
    assert {event.state for event in ledger.events} == {EventState.ACCEPTED}
    assert await committed(where) == 100


async def test_a_second_run_reads_nothing_again_and_goes_on(
    kafka: str, catalogue: Catalogue
) -> None:
    where, ledger, inbox = options(kafka), MemoryEvents(), Inbox()
    await make_topic(kafka, where.topics[0])
    await produce(where, where.topics[0], [hello(n) for n in range(20)])
    async with running(ledger, inbox, catalogue, where):
        await until(lambda: len(inbox.paths) == 20)

    await produce(where, where.topics[0], [hello(n) for n in range(20, 30)])
    async with running(ledger, inbox, catalogue, where):
        await until(lambda: len(inbox.paths) == 30)

    assert len(ledger.events) == 30
    assert inbox.tries == 30


async def test_poison_between_good_events_is_one_row_each(kafka: str, catalogue: Catalogue) -> None:
    where, ledger, inbox = options(kafka), MemoryEvents(), Inbox()
    await make_topic(kafka, where.topics[0], partitions=1)
    poison = [
        NewRecord(b"\xff\xfe", b"k"),
        NewRecord(b"{", b"k"),
        NewRecord(b"[" * 5000, b"k"),
        NewRecord(None, b"k"),  # a tombstone
        NewRecord(b"{}", b"k", (("ce_specversion", b"1.0"), ("ce_type", b"hello"))),
        write_event({"to": "a@example.org"}, type="helo", id="p-1", key="k"),
        write_event({"to": "a@example.org"}, type="hello", id="p-2", key="k"),
        write_event({"to": "nobody", "n": 1}, type="hello", id="p-3", key="k"),
        write_event({"to": "a@example.org\r\nBcc: b@c.d", "n": 1}, type="hello", id="p-4"),
        hello(0, "k"),  # once more, at another offset
        NewRecord(b" " * 1_048_000 + b"{}", b"k"),
    ]
    await produce(where, where.topics[0], [hello(0, "k"), *poison, hello(1, "k")])

    async with running(ledger, inbox, catalogue, where) as bridge:
        await until(lambda: len(inbox.paths) == 2 and not bridge.backlog)

    found = [
        (str(event.state), event.outcome.reason if event.outcome else "") for event in ledger.events
    ]
    assert found == [
        ("accepted", ""),
        ("parked", "decode"),
        ("parked", "decode"),
        ("parked", "decode"),
        ("ignored", ""),
        ("parked", "envelope"),
        ("parked", "unrouted"),
        ("parked", "render"),
        ("parked", "recipient"),
        ("parked", "recipient"),
        ("duplicate", ""),
        ("parked", "unrouted"),
        ("accepted", ""),
    ]


async def test_a_pattern_reads_every_topic_that_fits(kafka: str, catalogue: Catalogue) -> None:
    name = uuid.uuid4().hex[:12]
    where = options(kafka, topics=(rf"^{name}\.",))
    for topic in (f"{name}.a", f"{name}.b", f"other-{name}"):
        await make_topic(kafka, topic)
        await produce(
            where, topic, [write_event({"to": f"{topic}@x.org", "n": 1}, type="hello", id=topic)]
        )
    ledger, inbox = MemoryEvents(), Inbox()

    async with running(ledger, inbox, catalogue, where):
        await until(lambda: len(inbox.paths) == 2)

    assert sorted(inbox.paths.values()) == [f"{name}.a@x.org", f"{name}.b@x.org"]


async def test_bridges_of_one_group_share_the_work(kafka: str, catalogue: Catalogue) -> None:
    where = options(kafka, instance=None)
    await make_topic(kafka, where.topics[0], partitions=4)
    ledger, inbox = MemoryEvents(), Inbox()

    async with running(ledger, inbox, catalogue, where):
        await produce(where, where.topics[0], [hello(n) for n in range(50)])
        async with running(ledger, inbox, catalogue, where):
            await produce(where, where.topics[0], [hello(n) for n in range(50, 100)])
            await until(lambda: len(inbox.paths) >= 60)
        await produce(where, where.topics[0], [hello(n) for n in range(100, 150)])
        await until(lambda: len(inbox.paths) == 150)

    assert len(ledger.events) == 150


class Deaf(MemoryEvents):
    """A ledger whose database is away until it is back."""

    __slots__ = ("is_away", "refused")
    is_away: bool
    refused: int

    async def receive(self, records: Sequence[Identified]) -> Sequence[LedgerEntry]:
        if self.is_away:
            self.refused += 1
            raise OSError("database is away")
        return await super().receive(records)


async def test_no_offset_is_committed_before_its_records_are_rows(kafka: str) -> None:
    where, ledger = options(kafka), Deaf()
    ledger.is_away, ledger.refused = True, 0
    await make_topic(kafka, where.topics[0])
    await produce(where, where.topics[0], [hello(n) for n in range(10)])
    consumer = Consumer(where, ledger, admit=lambda _: None, is_full=lambda: False)
    task = asyncio.create_task(consumer.run())

    await until(lambda: ledger.refused >= 2)
    assert await committed(where) == 0

    ledger.is_away = False
    await until(lambda: len(ledger.events) == 10)
    consumer.stop()
    await asyncio.wait_for(task, 8)
    assert await committed(where) == 10


async def test_a_full_house_pauses_reading_and_stays_in_its_group(kafka: str) -> None:
    where, ledger, is_full = options(kafka), MemoryEvents(), True
    await make_topic(kafka, where.topics[0])
    await produce(where, where.topics[0], [hello(n) for n in range(10)])
    consumer = Consumer(where, ledger, admit=lambda _: None, is_full=lambda: is_full)
    task = asyncio.create_task(consumer.run())
    await until(lambda: not consumer.waiting)
    await asyncio.sleep(1)  # what is already on its way may still come
    before = len(ledger.events)
    await produce(where, where.topics[0], [hello(n) for n in range(10, 20)])
    await asyncio.sleep(1)
    assert len(ledger.events) == before

    is_full = False
    await until(lambda: len(ledger.events) == 20)
    consumer.stop()
    await asyncio.wait_for(task, 8)


async def test_records_deleted_before_they_were_read_are_counted(kafka: str) -> None:
    where, ledger = options(kafka, instance=None), MemoryEvents()
    topic = where.topics[0]
    await make_topic(kafka, topic, partitions=1)
    await produce(where, topic, [hello(n) for n in range(10)])
    consumer = Consumer(where, ledger, admit=lambda _: None, is_full=lambda: False)
    task = asyncio.create_task(consumer.run())
    await until(lambda: len(ledger.events) == 10)
    consumer.stop()
    await asyncio.wait_for(task, 8)
    await produce(where, topic, [hello(n) for n in range(10, 30)])
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=25)})
    await admin.close()

    consumer = Consumer(where, ledger, admit=lambda _: None, is_full=lambda: False)
    task = asyncio.create_task(consumer.run())
    await until(lambda: len(ledger.events) == 15 and consumer.counts.lost_to_retention)
    consumer.stop()
    await asyncio.wait_for(task, 8)

    assert consumer.counts.lost_to_retention == 15


async def test_produced_records_stand_where_produce_says(kafka: str) -> None:
    where = options(kafka)
    await make_topic(kafka, where.topics[0], partitions=1)

    refs = await produce(where, where.topics[0], [hello(n) for n in range(3)])

    assert [(ref.topic, ref.partition, ref.offset) for ref in refs] == [
        (where.topics[0], 0, n) for n in range(3)
    ]
    assert all(ref.timestamp_ms > 0 for ref in refs)


async def test_a_kafka_that_comes_late_is_waited_for(
    tmp_path: Path, catalogue: Catalogue, unused_tcp_port: int
) -> None:
    where = options(f"127.0.0.1:{unused_tcp_port}")
    ledger, inbox = MemoryEvents(), Inbox()
    async with running(ledger, inbox, catalogue, where) as bridge:
        await until(lambda: bridge.state is State.WAITING)
        assert bridge.detail == f"waiting for Kafka at 127.0.0.1:{unused_tcp_port}"

        broker = EmbeddedBroker(tmp_path, port=unused_tcp_port)
        await broker.start()
        await produce(where, where.topics[0], [hello(n) for n in range(5)])
        await until(lambda: len(inbox.paths) == 5)
        assert bridge.state is State.RUNNING
    await broker.stop()


async def test_a_kafka_that_goes_and_comes_back_loses_nothing(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    broker = EmbeddedBroker(tmp_path)
    host, port = await broker.start()
    where, ledger, inbox = options(f"{host}:{port}"), MemoryEvents(), Inbox()
    await produce(where, where.topics[0], [hello(n) for n in range(5)])

    async with running(ledger, inbox, catalogue, where) as bridge:
        await until(lambda: len(inbox.paths) == 5)
        await broker.stop()
        await until(lambda: bridge.state is State.WAITING)
        broker = EmbeddedBroker(tmp_path, port=port)
        await broker.start()
        await produce(where, where.topics[0], [hello(n) for n in range(5, 10)])
        await until(lambda: len(inbox.paths) == 10)
        assert bridge.state is State.RUNNING
    await broker.stop()

    assert len(ledger.events) == 10


async def test_stopping_without_a_kafka_takes_no_time(
    catalogue: Catalogue, unused_tcp_port: int
) -> None:
    where = options(f"127.0.0.1:{unused_tcp_port}")
    loop = asyncio.get_running_loop()
    async with running(MemoryEvents(), Inbox(), catalogue, where) as bridge:
        await until(lambda: bridge.state is State.WAITING)
        started = loop.time()

    assert loop.time() - started < 8
