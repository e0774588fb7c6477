import re
from datetime import UTC, datetime, timedelta

import pytest

from sandbox_mta.mta.schedule import POSTFIX, SCHEDULES, Schedule, named

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


MINUTES = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("name", "tries", "minutes", "last_h"),
    [  # the beginnings and counts that the systems' own rules imply
        ("postfix", 108, [0, 5, 10, 20, 40, 80, 150], 120),
        ("exim", 28, [0, 15, 30, 45, 60, 75, 90, 105, 120, 180, 270], 101),
        ("sendmail", 241, [0, 30, 60, 90, 120], 120),
        ("opensmtpd", 30, [0, 7, 27, 60, 107], 93),
        ("chasquid", 64, [0, 1, 6, 16, 36, 56], 20),
        ("mox", 8, [0, 8, 23, 53, 113], 16),
        ("kumomta", 9, [0, 20, 60, 140, 300], 85),
        ("haraka", 13, [0, 1, 3, 7, 16, 33, 67], 73),
        ("stalwart", 66, [0, 2, 7, 17, 32, 62, 122, 242], 120),
        ("exchange", 296, [0, 1, 2, 3, 4, 9, 14, 19, 24, 29, 34, 44], 48),
        ("mailgun", 7, [0, 10, 25, 55, 115, 235, 475], 8),
    ],
)
def test_a_system_tries_as_its_own_rule_says(
    name: str, tries: int, minutes: list[int], last_h: int
) -> None:
    ages = ages_of_attempts(named(name))

    assert [round(age / MINUTES + 1e-9) for age in ages[: len(minutes)]] == minutes
    assert (len(ages), round(ages[-1] / timedelta(hours=1))) == (tries, last_h)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_a_late_worker_does_not_shift_what_follows(name: str) -> None:
    schedule = named(name)

    assert ages_of_attempts(schedule, late=timedelta(seconds=2)) == ages_of_attempts(schedule)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("1m", [0, 1]),
        ("1m, 5m*2,1h", [0, 1, 6, 11, 71]),
        ("1.5h*2", [0, 90, 180]),
        ("30s*2", [0, 0.5, 1]),
        ("4d, 12h*", [0, 5760, 6480, 7200]),
    ],
)
def test_a_schedule_can_be_written_as_its_intervals(text: str, minutes: list[float]) -> None:
    assert [age / MINUTES for age in ages_of_attempts(named(text))] == minutes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("5", "'5' is no interval"),
        ("5m,", "'' is no interval"),
        ("0m", "'0m' is no interval"),
        ("1h*,5m", "goes on for ever"),
        ("1s*99999", "at most 10000 tries"),
        ("1s*", "at most 10000 tries"),
    ],
)
def test_intervals_that_make_no_sense_are_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        named(text)


def warnings(schedule: Schedule, *, asked: bool) -> list[timedelta]:
    """Return the ages of the attempts after which the sender is warned."""
    ages = ages_of_attempts(schedule)[:-1]
    return [age for age in ages if schedule.warns_at(QUEUED_AT, QUEUED_AT + age, asked=asked)]


def test_a_sender_is_warned_once_for_each_age() -> None:
    hours = timedelta(hours=1)

    assert [age / hours for age in warnings(named("sendmail"), asked=False)] == [4]
    assert [round(age / hours) for age in warnings(named("stalwart"), asked=False)] == [24, 72]
    assert [round(age / hours) for age in warnings(named("exim"), asked=True)] == [29]


def test_who_asks_for_warnings_gets_one_from_every_system() -> None:
    assert warnings(POSTFIX, asked=False) == []
    assert [age / MINUTES for age in warnings(POSTFIX, asked=True)] == [290]


def test_an_unknown_schedule_is_refused_with_the_known_ones() -> None:
    assert named("postfix") is POSTFIX
    with pytest.raises(ValueError, match='no schedule "sendmial"; there is: chasquid, exchange'):
        named("sendmial")
