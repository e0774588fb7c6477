"""The ledger of events in memory: for tests, and for a sandbox that keeps nothing."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bridge.event import EventRef
from bridge.ports import EventState, Identified, LedgerEntry, Outcome, TemplateVersion
from sandbox_mta.store.event_rows import first_state

LEASE = timedelta(seconds=300)  # as in the database: longer than any submission takes

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class MemoryEvent:
    """One event; `due_at` is when it may be claimed, and moves on while it is leased."""

    entry: LedgerEntry
    state: EventState
    due_at: datetime
    outcome: Outcome | None = None
    detail: str = ""

    def lease(self, now: datetime) -> LedgerEntry:
        self.due_at = now + LEASE
        self.entry = replace(self.entry, epoch=self.entry.epoch + 1)
        return self.entry


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class MemoryEvents:
    """Implements `bridge.ports.EventLedger`."""

    now: Callable[[], datetime] = _utc_now
    events: list[MemoryEvent] = field(default_factory=list)
    templates: dict[tuple[str, str], TemplateVersion] = field(default_factory=dict)
    _refs: set[EventRef] = field(default_factory=set)
    _identities: set[str] = field(default_factory=set)

    async def receive(self, records: Sequence[Identified]) -> Sequence[LedgerEntry]:
        received = []
        for identified in records:
            if identified.record.ref in self._refs:
                continue
            event = self._add(identified)
            if event.state is EventState.RECEIVED:
                received.append(event.lease(self.now()))
        return received

    async def claim(self, limit: int) -> Sequence[LedgerEntry]:
        now = self.now()
        due = [event for event in self._owed() if event.due_at <= now]
        due.sort(key=lambda event: (event.due_at, event.entry.number))
        claimed = [event.lease(now) for event in due[:limit]]
        return sorted(claimed, key=lambda entry: entry.number)

    async def record(self, outcome: Outcome) -> None:
        if event := self._held(outcome.entry):
            event.state, event.outcome, event.detail = outcome.state, outcome, outcome.detail

    async def retry(self, entry: LedgerEntry, after_s: float, detail: str) -> None:
        if event := self._held(entry):
            event.entry = replace(entry, epoch=entry.epoch + 1, attempts=entry.attempts + 1)
            event.due_at = self.now() + timedelta(seconds=after_s)
            event.detail = detail

    async def backlog(self) -> int:
        return len(self._owed())

    async def keep_template(self, version: TemplateVersion) -> None:
        self.templates.setdefault((version.name, version.version), version)

    def _owed(self) -> list[MemoryEvent]:
        return [event for event in self.events if event.state is EventState.RECEIVED]

    def _add(self, identified: Identified) -> MemoryEvent:
        state = first_state(identified, is_known=identified.identity in self._identities)
        self._refs.add(identified.record.ref)
        if state is not EventState.IGNORED:
            self._identities.add(identified.identity)
        entry = LedgerEntry(
            number=len(self.events) + 1,
            epoch=0,
            record=identified.record,
            identity=identified.identity,
            attempts=0,
        )
        event = MemoryEvent(entry=entry, state=state, due_at=self.now())
        self.events.append(event)
        return event

    def _held(self, entry: LedgerEntry) -> MemoryEvent | None:
        """Return the event when `entry` is its newest lease; else log that it was lost."""
        event = self.events[entry.number - 1]
        if event.state is EventState.RECEIVED and event.entry.epoch == entry.epoch:
            return event
        log.warning("event %s: the lease was lost, its outcome is dropped", entry.record.ref)
        return None
