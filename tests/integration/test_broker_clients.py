"""The embedded broker and clients that share no line of code with it: librdkafka's and Kafka's own.

kcat comes from Debian; KAFKA_LIBS names the folder with Kafka's jars.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from bridge.broker import EmbeddedBroker

PATIENCE_S = 60.0  # a JVM starts slowly on a busy machine
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    broker = EmbeddedBroker(tmp_path)
    host, port = await broker.start()
    yield f"{host}:{port}"
    await broker.stop()


async def run(*command: str, given: bytes = b"") -> bytes:
    """Run a program to its end; return what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        output, errors = await process.communicate(given)
    assert process.returncode == 0, errors.decode()
    return output


async def kcat(address: str, *options: str, given: bytes = b"") -> bytes:
    return await run("kcat", "-q", "-b", address, *options, given=given)


Java = Callable[..., Awaitable[bytes]]


@pytest.fixture
def java(kafka_libs: str, address: str) -> Java:
    """Run one of Kafka's own tools."""
    small = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    machine = ("java", *small, "-cp", f"{kafka_libs}/*")

    async def tool(name: str, *options: str, given: bytes = b"") -> bytes:
        program = (*machine, f"org.apache.kafka.tools.{name}", "--bootstrap-server", address)
        return await run(*program, *options, given=given)

    return tool


@pytest.mark.clients("kcat")
@pytest.mark.parametrize("codec", CODECS)
async def test_kcat_reads_what_kcat_wrote(address: str, codec: str) -> None:
    lines = b"".join(b"key%d:value %d\n" % (number, number) for number in range(100))

    await kcat(address, "-P", "-t", "orders", "-K:", "-z", codec, "-H", "ce_id=1", given=lines)

    shown = "%k:%s %h %p/%o\n"
    read = await kcat(address, "-C", "-t", "orders", "-o", "beginning", "-e", "-f", shown)
    assert read.splitlines() == [
        b"key%d:value %d ce_id=1 0/%d" % (number, number, number) for number in range(100)
    ]


@pytest.mark.clients("kcat")
async def test_kcat_produces_idempotently(address: str) -> None:
    options = ("-P", "-t", "orders", "-X", "enable.idempotence=true")

    await kcat(address, *options, given=b"one\ntwo\n")

    assert await kcat(address, "-C", "-t", "orders", "-e") == b"one\ntwo\n"


@pytest.mark.clients("kcat")
async def test_kcat_consumes_in_a_group_and_resumes(address: str) -> None:
    group = ("-G", "mailers", "-X", "auto.offset.reset=earliest", "-e", "orders")
    await kcat(address, "-P", "-t", "orders", given=b"one\ntwo\n")
    first = await kcat(address, *group)
    await kcat(address, "-P", "-t", "orders", given=b"three\n")

    second = await kcat(address, *group)

    assert (first, second) == (b"one\ntwo\n", b"three\n")


@pytest.mark.clients("kcat")
async def test_kcat_lists_the_cluster(address: str) -> None:
    await kcat(address, "-P", "-t", "orders", given=b"one\n")

    listed = await kcat(address, "-L")

    assert b'topic "orders" with 1 partitions' in listed
    assert b"broker 1 at " + address.encode() + b" (controller)" in listed


@pytest.mark.clients("kcat")
async def test_kcat_finds_an_offset_by_time(address: str) -> None:
    await kcat(address, "-P", "-t", "orders", given=b"one\n")

    assert b"offset 0" in await kcat(address, "-Q", "-t", "orders:0:1000")


@pytest.mark.slow
@pytest.mark.clients("java")
async def test_kafkas_console_consumer_reads_what_its_producer_wrote(java: Java) -> None:
    await java("ConsoleProducer", "--topic", "orders", given=b"one\ntwo\n")

    read = await java(
        "consumer.ConsoleConsumer",
        *("--topic", "orders", "--group", "mailers", "--from-beginning", "--max-messages", "2"),
    )

    assert b"one\ntwo\n" in read


@pytest.mark.slow
@pytest.mark.clients("java")
@pytest.mark.parametrize("codec", CODECS[1:])
async def test_kafkas_consumer_reads_every_compression(java: Java, codec: str) -> None:
    lines = b"".join(b"value %d\n" % number for number in range(200))
    options = ("--topic", "orders", "--compression-codec", codec)
    await java("ConsoleProducer", *options, given=lines)

    read = await java(
        "consumer.ConsoleConsumer",
        *("--topic", "orders", "--from-beginning", "--max-messages", "200"),
        *("--isolation-level", "read_committed"),
    )

    assert lines in read


@pytest.mark.slow
@pytest.mark.clients("java")
async def test_kafkas_own_tools_administer_it(java: Java) -> None:
    made = ("--create", "--topic", "orders", "--partitions", "3", "--config", "retention.ms=5000")
    await java("TopicCommand", *made)
    await java("ConsoleProducer", "--topic", "orders", given=b"one\n")

    described = await java("TopicCommand", "--describe", "--topic", "orders")
    ends = await java("GetOffsetShell", "--topic", "orders")

    assert b"PartitionCount: 3" in described
    assert b"retention.ms=5000" in described
    assert sorted(line.rpartition(b":")[2] for line in ends.split()) == [b"0", b"0", b"1"]


@pytest.mark.slow
@pytest.mark.clients("java")
async def test_kafkas_own_tools_show_a_groups_lag(java: Java) -> None:
    await java("ConsoleProducer", "--topic", "orders", given=b"one\ntwo\n")
    consumed = ("--topic", "orders", "--group", "mailers", "--from-beginning")
    await java("consumer.ConsoleConsumer", *consumed, "--max-messages", "2")
    await java("ConsoleProducer", "--topic", "orders", given=b"three\n")

    shown = await java("consumer.group.ConsumerGroupCommand", "--describe", "--group", "mailers")

    [line] = [line.split() for line in shown.splitlines() if line.startswith(b"mailers")]
    assert line[1:6] == [b"orders", b"0", b"2", b"3", b"1"]  # topic, partition, offset, end, lag
