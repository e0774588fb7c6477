"""The records inside a batch: checksum, bounded inflation, offsets and times.

The only door to `aiokafka.record` and to the compression library it brings. A batch is opened once,
when it arrives, so that no consumer ever meets one that cannot be read, or that inflates without
end: the process behind the consumer may be this one.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator

import cramjam
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c

MAX_INFLATED_OCTETS = 64 * 2**20  # one batch; 1 MiB of JSON compressed rarely exceeds 20

_HEADER_OCTETS = 61
_ATTRIBUTES = slice(21, 23)
_CODEC = 0x07
_XERIAL_MAGIC = b"\x82SNAPPY\x00"  # framed snappy, as the Java client writes it
_XERIAL_HEADER_OCTETS = 16


class Unreadable(Exception):
    """The records of a batch contradict its header, or the format."""


class TooBig(Exception):
    """The records of a batch inflate beyond the limit."""


def crc32c(data: bytes) -> int:
    """Compute the checksum of record batches (Castagnoli)."""
    checksum: int = calc_crc32c(data)
    return checksum


def times(batch: bytes) -> Iterator[tuple[int, int]]:
    """Yield each record's offset delta and timestamp; raise `Unreadable` or `TooBig`."""
    try:
        for delta, record in enumerate(DefaultRecordBatch(_inflated(batch))):
            # The reader adds the base offset, which a producer leaves 0 and a stored batch has.
            if record.offset - int.from_bytes(batch[:8], "big", signed=True) != delta:
                raise Unreadable("offset deltas are not consecutive")
            yield delta, record.timestamp
    except (KafkaError, ValueError, struct.error, IndexError, zlib.error) as error:
        raise Unreadable(type(error).__name__) from None
    except cramjam.DecompressionError as error:
        overflow = "whole buffer" in str(error)  # cramjam has no class for it
        raise (TooBig if overflow else Unreadable)("compressed records") from None


def _inflated(batch: bytes) -> bytes:
    (attributes,) = struct.unpack(">h", batch[_ATTRIBUTES])
    codec = attributes & _CODEC
    if codec == 0:
        return batch
    plain = _inflate(codec, batch[_HEADER_OCTETS:])
    header = bytearray(batch[:_HEADER_OCTETS])
    header[_ATTRIBUTES] = struct.pack(">h", attributes & ~_CODEC)
    struct.pack_into(">i", header, 8, len(header) - 12 + len(plain))
    return bytes(header) + plain


def _inflate(codec: int, payload: bytes) -> bytes:
    match codec:
        case 1:
            return _gunzip(payload)
        case 2:
            return _unsnappy(payload)
        case 3 | 4:
            decompress = (cramjam.lz4 if codec == 3 else cramjam.zstd).decompress_into
            # An anonymous map: only the pages that are written become resident.
            with mmap.mmap(-1, MAX_INFLATED_OCTETS) as plain:
                return plain[: decompress(payload, plain)]
        case _:
            raise Unreadable(f"compression {codec} does not exist")


def _gunzip(payload: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    plain = stream.decompress(payload, MAX_INFLATED_OCTETS)
    if stream.unconsumed_tail:
        raise TooBig("gzip")
    if not stream.eof:
        raise Unreadable("gzip stream ends early")
    return plain


def _unsnappy(payload: bytes) -> bytes:
    if not payload.startswith(_XERIAL_MAGIC):
        return _unsnappy_block(payload, MAX_INFLATED_OCTETS)
    blocks: list[bytes] = []
    at, room = _XERIAL_HEADER_OCTETS, MAX_INFLATED_OCTETS
    while at < len(payload):
        (size,) = struct.unpack_from(">i", payload, at)
        if size < 0 or at + 4 + size > len(payload):
            raise Unreadable("snappy block beyond the batch")
        blocks.append(_unsnappy_block(payload[at + 4 : at + 4 + size], room))
        room -= len(blocks[-1])
        at += 4 + size
    return b"".join(blocks)


def _unsnappy_block(block: bytes, room: int) -> bytes:
    if cramjam.snappy.decompress_raw_len(block) > room:
        raise TooBig("snappy")
    return bytes(cramjam.snappy.decompress_raw(block))
