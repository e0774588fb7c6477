"""What happens after the lone dot: lint, verdict, store, and the reply that tells of it."""

import logging
from collections.abc import Sequence

from msa import policy, reply
from msa.envelope import Submission
from msa.fix.edit import Fixed
from msa.lint.finding import Finding
from msa.ports import Linter, StoreFull, SubmissionStore
from msa.reply import Reply

log = logging.getLogger(__name__)


class Intake:
    """Takes messages in for one store; with a linter it refuses those with errors."""

    def __init__(
        self, store: SubmissionStore, linter: Linter | None, judge: policy.Judge | None = None
    ) -> None:
        self._store = store
        self._linter = linter
        self._judge = judge or (lambda findings, submission: policy.judge(findings))

    async def take(self, submission: Submission) -> Reply:
        """Take responsibility for a message or refuse it; what fails is told to the log alone."""
        try:
            return await self._take(submission)
        except StoreFull:
            return reply.STORE_FULL
        except Exception:
            log.exception("submission %s failed", submission.id)
            return reply.LOCAL_ERROR

    async def _take(self, submission: Submission) -> Reply:
        findings: Sequence[Finding] | None = None
        fixed: Fixed | None = None
        if self._linter is not None:
            findings, fixed = await self._linter.lint(submission)
            refusal = self._judge(findings, submission)
            if refusal is not None:
                await self._store.refuse(submission, refusal, findings)
                _log("refused", submission, submission.id)
                return refusal
        stored_id = await self._store.accept(submission, findings, fixed)
        _log("accepted", submission, stored_id)
        return reply.queued(stored_id)


def _log(event: str, submission: Submission, stored_id: str) -> None:
    """Log one line a message."""
    said = {
        "id": stored_id,
        "client": submission.client.address,
        "reverse_path": submission.envelope.reverse_path,
        "recipients": len(submission.envelope.recipients),
        "size_octets": len(submission.content),
    }
    log.info(event, extra=said)
