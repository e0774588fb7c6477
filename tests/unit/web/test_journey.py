from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sandbox_mta.web.pages.axis import duration
from sandbox_mta.web.pages.journey import Journey, Moment, Recipient, draw
from sandbox_mta.web.pages.states import count_states

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def moment(minutes: float, what: str, attempt: int = 0, reply: str = "") -> Moment:
    return Moment(at=START + timedelta(minutes=minutes), what=what, attempt=attempt, reply=reply)


def deferred_twice() -> Recipient:
    return Recipient(
        forward_path="slow@customer.example",
        state="deferred",
        attempts=2,
        reason="mailbox-full",
        moments=(
            moment(0, "queued"),
            moment(0.1, "deferred", 1, "452 4.2.2 Mailbox full"),
            moment(5.1, "deferred", 2, "452 4.2.2 Mailbox full"),
            Moment(at=START + timedelta(minutes=15), what="deferred", attempt=3, is_due=True),
        ),
    )


def delivered() -> Recipient:
    return Recipient(
        forward_path="ada@customer.example",
        state="delivered",
        attempts=1,
        reason="",
        moments=(moment(0, "queued"), moment(0.1, "delivered", 1, "250 2.0.0 Ok")),
    )


def journey() -> Journey:
    return draw((deferred_twice(), delivered()), now=START + timedelta(minutes=7))


def test_every_moment_lies_on_the_axis_in_order_of_time() -> None:
    places = journey().axis.places

    assert list(places.values()) == sorted(places.values())
    assert all(0 <= place <= 100 for place in places.values())


def test_long_waits_are_bands_that_say_their_length() -> None:
    assert [gap.text for gap in journey().axis.gaps][:1] == ["5 min"]
    assert all(gap.width <= 9 for gap in journey().axis.gaps)


def test_now_is_drawn_while_something_is_still_to_come() -> None:
    assert journey().axis.now is not None
    assert draw((delivered(),), now=START + timedelta(days=1)).axis.now is None


def test_a_lane_tells_the_story_of_its_recipient() -> None:
    lane, _ = journey().lanes

    assert lane.state_text == "Deferred 4.2.2"
    assert lane.attempts_text == "2 attempts · mailbox-full"
    assert [step.title for step in lane.steps] == [
        "Accepted into the queue",
        "Attempt 1 deferred",
        "Attempt 2 deferred",
        "Attempt 3 is due in 8 min",
    ]
    assert lane.steps[1].waits == "then waits 5 min"
    assert (lane.steps[1].code, lane.steps[1].reply) == ("452 4.2.2", "Mailbox full")


def test_recipients_that_need_attention_are_open() -> None:
    assert [lane.is_open for lane in journey().lanes] == [True, False]


def test_five_days_of_attempts_keep_their_labels_apart() -> None:
    moments = tuple(moment(70 * n, "deferred", n + 1) for n in range(108))
    many = Recipient(
        forward_path="x@y.example", state="expired", attempts=108, reason="", moments=moments
    )

    ticks = draw((many,), now=START).axis.ticks

    assert all(later.x - sooner.x >= 11 for sooner, later in pairwise(ticks))


def test_a_message_without_recipients_has_an_empty_journey() -> None:
    assert draw((), now=START).lanes == ()


def test_states_are_counted_the_worst_first() -> None:
    assert count_states(["delivered", "bounced", "delivered", "queued", "deferred"]) == (
        ("bad", "1 bounced"),
        ("warn", "1 deferred"),
        ("idle", "1 queued"),
        ("ok", "2 delivered"),
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59, "59 s"), (300, "5 min"), (4020, "1 h 7 min"), (187_200, "2 d 4 h")],
)
def test_a_span_is_said_as_people_do(seconds: float, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


def recipient(number: int, state: str) -> Recipient:
    return Recipient(
        forward_path=f"user{number}@customer.example",
        state=state,
        attempts=1,
        reason="",
        moments=(moment(0, "queued"), moment(0.1, state, 1)),
    )


def test_more_than_twenty_recipients_fold_by_state_with_the_failures_open() -> None:
    many = tuple(recipient(n, "delivered" if n else "bounced") for n in range(30))

    groups = draw(many, now=START).groups

    assert [(group.text, group.is_open) for group in groups] == [
        ("1 bounced", True),
        ("29 delivered", False),
    ]


def test_twenty_recipients_stand_in_one_group_the_worst_first() -> None:
    twenty = tuple(recipient(n, "bounced" if n == 19 else "delivered") for n in range(20))

    (group,) = draw(twenty, now=START).groups

    assert group.text == ""
    assert group.lanes[0].state == "bounced"


def test_what_is_due_says_how_far_to_move_the_clock() -> None:
    due = journey().lanes[0].steps[-1]

    assert due.due_in_s == 8 * 60
    assert journey().is_waiting


def test_a_finished_journey_waits_for_nothing() -> None:
    assert not draw((delivered(),), now=START).is_waiting
