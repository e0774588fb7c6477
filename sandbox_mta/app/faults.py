"""Named points at which the process kills itself, so that tests can look at what is left."""

import os
import signal
from collections.abc import Callable, Sequence

from msa.envelope import Kind, Submission

VARIABLE = "SANDBOX_MTA_FAULT"
AFTER_ACCEPT_COMMIT = "after-accept-commit"


def after_commit() -> Callable[[Sequence[Submission]], None] | None:
    """Return what kills the process once a message is stored and nobody knows yet.

    None unless SANDBOX_MTA_FAULT says `after-accept-commit`.
    """
    if os.environ.get(VARIABLE) != AFTER_ACCEPT_COMMIT:
        return None

    def die(stored: Sequence[Submission]) -> None:
        if any(submission.kind is Kind.MAIL for submission in stored):
            os.kill(os.getpid(), signal.SIGKILL)

    return die
