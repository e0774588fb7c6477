"""How a recipient's state is shown: a shape and colour, and a count in words; pure."""

from collections import Counter
from collections.abc import Iterable

MARKS = {
    "accepted": "ok",
    "delivered": "ok",
    "relayed": "ok",
    "deferred": "warn",
    "held": "warn",
    "bounced": "bad",
    "expired": "bad",
    "rejected": "bad",
    "suppressed": "bad",
    "cancelled": "idle",
}
WORST_FIRST = ("bad", "warn", "idle", "ok")


def mark_of(state: str) -> str:
    """Return the shape and colour of a state: ok, warn, bad or idle."""
    return MARKS.get(state, "idle")


def severity_of(state: str) -> int:
    """Return a number that sorts states, the worst first."""
    return WORST_FIRST.index(mark_of(state))


def count_states(states: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Count states for people, the worst first: (("bad", "1 bounced"), ("ok", "2 delivered"))."""
    counted = Counter(states)
    return tuple(
        (mark_of(state), f"{counted[state]} {state}")
        for state in sorted(counted, key=lambda state: (severity_of(state), state))
    )
