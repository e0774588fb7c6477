import itertools

import pytest

from sandbox_mta.mta.status import (
    TERMINAL,
    TRANSITIONS,
    WAITING,
    Action,
    IllegalTransition,
    State,
    action_of,
    check,
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (State.QUEUED, State.DELIVERED),  # the claim stands for `attempting`
        (State.QUEUED, State.ATTEMPTING),
        (State.ATTEMPTING, State.BOUNCED),
        (State.DEFERRED, State.DEFERRED),  # one more try in vain
        (State.DEFERRED, State.EXPIRED),
        (State.DEFERRED, State.HELD),
        (State.HELD, State.QUEUED),
        (State.ROUTING, State.BOUNCED),
        (State.QUEUED, State.SUPPRESSED),
    ],
)
def test_a_recipient_may_go_on(old: State, new: State) -> None:
    check(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (State.DELIVERED, State.BOUNCED),
        (State.EXPIRED, State.QUEUED),
        (State.REJECTED, State.QUEUED),
        (State.HELD, State.DELIVERED),
        (State.ATTEMPTING, State.QUEUED),
        (State.QUEUED, State.QUEUED),
    ],
)
def test_other_ways_are_illegal(old: State, new: State) -> None:
    with pytest.raises(IllegalTransition, match=f"from {old} to {new}"):
        check(old, new)


def test_every_state_is_in_the_table_and_can_come_to_an_end() -> None:
    assert set(TRANSITIONS) == set(State)
    reached = set(TERMINAL)
    while grown := {s for s in State if s not in reached and TRANSITIONS[s] & reached}:
        reached |= grown

    assert reached == set(State)


def test_nothing_follows_a_terminal_state() -> None:
    for old, new in itertools.product(TERMINAL, State):
        with pytest.raises(IllegalTransition):
            check(old, new)
    assert set(State) - TERMINAL - WAITING == {State.ROUTING, State.ATTEMPTING, State.HELD}


def test_states_have_the_words_of_rfc_3464() -> None:
    named = {state: action_of(state) for state in State if action_of(state)}

    assert named == {
        State.DELIVERED: Action.DELIVERED,
        State.RELAYED: Action.RELAYED,
        State.DEFERRED: Action.DELAYED,
        State.BOUNCED: Action.FAILED,
        State.EXPIRED: Action.FAILED,
    }
