"""A small sandbox with something of everything, the one that docs/sql.md asks its questions of.

Ada's shop mails alice (welcomed by an event, delivered at the second try), bob and carol (who does
not exist, so that a report came back), and dora, whose message was refused. A message to erin has
just come in.
"""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Table

from sandbox_mta.store import tables
from sandbox_mta.store.statements import Statement, Steps, Value
from sandbox_mta.store.times import to_microseconds
from sandbox_mta.store.writer import Writer

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WELCOME, RECEIPT, REPORT, REFUSED, NEW = (
    "01alice0welcome0000001",
    "02bob0carol0receipt002",
    "03report0about0two0003",
    "04dora0refused00000004",
    "05erin0just0now0000005",
)
TRANSCRIPT = "      3 C: DATA\n        S: 354 End data with <CR><LF>.<CR><LF>\n"
CONTENT = b"Subject: Welcome\r\n\r\nHello Alice\r\n"


def at(**after_noon: float) -> int:
    return to_microseconds(NOON + timedelta(**after_noon))


async def write_sample(writer: Writer) -> None:
    await writer.command(_sample)


def _sample() -> Steps[None]:
    yield from _messages()
    yield from _recipients()
    yield from _journeys()
    yield from _findings()
    yield from _events()
    yield from _sessions()


def _sessions() -> Steps[None]:
    yield _row(tables.transcripts, submission=1, transcript=TRANSCRIPT)
    for number, id, values in (
        (1, "06session0refused00006", {"refused": 2, "ending": "dropped"}),
        (2, "07session0scan00000007", {"refused": 0, "ending": "quit", "helo": ""}),
    ):
        given: dict[str, Value] = {"helo": "app.ada.example", "messages": 0, "tls": 0}
        yield _row(
            tables.sessions,
            number=number,
            id=id,
            started_at=at(minutes=4),
            ended_at=at(minutes=4, seconds=number),
            client_address="127.0.0.1",
            transcript="      0 C: QUIT\n        S: 221 2.0.0 Bye\n",
            **given | values,
        )
    yield _refusal(1, "RCPT TO:<dora@example..org>", "501 5.1.3 Malformed forward-path")
    yield _refusal(
        2, "DATA", "554 5.6.0 HDR001 date-missing: there is no Date field", submission_id=REFUSED
    )


def _refusal(number: int, command: str, reply: str, **values: Value) -> Statement:
    code, enhanced, words = reply.split(" ", 2)
    return _row(
        tables.refusals,
        number=number,
        session_id="06session0refused00006",
        at=at(minutes=4),
        command=command,
        reply_code=int(code),
        reply_enhanced=enhanced,
        reply_text=words,
        reverse_path="shop@ada.example",
        **values,
    )


def _messages() -> Steps[None]:
    yield _submission(
        1,
        WELCOME,
        author="Ada's shop <shop@ada.example>",
        subject="Welcome, Alice",
        accepted_at=at(seconds=1),
        linted_at=at(seconds=1.5),
        read_at=at(minutes=1),
        submission_key="k-1",
    )
    yield _row(tables.submission_keys, submission_key="k-1", submission_id=WELCOME, accepted_at=1)
    yield _row(tables.contents, submission=1, n=0, octets=CONTENT[:20])
    yield _row(tables.contents, submission=1, n=1, octets=CONTENT[20:])
    yield _submission(
        2,
        RECEIPT,
        subject="Your 50% receipt_1",
        size_octets=48_000,
        accepted_at=at(minutes=2),
        linted_at=at(minutes=2, seconds=1),
        auth_user="shop",
        tls=1,
    )
    yield _row(tables.contents, submission=2, n=0, octets=b"Subject: Receipt\r\n\r\n")
    yield _submission(
        3,
        REPORT,
        kind="dsn",
        reverse_path="",
        author="MAILER-DAEMON@mx.sandbox",
        subject="Undelivered Mail Returned to Sender",
        accepted_at=at(minutes=3),
        linted_at=at(minutes=3),
        parent_id=RECEIPT,
    )
    yield _submission(4, REFUSED, refused_at=at(minutes=4), linted_at=at(minutes=4))
    yield _submission(5, NEW, accepted_at=time.time_ns() // 1000)


def _recipients() -> Steps[None]:
    ok = {"reply_code": 250, "reply_enhanced": "2.0.0", "reply_text": "Ok"}
    mx = {"exchanger": "mx1.example.org"}
    yield _recipient(1, 0, "alice@example.org", state="delivered", attempts=2, **ok, **mx)
    yield _recipient(2, 0, "bob@example.org", state="delivered", attempts=1, **ok, **mx)
    yield _recipient(
        2,
        1,
        "carol@example.org",
        state="bounced",
        attempts=1,
        reply_code=550,
        reply_enhanced="5.1.1",
        reply_text="No such user",
        reason="user-unknown",
        notify="FAILURE,DELAY",
        orcpt="rfc822;carol@example.org",
        **mx,
    )
    yield _recipient(3, 0, "shop@ada.example", state="delivered", attempts=1, **ok)
    yield _recipient(4, 0, "dora@example.org", state="rejected")
    yield _recipient(5, 0, "erin@example.org", ready=1, due_at=at(minutes=30))


def _journeys() -> Steps[None]:
    for number, n, state, attempt, when in (
        (1 << 10, 0, "queued", 0, 1),
        (1 << 10, 1, "deferred", 1, 2),
        (1 << 10, 2, "delivered", 2, 302),
        (2 << 10, 0, "queued", 0, 120),
        (2 << 10, 1, "delivered", 1, 121),
        (2 << 10 | 1, 0, "queued", 0, 120),
        (2 << 10 | 1, 1, "bounced", 1, 121),
    ):
        yield _row(
            tables.statuses,
            recipient=number,
            n=n,
            state=state,
            attempt=attempt,
            at=at(seconds=when),
            recorded_at=at(seconds=when),
        )
    yield _attempt(1 << 10, 1, 0, "451 4.4.1 No answer", at(seconds=1.1))
    yield _attempt(1 << 10, 1, 1, "451 4.7.1 Greylisted", at(seconds=1.4))
    yield _attempt(1 << 10, 2, 0, "250 2.0.0 Ok", at(seconds=301))
    yield _attempt(2 << 10, 1, 0, "250 2.0.0 Ok", at(seconds=120.5))
    yield _attempt(2 << 10 | 1, 1, 0, "550 5.1.1 No such user", at(seconds=120.5))


def _findings() -> Steps[None]:
    yield _finding(1, 0, "HDR002", "message-id-missing", "warning")
    yield _finding(2, 0, "HDR001", "date-missing", "error", offset=0, line=1, column=1)
    yield _finding(2, 1, "HDR002", "message-id-missing", "warning")
    yield _finding(2, 2, "BOD011", "no-text-part", "info", part="1")
    yield _finding(4, 0, "HDR001", "date-missing", "error")
    text = "add the Message-ID field, made of the submission's id"
    made = b"Message-ID: <02bob0carol0receipt002@sandbox.test>\r\n"
    yield _fix(0, "Message-ID", text, offset=120, size_octets=0, octets=made)
    text = "add the Date field, with the time when the message was accepted"
    yield _fix(1, "Date", text, reason="the DKIM-Signature of example.org covers the Date field")


def _events() -> Steps[None]:
    yield _event(1, "u-1", "user.created", state="accepted")
    yield _event(
        2,
        "u-2",
        "user.created",
        state="parked",
        reason="render",
        detail='templates/welcome/subject.j2:1 "name" is undefined',
    )
    yield _event(3, "u-1", "user.created", state="duplicate")
    yield _event(4, "u-4", "order.paid", state="parked", reason="unrouted", detail="no template")
    yield _row(
        tables.event_messages,
        event=1,
        n=0,
        submission_key="k-1",
        submission_id=WELCOME,
        forward_path="alice@example.org",
        message_id="<1@ada.example>",
        template="welcome",
        template_version="3f2a",
        locale="en",
        reply_code=250,
        reply_enhanced="2.0.0",
        reply_text=f"Ok: queued as {WELCOME}",
        recorded_at=at(seconds=1),
    )


def _submission(number: int, id: str, **values: Value) -> Statement:
    given: dict[str, Value] = {
        "kind": "mail",
        "reverse_path": "shop@ada.example",
        "smtputf8": 0,
        "author": "shop@ada.example",
        "subject": "Hello",
        "message_id": f"<{number}@ada.example>",
        "size_octets": 1_000 * number,
        "client_address": "127.0.0.1",
        "helo": "app.ada.example",
        "tls": 0,
    }
    return _row(tables.submissions, number=number, id=id, **given | values)


def _recipient(submission: int, position: int, forward_path: str, **values: Value) -> Statement:
    given: dict[str, Value] = {
        "state": "queued",
        "ready": 0,
        "due_at": 0,
        "queued_at": at(seconds=1 if submission == 1 else 60 * submission),
        "attempts": 0,
        "reason": "",
        "lease_epoch": 0,
    }
    number = submission << 10 | position
    return _row(tables.recipients, number=number, forward_path=forward_path, **given | values)


def _attempt(recipient: int, n: int, position: int, reply: str, started_at: int) -> Statement:
    code, enhanced, text = reply.split(" ", 2)
    return _row(
        tables.attempts,
        recipient=recipient,
        n=n,
        position=position,
        exchanger=f"mx{position + 1}.example.org",
        address=f"192.0.2.{position + 1}",
        preference=10 * (position + 1),
        stage="rcpt",
        reply_code=int(code),
        reply_enhanced=enhanced,
        reply_text=text,
        started_at=started_at,
        ended_at=started_at + 250_000,
        decided_by="default",
    )


def _finding(
    submission: int, n: int, code: str, name: str, severity: str, **values: Value
) -> Statement:
    given: dict[str, Value] = {
        "text": "there is no such field",
        "part": "",
        "evidence": "",
        "reference": "RFC 5322 section 3.6",
        "fix": "Let the library that makes the message add it",
    }
    return _row(
        tables.findings,
        submission=submission,
        n=n,
        code=code,
        name=name,
        severity=severity,
        **given | values,
    )


def _fix(n: int, name: str, text: str, **values: Value) -> Statement:
    """Write a fix of the second message."""
    given: dict[str, Value] = {
        "part": "",
        "encoding": "",
        "reference": "RFC 6409 section 8",
        "reason": "",
    }
    return _row(tables.fixes, submission=2, n=n, name=name, text=text, **given | values)


def _event(number: int, id: str, type: str, **values: Value) -> Statement:
    given: dict[str, Value] = {
        "topic": "email-events",
        "partition": 0,
        "offset": 40 + number,
        "timestamp_ms": at() // 1000 + number,
        "record_key": b"alice",
        "headers": '[["h", "/wA="]]',
        "value": b'{"to": "alice@example.org"}',
        "identity": f"identity-{number}",
        "source": "/shop",
        "received_at": at(seconds=number / 10),
        "reason": "",
        "detail": "",
        "attempts": 0,
        "ready": 0,
        "due_at": 0,
        "lease_epoch": 1,
    }
    return _row(tables.events, number=number, id=id, type=type, **given | values)


def _row(table: Table, **values: Value) -> Statement:
    names = ", ".join(f"`{name}`" for name in values)
    marks = ", ".join("?" * len(values))
    return Statement(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", tuple(values.values()))
