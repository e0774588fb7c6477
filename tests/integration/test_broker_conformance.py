"""What a Kafka broker does, seen by aiokafka: the embedded one, and Apache Kafka as the judge.

With TEST_KAFKA=host:port every test runs against that broker too.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from io import BytesIO
from struct import pack, unpack_from
from typing import Any

import pytest
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    IllegalGenerationError,
    InvalidPartitionsError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
)
from aiokafka.protocol.admin import (
    AlterConfigsRequest_v1,
    CreatePartitionsRequest_v1,
    CreateTopicsRequest_v3,
    DeleteGroupsRequest,
    DeleteTopicsRequest_v1,
    DescribeConfigsRequest_v2,
)
from aiokafka.protocol.commit import OffsetCommitRequest_v3, OffsetFetchRequest_v3
from aiokafka.protocol.fetch import FetchRequest_v5, FetchRequest_v11
from aiokafka.protocol.group import HeartbeatRequest_v1, JoinGroupRequest_v5
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.offset import OffsetRequest_v2
from aiokafka.protocol.produce import ProduceRequest_v7
from aiokafka.protocol.transaction import (
    AddPartitionsToTxnRequestStruct,
    EndTxnRequestStruct,
    InitProducerIdRequestStruct,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from bridge.broker import EmbeddedBroker

BROKERS = ["embedded", pytest.param("apache", marks=pytest.mark.kafka)]
SESSION_MS = 6_000  # the shortest Apache Kafka takes
PATIENCE_S = 20.0


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


@pytest.fixture
def name() -> Callable[[str], str]:
    """Make names no other test has used."""
    run = uuid.uuid4().hex[:8]
    return lambda what: f"{what}-{run}"


@pytest.fixture
async def admin(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def topic(admin: AIOKafkaAdminClient, name: Callable[[str], str]) -> str:
    """A topic of one partition."""
    made = name("topic")
    await create(admin, made)
    return made


async def create(
    admin: AIOKafkaAdminClient, topic: str, partitions: int = 1, **configs: str
) -> None:
    settings = {key.replace("_", "."): value for key, value in configs.items()}
    answer = await admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=settings)])
    assert answer.topic_errors[0][1] == 0, answer


@asynccontextmanager
async def producing(kafka: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def consuming(kafka: str, *topics: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    options = {"auto_offset_reset": "earliest", "enable_auto_commit": False} | options
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=kafka, **options)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def produce(kafka: str, topic: str, values: Iterable[bytes | None], **options: Any) -> None:
    async with producing(kafka, **options) as producer:
        sent = [await producer.send(topic, value, partition=0) for value in values]
        await asyncio.gather(*sent)


async def take(consumer: AIOKafkaConsumer, wanted: int) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(records) < wanted:
            for found in (await consumer.getmany(timeout_ms=200)).values():
                records += found
    return records


async def read(kafka: str, topic: str, wanted: int, **options: Any) -> list[bytes | None]:
    async with consuming(kafka, topic, **options) as consumer:
        return [record.value for record in await take(consumer, wanted)]


async def until(happens: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happens():
            await asyncio.sleep(0.02)


async def ask(kafka: str, request: Any) -> Any:
    """Send one request as it is, and read its response."""
    host, _, port = kafka.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    body = pack(">hhih", request.API_KEY, request.API_VERSION, 1, 2) + b"me" + request.encode()
    try:
        writer.write(pack(">i", len(body)) + body)
        async with asyncio.timeout(PATIENCE_S):
            (size,) = unpack_from(">i", await reader.readexactly(4))
            answer = await reader.readexactly(size)
    finally:
        writer.close()
        await writer.wait_closed()
    return request.RESPONSE_TYPE.decode(BytesIO(answer[4:]))


# Topics


async def test_a_topic_is_created_listed_described_and_deleted(
    admin: AIOKafkaAdminClient, name: Callable[[str], str]
) -> None:
    topic = name("topic")
    await create(admin, topic, partitions=3)

    assert topic in await admin.list_topics()
    [described] = await admin.describe_topics([topic])
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2]

    await admin.delete_topics([topic])
    assert topic not in await admin.list_topics()


@pytest.mark.parametrize(
    ("topic", "partitions", "factor", "settings", "code"),
    [
        ("no/slash", 1, 1, {}, 17),
        ("..", 1, 1, {}, 17),
        ("x" * 250, 1, 1, {}, 17),
        ("none", 0, 1, {}, 37),
        ("negative", -2, 1, {}, 37),
        ("replicated", 1, 3, {}, 38),
        ("odd", 1, 1, {"no.such.setting": "1"}, 40),
        ("odd", 1, 1, {"retention.ms": "soon"}, 40),
    ],
)
async def test_a_topic_that_cannot_be_is_refused(
    admin: AIOKafkaAdminClient,
    topic: str,
    partitions: int,
    factor: int,
    settings: dict[str, str],
    code: int,
) -> None:
    wanted = NewTopic(topic, partitions, factor, topic_configs=settings)

    answer = await admin.create_topics([wanted])

    assert answer.topic_errors[0][1] == code


async def test_a_topic_exists_only_once(admin: AIOKafkaAdminClient, topic: str) -> None:
    answer = await admin.create_topics([NewTopic(topic, 1, 1)])

    assert answer.topic_errors[0][1] == 36


async def test_partitions_can_be_added_and_never_taken(
    admin: AIOKafkaAdminClient, topic: str
) -> None:
    grown = await admin.create_partitions({topic: NewPartitions(3)})
    with pytest.raises(InvalidPartitionsError):
        await admin.create_partitions({topic: NewPartitions(2)})

    assert grown.topic_errors[0][1] == 0
    [described] = await admin.describe_topics([topic])
    assert len(described["partitions"]) == 3


async def test_a_topic_comes_into_being_when_somebody_produces_to_it(
    kafka: str, name: Callable[[str], str]
) -> None:
    async with producing(kafka) as producer:
        sent = await producer.send_and_wait(name("new"), b"v")

    assert sent.offset == 0


async def test_settings_are_kept_and_answered(
    admin: AIOKafkaAdminClient, name: Callable[[str], str]
) -> None:
    topic = name("topic")
    await create(admin, topic, retention_bytes="5000000")
    resource = ConfigResource(ConfigResourceType.TOPIC, topic)

    async def settings() -> dict[str, str]:
        [answer] = await admin.describe_configs([resource])
        return {entry[0]: entry[1] for entry in answer.resources[0][4]}

    before = await settings()
    changed = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "100000"})
    [answer] = await admin.alter_configs([changed])

    assert answer.resources[0][0] == 0
    assert before["retention.bytes"] == "5000000"
    async with asyncio.timeout(PATIENCE_S):
        while (after := await settings()) == before:  # Apache Kafka applies it a little later
            await asyncio.sleep(0.02)
    assert (after["retention.ms"], after["cleanup.policy"]) == ("100000", "delete")
    assert after["retention.bytes"] == "-1"  # what isn't named again is unset


async def test_a_setting_that_cannot_be_is_refused(admin: AIOKafkaAdminClient, topic: str) -> None:
    wanted = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "soon"})

    [answer] = await admin.alter_configs([wanted])

    assert answer.resources[0][0] == 40


# Records


async def test_records_come_back_as_they_were_sent(kafka: str, topic: str) -> None:
    headers = [("ce_id", b"1"), ("ce_id", b"again"), ("binary", b"\x00\xff"), ("empty", b"")]
    async with producing(kafka) as producer:
        await producer.send_and_wait(topic, b"v", key=b"k", headers=headers, timestamp_ms=1_234)
        await producer.send_and_wait(topic, None, key=b"tombstone")
        await producer.send_and_wait(topic, b"", key=b"")
        await producer.send_and_wait(topic, b"no key")

    async with consuming(kafka, topic) as consumer:
        first, *others = await take(consumer, 4)

    assert (first.key, first.value, first.timestamp) == (b"k", b"v", 1_234)
    assert list(first.headers) == headers
    assert [(r.key, r.value) for r in others] == [
        (b"tombstone", None),
        (b"", b""),
        (None, b"no key"),
    ]


async def test_many_records_keep_their_order_in_each_partition(
    kafka: str, admin: AIOKafkaAdminClient, name: Callable[[str], str]
) -> None:
    topic = name("topic")
    await create(admin, topic, partitions=4)
    async with producing(kafka) as producer:
        for number in range(2_000):
            await producer.send(topic, b"%d" % number, key=b"%d" % (number % 97))

    async with consuming(kafka, topic) as consumer:
        records = await take(consumer, 2_000)

    assert len({record.value for record in records}) == 2_000
    for partition in range(4):
        here = [r for r in records if r.partition == partition]
        assert [r.offset for r in here] == list(range(len(here)))
        for key in {r.key for r in here}:
            numbers = [int(r.value) for r in here if r.key == key]
            assert numbers == sorted(numbers)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_served(kafka: str, topic: str, codec: str) -> None:
    values = [b"value %d" % number * 20 for number in range(200)]

    await produce(kafka, topic, values, compression_type=codec)

    assert await read(kafka, topic, 200) == values


async def test_records_that_want_no_answer_arrive(kafka: str, topic: str) -> None:
    await produce(kafka, topic, [b"%d" % number for number in range(100)], acks=0)

    assert len(await read(kafka, topic, 100)) == 100


async def test_a_fetch_waits_for_as_much_as_it_asked_for(kafka: str, topic: str) -> None:
    await produce(kafka, topic, [b"one"])
    waiting = [(topic, [(0, 1, -1, 100_000)])]
    fetching = asyncio.create_task(
        ask(kafka, FetchRequest_v5(-1, 15_000, 500, 100_000, 0, waiting))
    )

    for value in (b"x" * 100, b"y" * 500):
        assert not fetching.done()
        await produce(kafka, topic, [value])

    answer = await asyncio.wait_for(fetching, 10)
    assert len(answer.topics[0][1][0][6]) > 600


async def test_a_record_beyond_the_limit_is_refused_and_the_next_is_not(
    kafka: str, topic: str
) -> None:
    async with producing(kafka, max_request_size=10_000_000) as producer:
        await producer.send_and_wait(topic, b"x" * 900_000)
        for size in (1_100_000, 5_000_000):
            with pytest.raises(MessageSizeTooLargeError):
                await producer.send_and_wait(topic, b"x" * size)
        await producer.send_and_wait(topic, b"after")

    values = await read(kafka, topic, 2)
    assert [len(value or b"") for value in values] == [900_000, 5]


async def test_a_topic_can_have_a_limit_of_its_own(
    kafka: str, admin: AIOKafkaAdminClient, name: Callable[[str], str]
) -> None:
    topic = name("topic")
    await create(admin, topic, max_message_bytes="1000")

    async with producing(kafka) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, b"x" * 1_000)


async def test_a_fetch_returns_a_batch_larger_than_it_asked_for(kafka: str, topic: str) -> None:
    await produce(kafka, topic, [b"x" * 50_000])

    values = await read(kafka, topic, 1, max_partition_fetch_bytes=1_000)

    assert values == [b"x" * 50_000]


async def test_a_consumer_that_waits_hears_at_once(kafka: str, topic: str) -> None:
    async with consuming(kafka, topic, fetch_max_wait_ms=10_000) as consumer:
        waiting = asyncio.create_task(consumer.getone())
        await until(lambda: consumer.assignment())
        started = time.monotonic()

        await produce(kafka, topic, [b"now"])

        record = await asyncio.wait_for(waiting, 8)
    assert record.value == b"now"
    assert time.monotonic() - started < 5


async def test_offsets_are_found_by_place_and_by_time(kafka: str, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    async with producing(kafka) as producer:
        for timestamp in (1_000, 2_000, 2_000, 3_000):
            await producer.send_and_wait(topic, b"v", partition=0, timestamp_ms=timestamp)
    async with consuming(kafka) as consumer:
        assert await consumer.beginning_offsets([partition]) == {partition: 0}
        assert await consumer.end_offsets([partition]) == {partition: 4}
        found = [
            (await consumer.offsets_for_times({partition: at}))[partition]
            for at in (0, 1_500, 2_000, 3_001)
        ]

    assert [at and (at.offset, at.timestamp) for at in found] == [
        (0, 1_000),
        (1, 2_000),
        (1, 2_000),
        None,
    ]


async def test_a_time_is_found_inside_a_compressed_batch(kafka: str, topic: str) -> None:
    partition = TopicPartition(topic, 0)
    async with producing(kafka, compression_type="gzip", linger_ms=50) as producer:
        sent = [
            await producer.send(topic, b"v", partition=0, timestamp_ms=timestamp)
            for timestamp in (1_000, 2_000, 3_000)
        ]
        await asyncio.gather(*sent)

    async with consuming(kafka) as consumer:
        found = (await consumer.offsets_for_times({partition: 1_500}))[partition]

    assert (found.offset, found.timestamp) == (1, 2_000)


async def test_a_consumer_seeks(kafka: str, topic: str) -> None:
    await produce(kafka, topic, [b"%d" % number for number in range(100)])
    partition = TopicPartition(topic, 0)
    async with consuming(kafka, auto_offset_reset="latest") as consumer:
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        assert (await consumer.getone()).offset == 0
        consumer.seek(partition, 55)
        assert (await consumer.getone()).offset == 55
        await consumer.seek_to_end(partition)
        assert await consumer.position(partition) == 100


async def test_deleted_records_are_not_read_again(
    kafka: str, admin: AIOKafkaAdminClient, topic: str
) -> None:
    partition = TopicPartition(topic, 0)
    await produce(kafka, topic, [b"%d" % number for number in range(10)])

    low = await admin.delete_records({partition: RecordsToDelete(before_offset=7)})

    assert low == {partition: 7}
    assert await read(kafka, topic, 3) == [b"7", b"8", b"9"]
    async with consuming(kafka) as consumer:
        assert await consumer.beginning_offsets([partition]) == {partition: 7}


async def test_records_cannot_be_deleted_beyond_the_end(
    admin: AIOKafkaAdminClient, topic: str
) -> None:
    with pytest.raises(KafkaError, match="OffsetOutOfRange"):
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=1)})


async def test_a_pattern_finds_topics_that_come_later(
    kafka: str, admin: AIOKafkaAdminClient, name: Callable[[str], str]
) -> None:
    early, late = name("pattern-a"), name("pattern-b")
    await create(admin, early)
    await produce(kafka, early, [b"early"])
    async with consuming(kafka, group_id=name("group"), metadata_max_age_ms=500) as consumer:
        consumer.subscribe(pattern=f"^pattern-.*{early[-8:]}$")
        assert [r.value for r in await take(consumer, 1)] == [b"early"]

        await create(admin, late)
        await produce(kafka, late, [b"late"])

        await take(consumer, 1)
        await until(lambda: TopicPartition(late, 0) in consumer.assignment())


# Idempotence


def sealed(value: bytes, producer_id: int, sequence: int, transactional: bool = False) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=transactional,
        producer_id=producer_id,
        producer_epoch=0,
        base_sequence=sequence,
        batch_size=10_000,
    )
    builder.append(0, 1_000, None, value, [])
    return bytes(builder.build())


async def send_batch(kafka: str, topic: str, batch: bytes, acks: int = -1) -> tuple[int, int]:
    answer = await ask(kafka, ProduceRequest_v7(None, acks, 5_000, [(topic, [(0, batch)])]))
    [(_, [(_, code, offset, *_)])] = answer.topics
    return code, offset


async def new_producer_id(kafka: str) -> int:
    return int((await ask(kafka, InitProducerIdRequestStruct(None, 1_000))).producer_id)


async def test_a_batch_sent_twice_is_kept_once(kafka: str, topic: str) -> None:
    producer_id = await new_producer_id(kafka)
    one, two = sealed(b"one", producer_id, 0), sealed(b"two", producer_id, 1)

    answers = [await send_batch(kafka, topic, batch) for batch in (one, two, one, two)]

    assert answers == [(0, 0), (0, 1), (0, 0), (0, 1)]
    await send_batch(kafka, topic, sealed(b"three", producer_id, 2))
    assert await read(kafka, topic, 3) == [b"one", b"two", b"three"]


async def test_a_gap_in_the_sequence_is_refused(kafka: str, topic: str) -> None:
    producer_id = await new_producer_id(kafka)
    await send_batch(kafka, topic, sealed(b"one", producer_id, 0))

    code, _ = await send_batch(kafka, topic, sealed(b"gap", producer_id, 7))

    assert code == 45


async def test_an_idempotent_producer_just_works(kafka: str, topic: str) -> None:
    values = [b"%d" % number for number in range(500)]

    await produce(kafka, topic, values, enable_idempotence=True)

    assert await read(kafka, topic, 500) == values


async def test_a_damaged_batch_is_refused(kafka: str, topic: str) -> None:
    batch = bytearray(sealed(b"one", -1, -1))
    batch[-3] ^= 1

    code, _ = await send_batch(kafka, topic, bytes(batch))

    assert code == 2


async def test_a_partition_that_does_not_exist_is_unknown(
    kafka: str, name: Callable[[str], str]
) -> None:
    code, _ = await send_batch(kafka, name("nowhere"), sealed(b"one", -1, -1))

    assert code == 3


async def test_acks_other_than_none_one_and_all_are_refused(kafka: str, topic: str) -> None:
    code, _ = await send_batch(kafka, topic, sealed(b"one", -1, -1), acks=2)

    assert code == 21


# Transactions


async def test_only_committed_records_are_read_committed(
    kafka: str, topic: str, name: Callable[[str], str]
) -> None:
    async with producing(kafka, transactional_id=name("tx")) as producer:
        for value, committed in ((b"c1", True), (b"a1", False), (b"c2", True)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value, partition=0)
            await (producer.commit_transaction if committed else producer.abort_transaction)()

    assert await read(kafka, topic, 2, isolation_level="read_committed") == [b"c1", b"c2"]
    assert await read(kafka, topic, 3) == [b"c1", b"a1", b"c2"]


async def test_an_open_transaction_holds_back_what_follows(
    kafka: str, topic: str, name: Callable[[str], str]
) -> None:
    partition = TopicPartition(topic, 0)
    async with producing(kafka, transactional_id=name("tx")) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"open", partition=0)
        await produce(kafka, topic, [b"after"])
        async with consuming(kafka, topic, isolation_level="read_committed") as consumer:
            assert await consumer.getmany(timeout_ms=300) == {}
            assert await consumer.end_offsets([partition]) == {partition: 0}

            await producer.commit_transaction()

            assert [r.value for r in await take(consumer, 2)] == [b"open", b"after"]


async def test_offsets_of_a_transaction_count_when_it_is_committed(
    kafka: str, admin: AIOKafkaAdminClient, topic: str, name: Callable[[str], str]
) -> None:
    partition, group = TopicPartition(topic, 0), name("group")
    async with producing(kafka, transactional_id=name("tx")) as producer:
        for offset, committed in ((5, True), (9, False)):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"v", partition=0)
            await producer.send_offsets_to_transaction({partition: offset}, group)
            await (producer.commit_transaction if committed else producer.abort_transaction)()

    offsets = await admin.list_consumer_group_offsets(group)
    assert offsets[partition].offset == 5


async def test_a_second_producer_of_an_id_fences_the_first(
    kafka: str, topic: str, name: Callable[[str], str]
) -> None:
    first = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=name("tx"))
    await first.start()
    await first.begin_transaction()
    await first.send_and_wait(topic, b"left open", partition=0)
    async with producing(kafka, transactional_id=name("tx")) as second:
        with pytest.raises(ProducerFenced):
            await first.send_and_wait(topic, b"zombie", partition=0)
        with suppress(ProducerFenced):  # aiokafka says it once more
            await first.stop()

        async with second.transaction():
            await second.send_and_wait(topic, b"alive", partition=0)

    assert await read(kafka, topic, 1, isolation_level="read_committed") == [b"alive"]


# Groups


class Listener(ConsumerRebalanceListener):
    """Commits what it gives up, as careful consumers do."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self.failures: list[KafkaError] = []

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        try:
            if positions := {p: await self.consumer.position(p) for p in revoked}:
                await self.consumer.commit(positions)
        except KafkaError as error:
            self.failures.append(error)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        pass


Joins = Callable[..., Awaitable[AIOKafkaConsumer]]


@pytest.fixture
async def join(kafka: str, name: Callable[[str], str]) -> AsyncIterator[Joins]:
    """Start a member of the test's group."""
    async with AsyncExitStack() as stack:

        async def start(topic: str, **options: Any) -> AIOKafkaConsumer:
            options = {
                "group_id": name("group"),
                "session_timeout_ms": SESSION_MS,
                "heartbeat_interval_ms": 200,
            } | options
            return await stack.enter_async_context(consuming(kafka, topic, **options))

        yield start


@pytest.fixture
async def four(admin: AIOKafkaAdminClient, name: Callable[[str], str]) -> str:
    """A topic of four partitions."""
    made = name("four")
    await create(admin, made, partitions=4)
    return made


def shares(*members: AIOKafkaConsumer) -> list[int]:
    return [len(member.assignment()) for member in members]


async def test_members_share_the_partitions_and_take_over_from_who_leaves(
    join: Joins, four: str
) -> None:
    first = await join(four)
    await until(lambda: shares(first) == [4])

    second = await join(four)
    await until(lambda: shares(first, second) == [2, 2])
    assert not first.assignment() & second.assignment()

    await second.stop()
    await until(lambda: shares(first) == [4])


@pytest.mark.parametrize("assignor", [RangePartitionAssignor, StickyPartitionAssignor])
async def test_any_assignor_of_the_clients_is_carried(
    join: Joins, four: str, assignor: type
) -> None:
    options = {"partition_assignment_strategy": [assignor]}

    first, second = await join(four, **options), await join(four, **options)

    await until(lambda: shares(first, second) == [2, 2])


async def test_a_consumer_resumes_where_its_group_committed(
    kafka: str, topic: str, join: Joins
) -> None:
    await produce(kafka, topic, [b"%d" % number for number in range(100)])
    partition = TopicPartition(topic, 0)
    first = await join(topic)
    await take(first, 1)
    await first.commit({partition: (30, "a note")})
    await first.stop()

    second = await join(topic)

    assert (await take(second, 1))[0].offset == 30
    assert await second.committed(partition) == 30


async def test_lag_can_be_told_from_outside(
    kafka: str, admin: AIOKafkaAdminClient, topic: str, join: Joins, name: Callable[[str], str]
) -> None:
    await produce(kafka, topic, [b"v"] * 10)
    partition = TopicPartition(topic, 0)
    member = await join(topic)
    await take(member, 1)
    await member.commit({partition: 4})

    offsets = await admin.list_consumer_group_offsets(name("group"))

    assert offsets[partition].offset == 4
    assert await member.end_offsets([partition]) == {partition: 10}


async def test_a_commit_while_partitions_are_given_up_is_taken(
    kafka: str, four: str, join: Joins, name: Callable[[str], str]
) -> None:
    options = {"session_timeout_ms": SESSION_MS, "heartbeat_interval_ms": 200}
    async with consuming(kafka, group_id=name("group"), **options) as first:
        listener = Listener(first)
        first.subscribe([four], listener=listener)
        await until(lambda: shares(first) == [4])
        waiting = asyncio.create_task(first.getone())

        second = await join(four)
        await until(lambda: shares(first, second) == [2, 2])

        assert listener.failures == []
        assert await first.committed(TopicPartition(four, 0)) == 0
        waiting.cancel()


async def test_a_commit_of_an_old_generation_is_refused(
    kafka: str, four: str, join: Joins, name: Callable[[str], str]
) -> None:
    first = await join(four)
    await until(lambda: shares(first) == [4])
    member_id, generation = first._coordinator.member_id, first._coordinator.generation
    second = await join(four)
    await until(lambda: shares(first, second) == [2, 2])

    stale = [(four, [(0, 5, "")])]
    answer = await ask(
        kafka, OffsetCommitRequest_v3(name("group"), generation, member_id, -1, stale)
    )

    assert answer.topics[0][1][0][1] == IllegalGenerationError.errno


@pytest.mark.slow
async def test_partitions_of_a_member_that_died_move_after_its_session(
    kafka: str, four: str, join: Joins, name: Callable[[str], str]
) -> None:
    survivor = await join(four)
    await until(lambda: shares(survivor) == [4])
    program = f"""
import asyncio, os
from aiokafka import AIOKafkaConsumer

async def main():
    consumer = AIOKafkaConsumer(
        {four!r}, bootstrap_servers={kafka!r}, group_id={name("group")!r},
        session_timeout_ms={SESSION_MS}, heartbeat_interval_ms=200)
    await consumer.start()
    while len(consumer.assignment()) != 2:
        await asyncio.sleep(0.05)
    os._exit(9)

asyncio.run(main())
"""
    dying = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await asyncio.wait_for(dying.wait(), PATIENCE_S) == 9
    assert shares(survivor) == [2]

    await until(lambda: shares(survivor) == [4])


async def join_by_hand(kafka: str, group: str, member: str = "") -> Any:
    subscription = pack(">hih", 0, 1, 5) + b"topic" + pack(">i", -1)
    request = JoinGroupRequest_v5(
        group, SESSION_MS, SESSION_MS, member, None, "consumer", [("range", subscription)]
    )
    return await ask(kafka, request)


async def test_a_dynamic_member_is_given_its_id_before_it_joins(
    kafka: str, name: Callable[[str], str]
) -> None:
    first = await join_by_hand(kafka, name("group"))
    again = await join_by_hand(kafka, name("group"), first.member_id)

    assert first.error_code == 79
    assert (again.error_code, again.leader_id) == (0, first.member_id)


async def test_a_restarted_static_member_takes_its_own_place(
    kafka: str, four: str, join: Joins
) -> None:
    first = await join(four, group_instance_id="one")
    await until(lambda: shares(first) == [4])
    generation = first._coordinator.generation
    await first.stop()  # a static member does not leave

    second = await join(four, group_instance_id="one")

    await until(lambda: shares(second) == [4])
    assert second._coordinator.generation == generation


async def test_a_stranger_hears_that_it_is_no_member(
    kafka: str, name: Callable[[str], str]
) -> None:
    joined = await join_by_hand(kafka, name("group"), "stranger")
    beat = await ask(kafka, HeartbeatRequest_v1(name("group"), 1, "stranger"))

    assert (joined.error_code, beat.error_code) == (25, 25)


async def test_groups_are_listed_described_and_deleted(
    admin: AIOKafkaAdminClient, topic: str, join: Joins, name: Callable[[str], str]
) -> None:
    group = name("group")
    member = await join(topic)
    await until(lambda: shares(member) == [1])
    await member.commit({TopicPartition(topic, 0): 0})

    assert group in [listed[0] for listed in await admin.list_consumer_groups()]
    assert await described(admin, group) == (0, group, "Stable", "consumer", 1)
    assert await deleted(admin, group) == 68  # not empty

    await member.stop()
    assert await described(admin, group) == (0, group, "Empty", "consumer", 0)
    assert await deleted(admin, group) == 0
    assert group not in [listed[0] for listed in await admin.list_consumer_groups()]
    assert await deleted(admin, group) == 69  # not found


async def described(admin: AIOKafkaAdminClient, group: str) -> tuple[Any, ...]:
    [answer] = await admin.describe_consumer_groups([group])
    code, name_, state, kind, _, members, *_ = answer.groups[0]
    return code, name_, state, kind, len(members)


async def deleted(admin: AIOKafkaAdminClient, group: str) -> int:
    answer = await admin._send_request(DeleteGroupsRequest([group]))
    return int(answer.results[0][1])


async def test_every_client_gets_producer_ids_of_its_own(kafka: str) -> None:
    ids = [await new_producer_id(kafka) for _ in range(5)]

    assert len(set(ids)) == 5
    assert min(ids) >= 0


# What is refused, request by request


async def test_an_offset_out_of_range_is_said_to_be_so(kafka: str, topic: str) -> None:
    await produce(kafka, topic, [b"one"])
    wanted = [(topic, [(0, 5, -1, 1_000), (7, 0, -1, 1_000)])]

    answer = await ask(kafka, FetchRequest_v5(-1, 0, 1, 1_000, 0, wanted))

    assert sorted(answered[:2] for answered in answer.topics[0][1]) == [(0, 1), (7, 3)]


async def test_a_fetch_session_that_was_never_offered_is_unknown(kafka: str, topic: str) -> None:
    wanted = [(topic, [(0, -1, 0, -1, 1_000)])]

    answer = await ask(kafka, FetchRequest_v11(-1, 0, 1, 1_000, 0, 4_711, 3, wanted, [], ""))

    assert answer.error_code == 70


async def test_offsets_of_an_unknown_partition_are_unknown(kafka: str, topic: str) -> None:
    answer = await ask(kafka, OffsetRequest_v2(-1, 0, [(topic, [(7, -1)])]))

    assert answer.topics[0][1][0][1] == 3


@pytest.mark.parametrize(("name_", "code"), [("no/slash", 17), ("unheard-of", 3)])
async def test_a_topic_that_is_not_there_is_not_described(
    kafka: str, name_: str, code: int
) -> None:
    answer = await ask(kafka, MetadataRequest_v5([name_], False))

    assert [(entry[0], entry[1]) for entry in answer.topics] == [(code, name_)]


async def test_an_unknown_topic_cannot_be_deleted_grown_or_set(
    kafka: str, name: Callable[[str], str]
) -> None:
    topic = name("nowhere")

    gone = await ask(kafka, DeleteTopicsRequest_v1([topic], 5_000))
    grown = await ask(kafka, CreatePartitionsRequest_v1([(topic, (3, None))], 5_000, False))
    shown = await ask(kafka, DescribeConfigsRequest_v2([(2, topic, None)], False))
    changed = await ask(kafka, AlterConfigsRequest_v1([(2, topic, [])], False))

    assert gone.topic_error_codes[0][1] == 3
    assert grown.topic_errors[0][1] == 3
    assert shown.resources[0][0] == 3
    assert changed.resources[0][0] == 3


async def test_validation_alone_creates_nothing(
    kafka: str, admin: AIOKafkaAdminClient, name: Callable[[str], str]
) -> None:
    wanted = [(name("maybe"), 1, 1, [], [])]

    answer = await ask(kafka, CreateTopicsRequest_v3(wanted, 5_000, True))

    assert answer.topic_errors[0][1] == 0
    assert name("maybe") not in await admin.list_topics()


async def test_a_commit_to_a_group_nobody_is_in_needs_no_member(
    kafka: str, topic: str, name: Callable[[str], str]
) -> None:
    offsets = [(topic, [(0, 5, "a note"), (7, 5, ""), (0, 6, "x" * 5_000)])]
    group = name("group")

    alone = await ask(kafka, OffsetCommitRequest_v3(group, -1, "", -1, offsets))
    stale = await ask(kafka, OffsetCommitRequest_v3(name("other"), 3, "x", -1, offsets))
    fetched = await ask(kafka, OffsetFetchRequest_v3(group, [(topic, [0, 1])]))

    assert sorted(alone.topics[0][1]) == [(0, 0), (0, 12), (7, 3)]
    assert (0, 22) in stale.topics[0][1]
    assert [answered[:3] for answered in fetched.topics[0][1]] == [(0, 5, "a note"), (1, -1, "")]


async def test_a_session_must_be_of_a_sensible_length(
    kafka: str, name: Callable[[str], str]
) -> None:
    protocols = [("range", pack(">hii", 0, 0, -1))]
    request = JoinGroupRequest_v5(name("g"), 10, 10, "", None, "consumer", protocols)
    nameless = JoinGroupRequest_v5("", SESSION_MS, 10, "", None, "consumer", protocols)

    assert (await ask(kafka, request)).error_code == 26
    assert (await ask(kafka, nameless)).error_code == 24


async def test_transactions_of_strangers_are_refused(
    kafka: str, topic: str, name: Callable[[str], str]
) -> None:
    tid, batch = name("tx"), [(topic, [0])]
    known = await ask(kafka, InitProducerIdRequestStruct(tid, 60_000))
    producer, epoch = known.producer_id, known.producer_epoch

    too_long = await ask(kafka, InitProducerIdRequestStruct(tid, 10**9))
    other = await ask(kafka, AddPartitionsToTxnRequestStruct(tid, producer + 99, epoch, batch))
    unknown = await ask(
        kafka, AddPartitionsToTxnRequestStruct(tid, producer, epoch, [(topic, [0, 7])])
    )
    nothing = await ask(kafka, EndTxnRequestStruct(tid, producer, epoch, True))

    assert too_long.error_code == 50
    assert other.errors[0][1][0][1] == 49
    assert sorted(unknown.errors[0][1]) == [(0, 55), (7, 3)]
    assert nothing.error_code == 48


async def test_a_batch_outside_its_transaction_is_refused(
    kafka: str, topic: str, name: Callable[[str], str]
) -> None:
    await produce(kafka, topic, [b"one"])
    known = await ask(kafka, InitProducerIdRequestStruct(name("tx"), 60_000))
    batch = sealed(b"stray", known.producer_id, 0, transactional=True)

    request = ProduceRequest_v7(name("tx"), -1, 5_000, [(topic, [(0, batch)])])
    answer = await ask(kafka, request)

    assert answer.topics[0][1][0][1] == 48
