"""The clock's state in the database: implements `ClockStore` of `sandbox_mta.mta.ports`."""

from functools import partial

from sandbox_mta.mta.ports import ClockState
from sandbox_mta.store.database import Database
from sandbox_mta.store.statements import Statement, Steps
from sandbox_mta.store.times import to_datetime, to_microseconds
from sandbox_mta.store.writer import Writer


class ClockStates:
    """Keeps one row."""

    def __init__(self, writer: Writer, database: Database) -> None:
        self._writer = writer
        self._database = database

    async def load_clock(self) -> ClockState | None:
        """Return the stored state; None when the clock was never set."""
        sql = "SELECT mode, rate, virtual_base, real_base FROM clock WHERE number = 1"
        async with self._database.read() as connection:
            row = (await connection.exec_driver_sql(sql)).one_or_none()
        if row is None:
            return None
        return ClockState(
            mode=row.mode,
            rate=float(row.rate),
            virtual_base=to_datetime(row.virtual_base),
            real_base=to_datetime(row.real_base),
        )

    async def save_clock(self, state: ClockState) -> None:
        """Store the state durably."""
        await self._writer.command(partial(_replace, state))


def _replace(state: ClockState) -> Steps[None]:
    yield Statement("DELETE FROM clock WHERE number = 1")
    yield Statement(
        "INSERT INTO clock (number, mode, rate, virtual_base, real_base) VALUES (1, ?, ?, ?, ?)",
        (
            state.mode,
            repr(state.rate),
            to_microseconds(state.virtual_base),
            to_microseconds(state.real_base),
        ),
    )
