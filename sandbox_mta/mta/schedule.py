"""When a deferred recipient is tried again, and when the queue gives up: `Schedule`, by name."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, count, takewhile
from math import ceil

ASKED_WARNING = timedelta(hours=4)  # of systems without a warning of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The retry rule of one kind of mail server (RFC 5321 section 4.5.4.1 leaves it open).

    `next_age` says at which age an attempt follows: it is given the age of a recipient at the
    attempt that just failed, in seconds, and how many attempts were made. Everything is counted
    from the moment the queue took the recipient, so a worker that comes late doesn't shift what
    follows.
    """

    name: str
    lifetime: timedelta  # of ordinary mail; an attempt that fails at this age is the last
    report_lifetime: timedelta  # of mail with the null reverse-path
    next_age: Callable[[float, int], float]
    warns: tuple[timedelta, ...] = ()  # ages from which a sender is told of the delay, rising

    def due_at(self, queued_at: datetime, attempted_at: datetime, attempts: int) -> datetime:
        """Return when to try again after the attempt at `attempted_at` was deferred."""
        age_s = (attempted_at - queued_at).total_seconds()
        return queued_at + timedelta(seconds=self.next_age(age_s, attempts))

    def warns_at(self, queued_at: datetime, now: datetime, *, asked: bool) -> bool:
        """Say whether the sender hears of the delay after the attempt that is made now.

        Who `asked` for it (NOTIFY=DELAY) is warned by systems that otherwise don't as well.
        """
        ages = self.warns or ((ASKED_WARNING,) if asked else ())
        age = now - queued_at
        if not ages or age < ages[0]:
            return False
        # Between the try before and this one, by the schedule: then each warning falls once.
        before, this = 0.0, 0.0
        while (following := self.next_age(this, 0)) <= age.total_seconds() and following > this:
            before, this = this, following
        return any(before < warning.total_seconds() <= this for warning in ages)

    def ends_at(self, queued_at: datetime, *, report: bool) -> datetime:
        """Return when the lifetime of a recipient is used up."""
        return queued_at + (self.report_lifetime if report else self.lifetime)

    def is_over(self, queued_at: datetime, now: datetime, *, report: bool) -> bool:
        """Say whether a recipient that was just deferred has used up its lifetime."""
        return now >= self.ends_at(queued_at, report=report)


# Postfix's defaults: queue_run_delay, minimal_backoff_time and maximal_backoff_time.
_SCAN_S = 300
_MINIMAL_BACKOFF_S = 300
_MAXIMAL_BACKOFF_S = 4000


def _postfix_next_age(age_s: float, _attempts: int) -> float:
    """Double the age within the two backoff times, and wait for the next scan of the queue.

    An attempt counts as made at the scan that brought it: a few milliseconds of work would
    otherwise put each following attempt off by a whole scan.
    """
    scanned_s = age_s // _SCAN_S * _SCAN_S
    backoff_s = min(max(scanned_s, _MINIMAL_BACKOFF_S), _MAXIMAL_BACKOFF_S)
    return ceil((scanned_s + backoff_s) / _SCAN_S) * _SCAN_S


POSTFIX = Schedule(
    name="postfix",
    lifetime=timedelta(days=5),
    report_lifetime=timedelta(days=5),
    next_age=_postfix_next_age,
)

_MINUTE, _HOUR, _DAY = 60.0, 3_600.0, 86_400.0


def from_ages(name: str, ages: Iterable[float], *, warns: Sequence[float] = ()) -> Schedule:
    """Return the schedule that tries at the given ages (seconds, rising) and gives up at the last.

    `warns` are the ages from which a sender hears that its message is delayed.
    """
    known = tuple(ages)

    def next_age(age_s: float, _attempts: int) -> float:
        return known[min(bisect_right(known, age_s), len(known) - 1)]

    lifetime = timedelta(seconds=known[-1])
    return Schedule(
        name=name,
        lifetime=lifetime,
        report_lifetime=lifetime,
        next_age=next_age,
        warns=tuple(timedelta(seconds=age) for age in warns),
    )


def _every(interval_s: float, *, since: float, until: float) -> Iterator[float]:
    """Yield ages at one interval, after `since` and up to the first that is `until` or more."""
    age = since
    while age < until:
        age += interval_s
        yield age


def _exim() -> Iterator[float]:
    """Yield what `F,2h,15m; G,16h,1h,1.5; F,4d,6h` of its default configuration means."""
    age, interval = 0.0, _HOUR
    yield from _every(15 * _MINUTE, since=0, until=2 * _HOUR)
    age = 2 * _HOUR
    while age < 16 * _HOUR:
        age += interval
        interval *= 1.5
        yield age
    yield from _every(6 * _HOUR, since=age, until=4 * _DAY)


def _doubling(first_s: float, count: int) -> Iterator[float]:
    """Yield the ages of `count` tries whose intervals double."""
    return accumulate(first_s * 2**n for n in range(count))


def _opensmtpd() -> Iterator[float]:
    # scheduler_ramqueue.c: creation + 400 s * n * n, and no try after four days
    return takewhile(lambda age: age < 4 * _DAY, (400.0 * n * n for n in count(1)))


def _chasquid() -> Iterator[float]:
    yield from (1 * _MINUTE, 6 * _MINUTE, 16 * _MINUTE)
    yield from _every(20 * _MINUTE, since=16 * _MINUTE, until=20 * _HOUR)


def _exchange() -> Iterator[float]:
    yield from _every(_MINUTE, since=0, until=4 * _MINUTE)
    yield from _every(5 * _MINUTE, since=4 * _MINUTE, until=34 * _MINUTE)
    yield from _every(10 * _MINUTE, since=34 * _MINUTE, until=2 * _DAY)


def _stalwart() -> Iterator[float]:
    yield from accumulate(minutes * _MINUTE for minutes in (2, 5, 10, 15, 30, 60))
    yield from _every(2 * _HOUR, since=122 * _MINUTE, until=5 * _DAY)


# What each system does without configuration; sources in the order of the table: Exim's
# configure.default, sendmail's -q30m with queuereturn and queuewarn, OpenSMTPD's scheduler,
# chasquid's queue.go, mox's queue.go and dsn.go, KumoMTA's make_queue_config, Haraka's
# temp_fail_intervals, Stalwart's queue documentation, Exchange's transport retry defaults,
# Mailgun's help pages.
SCHEDULES: Mapping[str, Schedule] = {
    schedule.name: schedule
    for schedule in (
        POSTFIX,
        from_ages("exim", _exim(), warns=[_DAY]),
        from_ages("sendmail", _every(30 * _MINUTE, since=0, until=5 * _DAY), warns=[4 * _HOUR]),
        from_ages("opensmtpd", _opensmtpd(), warns=[4 * _HOUR]),
        from_ages("chasquid", _chasquid()),
        from_ages("mox", _doubling(7.5 * _MINUTE, 7), warns=[112 * _MINUTE]),
        from_ages("kumomta", _doubling(20 * _MINUTE, 8)),
        from_ages("haraka", _doubling(64, 12)),
        from_ages("stalwart", _stalwart(), warns=[_DAY, 3 * _DAY]),
        from_ages("exchange", _exchange(), warns=[4 * _HOUR]),
        from_ages(
            "mailgun", accumulate(minutes * _MINUTE for minutes in (10, 15, 30, 60, 120, 240))
        ),
    )
}

MAX_TRIES = 10_000  # of an explicit schedule
_STEP = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|min|m|h|d)\s*(?:\*\s*(\d{1,5})?)?")
_SECONDS = {"s": 1.0, "m": _MINUTE, "min": _MINUTE, "h": _HOUR, "d": _DAY}


def explicit(text: str) -> Schedule:
    """Read `1m, 5m*2, 1h*20`: the intervals between tries, as Haraka writes them.

    The last may end in a bare `*`: it is repeated until five days are over. Raises ValueError.
    """
    intervals: list[float] = []
    steps = [step.strip() for step in text.split(",")]
    for position, step in enumerate(steps, start=1):
        match = _STEP.fullmatch(step)
        if match is None or not float(match[1]):
            raise ValueError(f"{step!r} is no interval; write 5m, 5m*3 or, as the last, 1h*")
        interval = float(match[1]) * _SECONDS[match[2]]
        times = int(match[3] or 1)
        if step.endswith("*"):
            if position < len(steps):
                raise ValueError(f"{step!r} goes on for ever; only the last interval may")
            times = max(1, ceil((5 * _DAY - sum(intervals)) / interval))
        if len(intervals) + times > MAX_TRIES:
            raise ValueError(f"a schedule has at most {MAX_TRIES} tries")
        intervals += [interval] * times
    return from_ages(text, accumulate(intervals))


def named(name: str) -> Schedule:
    """Return the schedule of a name, or of explicit intervals; raises ValueError."""
    if name in SCHEDULES:
        return SCHEDULES[name]
    if name[:1].isdecimal():
        return explicit(name)
    known = ", ".join(sorted(SCHEDULES))
    raise ValueError(f'no schedule "{name}"; there is: {known}, or intervals such as 1m,5m*2,1h*')
