"""Record batches, format 2: read and check the header, place the batch, write control batches.

A batch is kept as it was sent. The two header fields a broker assigns, base offset and leader
epoch, lie outside the checksum (KIP-98), so compression, headers and producer fields stay intact.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from bridge.broker.codes import Code
from bridge.broker.records import TooBig, Unreadable, crc32c, times

# base offset, length, leader epoch, magic, CRC | attributes, last offset delta, base timestamp,
# max timestamp, producer id, producer epoch, base sequence, record count
_HEADER = struct.Struct(">qiibIhiqqqhii")
_PLACE = struct.Struct(">qii")  # base offset, length, leader epoch
_CHECKED_FROM = 21  # the CRC covers everything from the attributes on
_LENGTH_FROM = 12  # the length counts everything after itself

_COMPRESSION = 0x07
_TRANSACTIONAL = 0x10
_CONTROL = 0x20


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchHeader:
    """What a batch's header says."""

    length: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int

    @property
    def compression(self) -> int:
        return self.attributes & _COMPRESSION

    @property
    def is_transactional(self) -> bool:
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        return bool(self.attributes & _CONTROL)

    @property
    def last_sequence(self) -> int:
        # Sequences wrap from 2**31 - 1 to 0.
        return (self.base_sequence + self.last_offset_delta) % 2**31


HEADER_OCTETS = _HEADER.size


def read_header(data: bytes) -> BatchHeader:
    """Read the first 61 octets of a batch; raises `struct.error` when there are fewer."""
    (_, length, _, magic, crc, attributes, delta, first, last, pid, epoch, sequence, count) = (
        _HEADER.unpack_from(data)
    )
    return BatchHeader(
        length=length,
        magic=magic,
        crc=crc,
        attributes=attributes,
        last_offset_delta=delta,
        base_timestamp=first,
        max_timestamp=last,
        producer_id=pid,
        producer_epoch=epoch,
        base_sequence=sequence,
        count=count,
    )


def examine(data: bytes, max_octets: int) -> BatchHeader | Code:
    """Check what a producer sent for one partition: exactly one sound batch of records."""
    if len(data) > max_octets:
        return Code.MESSAGE_TOO_LARGE
    if len(data) < HEADER_OCTETS:
        return Code.CORRUPT_MESSAGE
    header = read_header(data)
    if header.magic != 2:
        old = header.magic in (0, 1)
        return Code.UNSUPPORTED_FOR_MESSAGE_FORMAT if old else Code.INVALID_RECORD
    there = len(data) - _LENGTH_FROM
    if header.length != there:
        # More than one batch, or less than one.
        return Code.INVALID_RECORD if 0 < header.length < there else Code.CORRUPT_MESSAGE
    if crc32c(data[_CHECKED_FROM:]) != header.crc:
        return Code.CORRUPT_MESSAGE
    return header if _is_coherent(header) else Code.INVALID_RECORD


def examine_contents(data: bytes) -> Code:
    """Read the records of a batch whose header is sound."""
    try:
        for _ in times(data):
            pass
    except TooBig:
        return Code.MESSAGE_TOO_LARGE
    except Unreadable:
        return Code.INVALID_RECORD
    return Code.NONE


def _is_coherent(header: BatchHeader) -> bool:
    sequenced = header.producer_epoch >= 0 and header.base_sequence >= 0
    return (
        not header.is_control  # only the broker writes those
        and 0 < header.count == header.last_offset_delta + 1
        and (header.producer_id < 0 or sequenced)
        and (header.producer_id >= 0 or not header.is_transactional)
    )


def place(data: bytes, base_offset: int) -> bytes:
    """Give a batch its offset; the leader epoch is 0, since there is one leader for ever."""
    return _PLACE.pack(base_offset, len(data) - _LENGTH_FROM, 0) + data[_PLACE.size :]


def control_batch(*, committed: bool, producer_id: int, epoch: int, now_ms: int) -> bytes:
    """Write the marker that ends a transaction in a partition (KIP-98, control records)."""
    key = struct.pack(">hh", 0, int(committed))
    value = struct.pack(">hi", 0, 0)  # version, coordinator epoch
    # Attributes, timestamp delta and offset delta are 0; lengths are zig-zag varints below 64.
    body = bytes((0, 0, 0, 2 * len(key))) + key + bytes((2 * len(value),)) + value + b"\0"
    record = bytes((2 * len(body),)) + body
    checked = (
        struct.pack(
            ">hiqqqhii", _TRANSACTIONAL | _CONTROL, 0, now_ms, now_ms, producer_id, epoch, -1, 1
        )
        + record
    )
    length = len(checked) + _CHECKED_FROM - _LENGTH_FROM
    return struct.pack(">qiibI", 0, length, 0, 2, crc32c(checked)) + checked


def split(data: bytes) -> Iterator[bytes]:
    """Take a fetched run of whole batches apart."""
    at = 0
    while at + _LENGTH_FROM <= len(data):
        (length,) = struct.unpack_from(">i", data, at + 8)
        yield data[at : at + _LENGTH_FROM + length]
        at += _LENGTH_FROM + length
