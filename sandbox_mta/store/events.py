"""The ledger of events in the database: implements `bridge.ports.EventLedger`.

An event that is owed has `ready = 1`, and `due_at` says from when it may be claimed. A lease only
moves `due_at` to its own end, so that one index finds what was never leased, what is to be tried
again and what a dead process left, and a lease that ends needs nobody to notice.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TypeVar

from sqlalchemy import func, select

from bridge.event import EventRef
from bridge.ports import (
    EventState,
    Identified,
    LedgerEntry,
    Outcome,
    Outgoing,
    TemplateVersion,
    Verdict,
)
from sandbox_mta.store.database import Database
from sandbox_mta.store.event_rows import (
    COLUMNS,
    ENTRY,
    MAX_RECORD_OCTETS,
    Lease,
    clip,
    first_state,
    new_entry,
    new_row,
    read_entry,
    value_pieces,
)
from sandbox_mta.store.statements import Insert, InsertNumbered, Row, Statement, Steps, marks
from sandbox_mta.store.tables import events
from sandbox_mta.store.writer import Writer

LEASE_US = 300 * 1_000_000  # longer than any submission takes; a crash delays its events by this
MAX_CLAIM_OCTETS = 32_000_000  # values that one claim holds in memory, unless one alone is larger
PIECE_OCTETS = 4_000_000  # of a value in one statement on MySQL, where it takes twice the room
_IN_ONE_LIST = 500  # values of an IN (...)

_FREE = "lease_owner = NULL, lease_until = NULL"
_HELD = f"number = ? AND lease_epoch = ? AND state = '{EventState.RECEIVED}'"

T = TypeVar("T")
log = logging.getLogger(__name__)


def _now_us() -> int:
    return time.time_ns() // 1000


class Events:
    """The events of every process that shares the database, and the leases of this one."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        instance: str,
        now_us: Callable[[], int] = _now_us,
    ) -> None:
        self._database = database
        self._writer = writer
        self._instance = instance  # names this process, and the one that follows it after a crash
        self._now_us = now_us
        self._kept: set[tuple[str, str]] = set()

    async def recover(self) -> int:
        """Give back what this instance held when it died, and return how many; call it first.

        SQLite belongs to one process, so there every lease is an old one.
        """
        owner = None if self._is_sqlite else self._instance
        return await self._writer.command(partial(_recover, owner, self._now_us()))

    async def receive(self, records: Sequence[Identified]) -> Sequence[LedgerEntry]:
        if not records:
            return ()
        piece_octets = MAX_RECORD_OCTETS if self._is_sqlite else PIECE_OCTETS
        return await self._writer.command(partial(_receive, records, self._lease(), piece_octets))

    async def claim(self, limit: int) -> Sequence[LedgerEntry]:
        lock = "" if self._is_sqlite else " FOR UPDATE SKIP LOCKED"
        return await self._writer.command(partial(_claim, limit, lock, self._lease()))

    async def record(self, outcome: Outcome) -> None:
        if outcome.state is EventState.RECEIVED:
            raise ValueError("an outcome settles its event; retry() gives it back")
        if not await self._writer.command(partial(_record, outcome, self._now_us())):
            _log_lost(outcome.entry)

    async def retry(self, entry: LedgerEntry, after_s: float, detail: str) -> None:
        due_at = self._now_us() + int(after_s * 1_000_000)
        if not await self._writer.command(partial(_retry, entry, due_at, detail)):
            _log_lost(entry)

    async def backlog(self) -> int:
        owed = select(func.count()).select_from(events).where(events.c.ready == 1)
        async with self._database.read() as connection:
            return await connection.scalar(owed) or 0

    async def keep_template(self, version: TemplateVersion) -> None:
        key = (version.name, version.version)
        if key not in self._kept:
            await self._writer.command(partial(_keep_template, version, self._now_us()))
            self._kept.add(key)

    def _lease(self) -> Lease:
        now = self._now_us()
        return Lease(self._instance, now, now + LEASE_US)

    @property
    def _is_sqlite(self) -> bool:
        return self._database.dialect == "sqlite"


def _log_lost(entry: LedgerEntry) -> None:
    log.warning("event %s: the lease was lost, nothing is recorded", entry.record.ref)


def _recover(owner: str | None, now: int) -> Steps[int]:
    whose = "lease_owner IS NOT NULL" if owner is None else "lease_owner = ?"
    result = yield Statement(
        f"UPDATE events SET due_at = ?, {_FREE}, lease_epoch = lease_epoch + 1"
        f" WHERE ready = 1 AND {whose}",
        (now,) if owner is None else (now, owner),
    )
    return result.count


def _receive(
    records: Sequence[Identified], lease: Lease, piece_octets: int
) -> Steps[list[LedgerEntry]]:
    taken = yield from _taken_positions([identified.record.ref for identified in records])
    # A dict, since one batch may hold a position twice.
    fresh = list({i.record.ref: i for i in records if i.record.ref not in taken}.values())
    if not fresh:
        return []
    known = yield from _known_identities([identified.identity for identified in fresh])
    states = [_state_of(identified, known) for identified in fresh]
    pieces = [value_pieces(identified.record, piece_octets) for identified in fresh]
    rows = [new_row(i, s, p[0], lease) for i, s, p in zip(fresh, states, pieces, strict=True)]
    inserted = yield InsertNumbered("events", COLUMNS, rows)
    for number, (_, *rest) in zip(inserted.numbers, pieces, strict=True):
        for piece in rest:
            yield Statement(
                "UPDATE events SET value = CONCAT(value, ?) WHERE number = ?", (piece, number)
            )
    numbered = zip(inserted.numbers, fresh, states, strict=True)
    return [new_entry(number, i) for number, i, state in numbered if state is EventState.RECEIVED]


def _taken_positions(refs: Sequence[EventRef]) -> Steps[set[EventRef]]:
    taken: set[EventRef] = set()
    for (topic, partition), group in groupby(sorted(refs, key=_partition), _partition):
        for offsets in _chunks([ref.offset for ref in group]):
            found = yield Statement(
                "SELECT `offset`, timestamp_ms FROM events"
                f" WHERE topic = ? AND `partition` = ? AND `offset` IN ({marks(offsets)})",
                (topic, partition, *offsets),
            )
            taken.update(EventRef(topic, partition, *position) for position in found.rows)
    return taken


def _partition(ref: EventRef) -> tuple[str, int]:
    return ref.topic, ref.partition


def _known_identities(identities: Sequence[str]) -> Steps[set[str]]:
    known: set[str] = set()
    for chunk in _chunks(identities):
        found = yield Statement(
            "SELECT identity FROM events"
            f" WHERE identity IN ({marks(chunk)}) AND state <> '{EventState.IGNORED}'",
            tuple(chunk),
        )
        known.update(identity for (identity,) in found.rows)
    return known


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _IN_ONE_LIST):
        yield values[start : start + _IN_ONE_LIST]


def _state_of(identified: Identified, known: set[str]) -> EventState:
    """Say which state an event starts in, and make its identity known to those that follow."""
    state = first_state(identified, is_known=identified.identity in known)
    if state is not EventState.IGNORED:
        known.add(identified.identity)
    return state


def _claim(limit: int, lock: str, lease: Lease) -> Steps[list[LedgerEntry]]:
    due = yield Statement(
        "SELECT number, LENGTH(value) FROM events"
        f" WHERE ready = 1 AND due_at <= ? ORDER BY due_at, number LIMIT ?{lock}",
        (lease.now, limit),
    )
    numbers = tuple(_until_full(due.rows))
    if not numbers:
        return []
    of_these = f"number IN ({marks(numbers)})"
    yield Statement(
        "UPDATE events SET due_at = ?, lease_owner = ?, lease_until = ?,"
        f" lease_epoch = lease_epoch + 1 WHERE {of_these}",
        (lease.until, lease.owner, lease.until, *numbers),
    )
    found = yield Statement(f"SELECT {ENTRY} FROM events WHERE {of_these} ORDER BY number", numbers)
    return [read_entry(row) for row in found.rows]


def _until_full(rows: Sequence[tuple[int, int]]) -> Iterator[int]:
    """Return numbers until their values come to `MAX_CLAIM_OCTETS`, but at least one."""
    octets = 0
    for number, size in rows:
        if octets and octets + size > MAX_CLAIM_OCTETS:
            return
        octets += size
        yield number


def _record(outcome: Outcome, now: int) -> Steps[bool]:
    entry = outcome.entry
    result = yield Statement(
        f"UPDATE events SET state = ?, reason = ?, detail = ?, ready = 0, {_FREE},"
        f" type = COALESCE(NULLIF(?, ''), type) WHERE {_HELD}",
        (
            outcome.state,
            clip(outcome.reason, 20),
            clip(outcome.detail),
            clip(outcome.type),
            entry.number,
            entry.epoch,
        ),
    )
    if result.count == 0:
        return False
    if outcome.submitted:
        yield Insert(
            "INSERT INTO event_messages (event, n, submission_key, submission_id, forward_path,"
            " message_id, template, template_version, locale, reply_code, reply_enhanced,"
            " reply_text, recorded_at)",
            f"({marks(range(13))})",
            [
                (entry.number, n, *_message(outgoing, verdict), now)
                for n, (outgoing, verdict) in enumerate(outcome.submitted)
            ],
        )
    return True


def _message(outgoing: Outgoing, verdict: Verdict) -> Row:
    return (
        outgoing.submission_key,
        clip(verdict.submission_id, 22),
        clip(outgoing.forward_path, 512),
        clip(outgoing.message_id),
        clip(outgoing.template, 100),
        clip(outgoing.template_version, 64),
        clip(outgoing.locale, 35),
        verdict.code,
        clip(verdict.enhanced, 12),
        clip(verdict.text),
    )


def _retry(entry: LedgerEntry, due_at: int, detail: str) -> Steps[bool]:
    result = yield Statement(
        f"UPDATE events SET attempts = attempts + 1, detail = ?, due_at = ?, {_FREE},"
        f" lease_epoch = lease_epoch + 1 WHERE {_HELD}",
        (clip(detail), due_at, entry.number, entry.epoch),
    )
    return result.count == 1


def _keep_template(version: TemplateVersion, now: int) -> Steps[None]:
    found = yield Statement(
        "SELECT 1 FROM template_versions WHERE name = ? AND version = ?",
        (version.name, version.version),
    )
    if not found.rows:
        yield Insert(
            "INSERT INTO template_versions (name, version, sources, first_used_at)",
            "(?, ?, ?, ?)",
            [(version.name, version.version, version.sources, now)],
        )
