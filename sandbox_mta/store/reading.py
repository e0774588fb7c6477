"""From rows to the values of `stored.py`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from bridge.ports import EventState
from msa.envelope import Client, Kind
from msa.lint.finding import Finding, Severity
from msa.reply import Reply
from sandbox_mta.mta.ports import Attempt
from sandbox_mta.mta.status import State
from sandbox_mta.store.event_rows import read_headers
from sandbox_mta.store.stored import (
    EventMessage,
    ReceivedEvent,
    StoredEvent,
    StoredRecipient,
    StoredRefusal,
    StoredSession,
    StoredStatus,
)
from sandbox_mta.store.times import to_datetime

AnyRow = Row[Any]


def head(row: AnyRow, event: StoredEvent | None) -> dict[str, Any]:
    """Read the columns of `submissions` that a message and its summary share."""
    return {
        "number": row.number,
        "id": row.id,
        "kind": Kind(row.kind),
        "accepted_at": _moment(row.accepted_at),
        "refused_at": _moment(row.refused_at),
        "reverse_path": row.reverse_path,
        "author": row.author,
        "subject": row.subject,
        "message_id": row.message_id,
        "size_octets": row.size_octets,
        "is_linted": row.linted_at is not None,
        "is_read": row.read_at is not None,
        "client": client(row),
        "event": event,
    }


def client(row: AnyRow) -> Client:
    """Read the columns that tell who the peer of a session was."""
    return Client(
        address=row.client_address or "",
        helo=row.helo or "",
        user=row.auth_user,
        tls=bool(row.tls),
    )


def refusal(row: AnyRow) -> StoredRefusal:
    """Read a row of `refusals` joined to its session and its message."""
    return StoredRefusal(
        number=row.number,
        at=to_datetime(row.at),
        session_id=row.session_id,
        client=client(row),
        command=row.command,
        reply=_reply(row),
        reverse_path=row.reverse_path,
        forward_path=row.forward_path,
        submission_id=row.message,
    )


def session(row: AnyRow) -> StoredSession:
    """Read a row of `sessions`."""
    return StoredSession(
        number=row.number,
        id=row.id,
        started_at=to_datetime(row.started_at),
        ended_at=_moment(row.ended_at),
        ending=row.ending or "",
        client=client(row),
        messages=row.messages,
        refused=row.refused,
    )


def event(row: AnyRow, messages: Sequence[EventMessage]) -> ReceivedEvent:
    """Read a row of `events` with the columns `shown` (its value) and `value_octets`."""
    return ReceivedEvent(
        number=row.number,
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        timestamp=to_datetime(row.timestamp_ms * 1000),
        key=row.record_key,
        headers=read_headers(row.headers),
        value=row.shown,
        value_octets=row.value_octets or 0,
        id=row.id,
        source=row.source,
        type=row.type,
        received_at=to_datetime(row.received_at),
        state=EventState(row.state),
        reason=row.reason,
        detail=row.detail,
        attempts=row.attempts,
        messages=tuple(messages),
    )


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else to_datetime(microseconds)


def _reply(row: AnyRow) -> str:
    if row.reply_code is None:
        return ""
    return " ".join(
        str(part) for part in (row.reply_code, row.reply_enhanced, row.reply_text) if part
    )


def recipient(row: AnyRow) -> StoredRecipient:
    """Read a row of `recipients`."""
    return StoredRecipient(
        number=row.number,
        forward_path=row.forward_path,
        state=State(row.state),
        attempts=row.attempts,
        reply=_reply(row),
        exchanger=row.exchanger or "",
        reason=row.reason,
        queued_at=to_datetime(row.queued_at),
        due_at=to_datetime(row.due_at) if row.ready else None,
        notify=None if row.notify is None else tuple(row.notify.split(",")),
        orcpt=row.orcpt,
    )


def status(row: AnyRow) -> StoredStatus:
    """Read a row of `statuses`."""
    return StoredStatus(
        state=State(row.state),
        attempt=row.attempt,
        at=to_datetime(row.at),
        recorded_at=to_datetime(row.recorded_at),
    )


def finding(row: AnyRow) -> Finding:
    """Read a row of `findings`."""
    return Finding(
        code=row.code,
        name=row.name,
        severity=Severity(row.severity),
        text=row.text,
        part=row.part,
        offset=row.offset,
        line=row.line,
        column=row.column,
        evidence=row.evidence,
        reference=row.reference,
        fix=row.fix,
    )


def origin(row: AnyRow) -> StoredEvent:
    """Read a row of an event joined to the message it made."""
    return StoredEvent(
        topic=row.topic,
        partition=row.partition,
        offset=row.offset,
        id=row.id,
        type=row.type,
        template=row.template,
        version=row.template_version,
    )


def attempt(row: AnyRow) -> Attempt:
    """Read a row of `attempts`."""
    _, _, detail = row.reply_enhanced.partition(".")
    return Attempt(
        n=row.n,
        position=row.position,
        exchanger=row.exchanger,
        address=row.address,
        preference=row.preference,
        stage=row.stage,
        reply=Reply(row.reply_code, detail, row.reply_text),
        started_at=to_datetime(row.started_at),
        ended_at=to_datetime(row.ended_at),
        decided_by=row.decided_by,
    )


def event_message(row: AnyRow) -> EventMessage:
    """Read a row of `event_messages`."""
    return EventMessage(
        submission_id=row.submission_id,
        forward_path=row.forward_path,
        template=row.template,
        template_version=row.template_version,
        locale=row.locale,
        reply=_reply(row),
    )
