"""The embedded broker as a process and as a guest: starting, stopping, dying, and bad company."""

import asyncio
import logging
import signal
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.metadata import MetadataRequest_v5

from bridge.broker import BANNER, EmbeddedBroker, Limits, Settings, StorageError
from bridge.broker import server as listener

PATIENCE_S = 20.0


class Process:
    """`python -m bridge.broker` with a log in a folder."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process = process
        self.address = address

    @classmethod
    async def start(cls, data: Path, port: int = 0) -> "Process":
        arguments = ("-m", "bridge.broker", "--port", str(port), "--data", str(data))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            line = await process.stdout.readline()
        return cls(process, line.decode().strip())

    async def end(self, number: signal.Signals) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


Starts = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Starts]:
    """Start the broker's process over the test's folder."""
    async with AsyncExitStack() as stack:

        async def started(port: int = 0) -> Process:
            process = await Process.start(tmp_path, port)
            stack.push_async_callback(process.end, signal.SIGKILL)
            return process

        yield started


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    made = EmbeddedBroker(None, settings=Settings(default_topics={"orders": 2}))
    yield made
    await made.stop()


async def produce(address: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all")
    await producer.start()
    try:
        sent = [await producer.send(topic, value, partition=0) for value in values]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read(address: str, topic: str, wanted: int) -> list[bytes | None]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    values: list[bytes | None] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(values) < wanted:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    values += [record.value for record in records]
        return values
    finally:
        await consumer.stop()


async def test_what_was_acknowledged_survives_kill_9(start: Starts) -> None:
    orders = TopicPartition("orders", 0)
    values = [b"%d" % number for number in range(1_000)]
    process = await start()
    await produce(process.address, "orders", values)
    consumer = AIOKafkaConsumer(bootstrap_servers=process.address, group_id="g")
    await consumer.start()
    consumer.assign([orders])
    await consumer.commit({orders: (300, "a note")})
    await process.end(signal.SIGKILL)
    await consumer.stop()

    process = await start()

    assert await read(process.address, "orders", 1_000) == values
    consumer = AIOKafkaConsumer(bootstrap_servers=process.address, group_id="g")
    await consumer.start()
    assert await consumer.committed(orders) == 300
    await consumer.stop()


async def test_a_transaction_survives_kill_9_and_can_still_be_ended(start: Starts) -> None:
    process = await start()
    port = int(process.address.rpartition(":")[2])
    producer = AIOKafkaProducer(
        bootstrap_servers=process.address, transactional_id="tx", request_timeout_ms=5_000
    )
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait("orders", b"before", partition=0)
    await process.end(signal.SIGKILL)

    process = await start(port)
    await producer.send_and_wait("orders", b"after", partition=0)
    await producer.commit_transaction()
    await producer.stop()

    consumer = AIOKafkaConsumer(
        "orders",
        bootstrap_servers=process.address,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    await consumer.start()
    values = [(await asyncio.wait_for(consumer.getone(), PATIENCE_S)).value for _ in range(2)]
    await consumer.stop()
    assert values == [b"before", b"after"]


async def test_a_producer_outlives_a_broker_that_is_killed_and_restarted(start: Starts) -> None:
    process = await start()
    port = int(process.address.rpartition(":")[2])
    producer = AIOKafkaProducer(bootstrap_servers=process.address, enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait("orders", b"0", partition=0)
    await process.end(signal.SIGKILL)
    sent = [await producer.send("orders", b"%d" % n, partition=0) for n in range(1, 50)]

    process = await start(port)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*sent)
    await producer.stop()

    assert await read(process.address, "orders", 50) == [b"%d" % n for n in range(50)]


async def test_a_process_that_is_told_to_end_ends_well(start: Starts) -> None:
    process = await start()

    assert await process.end(signal.SIGTERM) == 0


async def test_a_second_broker_over_one_folder_says_that_it_cannot_run(
    start: Starts, tmp_path: Path
) -> None:
    await start()

    second = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bridge.broker", "--port", "0", "--data", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await second.communicate()

    assert second.returncode == 2
    assert b"locked" in errors
    assert b"Traceback" not in errors


async def test_a_taken_port_is_an_error_of_the_start(broker: EmbeddedBroker) -> None:
    host, port = await broker.start()
    second = EmbeddedBroker(None, host, port)

    with pytest.raises(OSError, match="address already in use"):
        await second.start()

    await second.stop()


async def test_a_folder_that_cannot_be_made_is_an_error_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    broker = EmbeddedBroker(tmp_path / "file" / "folder")

    with pytest.raises(StorageError, match="file"):
        await broker.start()


async def test_it_says_what_it_is(broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    await broker.start()

    assert "development" in BANNER
    assert [r.message for r in caplog.records if BANNER in r.message] != []


async def test_default_topics_are_there_at_once(broker: EmbeddedBroker) -> None:
    host, port = await broker.start()
    admin = AIOKafkaAdminClient(bootstrap_servers=f"{host}:{port}")
    await admin.start()

    topics = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    await admin.close()

    assert [p["partition"] for p in topics["orders"]] == [0, 1]


async def test_it_ends_when_it_is_stopped(broker: EmbeddedBroker) -> None:
    await broker.start()
    ended = asyncio.create_task(broker.wait())

    await broker.stop()

    await asyncio.wait_for(ended, PATIENCE_S)


async def test_clients_are_told_the_address_that_was_set() -> None:
    broker = EmbeddedBroker(None, advertised=("sandbox.example", 9092))
    host, port = await broker.start()

    answer = await ask(host, port, frame(MetadataRequest_v5([], False).encode()))

    assert b"sandbox.example" in answer
    await broker.stop()


def frame(body: bytes, api: int = 3, version: int = 5, size: int | None = None) -> bytes:
    request = struct.pack(">hhih", api, version, 1, -1) + body
    return struct.pack(">i", len(request) if size is None else size) + request


async def ask(host: str, port: int, octets: bytes) -> bytes:
    """Send octets, and return the response's, or nothing when the connection was closed."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(octets)
        async with asyncio.timeout(PATIENCE_S):
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""
    finally:
        writer.close()


HEALTHY = frame(MetadataRequest_v5([], False).encode())


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="TLS"),
        pytest.param(struct.pack(">i", -1), id="negative size"),
        pytest.param(struct.pack(">i", 2**31 - 1), id="2 GiB"),
        pytest.param(frame(b"", size=3_000_000), id="large, and no Produce"),
        pytest.param(frame(b"\x7f\xff\xff\xff"), id="two thousand million topics"),
        pytest.param(frame(b"", api=99), id="no such request"),
        pytest.param(frame(b"\xff\xff\xff\xff\x0f", version=9), id="no such version"),
    ],
)
async def test_a_hostile_frame_costs_its_connection_and_one_line(
    broker: EmbeddedBroker, octets: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    host, port = await broker.start()

    assert await ask(host, port, octets) == b""

    lines = [r for r in caplog.records if r.name == listener.__name__]
    assert [r.levelname for r in lines] == ["WARNING"]
    assert lines[0].exc_info is None
    assert await ask(host, port, HEALTHY) != b""


@pytest.fixture
async def strict() -> AsyncIterator[tuple[str, int]]:
    """The address of a broker with little patience."""
    broker = EmbeddedBroker(None, limits=Limits(connections=2, idle_s=0.2, stalled_s=0.1))
    yield await broker.start()
    await broker.stop()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True


async def test_more_connections_than_allowed_are_closed(strict: tuple[str, int]) -> None:
    held = [await asyncio.open_connection(*strict) for _ in range(2)]

    assert await ask(*strict, HEALTHY) == b""

    for _, writer in held:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(PATIENCE_S):
        while await ask(*strict, HEALTHY) == b"":
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="says nothing"),
        pytest.param(b"\0", id="begins a size"),
        pytest.param(HEALTHY[:-1], id="stops inside a request"),
        pytest.param(frame(b"", api=0, size=50_000_000), id="stops inside a large one"),
    ],
)
async def test_a_peer_that_stalls_is_closed(strict: tuple[str, int], octets: bytes) -> None:
    reader, writer = await asyncio.open_connection(*strict)

    writer.write(octets)

    assert await is_closed(reader)
    writer.close()


async def test_a_peer_that_never_reads_is_closed(strict: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*strict, limit=1)  # stops reading at once
    await produce("{}:{}".format(*strict), "orders", [b"x" * 900_000] * 8)
    partition = struct.pack(">iqqi", 0, 0, -1, 2**30)
    topics = struct.pack(">ih6si", 1, 6, b"orders", 1) + partition
    fetch = struct.pack(">iiiib", -1, 0, 1, 2**30, 0) + topics

    writer.write(frame(fetch, api=1, version=5) * 20)  # 80 MiB of answers

    async with asyncio.timeout(PATIENCE_S):
        while not writer.is_closing():
            writer.write(HEALTHY)
            await asyncio.sleep(0.05)
    reader.feed_eof()


async def test_it_listens_on_loopback_unless_told_otherwise(broker: EmbeddedBroker) -> None:
    host, _ = await broker.start()

    assert host == "127.0.0.1"
