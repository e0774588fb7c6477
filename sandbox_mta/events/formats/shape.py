"""What every shape is made of: `Format`, its `House` and `Body`, and words that several share."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from msa.identifier import decode
from sandbox_mta.events.event import StatusEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What a shape says besides the event."""

    hostname: str  # of the sandbox
    secret: bytes = b""  # empty: nothing is signed
    signed_at: int = 0  # seconds since 1970, real time


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is posted, what kind of content it is, and header fields of the provider's own."""

    octets: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


# One body a request; none: this provider tells nobody of such an event.
Format = Callable[[StatusEvent, House], Sequence[Body]]


def as_json(content: Any) -> Body:
    """Return a body of JSON."""
    return Body(octets=json.dumps(content, ensure_ascii=False).encode())


def milliseconds(at: datetime) -> str:
    """Write a time in UTC: `2026-11-24T10:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_uuid(submission_id: str) -> str:
    """Write a message's id as the UUID that it stands for."""
    return str(uuid.UUID(int=decode(submission_id)))


def reply_text(event: StatusEvent) -> str:
    """Return the reply on one line, as logs and webhooks show it."""
    return "" if event.reply is None else str(event.reply).replace("\n", " ")


def enhanced(event: StatusEvent) -> str:
    """Return the enhanced status code, or the general one of its class (RFC 3463)."""
    if event.reply is None:
        return ""
    return event.reply.enhanced or f"{event.reply.code // 100}.0.0"


def is_full(event: StatusEvent) -> bool:
    """Say whether a mailbox was full; the reason of what expired is that it did."""
    return event.reason == "mailbox-full" or enhanced(event)[2:] == "2.2"
