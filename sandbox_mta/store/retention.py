"""How long messages are kept: deletes what is too old or too much, a bearable lot at a time."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from sqlalchemy import ColumnElement, func, literal, or_, select

from sandbox_mta.mta.status import TERMINAL
from sandbox_mta.store.clearing import BATCH_MESSAGES, bounded, delete
from sandbox_mta.store.database import Database
from sandbox_mta.store.search import POSITIONS
from sandbox_mta.store.tables import recipients, submissions
from sandbox_mta.store.writer import Writer


def _now_us() -> int:
    return time.time_ns() // 1000


class Retention:
    """Keeps the newest messages, or those younger than an age; None sets no limit."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        *,
        newest: int | None = None,
        younger_than: timedelta | None = None,
        now_us: Callable[[], int] = _now_us,
    ) -> None:
        self._database = database
        self._writer = writer
        self._newest = newest
        self._younger_than = younger_than
        self._now_us = now_us

    async def enforce(self) -> int:
        """Delete what is over the limits, and return how many messages that were.

        A message with a recipient that is still to be delivered stays.
        """
        page = (
            select(
                submissions.c.number,
                submissions.c.size_octets,
                (await self._is_over()).label("is_over"),
                _waits().label("waits"),
            )
            .order_by(submissions.c.number)
            .limit(BATCH_MESSAGES)
        )
        deleted = after = 0
        # Numbers are given in the order of arrival: behind a page within the limits all are.
        while True:
            async with self._database.read() as connection:
                rows = (await connection.execute(page.where(submissions.c.number > after))).all()
            over = [row for row in rows if row.is_over]
            if not over:
                return deleted
            for batch in bounded([row for row in over if not row.waits]):
                deleted += await self._writer.command(partial(delete, batch))
            after = rows[-1].number

    async def _is_over(self) -> ColumnElement[bool]:
        over: list[ColumnElement[bool]] = [literal(False)]
        if self._younger_than is not None:
            since = self._now_us() - self._younger_than // timedelta(microseconds=1)
            over.append(func.coalesce(submissions.c.accepted_at, submissions.c.refused_at) < since)
        if self._newest is not None:
            numbers = select(submissions.c.number).order_by(submissions.c.number.desc())
            async with self._database.read() as connection:
                last = await connection.scalar(numbers.offset(self._newest).limit(1))
            over.append(submissions.c.number <= (last or 0))
        return or_(*over)


def _waits() -> ColumnElement[bool]:
    """Say whether a recipient of a message is still to be delivered."""
    first = submissions.c.number * POSITIONS
    return (
        select(recipients.c.number)
        .where(
            recipients.c.number.between(first, first + (POSITIONS - 1)),
            recipients.c.state.not_in(sorted(state.value for state in TERMINAL)),
        )
        .exists()
    )
