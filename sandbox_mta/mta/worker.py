"""The transfer stage's loop: claim what is due, decide it, record what became of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from msa.envelope import Kind
from msa.identifier import new_id
from sandbox_mta.mta import delivery, dsn
from sandbox_mta.mta.clock import Clock
from sandbox_mta.mta.mx import OWN_NAME, Router
from sandbox_mta.mta.ports import (
    DeliveryQueue,
    QueuedRecipient,
    ScenarioNotes,
    Settlement,
    Suppressions,
)
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.scenario.message import Fields, read_fields
from sandbox_mta.mta.schedule import POSTFIX, Schedule
from sandbox_mta.mta.status import Action, action_of

CLAIM = 2048  # recipients a claim: at 64 a turn some 30 turns of the loop
TURN = (16, 64)  # fewest and most decisions a turn of the loop; one takes 6 us
# From one claim to the next while work keeps coming: in batches it costs half as much a recipient.
GATHER_S = 0.03
ASK_S = 1.0  # real seconds between two questions for what other workers deferred
PAUSE_S = 0.05  # real seconds at least until the next claim when nothing was to be had
TROUBLE_S = 1.0  # real seconds to wait when the queue fails
LOOK_UPS = 32  # at once, where name servers are asked
FLUSH_S = 5.0  # real seconds that stopping may take

log = logging.getLogger(__name__)


class Worker:
    """Settles recipients, many a turn of the loop when many wait, so that intake goes first.

    Any number of workers may share a queue. What a worker holds when it dies comes back when its
    lease ends.
    """

    def __init__(  # noqa: PLR0913 # the parts of the stage
        self,
        queue: DeliveryQueue,
        clock: Clock,
        *,
        router: Router | None = None,
        schedule: Schedule = POSTFIX,
        scenario: Scenario | None = None,
        notes: ScenarioNotes | None = None,
        suppressions: Suppressions | None = None,
        hostname: str = OWN_NAME,
    ) -> None:
        self.queue = queue
        self.clock = clock
        self._router = router or Router(hostname=hostname)
        self._schedule = schedule
        self._scenario = scenario or Scenario()
        self._read_last: tuple[str, Fields] = ("", {})  # of a message that many are to get
        self._notes = notes  # None: what exchangers remember ends with the process
        self._suppressions = suppressions  # None: every address is sent to
        self._hostname = hostname
        self._stopping = False
        self._due_at: datetime | None = None  # the earliest due time we know of
        self._ask_at = 0.0  # loop time of the next question for it
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._pool = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="dns")  # starts with its work
        clock.subscribe(self._wake.set)

    async def run(self) -> None:
        """Settle what is due until `stop`; what was decided by then is committed on return.

        A queue that fails is asked again, so that the stage outlives a restart of its database.
        """
        while not self._stopping:
            self._wake.clear()
            try:
                async with self._turn:
                    settled = await self._settle_batch()
                await (self._sleep(GATHER_S) if settled else self._idle())
            except Exception:
                log.exception("the queue failed; asking again in %s s", TROUBLE_S)
                await self._sleep(TROUBLE_S)
        self._pool.shutdown(wait=False, cancel_futures=True)
        try:
            async with asyncio.timeout(FLUSH_S):
                await self.queue.flush()
        except Exception:
            log.exception("what was decided last is not committed, and will be decided again")

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def stop(self) -> None:
        """Make `run` return after the turn it is in."""
        self._stopping = True
        self._wake.set()

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Keep `run` from claiming, so that the caller can settle step by step."""
        async with self._turn:
            yield

    async def settle_due(self) -> int:
        """Settle and commit everything that is due now; returns how many recipients that were.

        To be called while `paused`.
        """
        total = 0
        while settled := await self._settle_batch():
            total += settled
            await self.queue.flush()  # a report it made may be due already
        return total

    async def _settle_batch(self) -> int:
        if self._stopping:
            return 0
        now = self.clock.now()
        claimed = await self.queue.claim(now, CLAIM)
        done = 0
        while done < len(claimed) and not self._stopping:
            size = max(TURN[0], min(TURN[1], (len(claimed) - done) // 32))
            turn = _turn(claimed[done : done + TURN[1] + 1], size)
            await self._prepare(turn)
            listed = await self._listed(turn)
            settlements = [
                delivery.suppressed(each, listed[path], now, self._schedule)
                if (path := each.recipient.forward_path) in listed
                else await self._decided(each, now)
                for each in turn
            ]
            await self._save_notes()
            await self._record(await self._with_reports(settlements, now))
            done += len(turn)
            await asyncio.sleep(0)
        return done

    async def _listed(self, turn: Sequence[QueuedRecipient]) -> Mapping[str, str]:
        """Return which recipients are not sent to any more; what the sandbox reports is sent."""
        if self._suppressions is None:
            return {}
        paths = {each.recipient.forward_path for each in turn if each.kind is Kind.MAIL}
        try:
            return await self._suppressions.among(paths)
        except Exception:  # what is claimed must be settled, or it waits for its lease to end
            log.exception("the suppression list can't be read; every address is sent to")
            return {}

    async def _prepare(self, turn: Sequence[QueuedRecipient]) -> None:
        """Find the routes that take their time beside the loop, so that intake goes on."""
        domains = {delivery.domain_of(each.recipient.forward_path) for each in turn}
        slow = [domain for domain in domains if self._router.is_slow(domain)]
        if slow:
            loop = asyncio.get_running_loop()
            asked = [loop.run_in_executor(self._pool, self._router.route, each) for each in slow]
            # What goes wrong does so again for each recipient, where it is told.
            await asyncio.gather(*asked, return_exceptions=True)

    async def _decided(self, recipient: QueuedRecipient, now: datetime) -> Settlement:
        """Decide one recipient; a mistake of ours in it must not stop the others."""
        try:
            domain = delivery.domain_of(recipient.recipient.forward_path)
            route = self._router.route(domain)
            if self._scenario.reads_fields(recipient):
                recipient = replace(recipient, fields=await self._fields(recipient.submission_id))
            return delivery.deliver(recipient, route, now, self._scenario, self._current_schedule)
        except Exception:
            return self._mistaken(recipient, now)

    def _mistaken(self, recipient: QueuedRecipient, now: datetime) -> Settlement:
        log.exception("recipient %s of %s", recipient.number, recipient.submission_id)
        return delivery.local_error(recipient, now, self._schedule)

    @property
    def _current_schedule(self) -> Schedule:
        return self._scenario.rules.schedule or self._schedule

    async def _fields(self, submission_id: str) -> Fields:
        if self._read_last[0] != submission_id:
            content = await self.queue.content(submission_id)
            self._read_last = submission_id, read_fields(content)
        return self._read_last[1]

    async def _save_notes(self) -> None:
        """Save what exchangers took note of, before what they said becomes known."""
        changes = self._scenario.memory.changes()
        if not changes or self._notes is None:
            return
        try:
            await self._notes.save_notes(changes)
        except Exception:
            self._scenario.memory.take_back(changes)
            log.exception("what exchangers remember is not saved; trying again with the next turn")

    async def _with_reports(
        self, settlements: Sequence[Settlement], now: datetime
    ) -> Sequence[Settlement]:
        """Add the reports that are due; what shares one is put side by side."""
        due: dict[tuple[str, Action | None], list[Settlement]] = {}
        others = []
        for each in settlements:
            if dsn.is_due(each, self._current_schedule, now):
                key = (each.recipient.submission_id, action_of(each.state))
                due.setdefault(key, []).append(each)
            else:
                others.append(each)
        for alike in due.values():
            others += await self._reported(alike, now)
        return others

    async def _reported(
        self, settlements: Sequence[Settlement], now: datetime
    ) -> Sequence[Settlement]:
        """Report settlements of one message together."""
        try:
            report = dsn.report(
                settlements,
                await self.queue.content(settlements[0].recipient.submission_id),
                report_id=new_id(),
                hostname=self._hostname,
                schedule=self._current_schedule,
                now=now,
                accepted_at=datetime.now(UTC),
            )
        except Exception:
            return [self._mistaken(each.recipient, now) for each in settlements]
        return [replace(each, report=report) for each in settlements]

    async def _record(self, settlements: Sequence[Settlement]) -> None:
        await self.queue.record(settlements)
        for each in settlements:
            if each.due_at is not None and (self._due_at is None or each.due_at < self._due_at):
                self._due_at = each.due_at

    async def _idle(self) -> None:
        """Wait until something may be due, the clock was moved, or the worker is to stop."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._ask_at:  # not each time: under load this comes often
            self._due_at = await self.queue.next_due()
            self._ask_at = loop.time() + ASK_S
        delay_s = self.clock.real_delay_until(self._due_at) if self._due_at else None
        timeout_s = ASK_S if delay_s is None else min(max(delay_s, PAUSE_S), ASK_S)
        waiting = {
            asyncio.create_task(self.queue.wait(timeout_s)),
            asyncio.create_task(self._wake.wait()),
        }
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _sleep(self, delay_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), delay_s)


def _turn(claimed: Sequence[QueuedRecipient], size: int) -> Sequence[QueuedRecipient]:
    """Return the first recipients, about `size`, without splitting a message if there is a way.

    What is decided in one turn is reported together.
    """
    if _is_boundary(claimed, size):
        return claimed[:size]
    later = (end for end in range(size + 1, TURN[1] + 1) if _is_boundary(claimed, end))
    sooner = (end for end in range(size - 1, 0, -1) if _is_boundary(claimed, end))
    return claimed[: next(later, next(sooner, TURN[1]))]


def _is_boundary(claimed: Sequence[QueuedRecipient], end: int) -> bool:
    """Tell whether a message ends there."""
    return end >= len(claimed) or claimed[end].submission_id != claimed[end - 1].submission_id
