"""When a deferred recipient is tried again, and when the queue gives up: `Schedule`, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil


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

    def due_at(self, queued_at: datetime, attempted_at: datetime, attempts: int) -> datetime:
        """Return when to try again after the attempt at `attempted_at` was deferred."""
        age_s = (attempted_at - queued_at).total_seconds()
        return queued_at + timedelta(seconds=self.next_age(age_s, attempts))

    def is_over(self, queued_at: datetime, now: datetime, *, report: bool) -> bool:
        """Say whether a recipient that was just deferred has used up its lifetime."""
        return now - queued_at >= (self.report_lifetime if report else self.lifetime)


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

SCHEDULES: Mapping[str, Schedule] = {POSTFIX.name: POSTFIX}


def named(name: str) -> Schedule:
    """Return the schedule of that name; raises ValueError with the names there are."""
    try:
        return SCHEDULES[name]
    except KeyError:
        known = ", ".join(sorted(SCHEDULES))
        raise ValueError(f'no schedule "{name}"; there is: {known}') from None
