"""What simulated exchangers remember: implements `ScenarioNotes` of `sandbox_mta.mta.ports`."""

import time
from functools import partial

from sandbox_mta.mta.ports import Notes
from sandbox_mta.store.database import Database
from sandbox_mta.store.statements import Insert, Row, Statement, Steps
from sandbox_mta.store.submission_rows import clean
from sandbox_mta.store.writer import Writer


class KeptNotes:
    """Keeps a row a note."""

    def __init__(self, writer: Writer, database: Database) -> None:
        self._writer = writer
        self._database = database

    async def load_notes(self, limit: int) -> Notes:
        """Return the notes that changed last, in the order of their change."""
        sql = f"SELECT rule, note, numbers FROM scenario_notes ORDER BY saved_at DESC LIMIT {limit}"
        async with self._database.read() as connection:
            rows = (await connection.exec_driver_sql(sql)).all()
        return {
            (rule, note): tuple(map(int, numbers.split(",")))
            for rule, note, numbers in reversed(rows)
        }

    async def save_notes(self, changes: Notes) -> None:
        """Store changes durably; a note without numbers is forgotten."""
        await self._writer.command(partial(_replace, changes, time.time_ns() // 1000))


def _replace(changes: Notes, now: int) -> Steps[None]:
    # What is no character is written as "?": two keys may become one.
    rows: dict[tuple[str, str], Row] = {}
    for (rule, note), numbers in changes.items():
        place = clean(rule), clean(note)
        yield Statement("DELETE FROM scenario_notes WHERE rule = ? AND note = ?", place)
        if numbers:
            rows[place] = (*place, ",".join(map(str, numbers)), now)
    if rows:
        into = "INSERT INTO scenario_notes (rule, note, numbers, saved_at)"
        yield Insert(into, "(?, ?, ?, ?)", list(rows.values()))
