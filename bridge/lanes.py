"""From the ledger to the server: events of one key one after the other, keys side by side.

A lane holds the events of one order key, oldest first; only its head is being worked on. What
goes wrong never loses an event: a server in trouble closes the gate for all lanes, a reply about
one message holds only its lane, and whatever is our own fault is logged and tried again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bridge.event import Reason, Tombstone, Unusable
from bridge.gate import Gate
from bridge.pipeline import Prepared
from bridge.ports import (
    EventLedger,
    EventState,
    LedgerEntry,
    Outcome,
    Outgoing,
    Submitter,
    Verdict,
)
from bridge.retry import Course, Pace, course_of

log = logging.getLogger(__name__)

IN_FLIGHT = 8  # lanes worked on at a time; as many connections use a durable server fully
BACKLOG_HIGH = 1000  # events in memory at which reading from Kafka pauses
BACKLOG_LOW = 500  # and at which it goes on
BACKLOG_MOST = 4000  # at which no row is taken, not even for a lane that waits for its head
CLAIM = 200  # rows taken from the ledger at a time

Prepare = Callable[[LedgerEntry], Awaitable[Prepared | Tombstone | Unusable]]


@dataclass(slots=True)
class _Lane:
    entries: deque[LedgerEntry] = field(default_factory=deque)
    is_busy: bool = False  # its head is being worked on, or its key is in the queue
    timer: asyncio.TimerHandle | None = None  # set while the lane is held
    awaited: int | None = None  # number of the head that was given back, and has still to return


class Lanes:
    """Works off events until it is stopped."""

    def __init__(
        self,
        ledger: EventLedger,
        submitter: Submitter,
        prepare: Prepare,
        *,
        pace: Pace | None = None,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._ledger = ledger
        self._submitter = submitter
        self._prepare = prepare
        self._pace = pace or Pace()
        self._in_flight = in_flight
        self._lanes: dict[object, _Lane] = {}
        self._ready: asyncio.Queue[object] = asyncio.Queue()
        self._pending = 0
        self._working = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_stopping = False
        self._is_full = True  # until the rows of earlier runs are taken
        self._gate = Gate(self._pace)
        self._awaiting = 0  # lanes whose head was given back
        self._said: dict[int, dict[str, Verdict]] = {}  # accepted parts of unfinished events
        self._kept: set[tuple[str, str]] = set()

    @property
    def pending(self) -> int:
        """How many events are in memory."""
        return self._pending

    @property
    def blocked(self) -> str:
        """Why no mail goes out although the server answers; "" when nothing blocks."""
        return self._gate.blocked

    @property
    def waiting(self) -> str:
        """What the bridge is waiting for at the server; "" when it isn't."""
        return self._gate.reason

    def is_full(self) -> bool:
        """Tell whether reading should pause: with hysteresis, and until old rows are taken."""
        return self._is_full or self._pending >= BACKLOG_HIGH

    def admit(self, entries: Sequence[LedgerEntry]) -> None:
        """Take leased events; one that is already here gets its newer lease."""
        for entry in entries:
            key = order_key(entry)
            lane = self._lanes.setdefault(key, _Lane())
            self._place(lane, entry)
            if lane.entries[0] is entry and not (lane.is_busy or lane.awaited is not None):
                self._release(key, lane)
        if self._pending >= BACKLOG_HIGH:
            self._is_full = True

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._claim())
            for _ in range(self._in_flight):
                group.create_task(self._work())

    async def stop(self, deadline_s: float) -> None:
        """Begin nothing new, and wait for what is being submitted; the rest stays in the ledger."""
        self._is_stopping = True
        try:
            async with asyncio.timeout(deadline_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d submissions did not end in time; they are tried again", self._working)

    def _place(self, lane: _Lane, entry: LedgerEntry) -> None:
        for position, known in enumerate(lane.entries):
            if known.number == entry.number:
                lane.entries[position] = entry
                return
        self._pending += 1
        if lane.awaited == entry.number:
            lane.entries.appendleft(entry)
            self._await(lane, None)
        else:
            lane.entries.append(entry)

    def _await(self, lane: _Lane, number: int | None) -> None:
        self._awaiting += (number is not None) - (lane.awaited is not None)
        lane.awaited = number

    def _release(self, key: object, lane: _Lane) -> None:
        """Queue a lane, unless it is empty: then it is gone."""
        if lane.awaited is not None:  # another bridge has its head
            self._said.pop(lane.awaited, None)
            self._await(lane, None)
        if lane.timer:
            lane.timer.cancel()
            lane.timer = None
        if lane.entries:
            lane.is_busy = True
            self._ready.put_nowait(key)
        else:
            lane.is_busy = False
            self._lanes.pop(key, None)

    def _hold(self, key: object, lane: _Lane, delay_s: float) -> None:
        """Let a lane rest; an event that was given back may still come to its head."""
        lane.is_busy = False
        loop = asyncio.get_running_loop()
        lane.timer = loop.call_later(delay_s, self._release, key, lane)

    async def _claim(self) -> None:
        """Take rows that nobody holds: those of earlier runs first, then those given back."""
        failures = 0
        while not self._is_stopping:
            taken: Sequence[LedgerEntry] = ()
            try:
                if self._pending < (BACKLOG_MOST if self._awaiting else BACKLOG_LOW):
                    taken = await self._ledger.claim(CLAIM)
                    self.admit(taken)
                    self._is_full = len(taken) >= CLAIM or self._pending >= BACKLOG_HIGH
                failures = 0
            except Exception:  # whatever a database may raise; the rows are still there
                log.exception("the ledger gives no events")
                failures += 1
            if len(taken) < CLAIM:
                await asyncio.sleep(self._pace.claim_every_s * 2.0 ** min(failures, 5))

    async def _work(self) -> None:
        while True:
            key = await self._ready.get()
            await self._gate.passed()
            if self._is_stopping:
                return
            await self._work_on(key, self._lanes[key])

    async def _work_on(self, key: object, lane: _Lane) -> None:
        entry = lane.entries[0]
        self._working += 1
        self._idle.clear()
        try:
            delay_s = await self._settle(entry)
        finally:
            self._working -= 1
            if not self._working:
                self._idle.set()
        if delay_s is not None:
            self._hold(key, lane, delay_s)
            return
        self._forget(lane, entry)
        self._release(key, lane)

    def _forget(self, lane: _Lane, entry: LedgerEntry) -> None:
        # A head whose lease was renewed meanwhile is another entry, and is settled again.
        if lane.entries and lane.entries[0] is entry:
            lane.entries.popleft()
            self._pending -= 1

    async def _settle(self, entry: LedgerEntry) -> float | None:
        """Work on one event; return None when it is settled, else when to go on with its lane."""
        try:
            made = await self._prepare(entry)
            match made:
                case Tombstone():
                    await self._ledger.record(Outcome(entry=entry, state=EventState.IGNORED))
                case Unusable():
                    await self._park(entry, made)
                case Prepared():
                    return await self._submit(entry, made)
        except Exception:
            # Our own fault, or the ledger's: the event must not be lost for it.
            log.exception("event %s failed inside the bridge", entry.record.ref)
            return await self._defer(entry, "failed inside the bridge; the log says more")
        return None

    async def _park(self, entry: LedgerEntry, unusable: Unusable) -> None:
        log.warning("event %s parked (%s): %s", unusable.ref, unusable.reason, unusable.detail)
        await self._ledger.record(
            Outcome(
                entry=entry,
                state=EventState.PARKED,
                reason=unusable.reason,
                detail=unusable.detail,
            )
        )

    async def _submit(self, entry: LedgerEntry, made: Prepared) -> float | None:
        version = (made.template.name, made.template.version)
        if version not in self._kept:
            await self._ledger.keep_template(made.template)
            self._kept.add(version)
        said = self._said.setdefault(entry.number, {})
        submitted: list[tuple[Outgoing, Verdict]] = []
        for outgoing in made.messages:
            verdict = said.get(outgoing.submission_key) or await self._submitter.submit(outgoing)
            match course_of(verdict):
                case Course.DONE:
                    self._gate.open()
                    said[outgoing.submission_key] = verdict
                case Course.PARK:
                    self._gate.open()
                case Course.DEFER:
                    return await self._defer(entry, f"{verdict.stage}: {verdict}")
                case Course.PAUSE | Course.BLOCK as course:
                    return self._gate.close(verdict, is_blocked=course is Course.BLOCK)
            submitted.append((outgoing, verdict))
        await self._ledger.record(_outcome(entry, made, submitted))
        self._said.pop(entry.number, None)
        return None

    async def _defer(self, entry: LedgerEntry, detail: str) -> float:
        """Give one event back for later; its followers wait for it."""
        delay_s = self._pace.for_event(entry.attempts)
        log.info("event %s deferred for %.0f s: %s", entry.record.ref, delay_s, detail)
        try:
            await self._ledger.retry(entry, delay_s, detail)
        except Exception:  # whatever a database may raise
            log.exception("event %s can't be given back; it stays here", entry.record.ref)
            return delay_s
        lane = self._lanes[order_key(entry)]
        if lane.entries[0] is not entry:  # its lease was renewed meanwhile: it is here again
            return delay_s
        self._forget(lane, entry)
        self._await(lane, entry.number)
        # It comes back by a claim. If another bridge took it, its followers go on some time.
        return delay_s + self._pace.grace_s


def order_key(entry: LedgerEntry) -> object:
    """Say which events keep their order: those of one key in one topic; others promise none."""
    record = entry.record
    if record.key is None:
        return entry.number
    return record.ref.topic, record.key


def _outcome(
    entry: LedgerEntry, made: Prepared, submitted: list[tuple[Outgoing, Verdict]]
) -> Outcome:
    refused = [(outgoing, verdict) for outgoing, verdict in submitted if not verdict.is_accepted]
    detail = ""
    if refused:
        outgoing, verdict = refused[0]
        detail = f"{verdict.stage} {outgoing.forward_path}: {verdict}"
        if len(submitted) > 1:
            detail += f" ({len(submitted) - len(refused)} of {len(submitted)} accepted)"
        log.warning("event %s parked (smtp-permanent): %s", entry.record.ref, detail)
    else:
        ids = [verdict.submission_id for _, verdict in submitted[:3]]
        more = f" and {len(submitted) - 3} more" if len(submitted) > 3 else ""
        log.info("event %s accepted as %s%s", entry.record.ref, " ".join(ids), more)
    return Outcome(
        entry=entry,
        state=EventState.PARKED if refused else EventState.ACCEPTED,
        submitted=tuple(submitted),
        reason=Reason.SMTP_PERMANENT if refused else "",
        detail=detail,
        type=made.type,
    )
