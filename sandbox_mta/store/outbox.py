"""Events that listeners have not got yet: implements `sandbox_mta.events.outbox.Outbox`."""

import asyncio
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial

from sandbox_mta.events.event import loads
from sandbox_mta.events.outbox import Channel, Later, Owed
from sandbox_mta.store.database import Database
from sandbox_mta.store.outbox_rows import tell_settled, tell_stored
from sandbox_mta.store.settlement_rows import Settled
from sandbox_mta.store.statements import Statement, Steps, marks
from sandbox_mta.store.submission_rows import Intake, Stored
from sandbox_mta.store.times import to_datetime, to_microseconds
from sandbox_mta.store.writer import Writer


class StatusOutbox:
    """The outbox of one process that has listeners."""

    def __init__(
        self, writer: Writer, database: Database, *, owner: str, channels: Collection[Channel]
    ) -> None:
        self._writer = writer
        self._database = database
        self._owner = owner
        self._channels = channels
        self._news = asyncio.Event()

    def tell_settled(
        self, items: Sequence[Settled], outcomes: "Sequence[Stored | bool]"
    ) -> Steps[None]:
        """Write what settlements are to listeners, in the transaction of the settlements."""
        yield from tell_settled(self._channels, items, outcomes)

    def tell_stored(self, items: Sequence[Intake], outcomes: Sequence[Stored]) -> Steps[None]:
        """Write what submissions are to listeners, in the transaction that stores them."""
        yield from tell_stored(self._channels, items, outcomes)

    def wake(self) -> None:
        """Take note that something was committed."""
        self._news.set()

    async def wait(self, timeout_s: float) -> None:
        """Return as soon as there may be something to send; see `sandbox_mta.events.outbox`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    async def lead(self, channel: Channel, until: datetime) -> bool:
        """Take or keep the right to send; see `sandbox_mta.events.outbox`."""
        ignoring = "OR IGNORE" if self._writer.dialect == "sqlite" else "IGNORE"
        steps = partial(_lead, ignoring, channel, self._owner, to_microseconds(until))
        return await self._writer.command(steps)

    async def owed(self, channel: Channel, now: datetime, limit: int) -> Sequence[Owed]:
        """Return what is to be sent, oldest first; see `sandbox_mta.events.outbox`."""
        from sqlalchemy import select

        from sandbox_mta.store.tables import status_outbox as own

        at, before = to_microseconds(now), own.alias()
        earlier = select(before.c.number).where(
            before.c.channel == own.c.channel,
            before.c.submission == own.c.submission,
            before.c.number < own.c.number,
            before.c.due_at > at,
        )
        due = (
            select(own)
            .where(own.c.channel == channel.value, own.c.due_at <= at, ~earlier.exists())
            .order_by(own.c.number)
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(due)).all()
        return [
            Owed(row.number, row.tries, loads(row.id, row.type, to_datetime(row.at), row.data))
            for row in rows
        ]

    async def settle(self, done: Sequence[int], later: Sequence[Later]) -> None:
        """Forget what was sent, and keep the rest; see `sandbox_mta.events.outbox`."""
        await self._writer.command(partial(_settle, done, later))


def _lead(ignoring: str, channel: Channel, owner: str, until: int) -> Steps[bool]:
    sql = f"INSERT {ignoring} INTO status_senders (channel, lease_owner, lease_until)"
    yield Statement(f"{sql} VALUES (?, ?, 0)", (channel.value, owner))
    taken = yield Statement(
        "UPDATE status_senders SET lease_owner = ?, lease_until = ?"
        " WHERE channel = ? AND (lease_owner = ? OR lease_until < ?)",
        (owner, until, channel.value, owner, _now_us()),
    )
    return taken.count == 1


def _now_us() -> int:
    return time.time_ns() // 1000


def _settle(done: Sequence[int], later: Sequence[Later]) -> Steps[None]:
    if done:
        yield Statement(f"DELETE FROM status_outbox WHERE number IN ({marks(done)})", tuple(done))
    for each in later:
        yield Statement(
            "UPDATE status_outbox SET tries = tries + 1, due_at = ? WHERE number = ?",
            (to_microseconds(each.due_at), each.number),
        )
