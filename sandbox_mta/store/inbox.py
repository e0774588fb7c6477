"""What people and programs read: lists, messages, journeys, events; and what they clear away."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge.ports import EventState
from sandbox_mta.store import loading, reading
from sandbox_mta.store.clearing import BATCH_MESSAGES, bounded, delete, mark
from sandbox_mta.store.database import Database, StoreError
from sandbox_mta.store.evidence import Evidence
from sandbox_mta.store.fix_rows import read_fixed
from sandbox_mta.store.loading import chunks
from sandbox_mta.store.query import Query
from sandbox_mta.store.reading import AnyRow
from sandbox_mta.store.search import conditions
from sandbox_mta.store.sessions import clear
from sandbox_mta.store.statements import Steps
from sandbox_mta.store.stored import Journey, Position, ReceivedEvent, StoredMessage, Summary
from sandbox_mta.store.tables import contents, events, submissions
from sandbox_mta.store.writer import Writer

EVERY = Query()
NEWEST = 2**62  # more than any number
STREAM_PAGE = 100  # messages in memory while all are read
SHOWN_OCTETS = 1_000  # of an event's value in a list

_EVENT = [column for column in events.c if column.name not in ("value", "identity")]


def _now_us() -> int:
    return time.time_ns() // 1000


class Inbox:
    """Reads over connections of its own, which never make the writer wait.

    Without a writer, as in `dump`, nothing can be marked or deleted.
    """

    def __init__(
        self,
        database: Database,
        writer: Writer | None = None,
        now_us: Callable[[], int] = _now_us,
    ) -> None:
        self._database = database
        self._writer = writer
        self._now_us = now_us
        self.evidence = Evidence(database)

    async def position(self) -> Position:
        """Return how far the inbox has come; cheap enough to ask a few times a second."""
        newest = select(func.max(submissions.c.number)).scalar_subquery()
        total = select(func.count()).select_from(submissions).scalar_subquery()
        unread = _count(submissions.c.read_at.is_(None)).scalar_subquery()
        async with self._database.read() as connection:
            row = (await connection.execute(select(newest, total, unread))).one()
        return Position(newest=row[0] or 0, total=row[1], unread=row[2])

    async def count(self, query: Query = EVERY) -> int:
        """Count the messages a query finds."""
        async with self._database.read() as connection:
            return await connection.scalar(_count(*conditions(query))) or 0

    async def count_unread(self, query: Query = EVERY) -> int:
        """Count the messages a query finds that nobody has opened."""
        unread = submissions.c.read_at.is_(None)
        async with self._database.read() as connection:
            return await connection.scalar(_count(unread, *conditions(query))) or 0

    async def page(
        self, limit: int, before: int = NEWEST, offset: int = 0, query: Query = EVERY
    ) -> tuple[Summary, ...]:
        """Return the newest messages a query finds, newest first.

        `before` is the number of the last message of the page before; `offset` leaves out as many
        rows, for those who count instead.
        """
        statement = (
            select(submissions)
            .where(submissions.c.number < before, *conditions(query))
            .order_by(submissions.c.number.desc())
            .limit(limit)
            .offset(offset)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
            return await _summaries(connection, rows)

    async def get(self, id: str) -> StoredMessage | None:
        """Return a message; None when there is none of this id."""
        return await self._one(select(submissions).where(submissions.c.id == id))

    async def latest(self, query: Query = EVERY) -> StoredMessage | None:
        """Return the newest message a query finds; None when it finds none."""
        newest = select(submissions).where(submissions.c.number < NEWEST, *conditions(query))
        return await self._one(newest.order_by(submissions.c.number.desc()).limit(1))

    async def content(self, id: str) -> bytes | None:
        """Return the octets of a message as they were submitted; None without such a message."""
        statement = (
            select(contents.c.octets)
            .join(submissions, submissions.c.number == contents.c.submission)
            .where(submissions.c.id == id)
            .order_by(contents.c.n)
        )
        async with self._database.read() as connection:
            pieces = (await connection.scalars(statement)).all()
        return b"".join(pieces) if pieces else None

    async def beginnings(self, ids: Sequence[str], octets: int) -> Mapping[str, bytes]:
        """Return the first octets of each message: of its first piece, and so at most that."""
        statement = select(submissions.c.id, func.substr(contents.c.octets, 1, octets)).join(
            contents, (contents.c.submission == submissions.c.number) & (contents.c.n == 0)
        )
        found: dict[str, bytes] = {}
        async with self._database.read() as connection:
            for some in chunks(ids, loading.IN_ONE_LIST):
                rows = await connection.execute(statement.where(submissions.c.id.in_(some)))
                found.update((id, bytes(beginning)) for id, beginning in rows)
        return found

    async def stream(self, query: Query = EVERY) -> AsyncIterator[StoredMessage]:
        """Yield the messages a query finds in order of arrival.

        Messages that come in meanwhile are yielded too, those deleted meanwhile are not.
        """
        after = 0
        while True:
            statement = (
                select(submissions)
                .where(submissions.c.number > after, *conditions(query))
                .order_by(submissions.c.number)
                .limit(STREAM_PAGE)
            )
            # A connection each, so that none is held while the reader takes its time.
            async with self._database.read() as connection:
                messages = await _messages(connection, (await connection.execute(statement)).all())
            for message in messages:
                yield message
            if len(messages) < STREAM_PAGE:
                return
            after = messages[-1].number

    async def ids(self, query: Query) -> tuple[str, ...]:
        """Return the ids of the messages a query finds, oldest first."""
        statement = (
            select(submissions.c.id).where(*conditions(query)).order_by(submissions.c.number)
        )
        async with self._database.read() as connection:
            return tuple(await connection.scalars(statement))

    async def timeline(self, id: str) -> tuple[Journey, ...]:
        """Return every recipient of a message with its states and attempts; () without one."""
        message = select(submissions.c.number).where(submissions.c.id == id)
        async with self._database.read() as connection:
            number = await connection.scalar(message)
            if number is None:
                return ()
            recipients = await loading.load_recipients(connection, [number])
            found = [recipient.number for recipient in recipients.get(number, ())]
            statuses = await loading.load_statuses(connection, found)
            attempts = await loading.load_attempts(connection, found)
        return tuple(
            Journey(
                recipient=recipient,
                statuses=tuple(statuses.get(recipient.number, ())),
                attempts=tuple(attempts.get(recipient.number, ())),
            )
            for recipient in recipients.get(number, ())
        )

    async def events(
        self, limit: int, before: int = NEWEST, state: EventState | None = None, topic: str = ""
    ) -> tuple[ReceivedEvent, ...]:
        """Return the newest events, newest first; `before` is the last number of the page before.

        Of a value only the first `SHOWN_OCTETS` are there.
        """
        wanted = [events.c.number < before]
        if state is not None:
            wanted.append(events.c.state == state)
        if topic:
            wanted.append(events.c.topic == topic)
        beginning = func.substr(events.c.value, 1, SHOWN_OCTETS)
        page = _events(beginning).where(*wanted).order_by(events.c.number.desc()).limit(limit)
        return await self._received(page)

    async def event(self, topic: str, partition: int, offset: int) -> ReceivedEvent | None:
        """Return an event with all of its value; None when none was received from there."""
        there = (events.c.topic == topic, events.c.partition == partition)
        at = _events(events.c.value).where(*there, events.c.offset == offset)
        # A topic that was deleted and made again has the same offsets, with later timestamps.
        found = await self._received(at.order_by(events.c.timestamp_ms.desc()).limit(1))
        return found[0] if found else None

    async def mark_read(self, ids: Sequence[str] | None = None, is_read: bool = True) -> int:
        """Mark messages as read, or as unread; None means all. Return how many were changed."""
        stands = submissions.c.read_at.is_(None) if is_read else submissions.c.read_at.is_not(None)
        read_at = self._now_us() if is_read else None
        return await self._clear(ids, stands, partial(mark, read_at=read_at))

    async def delete(self, ids: Sequence[str] | None = None) -> int:
        """Delete messages with all that belongs to them; None means all there are now.

        With all messages go all sessions and refusals. Submission keys stay, so that an event that
        is replayed makes no second message. Returns how many messages were deleted.
        """
        deleted = await self._clear(ids, true(), delete)
        if ids is None and self._writer is not None:
            await self._writer.command(clear)
        return deleted

    async def _clear(
        self,
        ids: Sequence[str] | None,
        wanted: ColumnElement[bool],
        steps: Callable[[Sequence[int]], Steps[int]],
    ) -> int:
        """Change messages in bounded transactions, so that mail can come in between them."""
        if self._writer is None:
            raise StoreError("this inbox was opened for reading only")
        changed = 0
        async for numbers in self._batches(ids, wanted):
            changed += await self._writer.command(partial(steps, numbers))
        return changed

    async def _batches(
        self, ids: Sequence[str] | None, wanted: ColumnElement[bool]
    ) -> AsyncIterator[Sequence[int]]:
        sized = select(submissions.c.number, submissions.c.size_octets).where(wanted)
        if ids is not None:
            for some in chunks(ids, BATCH_MESSAGES):
                for batch in bounded(await self._rows(sized.where(submissions.c.id.in_(some)))):
                    yield batch
            return
        newest, after = (await self.position()).newest, 0
        while rows := await self._rows(
            sized.where(submissions.c.number > after, submissions.c.number <= newest)
            .order_by(submissions.c.number)
            .limit(BATCH_MESSAGES)
        ):
            for batch in bounded(rows):
                yield batch
            after = rows[-1].number

    async def _rows(self, statement: Select[Any]) -> Sequence[AnyRow]:
        async with self._database.read() as connection:
            rows: Sequence[AnyRow] = (await connection.execute(statement)).all()
        return rows

    async def _one(self, statement: Select[Any]) -> StoredMessage | None:
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
            messages = await _messages(connection, rows)
        return messages[0] if messages else None

    async def _received(self, statement: Select[Any]) -> tuple[ReceivedEvent, ...]:
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
            numbers = [row.number for row in rows]
            made = await loading.load_event_messages(connection, numbers)
        return tuple(reading.event(row, made.get(row.number, ())) for row in rows)


def _count(*wanted: ColumnElement[bool]) -> Select[int]:
    return select(func.count()).select_from(submissions).where(*wanted)


def _events(value: ColumnElement[Any]) -> Select[Any]:
    octets = func.length(events.c.value).label("value_octets")
    return select(*_EVENT, value.label("shown"), octets)


async def _summaries(connection: AsyncConnection, rows: Sequence[AnyRow]) -> tuple[Summary, ...]:
    numbers = [row.number for row in rows]
    states = await loading.count_states(connection, numbers)
    severities = await loading.count_severities(connection, numbers)
    forward_paths = await loading.first_forward_paths(connection, numbers)
    origins = await loading.load_origins(connection, [row.id for row in rows])
    return tuple(
        Summary(
            **reading.head(row, origins.get(row.id)),
            forward_paths=tuple(forward_paths.get(row.number, ())),
            states=states.get(row.number, {}),
            severities=severities.get(row.number, {}),
        )
        for row in rows
    )


async def _messages(
    connection: AsyncConnection, rows: Sequence[AnyRow]
) -> tuple[StoredMessage, ...]:
    numbers = [row.number for row in rows]
    recipients = await loading.load_recipients(connection, numbers)
    findings = await loading.load_findings(connection, numbers)
    fixes = await loading.load_fixes(connection, numbers)
    origins = await loading.load_origins(connection, [row.id for row in rows])
    return tuple(
        StoredMessage(
            **reading.head(row, origins.get(row.id)),
            ret=row.ret,
            envid=row.envid,
            body=row.body,
            smtputf8=bool(row.smtputf8),
            submission_key=row.submission_key,
            parent_id=row.parent_id,
            recipients=tuple(recipients.get(row.number, ())),
            findings=tuple(findings.get(row.number, ())),
            fixed=None if row.fixed_at is None else read_fixed(fixes.get(row.number, ())),
        )
        for row in rows
    )
