"""Between the MSA and the rest: what is submitted before the store is open waits for it."""

import asyncio
from collections import deque
from collections.abc import Sequence

from msa.envelope import Submission
from msa.fix.edit import Fixed
from msa.lint.finding import Finding
from msa.ports import Judgement, Linter, SessionLog, SubmissionStore
from msa.recorder import SessionRecord
from msa.reply import Reply

MAX_EARLY = 1_000  # records of sessions that may wait


class Late:
    """Stands for the store and the linter from the start, and passes on to them once they are."""

    def __init__(self) -> None:
        self._opened: asyncio.Future[tuple[SubmissionStore, Linter]]
        self._opened = asyncio.get_running_loop().create_future()
        self._sessions: SessionLog | None = None
        self._early: deque[SessionRecord] = deque(maxlen=MAX_EARLY)

    def open(self, store: SubmissionStore, linter: Linter, sessions: SessionLog) -> None:
        """Pass on what waits, and everything that comes."""
        self._opened.set_result((store, linter))
        self._sessions = sessions
        while self._early:
            sessions.record(self._early.popleft())

    def record(self, session: SessionRecord) -> None:
        """Keep a session; see `SessionLog`."""
        if self._sessions is None:
            self._early.append(session)
        else:
            self._sessions.record(session)

    async def _late(self) -> tuple[SubmissionStore, Linter]:
        # Shielded, or the session that ends first would take the others' future with it.
        return await asyncio.shield(self._opened)

    async def accept(
        self,
        submission: Submission,
        findings: Sequence[Finding] | None = None,
        fixed: Fixed | None = None,
    ) -> str:
        """Store a submission; see `SubmissionStore`."""
        store, _ = self._opened.result() if self._opened.done() else await self._late()
        return await store.accept(submission, findings, fixed)

    async def refuse(
        self, submission: Submission, reply: Reply, findings: Sequence[Finding]
    ) -> None:
        """Record a refusal; see `SubmissionStore`."""
        store, _ = await self._late()
        await store.refuse(submission, reply, findings)

    async def lint(self, submission: Submission) -> Judgement:
        """Judge a message while its client waits; see `Linter`."""
        _, linter = await self._late()
        return await linter.lint(submission)
