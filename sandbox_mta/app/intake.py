"""Between the MSA and the rest: what is submitted before the store is open waits for it.

SMTP listens first and everything else is imported afterwards, so the first message may well come
before there is a database.
"""

import asyncio
import logging
from collections.abc import Sequence

from msa.envelope import Envelope, Submission
from msa.lint.finding import Finding
from msa.ports import Linter, SubmissionStore
from msa.reply import Reply

log = logging.getLogger(__name__)


class Intake:
    """Passes submissions on to the store and the linter, and writes a log line for each."""

    def __init__(self) -> None:
        self._store: SubmissionStore | None = None
        self._linter: Linter | None = None
        self._opened = asyncio.Event()

    def open(self, store: SubmissionStore, linter: Linter) -> None:
        """Pass on what waits, and everything that comes."""
        self._store, self._linter = store, linter
        self._opened.set()

    async def lint(self, content: bytes, envelope: Envelope) -> tuple[Finding, ...]:
        """Judge a message while its client waits; see `Linter`."""
        await self._opened.wait()
        assert self._linter is not None
        return await self._linter.lint(content, envelope)

    async def accept(
        self, submission: Submission, findings: Sequence[Finding] | None = None
    ) -> str:
        """Store a submission; see `SubmissionStore`."""
        identifier = await (self._store or await self._late()).accept(submission, findings)
        if log.isEnabledFor(logging.INFO):
            _say(submission, identifier)
        return identifier

    async def refuse(
        self, submission: Submission, reply: Reply, findings: Sequence[Finding]
    ) -> None:
        """Record a refusal; see `SubmissionStore`."""
        await (self._store or await self._late()).refuse(submission, reply, findings)
        log.info(
            "refused",
            extra={"id": submission.id, "reply": f"{reply.code} {reply.enhanced}"},
        )

    async def _late(self) -> SubmissionStore:
        await self._opened.wait()
        assert self._store is not None
        return self._store


def _say(submission: Submission, identifier: str) -> None:
    log.info(
        "accepted" if identifier == submission.id else "accepted before",
        extra={
            "id": identifier,
            "reverse_path": submission.envelope.reverse_path,
            "recipients": len(submission.envelope.recipients),
            "size_octets": len(submission.content),
        },
    )
