"""The SELECTs behind the inbox: many rows at a time, each found by its key."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from msa.lint.finding import Finding, Severity
from sandbox_mta.mta.ports import Attempt
from sandbox_mta.mta.status import State
from sandbox_mta.store import reading
from sandbox_mta.store.reading import AnyRow
from sandbox_mta.store.search import POSITIONS, of_submission
from sandbox_mta.store.stored import (
    MAX_SHOWN_RECIPIENTS,
    EventMessage,
    StoredEvent,
    StoredRecipient,
    StoredStatus,
)
from sandbox_mta.store.tables import (
    attempts,
    event_messages,
    events,
    findings,
    fixes,
    recipients,
    statuses,
    submissions,
)

IN_ONE_LIST = 500  # values of an IN (...)

T = TypeVar("T")


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut a sequence into pieces of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


# Reads the range of recipients of each submission, on every database.
_WITH_RECIPIENTS = submissions.join(recipients, of_submission(submissions.c.number))


async def count_states(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, Mapping[State, int]]:
    """Count the recipients of each submission by state."""
    by = (submissions.c.number, recipients.c.state)
    counted = await _grouped(
        connection,
        select(*by, func.count().label("n")).select_from(_WITH_RECIPIENTS).group_by(*by),
        submissions.c.number,
        numbers,
        lambda row: (row.number, (State(row.state), row.n)),
    )
    return {number: dict(counts) for number, counts in counted.items()}


async def count_severities(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, Mapping[Severity, int]]:
    """Count the findings of each submission by severity."""
    by = (findings.c.submission, findings.c.severity)
    counted = await _grouped(
        connection,
        select(*by, func.count().label("n")).group_by(*by),
        findings.c.submission,
        numbers,
        lambda row: (row.submission, (Severity(row.severity), row.n)),
    )
    return {number: dict(counts) for number, counts in counted.items()}


async def first_forward_paths(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, list[str]]:
    """Return the first forward-paths of each submission."""
    position = recipients.c.number.bitwise_and(POSITIONS - 1)
    statement = select(recipients.c.number, recipients.c.forward_path)
    return await _grouped(
        connection,
        statement.select_from(_WITH_RECIPIENTS)
        .where(position < MAX_SHOWN_RECIPIENTS)
        .order_by(recipients.c.number),
        submissions.c.number,
        numbers,
        lambda row: (row.number // POSITIONS, row.forward_path),
    )


async def load_recipients(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, list[StoredRecipient]]:
    """Return the recipients of each submission, in the order of its envelope."""
    return await _grouped(
        connection,
        select(recipients).select_from(_WITH_RECIPIENTS).order_by(recipients.c.number),
        submissions.c.number,
        numbers,
        lambda row: (row.number // POSITIONS, reading.recipient(row)),
    )


async def load_findings(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, list[Finding]]:
    """Return the findings of each submission, in the order of the rules."""
    return await _grouped(
        connection,
        select(findings).order_by(findings.c.submission, findings.c.n),
        findings.c.submission,
        numbers,
        lambda row: (row.submission, reading.finding(row)),
    )


async def load_fixes(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, list[Sequence[Any]]]:
    """Return the fixes of each submission as `fix_rows.read_fixed` takes them."""
    return await _grouped(
        connection,
        select(fixes).order_by(fixes.c.submission, fixes.c.n),
        fixes.c.submission,
        numbers,
        lambda row: (row.submission, tuple(row)[2:]),
    )


async def load_statuses(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, list[StoredStatus]]:
    """Return the states that each recipient reached, in order."""
    return await _grouped(
        connection,
        select(statuses).order_by(statuses.c.recipient, statuses.c.n),
        statuses.c.recipient,
        numbers,
        lambda row: (row.recipient, reading.status(row)),
    )


async def load_attempts(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, list[Attempt]]:
    """Return the attempts for each recipient, in order."""
    return await _grouped(
        connection,
        select(attempts).order_by(attempts.c.recipient, attempts.c.n, attempts.c.position),
        attempts.c.recipient,
        numbers,
        lambda row: (row.recipient, reading.attempt(row)),
    )


async def load_event_messages(
    connection: AsyncConnection, numbers: Sequence[int]
) -> Mapping[int, list[EventMessage]]:
    """Return the messages that each event made, in the order of its recipients."""
    return await _grouped(
        connection,
        select(event_messages).order_by(event_messages.c.event, event_messages.c.n),
        event_messages.c.event,
        numbers,
        lambda row: (row.event, reading.event_message(row)),
    )


async def load_origins(
    connection: AsyncConnection, ids: Sequence[str]
) -> Mapping[str, StoredEvent]:
    """Return the first event that made each message, for those that an event made."""
    found: dict[str, StoredEvent] = {}
    statement = (
        select(
            event_messages.c.submission_id,
            event_messages.c.template,
            event_messages.c.template_version,
            *(events.c[name] for name in ("topic", "partition", "offset", "id", "type")),
        )
        .join(events, events.c.number == event_messages.c.event)
        .order_by(event_messages.c.event, event_messages.c.n)
    )
    for some in chunks(ids, IN_ONE_LIST):
        of_these = statement.where(event_messages.c.submission_id.in_(some))
        for row in await connection.execute(of_these):
            found.setdefault(row.submission_id, reading.origin(row))
    return found


async def _grouped(
    connection: AsyncConnection,
    statement: Select[Any],
    column: ColumnElement[int],
    numbers: Sequence[int],
    read: Callable[[AnyRow], tuple[int, T]],
) -> dict[int, list[T]]:
    """Run a statement for some values of a column, and gather what `read` makes of each row."""
    found: dict[int, list[T]] = defaultdict(list)
    for some in chunks(numbers, IN_ONE_LIST):
        for row in await connection.execute(statement.where(column.in_(some))):
            key, value = read(row)
            found[key].append(value)
    return found
