"""What was submitted, kept: implements `msa.ports.SubmissionStore`.

Submissions that wait while one commit runs share the next. What waits is bounded in octets: who
comes when it is full waits a while for room, and hears then that the store is full.
"""

import asyncio
from collections.abc import Callable, Sequence

from msa.envelope import Submission
from msa.fix.edit import Fixed
from msa.lint.finding import Finding
from msa.ports import StoreFull
from msa.reply import Reply
from sandbox_mta.store.database import OutOfSpace, Unavailable
from sandbox_mta.store.deliveries import Deliveries
from sandbox_mta.store.outbox import StatusOutbox
from sandbox_mta.store.statements import Statement, Steps
from sandbox_mta.store.submission_rows import Intake, Stored, insert, submission_row
from sandbox_mta.store.writer import Lane, Writer

MAX_WAITING_OCTETS = 64 * 2**20  # of contents; more only when one message alone is larger
ROOM_TIMEOUT_S = 30  # an SMTP client waits ten minutes for this reply (RFC 5321 section 4.5.3.2.6)

Waiting = tuple[Intake, "asyncio.Future[str]"]
AfterCommit = Callable[[Sequence[Submission]], None]


class Submissions:
    """Stores what is accepted and what is refused; returns when it is durable."""

    def __init__(
        self,
        writer: Writer,
        deliveries: Deliveries,
        after_commit: AfterCommit | None = None,
        room_timeout_s: float = ROOM_TIMEOUT_S,
        *,
        outbox: StatusOutbox | None = None,
    ) -> None:
        """`after_commit` hears of submissions once they are stored, before their clients do.

        `outbox` is given where somebody listens to what becomes of messages.
        """
        self._writer = writer
        self._deliveries = deliveries
        self._lane = _Lane(deliveries, outbox, after_commit, self._leave)
        self._room_timeout_s = room_timeout_s
        self._octets = 0
        self._left = asyncio.Event()
        writer.add(self._lane)

    async def accept(
        self,
        submission: Submission,
        findings: Sequence[Finding] | None = None,
        fixed: Fixed | None = None,
    ) -> str:
        """Store it durably, and return the id it is stored under; see `msa.ports`."""
        row = submission_row(
            submission, refused=False, linted=findings is not None, fixed=fixed is not None
        )
        await self._enter(len(submission.content))
        intake = Intake(
            submission=submission,
            queued_at=self._deliveries.clock_now(),
            findings=findings,
            fixed=fixed,
            lease=self._deliveries.reserve(submission),
            row=row,
        )
        return await self._store(intake)

    async def refuse(
        self, submission: Submission, reply: Reply, findings: Sequence[Finding]
    ) -> None:
        """Record a message that was turned away after DATA, with the reply the client hears."""
        row = submission_row(submission, refused=True, linted=True)
        await self._enter(len(submission.content))
        intake = Intake(
            submission=submission,
            queued_at=self._deliveries.clock_now(),
            findings=findings,
            refusal=reply,
            row=row,
        )
        await self._store(intake)

    async def _store(self, intake: Intake) -> str:
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        try:
            self._writer.put(self._lane, (intake, done))
        except Unavailable:
            self._lane.dismiss(intake)
            raise
        return await done

    async def _enter(self, octets: int) -> None:
        if self._is_full(octets):
            try:
                async with asyncio.timeout(self._room_timeout_s):
                    while self._is_full(octets):
                        self._left.clear()
                        await self._left.wait()
            except TimeoutError:
                raise StoreFull from None
        self._octets += octets

    def _is_full(self, octets: int) -> bool:
        return self._octets > 0 and self._octets + octets > MAX_WAITING_OCTETS

    def _leave(self, octets: int) -> None:
        self._octets -= octets
        self._left.set()


class _Lane(Lane[Waiting, Stored]):
    """Submissions whose clients wait for the reply."""

    def __init__(
        self,
        deliveries: Deliveries,
        outbox: StatusOutbox | None,
        after_commit: AfterCommit | None,
        leave: Callable[[int], None],
    ) -> None:
        super().__init__()
        self._deliveries = deliveries
        self._outbox = outbox
        self._after_commit = after_commit
        self._leave = leave

    def write(self, items: Sequence[Waiting]) -> Steps[Sequence[Stored]]:
        intakes = [intake for intake, _ in items]
        outcomes = yield from insert(intakes)
        if self._outbox is not None:
            yield from self._outbox.tell_stored(intakes, outcomes)
        return outcomes

    def written(self, items: Sequence[Waiting], outcomes: Sequence[Stored]) -> None:
        pairs = list(zip(items, outcomes, strict=True))
        if self._after_commit is not None:
            self._after_commit(
                [intake.submission for (intake, _), stored in pairs if stored.number]
            )
        for (_, done), stored in pairs:
            if not done.done():  # the session may have ended meanwhile
                done.set_result(stored.id)
        for (intake, _), stored in pairs:
            self._leave(len(intake.submission.content))
            self._deliveries.hand_over(intake, stored)
        if self._outbox is not None:
            self._outbox.wake()

    def failed(self, item: Waiting, error: Exception) -> None:
        intake, done = item
        self.dismiss(intake)
        if done.done():
            return
        # Its client hears 452 instead of 451: RFC 5321 calls it insufficient system storage.
        done.set_exception(StoreFull() if isinstance(error, OutOfSpace) else error)

    def dismiss(self, intake: Intake) -> None:
        """Forget a submission that won't be stored."""
        self._leave(len(intake.submission.content))
        self._deliveries.dismiss(intake)

    def proof(self, item: Waiting, outcome: Stored) -> Statement | None:
        if not outcome.number:
            return None
        return Statement("SELECT 1 FROM submissions WHERE id = ?", (item[0].submission.id,))
