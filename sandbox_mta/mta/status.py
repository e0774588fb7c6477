"""The states of a recipient, the legal transitions between them, and RFC 3464's word for each."""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a recipient stands; see `TRANSITIONS` for the way it got there."""

    QUEUED = "queued"
    ROUTING = "routing"
    ATTEMPTING = "attempting"
    DEFERRED = "deferred"
    HELD = "held"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class Action(StrEnum):
    """The Action field of a delivery status notification (RFC 3464 section 2.3.3)."""

    DELIVERED = "delivered"
    RELAYED = "relayed"
    DELAYED = "delayed"
    FAILED = "failed"


_DECIDED = frozenset({State.DELIVERED, State.RELAYED, State.DEFERRED, State.BOUNCED, State.EXPIRED})
_STOPPED = frozenset({State.HELD, State.SUPPRESSED, State.CANCELLED})

# A waiting recipient may settle at once: the lease on it is what `attempting` would say, and most
# mail is decided within the millisecond, so that state is shown only where it lasts.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.QUEUED: _DECIDED | _STOPPED | {State.ROUTING, State.ATTEMPTING},
    State.DEFERRED: _DECIDED | _STOPPED | {State.ROUTING, State.ATTEMPTING},
    State.ROUTING: frozenset({State.ATTEMPTING, State.DEFERRED, State.BOUNCED, State.EXPIRED}),
    State.ATTEMPTING: _DECIDED,
    State.HELD: frozenset({State.QUEUED, State.DEFERRED, State.CANCELLED}),
    State.DELIVERED: frozenset(),
    State.RELAYED: frozenset(),
    State.BOUNCED: frozenset(),
    State.EXPIRED: frozenset(),
    State.SUPPRESSED: frozenset(),
    State.CANCELLED: frozenset(),
    State.REJECTED: frozenset(),  # where a refused message's recipients begin and end
}

TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
WAITING = frozenset({State.QUEUED, State.DEFERRED})  # a worker may claim these

_ACTIONS = {
    State.DELIVERED: Action.DELIVERED,
    State.RELAYED: Action.RELAYED,
    State.DEFERRED: Action.DELAYED,
    State.BOUNCED: Action.FAILED,
    State.EXPIRED: Action.FAILED,
}


class IllegalTransition(ValueError):
    """A recipient can't go from its state to the one that was asked for."""


def check(old: State, new: State) -> None:
    """Raise `IllegalTransition` unless a recipient may go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(f"a recipient can't go from {old} to {new}")


def action_of(state: State) -> Action | None:
    """Return RFC 3464's word for a state; None when no report would name it."""
    return _ACTIONS.get(state)
