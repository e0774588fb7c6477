"""What readers see of SMTP sessions: refusals, sessions and transcripts."""

from typing import Any

from sqlalchemy import Select, select

from sandbox_mta.store import reading
from sandbox_mta.store.database import Database
from sandbox_mta.store.stored import StoredRefusal, StoredSession
from sandbox_mta.store.tables import refusals, sessions, submissions, transcripts

NEWEST = 2**62  # more than any number

_SESSION = [column for column in sessions.c if column.name != "transcript"]
_WHO = [sessions.c[name] for name in ("client_address", "helo", "auth_user", "tls")]


class Evidence:
    """Reads what was recorded of sessions; lists are newest first.

    `before` is the number of the last row of the page before.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refusals(self, limit: int, before: int = NEWEST) -> tuple[StoredRefusal, ...]:
        """Return what was refused of late."""
        page = _refusals().where(refusals.c.number < before)
        return await self._read(page.order_by(refusals.c.number.desc()).limit(limit))

    async def refusals_of(self, session_id: str) -> tuple[StoredRefusal, ...]:
        """Return what was refused in a session, in order."""
        own = _refusals().where(refusals.c.session_id == session_id)
        return await self._read(own.order_by(refusals.c.number))

    async def sessions(self, limit: int, before: int = NEWEST) -> tuple[StoredSession, ...]:
        """Return the sessions that are kept."""
        page = select(*_SESSION).where(sessions.c.number < before)
        async with self._database.read() as connection:
            rows = await connection.execute(page.order_by(sessions.c.number.desc()).limit(limit))
            return tuple(map(reading.session, rows))

    async def session(self, id: str) -> tuple[StoredSession, str] | None:
        """Return a session and its transcript; None when none of this id is kept."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(sessions).filter_by(id=id))).one_or_none()
        return None if row is None else (reading.session(row), row.transcript)

    async def session_of(self, submission_id: str) -> str | None:
        """Return the id of the session in which a message was refused, if that is kept."""
        found = (
            select(sessions.c.id)
            .join(refusals, refusals.c.session_id == sessions.c.id)
            .where(refusals.c.submission_id == submission_id)
            .limit(1)
        )
        async with self._database.read() as connection:
            id: str | None = await connection.scalar(found)
        return id

    async def transcript(self, submission_id: str) -> str | None:
        """Return what was said while a message was submitted; None when it came without SMTP."""
        own = (
            select(transcripts.c.transcript)
            .join(submissions, submissions.c.number == transcripts.c.submission)
            .where(submissions.c.id == submission_id)
        )
        async with self._database.read() as connection:
            text: str | None = await connection.scalar(own)
        return text

    async def _read(self, statement: Select[Any]) -> tuple[StoredRefusal, ...]:
        async with self._database.read() as connection:
            return tuple(map(reading.refusal, await connection.execute(statement)))


def _refusals() -> Select[Any]:
    return (
        select(refusals, *_WHO, submissions.c.id.label("message"))
        .outerjoin(sessions, sessions.c.id == refusals.c.session_id)
        .outerjoin(submissions, submissions.c.id == refusals.c.submission_id)
    )
