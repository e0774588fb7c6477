"""What readers see of the store, on every database."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from bridge.ports import EventState
from msa.envelope import Client, Envelope, Kind, Recipient, Submission
from msa.lint.finding import Severity
from msa.reply import Reply
from sandbox_mta.mta.status import Action, State
from sandbox_mta.store import tables
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address, Database, StoreError
from sandbox_mta.store.inbox import BATCH_MESSAGES, SHOWN_OCTETS, STREAM_PAGE, Inbox
from sandbox_mta.store.query import Query, parse_query
from sandbox_mta.store.statements import Insert, Statement, Steps
from sandbox_mta.store.stored import MAX_SHOWN_RECIPIENTS, Position, StoredEvent
from sandbox_mta.store.writer import Writer
from tests.contract.sample import (
    CONTENT,
    NEW,
    NOON,
    RECEIPT,
    REFUSED,
    REPORT,
    WELCOME,
    write_sample,
)

ALL = [NEW, REFUSED, REPORT, RECEIPT, WELCOME]  # newest first


@pytest.fixture
def inbox(database: Database, writer: Writer) -> Inbox:
    return Inbox(database, writer)


@pytest.fixture
async def sample(inbox: Inbox, writer: Writer) -> Inbox:
    await write_sample(writer)
    return inbox


def query(text: str) -> Query:
    return parse_query(text, datetime.now(UTC))


async def found(inbox: Inbox, text: str) -> list[str]:
    return [summary.id for summary in await inbox.page(10, query=query(text))]


def many(count: int, *, size_octets: int = 10) -> Steps[None]:
    """Store messages 1 to `count`, each with a recipient, a status and a piece of content."""
    numbers = range(1, count + 1)
    yield Insert(
        "INSERT INTO submissions (number, id, kind, reverse_path, smtputf8, author, subject,"
        " message_id, size_octets, accepted_at, client_address, helo, tls)",
        f"(?, ?, 'mail', '', 0, '', '', '', {size_octets}, 0, '', '', 0)",
        [(n, f"{n:022d}") for n in numbers],
    )
    yield Insert(
        "INSERT INTO contents (submission, n, octets)", "(?, 0, X'')", [(n,) for n in numbers]
    )
    yield Insert(
        "INSERT INTO recipients (number, forward_path, state, ready, due_at, queued_at, attempts,"
        " reason, lease_epoch)",
        "(?, 'bob@example.org', 'queued', 1, 0, 0, 0, '', 0)",
        [(n << 10,) for n in numbers],
    )
    yield Insert(
        "INSERT INTO statuses (recipient, n, state, attempt, at, recorded_at)",
        "(?, 0, 'queued', 0, 0, 0)",
        [(n << 10,) for n in numbers],
    )


async def test_an_empty_inbox_has_nothing(inbox: Inbox) -> None:
    assert await inbox.position() == Position(newest=0, total=0, unread=0)
    assert await inbox.page(50) == ()
    assert [message async for message in inbox.stream()] == []
    assert await inbox.latest() is None
    assert await inbox.get(WELCOME) is None
    assert await inbox.content(WELCOME) is None
    assert await inbox.timeline(WELCOME) == ()
    assert await inbox.events(50) == ()
    assert await inbox.delete() == 0


async def test_a_list_shows_the_newest_first(sample: Inbox) -> None:
    first = await sample.page(2)
    second = await sample.page(2, before=first[-1].number)
    skipped = await sample.page(3, offset=1)

    assert [summary.id for summary in first + second] == ALL[:4]
    assert [summary.id for summary in skipped] == ALL[1:4]


async def test_a_summary_counts_what_it_does_not_show(sample: Inbox) -> None:
    [_, refused, report, receipt, welcome] = await sample.page(10)

    assert receipt.forward_paths == ("bob@example.org", "carol@example.org")
    assert (receipt.recipients, receipt.states) == (2, {State.DELIVERED: 1, State.BOUNCED: 1})
    assert receipt.severities == {Severity.ERROR: 1, Severity.WARNING: 1, Severity.INFO: 1}
    assert receipt.client == Client(
        address="127.0.0.1", helo="app.ada.example", user="shop", tls=True
    )
    assert (welcome.is_read, receipt.is_read, welcome.lint) == (True, False, "done")
    assert welcome.event == StoredEvent(
        topic="email-events",
        partition=0,
        offset=41,
        id="u-1",
        type="user.created",
        template="welcome",
        version="3f2a",
    )
    assert (report.kind, report.event, report.severities) == (Kind.DSN, None, {})
    assert (refused.accepted_at, refused.arrived_at) == (None, NOON + timedelta(minutes=4))


async def test_a_list_shows_the_first_recipients_of_many(inbox: Inbox, writer: Writer) -> None:
    def thousand() -> Steps[None]:
        yield from many(2)
        yield Insert(
            "INSERT INTO recipients (number, forward_path, state, ready, due_at, queued_at,"
            " attempts, reason, lease_epoch)",
            "(?, 'bob@example.org', 'delivered', 0, 0, 0, 1, '', 0)",
            [(2 << 10 | position,) for position in range(1, 1000)],
        )

    await writer.command(thousand)

    [large, small] = await inbox.page(10)
    assert len(large.forward_paths) == MAX_SHOWN_RECIPIENTS
    assert (large.recipients, large.states[State.DELIVERED]) == (1000, 999)
    assert small.recipients == 1


async def test_a_message_has_everything_but_its_content(sample: Inbox) -> None:
    message = await sample.get(RECEIPT)

    assert message is not None
    assert message.subject == "Your 50% receipt_1"
    [bob, carol] = message.recipients
    assert (bob.forward_path, bob.action, bob.reply) == (
        "bob@example.org",
        Action.DELIVERED,
        "250 2.0.0 Ok",
    )
    assert (carol.state, carol.action, carol.reply) == (
        State.BOUNCED,
        Action.FAILED,
        "550 5.1.1 No such user",
    )
    assert (carol.reason, carol.exchanger, carol.due_at) == (
        "user-unknown",
        "mx1.example.org",
        None,
    )
    assert (carol.notify, carol.orcpt) == (("FAILURE", "DELAY"), "rfc822;carol@example.org")
    assert [finding.code for finding in message.findings] == ["HDR001", "HDR002", "BOD011"]
    assert (message.findings[0].severity, message.findings[0].column) == (Severity.ERROR, 1)


async def test_a_waiting_recipient_has_no_action_and_a_time(sample: Inbox) -> None:
    message = await sample.latest()

    assert message is not None
    assert (message.id, message.lint) == (NEW, "pending")
    [erin] = message.recipients
    assert (erin.action, erin.reply, erin.due_at) == (None, "", NOON + timedelta(minutes=30))


async def test_the_latest_may_be_asked_for_in_a_query(sample: Inbox) -> None:
    message = await sample.latest(query("to:alice"))

    assert message is not None
    assert message.id == WELCOME


async def test_a_content_is_joined_from_its_pieces(sample: Inbox) -> None:
    assert await sample.content(WELCOME) == CONTENT
    assert await sample.beginnings([WELCOME, RECEIPT, NEW], 7) == {
        WELCOME: b"Subject",
        RECEIPT: b"Subject",
    }


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", ALL),
        ("alice", [WELCOME]),
        ("ALICE", [WELCOME]),
        ("receipt carol", [RECEIPT]),
        ("to:shop@ada.example", [REPORT]),
        ("from:daemon", [REPORT]),
        ("subject:welcome from:shop", [WELCOME]),
        ('subject:"returned to"', [REPORT]),
        ("subject:%", [RECEIPT]),
        ("subject:t_1", [RECEIPT]),
        ("subject:/", []),
        ("state:bounced", [RECEIPT]),
        ("state:delivered", [REPORT, RECEIPT, WELCOME]),
        ("-state:delivered", [NEW, REFUSED]),
        ("state:delivered state:bounced", [RECEIPT]),
        ("kind:dsn", [REPORT]),
        ("template:welcome", [WELCOME]),
        ("template:Welcome2", []),
        (f"id:{REFUSED}", [REFUSED]),
        (f"id:{REFUSED.upper()}", []),
        ("after:2026-11-24T12:03Z before:2026-11-24T12:10Z", [REFUSED, REPORT]),
        ("to:'", []),
        ('to:"\\"', []),
        ("after:10m kind:mail", [NEW]),
    ],
)
async def test_what_a_query_finds(sample: Inbox, text: str, ids: list[str]) -> None:
    assert await found(sample, text) == ids
    assert await sample.count(query(text)) == len(ids)
    assert await sample.ids(query(text)) == tuple(reversed(ids))


async def test_what_was_refused_can_be_left_out(sample: Inbox) -> None:
    accepted = Query(accepted_only=True)

    assert [s.id for s in await sample.page(10, query=accepted)] == [NEW, REPORT, RECEIPT, WELCOME]
    assert (await sample.count(accepted), await sample.count_unread(accepted)) == (4, 3)


async def test_the_position_moves_with_the_inbox(sample: Inbox) -> None:
    assert await sample.position() == Position(newest=5, total=5, unread=4)

    await sample.mark_read([RECEIPT])
    await sample.delete([NEW])

    assert await sample.position() == Position(newest=4, total=4, unread=2)


async def test_messages_are_streamed_in_order_of_arrival(inbox: Inbox, writer: Writer) -> None:
    await writer.command(lambda: many(2 * STREAM_PAGE + 1))

    numbers = [message.number async for message in inbox.stream()]

    assert numbers == list(range(1, 2 * STREAM_PAGE + 2))


async def test_a_stream_holds_to_its_query(sample: Inbox) -> None:
    assert [message.id async for message in sample.stream(query("kind:mail to:example.org"))] == [
        WELCOME,
        RECEIPT,
        REFUSED,
        NEW,
    ]


async def test_a_journey_has_states_and_attempts_in_order(sample: Inbox) -> None:
    [alice] = await sample.timeline(WELCOME)

    assert alice.recipient.forward_path == "alice@example.org"
    assert [(status.state, status.attempt) for status in alice.statuses] == [
        (State.QUEUED, 0),
        (State.DEFERRED, 1),
        (State.DELIVERED, 2),
    ]
    assert [(attempt.n, attempt.position, str(attempt.reply)) for attempt in alice.attempts] == [
        (1, 0, "451 4.4.1 No answer"),
        (1, 1, "451 4.7.1 Greylisted"),
        (2, 0, "250 2.0.0 Ok"),
    ]
    assert alice.attempts[0].reply == Reply(451, "4.1", "No answer")
    assert alice.attempts[0].ended_at - alice.attempts[0].started_at == timedelta(seconds=0.25)


async def test_events_are_listed_with_the_messages_they_made(sample: Inbox) -> None:
    events = await sample.events(10)

    assert [event.offset for event in events] == [44, 43, 42, 41]
    assert [event.state for event in events] == ["parked", "duplicate", "parked", "accepted"]
    [message] = events[-1].messages
    assert (message.submission_id, message.template, message.reply) == (
        WELCOME,
        "welcome",
        f"250 2.0.0 Ok: queued as {WELCOME}",
    )
    assert (events[-1].key, events[-1].headers) == (b"alice", (("h", b"\xff\x00"),))
    assert [e.offset for e in await sample.events(10, before=3)] == [42, 41]
    assert [e.offset for e in await sample.events(1, state=EventState.PARKED)] == [44]
    assert await sample.events(10, topic="other") == ()


async def test_a_list_of_events_shows_the_beginning_of_a_value(
    sample: Inbox, writer: Writer
) -> None:
    def enlarge() -> Steps[None]:
        yield Statement("UPDATE events SET value = ? WHERE number = 4", (b"x" * 5_000,))

    await writer.command(enlarge)

    listed = (await sample.events(1))[0]
    alone = await sample.event("email-events", 0, 44)

    assert alone is not None
    assert (listed.value, listed.value_octets) == (b"x" * SHOWN_OCTETS, 5_000)
    assert alone.value == b"x" * 5_000
    assert await sample.event("email-events", 1, 44) is None


async def test_reading_marks_only_what_changes(sample: Inbox) -> None:
    assert await sample.mark_read([WELCOME, RECEIPT, "no such id"]) == 1
    assert await sample.mark_read() == 3
    assert await sample.count_unread() == 0
    assert await sample.mark_read([REPORT], is_read=False) == 1
    assert await sample.count_unread() == 1


async def test_a_deleted_message_leaves_nothing_but_its_key(
    sample: Inbox, database: Database
) -> None:
    assert await sample.delete([WELCOME, "no such id"]) == 1

    assert await sample.get(WELCOME) is None
    assert [summary.id for summary in await sample.page(10)] == ALL[:4]
    async with database.read() as connection:
        for table, column in (
            (tables.contents, "submission"),
            (tables.findings, "submission"),
            (tables.recipients, "number"),
            (tables.attempts, "recipient"),
            (tables.statuses, "recipient"),
        ):
            of_first = table.c[column].in_([1, 1 << 10])
            count = select(func.count()).select_from(table).where(of_first)
            assert await connection.scalar(count) == 0, table.name
        keys = await connection.scalars(select(tables.submission_keys.c.submission_key))
        assert list(keys) == ["k-1"]
    # The record of the event stays, and still says which message it made.
    [event] = await sample.events(10, before=2)
    assert event.messages[0].submission_id == WELCOME


async def test_everything_is_deleted_in_batches(
    inbox: Inbox, writer: Writer, database: Database
) -> None:
    count = 2 * BATCH_MESSAGES + 1
    await writer.command(lambda: many(count))

    assert await inbox.delete() == count

    async with database.read() as connection:
        for table in (tables.submissions, tables.contents, tables.recipients, tables.statuses):
            assert await connection.scalar(select(func.count()).select_from(table)) == 0


async def test_large_messages_are_deleted_a_few_at_a_time(inbox: Inbox, writer: Writer) -> None:
    await writer.command(lambda: many(5, size_octets=20_000_000))

    assert await inbox.delete([f"{n:022d}" for n in range(1, 5)]) == 4
    assert [summary.number for summary in await inbox.page(10)] == [5]


async def test_without_a_writer_nothing_is_changed(sample: Inbox, database: Database) -> None:
    reader = Inbox(database)

    with pytest.raises(StoreError, match="reading only"):
        await reader.delete()
    with pytest.raises(StoreError, match="reading only"):
        await reader.mark_read()
    assert await reader.count() == len(ALL)


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_lists_and_messages_are_read_by_index(
    inbox: Inbox, writer: Writer, database: Database
) -> None:
    await writer.command(lambda: many(1000))
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await inbox.page(50)
        await inbox.page(50, query=query("state:queued"))
        await inbox.get(f"{7:022d}")
        await inbox.content(f"{7:022d}")
        await inbox.timeline(f"{7:022d}")
        await inbox.events(50)
        await inbox.position()
    finally:
        event.remove(Engine, "before_cursor_execute", note)

    assert len(asked) > 15
    for statement, parameters in asked:
        async with database.read() as connection:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [str(row[-1]) for row in plan]
        # Counting everything reads the smallest index; nothing reads a table.
        scans = [s for s in steps if re.match(r"SCAN (?!CONSTANT)(?!.* USING COVERING INDEX)", s)]
        assert scans == [], statement


async def test_what_was_submitted_is_read_as_it_was(address: Address) -> None:
    store = Store(address, instance="one", delivers=False)
    await store.open()
    content = b"From: Ada <ada@example.org>\r\nSubject: Hi\r\n\r\n" + bytes(range(256)) * 10_000
    envelope = Envelope(
        reverse_path="ada@example.org",
        recipients=(
            Recipient("bob@example.org", notify=("SUCCESS", "DELAY"), orcpt="rfc822;bob@x"),
            Recipient("müller@example.org"),
        ),
        ret="HDRS",
        envid="e1",
        body="8BITMIME",
        smtputf8=True,
    )
    client = Client(address="192.0.2.1", helo="app", user="ada", tls=True)
    given = Submission(
        id=WELCOME, envelope=envelope, content=content, accepted_at=NOON, client=client
    )

    await store.submissions.accept(given, None)
    await store.submissions.refuse(replace(given, id=REFUSED), Reply(550, "6.0", "Bad"), ())

    message = await store.inbox.get(WELCOME)
    refused = await store.inbox.get(REFUSED)
    stored = await store.inbox.content(WELCOME)
    await store.close()
    assert message is not None
    assert refused is not None
    assert stored == content
    assert (message.ret, message.envid, message.body, message.smtputf8) == (
        *("HDRS", "e1", "8BITMIME"),
        True,
    )
    assert (message.client, message.accepted_at, message.lint) == (client, NOON, "pending")
    assert (message.author, message.subject) == ("Ada <ada@example.org>", "Hi")
    assert (
        tuple(Recipient(r.forward_path, r.notify, r.orcpt) for r in message.recipients)
        == envelope.recipients
    )
    assert (refused.accepted_at, refused.refused_at) == (None, NOON)
    assert {recipient.state for recipient in refused.recipients} == {State.REJECTED}
    assert {recipient.reply for recipient in refused.recipients} == {"550 5.6.0 Bad"}
