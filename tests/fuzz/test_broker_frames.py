"""Whatever a peer sends the broker: other clients go on, and no bug of ours is logged."""

import asyncio
import contextlib
import logging
import random
import struct
from collections.abc import AsyncIterator

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.broker import EmbeddedBroker, Settings
from bridge.broker.batch import examine, examine_contents, read_header
from bridge.broker.codes import Api, Code
from bridge.broker.records import crc32c
from bridge.broker.wire import VERSIONS, Malformed, Request, decode_request

PATIENCE_S = 20.0
SPOKEN = [
    (api, version) for api, (low, high) in VERSIONS.items() for version in range(low, high + 1)
]

# Lengths and numbers that parsers trip over, and plain octets between them.
PIECES = st.sampled_from(
    [
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\xff\xff",
        b"\x7f\xff",
        b"\0\0\0\0",
        b"\0\0\0\1",
        b"\0\1a",
        b"\0\0",
        b"\0\6orders",
        b"\0\2me",
    ]
) | st.binary(max_size=8)
BODIES = st.lists(PIECES, max_size=20).map(b"".join)


def header(api: int, version: int) -> bytes:
    return struct.pack(">hhih", api, version, 1, -1)


@given(st.binary(max_size=200))
@example(b"\xff\xff\xff\xff\x0f")
def test_octets_decode_to_a_request_or_are_malformed(octets: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(decode_request(octets), Request)


@settings(max_examples=500)
@given(st.sampled_from(SPOKEN), BODIES)
def test_any_body_decodes_or_is_malformed(spoken: tuple[Api, int], body: bytes) -> None:
    try:
        request = decode_request(header(*spoken) + body)
    except Malformed:
        return
    assert (request.api, request.version) == spoken


def sealed(codec: int, count: int) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10**6,
    )
    for offset in range(count):
        builder.append(offset, 1_000, b"key", b"value" * 9, [("name", b"value")])
    return bytes(builder.build())


BATCHES = [sealed(codec, 3) for codec in range(5)]


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(BATCHES),
    st.lists(st.tuples(st.integers(21, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 30),
)
def test_any_batch_is_sound_or_refused(
    batch: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    changed = bytearray(batch[: len(batch) - cut])
    for at, octet in changes:
        changed[at % len(changed)] = octet
    struct.pack_into(">i", changed, 8, len(changed) - 12)
    changed[16] = 2
    struct.pack_into(">I", changed, 17, crc32c(bytes(changed[21:])))

    verdict = examine(bytes(changed), 10**6)

    if verdict == read_header(bytes(changed)):
        assert isinstance(examine_contents(bytes(changed)), Code)
    else:
        assert isinstance(verdict, Code)


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    broker = EmbeddedBroker(None, settings=Settings(default_topics={"orders": 1}))
    yield await broker.start()
    await broker.stop()


def hostile(chance: random.Random) -> bytes:
    """One frame, or what pretends to be one."""
    pieces = [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\0\6orders", b"\0\0", b"\0"]
    body = b"".join(chance.choices(pieces, k=chance.randrange(12)))
    match chance.randrange(4):
        case 0:
            return chance.randbytes(chance.randrange(1, 60))
        case 1:
            octets = header(*chance.choice(SPOKEN)) + chance.randbytes(chance.randrange(40))
        case 2:
            octets = header(*chance.choice(SPOKEN)) + body
        case _:
            octets = header(chance.randrange(-5, 80), chance.randrange(-2, 12)) + body
    return struct.pack(">i", len(octets) + chance.choice((0, 0, 0, -1, 3))) + octets


async def say(address: tuple[str, int], octets: bytes) -> None:
    """Send octets, and hear the broker out, but not for as long as a fetch may wait."""
    reader, writer = await asyncio.open_connection(*address)
    with contextlib.suppress(TimeoutError, ConnectionError):
        writer.write(octets)
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 0.2)
    writer.transport.abort()


async def is_alive(address: tuple[str, int]) -> bool:
    reader, writer = await asyncio.open_connection(*address)
    octets = header(Api.METADATA, 1) + struct.pack(">i", 0)
    writer.write(struct.pack(">i", len(octets)) + octets)
    async with asyncio.timeout(PATIENCE_S):
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        await reader.readexactly(size)
    writer.close()
    await writer.wait_closed()
    return True


@pytest.mark.parametrize("seed", range(4))
async def test_the_broker_outlives_any_peer(
    address: tuple[str, int], seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(seed)

    for _ in range(150):
        await say(address, hostile(chance))

    assert await is_alive(address)
    bugs = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in bugs] == []
