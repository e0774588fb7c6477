"""What the submission agent needs of the outside."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msa.auth.resolver import Resolver as Resolver  # what lint asks of DNS
from msa.envelope import Submission
from msa.fix.edit import Fixed
from msa.lint.facts import LinkAnswer
from msa.lint.finding import Finding
from msa.recorder import SessionRecord
from msa.reply import Reply


class SubmissionStore(Protocol):
    """Keeps what was submitted."""

    async def accept(
        self,
        submission: Submission,
        findings: Sequence[Finding] | None = None,
        fixed: Fixed | None = None,
    ) -> str:
        """Store it durably, and return the id it is stored under.

        The client hears 250 only after this returns. The id is the submission's own, or for a
        repeated submission key that of the first, and then nothing is stored. `findings` is None
        when lint has still to run, `fixed` when nobody has looked for fixes. Raises `StoreFull`
        when it can't take more for now, and anything else for a failure: the client then hears
        451.
        """

    async def refuse(
        self, submission: Submission, reply: Reply, findings: Sequence[Finding]
    ) -> None:
        """Record a message that was turned away after DATA, with the reply the client hears."""


class StoreFull(Exception):
    """The store can't take more for now; the client hears 452 and may try again."""


class Judgement(NamedTuple):
    """What a linter says of a message."""

    findings: tuple[Finding, ...]
    fixed: Fixed | None = None  # None: fixes are off, or the linter failed


class Linter(Protocol):
    """Judges a message while its client waits (lint mode `reject`)."""

    async def lint(self, submission: Submission) -> Judgement:
        """Return the findings in the order of the rules, and the fixes; never raises."""


class SessionLog(Protocol):
    """Keeps what was refused, and sessions that delivered nothing."""

    def record(self, session: SessionRecord) -> None:
        """Keep a session, or what is new of it; returns at once, and never raises.

        A session is named by its id; a later record of it holds all that an earlier one held but
        its refusals.
        """


class LinkProbe(Protocol):
    """Finds out where links lead; the only one who asks the web."""

    def probe(
        self, urls: Sequence[str], budget_s: float, meanwhile: Callable[[], None]
    ) -> Mapping[str, LinkAnswer]:
        """Return an answer for each address within the budget; never raises for any address.

        `meanwhile` is called every now and then, so that others need not wait.
        """
