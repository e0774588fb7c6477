"""Sessions that are worth knowing of, and what was refused in them; bounded in number.

Nothing waits for them: they ride with the commits of others. A hostile client, or a health check
every second, pushes out older ones of its own kind and nothing else.
"""

import logging
from collections.abc import Sequence
from itertools import chain

from msa.envelope import Client
from msa.recorder import Refusal, SessionRecord
from sandbox_mta.store.database import Unavailable
from sandbox_mta.store.statements import (
    Insert,
    InsertNumbered,
    Row,
    Statement,
    Steps,
    marks,
)
from sandbox_mta.store.submission_rows import MAX_HELO, MAX_USER, clean
from sandbox_mta.store.times import to_microseconds
from sandbox_mta.store.writer import Lane, Writer

KEPT_REFUSED = 10_000  # sessions in which something was refused
KEPT_QUIET = 1_000  # sessions in which nothing was, and that delivered nothing
KEPT_REFUSALS = 10_000
PRUNE_EVERY = 100  # sessions or refusals
MAX_WAITING = 1_000  # while the database can't be written
MAX_PATH = 512  # characters, as wide as the columns; what is refused may be any length

_CHANGES = ("ended_at", "ending", "helo", "auth_user", "tls", "messages", "refused", "transcript")
_COLUMNS = ("id", "started_at", "client_address", *_CHANGES)
_REFUSAL = (
    *("session_id", "`at`", "command", "reply_code", "reply_enhanced", "reply_text"),
    *("reverse_path", "forward_path", "submission_id"),
)

log = logging.getLogger(__name__)


class Sessions:
    """Keeps the records of sessions; implements `SessionLog`."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lane = _Lane()
        self._dropped = 0
        writer.add(self._lane)

    def record(self, session: SessionRecord) -> None:
        """Keep a session when the next commit goes; see `msa.ports`."""
        if len(self._lane.waiting) >= MAX_WAITING:
            self._dropped += 1
            if self._dropped % MAX_WAITING == 1:
                log.warning("%d records of sessions had no room and are lost", self._dropped)
            return
        try:
            self._writer.put(self._lane, session)
        except Unavailable:
            log.debug("session %s ended after the store", session.id)

    async def flush(self) -> None:
        """Return when all that was recorded so far is written."""
        await self._writer.flush(self._lane)


class _Lane(Lane[SessionRecord, None]):
    """Records that wait for a commit to ride with."""

    rides = True

    def __init__(self) -> None:
        super().__init__()
        self._since_pruned = PRUNE_EVERY  # at first, or short runs would add up

    def write(self, items: Sequence[SessionRecord]) -> Steps[Sequence[None]]:
        latest = {session.id: session for session in items}
        known = yield Statement(
            f"SELECT id FROM sessions WHERE id IN ({marks(latest)})", tuple(latest)
        )
        old = {id for (id,) in known.rows}
        fresh = [session for id, session in latest.items() if id not in old]
        if fresh:
            yield InsertNumbered("sessions", _COLUMNS, [_row(session) for session in fresh])
        for id in old:
            changes = ", ".join(f"{name} = ?" for name in _CHANGES)
            values = (*_changes(latest[id]), id)
            yield Statement(f"UPDATE sessions SET {changes} WHERE id = ?", values)
        yield from _insert_refusals(items)
        if self._since_pruned >= PRUNE_EVERY:
            yield from prune()
        return [None] * len(items)

    def written(self, items: Sequence[SessionRecord], outcomes: Sequence[None]) -> None:
        if self._since_pruned >= PRUNE_EVERY:
            self._since_pruned = 0
        self._since_pruned += sum(1 + len(session.refusals) for session in items)

    def failed(self, item: SessionRecord, error: Exception) -> None:
        log.error("session %s can't be stored", item.id, exc_info=error)


def prune() -> Steps[None]:
    """Delete the oldest sessions of each kind, and the oldest refusals, beyond what is kept."""
    for kind, kept in (("refused = 0", KEPT_QUIET), ("refused > 0", KEPT_REFUSED)):
        last = yield Statement(
            f"SELECT number FROM sessions WHERE {kind} ORDER BY number DESC LIMIT 1 OFFSET ?",
            (kept,),
        )
        if last.rows:
            sql = f"DELETE FROM sessions WHERE {kind} AND number <= ?"
            yield Statement(sql, (last.rows[0][0],))
    newest = yield Statement("SELECT MAX(number) FROM refusals")
    sql = "DELETE FROM refusals WHERE number <= ?"
    yield Statement(sql, ((newest.rows[0][0] or 0) - KEPT_REFUSALS,))


def clear() -> Steps[None]:
    """Delete all sessions and refusals."""
    yield Statement("DELETE FROM refusals")
    yield Statement("DELETE FROM sessions")


def _row(session: SessionRecord) -> Row:
    started_at = to_microseconds(session.started_at)
    return (session.id, started_at, session.client.address, *_changes(session))


def _changes(session: SessionRecord) -> Row:
    client: Client = session.client
    return (
        None if session.ended_at is None else to_microseconds(session.ended_at),
        session.ending.value if session.ending else None,
        clean(client.helo)[:MAX_HELO],
        client.user if client.user is None else clean(client.user)[:MAX_USER],
        int(client.tls),
        session.messages,
        session.refused,
        session.transcript,
    )


def _insert_refusals(items: Sequence[SessionRecord]) -> Steps[None]:
    rows = list(
        chain.from_iterable(
            (_refusal_row(session.id, refusal) for refusal in session.refusals) for session in items
        )
    )
    if rows:
        yield Insert(f"INSERT INTO refusals ({', '.join(_REFUSAL)})", f"({marks(_REFUSAL)})", rows)


def _refusal_row(session_id: str, refusal: Refusal) -> Row:
    reply = refusal.reply
    return (
        session_id,
        to_microseconds(refusal.at),
        refusal.command,
        reply.code,
        reply.enhanced,
        clean(reply.text),
        _path(refusal.reverse_path),
        _path(refusal.forward_path),
        refusal.submission_id,
    )


def _path(path: str | None) -> str | None:
    return None if path is None else clean(path)[:MAX_PATH]
