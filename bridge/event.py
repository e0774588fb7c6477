"""What a Kafka record is and says: `Record`, `NewRecord`, `Event`, `Tombstone`, `Unusable`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MAX_DETAIL = 500  # characters of the line that says why


@dataclass(frozen=True, slots=True)
class EventRef:
    """Where a record stands in Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int  # tells a re-created topic's offsets from the old one's

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record, octets as they were on the wire (a null value is a tombstone)."""

    ref: EventRef
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record that is yet to be produced."""

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a record says, whichever envelope it came in."""

    ref: EventRef
    id: str  # the producer's id; "" when the envelope has none
    source: str
    type: str
    data: Mapping[str, Any]
    subject: str = ""
    time: str = ""
    extensions: Mapping[str, str] = field(default_factory=dict)
    envelope: str = "json"  # "cloudevents-structured", "cloudevents-binary", "json", "original"


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A record without a value: it deletes its key, and makes no mail."""

    ref: EventRef


class Reason(StrEnum):
    """Why an event makes no message."""

    DECODE = "decode"
    ENVELOPE = "envelope"
    UNROUTED = "unrouted"
    RENDER = "render"
    RECIPIENT = "recipient"
    SMTP_PERMANENT = "smtp-permanent"


@dataclass(frozen=True, slots=True)
class Unusable:
    """A record that can't become mail, however often it is tried."""

    ref: EventRef
    reason: Reason
    detail: str  # one line for people: 'templates/welcome/subject.j2:1 "name" is undefined'

    def __post_init__(self) -> None:
        # It quotes the event, and goes to logs and terminals: one line, nothing but characters.
        line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in self.detail)
        object.__setattr__(self, "detail", line[:MAX_DETAIL])
