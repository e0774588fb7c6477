"""What a status event is: `StatusEvent`, and its data as JSON in the words of this project."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msa.reply import Reply
from sandbox_mta.mta.status import State, action_of


class EventType(StrEnum):
    """What happened."""

    RECEIVED = "message.received"
    REJECTED = "message.rejected"
    DEFERRED = "recipient.deferred"
    DELIVERED = "recipient.delivered"
    RELAYED = "recipient.relayed"
    BOUNCED = "recipient.bounced"
    EXPIRED = "recipient.expired"
    SUPPRESSED = "recipient.suppressed"
    REPORTED = "dsn.sent"


_OF_STATE = {
    State.DEFERRED: EventType.DEFERRED,
    State.DELIVERED: EventType.DELIVERED,
    State.RELAYED: EventType.RELAYED,
    State.BOUNCED: EventType.BOUNCED,
    State.EXPIRED: EventType.EXPIRED,
    State.SUPPRESSED: EventType.SUPPRESSED,
}
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://sandbox.test/status-events")


def type_of(state: State) -> EventType | None:
    """Return the event that reaching a state is; None when nobody is told."""
    return _OF_STATE.get(state)


def event_id(submission_id: str, position: int | None, type: EventType, n: int) -> str:
    """Return an id that is the same whenever the same thing is told again."""
    return str(uuid.uuid5(_NAMESPACE, f"{submission_id}/{position}:{type}:{n}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The exchanger that answered, and why it did so."""

    exchanger: str  # host name; "" when routing failed
    address: str
    preference: int | None
    stage: str  # the SMTP command that was answered
    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvent:
    """Something that happened to a message, or to one of its recipients."""

    id: str
    type: EventType
    at: datetime  # time of the clock
    recorded_at: datetime  # real time
    submission_id: str
    reverse_path: str
    forward_paths: tuple[str, ...]  # one, unless it is about the message as a whole
    accepted_at: datetime  # real time
    message_id: str = ""  # the Message-ID field
    author: str = ""  # the From field, decoded
    subject: str = ""
    position: int | None = None  # of the recipient in the envelope; None: the whole message
    state: State | None = None
    previous_state: State | None = None
    attempt: int = 0
    next_attempt_at: datetime | None = None  # time of the clock; only when deferred
    reason: str = ""
    reply: Reply | None = None
    route: Route | None = None
    report_id: str | None = None  # of the report that was sent

    @property
    def forward_path(self) -> str:
        """The recipient it is about, or the first one."""
        return self.forward_paths[0] if self.forward_paths else ""

    def data(self) -> dict[str, Any]:
        """Return what happened, ready for JSON; what does not apply is left out."""
        reply, route = self.reply, self.route
        whole: dict[str, Any] = {
            "submission_id": self.submission_id,
            "message_id": self.message_id,
            "author": self.author,
            "subject": self.subject,
            "reverse_path": self.reverse_path,
            **self._recipients(),
            "state": self.state,
            "previous_state": self.previous_state,
            "action": None if self.state is None else action_of(self.state),
            "attempt": self.attempt or None,
            "next_attempt_at": None
            if self.next_attempt_at is None
            else rfc3339(self.next_attempt_at),
            "reason": self.reason or None,
            "reply": reply and {"code": reply.code, "enhanced": reply.enhanced, "text": reply.text},
            "stage": route and route.stage,
            "exchanger": route and route.exchanger,
            "address": route and route.address,
            "preference": route and route.preference,
            "decided_by": route and route.decided_by,
            "report_id": self.report_id,
            "accepted_at": rfc3339(self.accepted_at),
            "recorded_at": rfc3339(self.recorded_at),
        }
        return {name: value for name, value in whole.items() if value is not None}

    def _recipients(self) -> dict[str, Any]:
        if self.position is None:
            return {"forward_paths": self.forward_paths}
        return {"forward_path": self.forward_path, "position": self.position}


def dumps(event: StatusEvent) -> str:
    """Write an event's data as it is stored and told."""
    return json.dumps(event.data(), ensure_ascii=False, separators=(",", ":"))


def loads(id: str, type: str, at: datetime, text: str) -> StatusEvent:
    """Read an event from its data, as `dumps` wrote it."""
    data = json.loads(text)
    paths = data.get("forward_paths")
    return StatusEvent(
        id=id,
        type=EventType(type),
        at=at,
        recorded_at=_instant(data["recorded_at"]),
        submission_id=data["submission_id"],
        reverse_path=data["reverse_path"],
        forward_paths=(data["forward_path"],) if paths is None else tuple(paths),
        accepted_at=_instant(data["accepted_at"]),
        message_id=data["message_id"],
        author=data["author"],
        subject=data["subject"],
        position=data.get("position"),
        state=_state(data.get("state")),
        previous_state=_state(data.get("previous_state")),
        attempt=data.get("attempt", 0),
        next_attempt_at=_instant(data["next_attempt_at"]) if "next_attempt_at" in data else None,
        reason=data.get("reason", ""),
        reply=_reply(data.get("reply")),
        route=_route(data),
        report_id=data.get("report_id"),
    )


def rfc3339(at: datetime) -> str:
    """Write a time in UTC: `2026-11-24T10:00:00.000000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _state(text: str | None) -> State | None:
    return None if text is None else State(text)


def _reply(said: Mapping[str, Any] | None) -> Reply | None:
    if said is None:
        return None
    return Reply(said["code"], said["enhanced"].partition(".")[2], said["text"])


def _route(data: Mapping[str, Any]) -> Route | None:
    if "stage" not in data:
        return None
    return Route(
        exchanger=data["exchanger"],
        address=data["address"],
        preference=data.get("preference"),
        stage=data["stage"],
        decided_by=data["decided_by"],
    )
