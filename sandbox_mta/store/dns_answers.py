"""What name servers answered while domains were looked up: the newest answer to each question."""

from collections.abc import Iterable, Sequence
from functools import partial

from sqlalchemy import select

from sandbox_mta.mta.recorded import LookedUp
from sandbox_mta.mta.zone import Result
from sandbox_mta.store.database import Database
from sandbox_mta.store.statements import Insert, Statement, Steps
from sandbox_mta.store.tables import dns_answers
from sandbox_mta.store.times import to_datetime, to_microseconds
from sandbox_mta.store.writer import Writer

MAX_NAME = 253  # octets, as wide as the column; a name full of escapes may be longer


class DnsAnswers:
    """Keeps and returns answers; without a writer it only returns them."""

    def __init__(self, database: Database, writer: Writer | None = None) -> None:
        self._database = database
        self._writer = writer

    async def keep(self, answers: Iterable[LookedUp]) -> None:
        """Store answers durably, each in the place of an older one to its question."""
        assert self._writer is not None
        newest = {(each.name, each.rdtype): each for each in answers if len(each.name) <= MAX_NAME}
        if newest:
            await self._writer.command(partial(_replace, tuple(newest.values())))

    async def all(self) -> tuple[LookedUp, ...]:
        """Return every answer, oldest first."""
        kept = select(dns_answers).order_by(dns_answers.c.asked_at, dns_answers.c.name)
        async with self._database.read() as connection:
            rows = (await connection.execute(kept)).all()
        return tuple(
            LookedUp(
                row.name,
                row.rdtype,
                Result(row.result),
                tuple(row.records.splitlines()),
                to_datetime(row.asked_at),
            )
            for row in rows
        )


def _replace(answers: Sequence[LookedUp]) -> Steps[None]:
    for each in answers:
        key = (each.name, each.rdtype)
        yield Statement("DELETE FROM dns_answers WHERE name = ? AND rdtype = ?", key)
    yield Insert(
        "INSERT INTO dns_answers (name, rdtype, result, records, asked_at)",
        "(?, ?, ?, ?, ?)",
        [
            (
                each.name,
                each.rdtype,
                each.result.value,
                "\n".join(each.records),
                to_microseconds(each.asked_at),
            )
            for each in answers
        ],
    )
