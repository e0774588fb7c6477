"""What linting one message may cost, and the finding that tells when that was not enough."""

import time
from collections.abc import Callable, Iterator, Sequence

from msa.lint.draft import Draft
from msa.lint.finding import Flaw, Severity
from msa.lint.rule import Rule, rule

MAX_DECODED = 67_108_864  # octets of bodies decoded for one message; most have less than a million

Clock = Callable[[], float]


class Budget:
    """The cost of one run, looked at between two rules."""

    def __init__(self, budget_s: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + budget_s

    def spent(self, draft: Draft) -> str:
        """Say what is used up, as "time" or "decoding"; "" while there is some left."""
        if draft.decoded_octets > MAX_DECODED:
            return "decoding"
        return "time" if self._clock() > self._until else ""


@rule(
    "LNT001",
    "budget-exceeded",
    Severity.WARNING,
    "the linter's own",
    fix="Make the message smaller or simpler, or lint it alone with `sandbox-mta lint`.",
)
def budget_exceeded(draft: Draft) -> Iterator[Flaw]:
    """Linting the message cost more than one message may, and some rules did not run.

    The linter gives a message two seconds, and decodes 64 MiB of bodies at most, so that one
    message can't keep all others waiting. A usual one takes a thousandth of that.

    What takes so long is nearly always generated: thousands of parts, or of elements in HTML. What
    is slow here is slow for every filter on the way.
    """
    yield from ()  # the engine tells, see `exceeded`


def exceeded(what: str, done: Sequence[Rule], left: Sequence[Rule]) -> Flaw:
    """Return the flaw that names the rules which were not run, by family where none of it was."""
    begun = {each.code[:3] for each in done}
    names = dict.fromkeys(each.code if each.code[:3] in begun else each.code[:3] for each in left)
    return Flaw(f"the budget of {what} was used up; not run: {', '.join(names)}")
