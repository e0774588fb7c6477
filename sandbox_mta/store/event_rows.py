"""Records of Kafka as rows of `events`, and back; what a producer says is bounded here."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bridge.event import EventRef, Reason, Record
from bridge.ports import EventState, Identified, LedgerEntry
from sandbox_mta.store.statements import Row

# A row travels in one packet, of 16 MiB by default on MariaDB, and all of it but the value is in
# one statement, where octets take twice the room. Kafka's own default is 1 MiB a record.
MAX_RECORD_OCTETS = 16_000_000
MAX_KEY_AND_HEADERS_OCTETS = 1_000_000
KEPT_OCTETS = 1_000_000  # of the value of a larger record, which is parked
MAX_WORDS = 4_000  # characters of what a producer or a server says of itself

COLUMNS = (
    *("topic", "`partition`", "`offset`", "timestamp_ms", "record_key", "headers", "value"),
    *("identity", "id", "source", "type", "received_at"),
    *("state", "reason", "detail", "attempts", "ready", "due_at"),
    *("lease_owner", "lease_until", "lease_epoch"),
)
ENTRY = (
    "number, lease_epoch, topic, `partition`, `offset`, timestamp_ms, record_key, headers, value,"
    " identity, attempts"
)


@dataclass(frozen=True, slots=True)
class Lease:
    """What this process writes into the events that it takes; microseconds, real time."""

    owner: str
    now: int
    until: int


def first_state(identified: Identified, *, is_known: bool) -> EventState:
    """Say which state an event starts in.

    An identity is known when an event has it that is not ignored: a tombstone makes no message,
    so a later event of the same identity still has to.
    """
    if identified.record.value is None:
        return EventState.IGNORED
    if is_known:
        return EventState.DUPLICATE
    return EventState.RECEIVED if _fits(identified.record) else EventState.PARKED


def value_pieces(record: Record, piece_octets: int) -> tuple[bytes | None, ...]:
    """Cut what is kept of a value into what fits a statement each; at least one piece."""
    value = record.value
    if value is not None and not _fits(record):
        value = value[:KEPT_OCTETS]
    if value is None or len(value) <= piece_octets:
        return (value,)
    return tuple(value[i : i + piece_octets] for i in range(0, len(value), piece_octets))


def new_row(identified: Identified, state: EventState, value: bytes | None, lease: Lease) -> Row:
    """Return the row of a record that was just received, in the order of `COLUMNS`.

    `value` is the first piece of the record's value. Only an event in state `received` is leased.
    """
    record = identified.record
    ref = record.ref
    is_whole = _fits(record)
    headers = [[name, b64encode(octets_).decode()] for name, octets_ in record.headers]
    leased = (1, lease.until, lease.owner, lease.until, 1)
    free = (0, lease.now, None, None, 0)
    return (
        *(ref.topic, ref.partition, ref.offset, ref.timestamp_ms),
        record.key if is_whole else None,
        json.dumps(headers if is_whole else []),  # ASCII, whatever is in the names
        value,
        identified.identity,
        *(clip(word) for word in (identified.id, identified.source, identified.type)),
        lease.now,
        state,
        *_complaint(record, state),
        0,
        *(leased if state is EventState.RECEIVED else free),
    )


def new_entry(number: int, identified: Identified) -> LedgerEntry:
    """Return the entry of a record that was just received, and is leased."""
    return LedgerEntry(
        number=number,
        epoch=1,
        record=identified.record,
        identity=identified.identity,
        attempts=0,
    )


def read_entry(row: Sequence[Any]) -> LedgerEntry:
    """Read a row of the columns `ENTRY`."""
    number, epoch, topic, partition, offset, timestamp_ms, key, headers, value, *last = row
    ref = EventRef(topic, partition, offset, timestamp_ms)
    return LedgerEntry(
        number=number,
        epoch=epoch,
        record=Record(ref, key, value, read_headers(headers)),
        identity=last[0],
        attempts=last[1],
    )


def read_headers(text: str) -> tuple[tuple[str, bytes], ...]:
    """Read the column `headers`."""
    return tuple((name, b64decode(value)) for name, value in json.loads(text))


def clip(text: str, limit: int = MAX_WORDS) -> str:
    """Cut what others say to a length, and to what UTF-8 can say: JSON may hold lone surrogates."""
    return text[:limit].encode("utf-8", "replace").decode("utf-8")


def _sizes(record: Record) -> tuple[int, int]:
    """Return the octets of the value, and of key and headers."""
    headers = sum(len(name) + len(value) for name, value in record.headers)
    return len(record.value or b""), len(record.key or b"") + headers


def _fits(record: Record) -> bool:
    value, key_and_headers = _sizes(record)
    return (
        key_and_headers <= MAX_KEY_AND_HEADERS_OCTETS
        and value + key_and_headers <= MAX_RECORD_OCTETS
    )


def _complaint(record: Record, state: EventState) -> tuple[str, str]:
    if state is not EventState.PARKED:
        return "", ""
    value, key_and_headers = _sizes(record)
    return Reason.DECODE, (
        f"the value has {value} octets, key and headers {key_and_headers}; "
        f"at most {MAX_RECORD_OCTETS} and {MAX_KEY_AND_HEADERS_OCTETS} can be stored"
    )
