"""What is kept, and what is not, on every database."""

from datetime import timedelta

from sqlalchemy import func, select

from sandbox_mta.store import tables
from sandbox_mta.store.clearing import BATCH_MESSAGES
from sandbox_mta.store.database import Database
from sandbox_mta.store.retention import Retention
from sandbox_mta.store.statements import Insert, Statement, Steps
from sandbox_mta.store.writer import Writer

DAY_US = 86_400_000_000
NOW_US = 100 * DAY_US


def messages(count: int) -> Steps[None]:
    """Store messages 1 to `count`, a day apart and delivered, the last one today."""
    numbers = range(1, count + 1)
    yield Insert(
        "INSERT INTO submissions (number, id, kind, reverse_path, smtputf8, author, subject,"
        " message_id, size_octets, accepted_at, client_address, helo, tls)",
        "(?, ?, 'mail', '', 0, '', '', '', 10, ?, '', '', 0)",
        [(n, f"{n:022d}", NOW_US - (count - n) * DAY_US) for n in numbers],
    )
    yield Insert(
        "INSERT INTO recipients (number, forward_path, state, ready, due_at, queued_at, attempts,"
        " reason, lease_epoch)",
        "(?, '', 'delivered', 0, 0, 0, 1, '', 0)",
        [(n << 10,) for n in numbers],
    )


async def kept(database: Database) -> list[int]:
    async with database.read() as connection:
        numbers = select(tables.submissions.c.number).order_by(tables.submissions.c.number)
        return list(await connection.scalars(numbers))


async def test_the_newest_messages_are_kept(database: Database, writer: Writer) -> None:
    await writer.command(lambda: messages(BATCH_MESSAGES + 5))

    assert await Retention(database, writer, newest=3).enforce() == BATCH_MESSAGES + 2
    assert await kept(database) == [BATCH_MESSAGES + n for n in (3, 4, 5)]
    assert await Retention(database, writer, newest=3).enforce() == 0
    async with database.read() as connection:
        left = await connection.scalar(select(func.count()).select_from(tables.recipients))
    assert left == 3


async def test_messages_younger_than_an_age_are_kept(database: Database, writer: Writer) -> None:
    await writer.command(lambda: messages(10))
    week = Retention(database, writer, younger_than=timedelta(days=7), now_us=lambda: NOW_US + 1)

    assert await week.enforce() == 3
    assert await kept(database) == [4, 5, 6, 7, 8, 9, 10]


async def test_a_message_that_is_still_to_be_delivered_is_kept(
    database: Database, writer: Writer
) -> None:
    await writer.command(lambda: messages(5))
    await writer.command(lambda: _defer(2))

    assert await Retention(database, writer, newest=1).enforce() == 3
    assert await kept(database) == [2, 5]


def _defer(number: int) -> Steps[None]:
    sql = "UPDATE recipients SET state = 'deferred' WHERE number = ?"
    yield Statement(sql, (number << 10,))


async def test_without_a_limit_everything_is_kept(database: Database, writer: Writer) -> None:
    await writer.command(lambda: messages(3))

    assert await Retention(database, writer).enforce() == 0
    assert await kept(database) == [1, 2, 3]
