from datetime import UTC, datetime, timedelta

import pytest

from sandbox_mta.mta.schedule import POSTFIX, Schedule, named

QUEUED_AT = datetime(2030, 1, 1, tzinfo=UTC)


def ages_of_attempts(schedule: Schedule, late: timedelta = timedelta(0)) -> list[timedelta]:
    """Return the age at each attempt of a recipient that is deferred every time."""
    ages, now = [timedelta(0)], QUEUED_AT
    while not schedule.is_over(QUEUED_AT, now, report=False):
        now = schedule.due_at(QUEUED_AT, now + late, len(ages))
        ages.append(now - QUEUED_AT)
    return ages


def test_postfix_tries_a_deferred_recipient_for_five_days() -> None:
    ages = ages_of_attempts(POSTFIX)

    assert [age / timedelta(minutes=1) for age in ages[:10]] == [
        0, 5, 10, 20, 40, 80, 150, 220, 290, 360,
    ]  # fmt: skip
    assert len(ages) == 108
    assert ages[-2] < timedelta(days=5) <= ages[-1]


def test_a_worker_that_is_a_little_late_does_not_shift_the_following_tries() -> None:
    assert ages_of_attempts(POSTFIX, late=timedelta(seconds=2)) == ages_of_attempts(POSTFIX)


def test_a_recipient_is_over_at_its_lifetime_and_not_before() -> None:
    last_moment = QUEUED_AT + timedelta(days=5) - timedelta(microseconds=1)

    assert not POSTFIX.is_over(QUEUED_AT, last_moment, report=False)
    assert POSTFIX.is_over(QUEUED_AT, last_moment + timedelta(microseconds=1), report=False)


def test_reports_have_a_lifetime_of_their_own() -> None:
    short = Schedule(
        name="short",
        lifetime=timedelta(hours=2),
        report_lifetime=timedelta(hours=1),
        next_age=lambda age_s, attempts: age_s + 60 * attempts,
    )
    now = QUEUED_AT + timedelta(minutes=90)

    assert short.is_over(QUEUED_AT, now, report=True)
    assert not short.is_over(QUEUED_AT, now, report=False)
    assert short.due_at(QUEUED_AT, now, 3) == now + timedelta(minutes=3)


def test_an_unknown_schedule_is_refused_with_the_known_ones() -> None:
    assert named("postfix") is POSTFIX
    with pytest.raises(ValueError, match='no schedule "sendmial"; there is: postfix'):
        named("sendmial")
