import struct
import zlib

import cramjam
import pytest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from bridge.broker.batch import (
    BatchHeader,
    control_batch,
    examine,
    examine_contents,
    place,
    read_header,
)
from bridge.broker.codes import Code
from bridge.broker.records import MAX_INFLATED_OCTETS, crc32c, times

LIMIT = 10_000


def batch(*values: bytes, codec: int = 0, timestamp: int = 1_000) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=10**9,
    )
    for offset, value in enumerate(values):
        builder.append(offset, timestamp + offset, b"key", value, [("h", b"\x00\xff")])
    return bytes(builder.build())


def resealed(data: bytes, at: int, octets: bytes) -> bytes:
    """Overwrite a part of a batch, and mend length and checksum."""
    changed = bytearray(data)
    changed[at : at + len(octets)] = octets
    struct.pack_into(">i", changed, 8, len(changed) - 12)
    struct.pack_into(">I", changed, 17, crc32c(bytes(changed[21:])))
    return bytes(changed)


def test_a_sound_batch_is_described_by_its_header() -> None:
    header = examine(batch(b"one", b"two"), LIMIT)

    assert isinstance(header, BatchHeader)
    assert (header.count, header.last_offset_delta, header.compression) == (2, 1, 0)
    assert (header.base_timestamp, header.max_timestamp) == (1_000, 1_001)
    assert not header.is_control
    assert not header.is_transactional


def test_placing_a_batch_changes_its_offset_and_no_checked_octet() -> None:
    sent = batch(b"one", b"two")

    placed = place(sent, 41)

    assert placed[21:] == sent[21:]
    assert [record.offset for record in DefaultRecordBatch(placed)] == [41, 42]
    assert DefaultRecordBatch(placed).validate_crc()


SOUND = batch(b"one", b"two")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", Code.CORRUPT_MESSAGE, id="nothing"),
        pytest.param(SOUND[:60], Code.CORRUPT_MESSAGE, id="half a header"),
        pytest.param(SOUND[:-1], Code.CORRUPT_MESSAGE, id="cut off"),
        pytest.param(SOUND + SOUND, Code.INVALID_RECORD, id="two batches"),
        pytest.param(SOUND[:-1] + b"x", Code.CORRUPT_MESSAGE, id="wrong checksum"),
        pytest.param(
            SOUND[:16] + b"\x01" + SOUND[17:],
            Code.UNSUPPORTED_FOR_MESSAGE_FORMAT,
            id="format 1",
        ),
        pytest.param(SOUND[:16] + b"\x03" + SOUND[17:], Code.INVALID_RECORD, id="format 3"),
        pytest.param(resealed(SOUND, 21, b"\x00\x20"), Code.INVALID_RECORD, id="control batch"),
        pytest.param(resealed(SOUND, 23, b"\0\0\0\x07"), Code.INVALID_RECORD, id="offset delta"),
        pytest.param(resealed(SOUND, 57, b"\0\0\0\0"), Code.INVALID_RECORD, id="no records"),
        pytest.param(
            resealed(SOUND, 43, b"\0" * 8), Code.INVALID_RECORD, id="producer without sequence"
        ),
        pytest.param(
            resealed(SOUND, 21, b"\x00\x10"), Code.INVALID_RECORD, id="transaction of nobody"
        ),
        pytest.param(batch(b"x" * LIMIT), Code.MESSAGE_TOO_LARGE, id="too large"),
    ],
)
def test_what_is_no_sound_batch_is_refused(data: bytes, code: Code) -> None:
    assert examine(data, LIMIT) is code


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4])
def test_records_are_read_whatever_the_compression(codec: int) -> None:
    sent = batch(*(b"value" * 40 for _ in range(50)), codec=codec)

    assert examine_contents(sent) is Code.NONE
    assert list(times(place(sent, 7)))[-1] == (49, 1_049)


def test_raw_snappy_as_librdkafka_writes_it_is_read() -> None:
    plain = batch(b"one", b"two")
    packed = plain[:61] + bytes(cramjam.snappy.compress_raw(plain[61:]))

    assert examine_contents(resealed(packed, 21, b"\x00\x02")) is Code.NONE


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(resealed(SOUND, 61, b"\x7f"), id="a record beyond the batch"),
        pytest.param(resealed(SOUND, 62, b"\x00\x00\x63"), id="an offset out of line"),
        pytest.param(resealed(SOUND, 57, b"\0\0\0\x01"), id="fewer records than there are"),
        pytest.param(resealed(SOUND + b"tail", 0, b""), id="octets after the last"),
        pytest.param(resealed(SOUND, 21, b"\x00\x01"), id="no gzip"),
        pytest.param(resealed(SOUND, 21, b"\x00\x02"), id="no snappy"),
        pytest.param(resealed(SOUND, 21, b"\x00\x03"), id="no lz4"),
        pytest.param(resealed(SOUND, 21, b"\x00\x04"), id="no zstd"),
        pytest.param(resealed(SOUND, 21, b"\x00\x07"), id="no such codec"),
        pytest.param(resealed(batch(b"x" * 500, codec=1)[:-9], 0, b""), id="gzip that ends early"),
        pytest.param(
            resealed(SOUND[:61] + b"\x82SNAPPY\0" + b"\0" * 8 + b"\x7f\xff\xff\xff", 21, b"\0\x02"),
            id="snappy block beyond the batch",
        ),
    ],
)
def test_records_that_cannot_be_read_are_refused(data: bytes) -> None:
    assert examine_contents(data) is Code.INVALID_RECORD


@pytest.mark.parametrize("codec", [1, 2, 3, 4])
def test_a_batch_that_inflates_without_end_is_refused(codec: int) -> None:
    bomb = bytes(MAX_INFLATED_OCTETS + 1)
    packed = {
        1: lambda: _gzip(bomb),
        2: lambda: bytes(cramjam.snappy.compress_raw(bomb)),
        3: lambda: bytes(cramjam.lz4.compress(bomb)),
        4: lambda: bytes(cramjam.zstd.compress(bomb)),
    }[codec]()

    data = resealed(SOUND[:61] + packed, 21, struct.pack(">h", codec))

    assert examine_contents(data) is Code.MESSAGE_TOO_LARGE


def _gzip(data: bytes) -> bytes:
    stream = zlib.compressobj(level=1, wbits=31)
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize("committed", [True, False])
def test_a_marker_is_a_control_batch_that_clients_can_read(committed: bool) -> None:
    marker = control_batch(committed=committed, producer_id=7, epoch=3, now_ms=5)

    header = read_header(marker)
    assert header.is_control
    assert header.is_transactional
    assert (header.producer_id, header.producer_epoch, header.max_timestamp) == (7, 3, 5)
    read = DefaultRecordBatch(marker)
    assert read.validate_crc()
    [record] = list(read)
    assert record.key == struct.pack(">hh", 0, committed)
