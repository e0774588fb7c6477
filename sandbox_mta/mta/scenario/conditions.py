"""When an exchanger gives its answer rather than take the message."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox_mta.mta.scenario.answer import Case

REMEMBERED = timedelta(days=36)  # a triplet that passed a greylist, as postgrey keeps it
MAX_SESSIONS = 1000  # of one limit of sessions


@dataclass(frozen=True, slots=True)
class Larger:
    """For messages above a size."""

    octets: int

    def holds(self, case: Case, rule: str) -> bool:
        return case.recipient.size_octets > self.octets


@dataclass(frozen=True, slots=True)
class NeedsUtf8:
    """For messages that were submitted with SMTPUTF8 (RFC 6531)."""

    def holds(self, case: Case, rule: str) -> bool:
        return case.recipient.smtputf8


@dataclass(frozen=True, slots=True)
class Greylisted:
    """Until the first try with the same sender and recipient is old enough (RFC 6647)."""

    delay: timedelta

    def holds(self, case: Case, rule: str) -> bool:
        key = f"{case.recipient.reverse_path} {case.path}"
        now = microseconds(case.now)
        first, last = (*case.memory.read(rule, key), 0, 0)[:2]
        if not first or now - last > _micros(REMEMBERED):
            first = now
        case.memory.write(rule, key, (first, now))
        return now - first < _micros(self.delay)


@dataclass(frozen=True, slots=True)
class Throttled:
    """Above a rate at one exchanger: a bucket that fills evenly in time of the clock."""

    count: int
    per: timedelta

    def holds(self, case: Case, rule: str) -> bool:
        # The note is the time at which the bucket is full again (the generic cell rate algorithm).
        key, now = case.exchanger.host, microseconds(case.now)
        step = _micros(self.per) // self.count
        full_at = max((*case.memory.read(rule, key), now)[0], now)
        if full_at - now > _micros(self.per) - step:
            return True
        case.memory.write(rule, key, (full_at + step,))
        return False


@dataclass(frozen=True, slots=True)
class Crowded:
    """While as many sessions as allowed are open with one exchanger."""

    limit: int
    lasting: timedelta  # of each session that is let in

    def holds(self, case: Case, rule: str) -> bool:
        key, now = case.exchanger.host, microseconds(case.now)
        ends = [end for end in case.memory.read(rule, key) if end > now]
        if len(ends) >= self.limit:
            return True
        case.memory.write(rule, key, (*ends, now + _micros(self.lasting)))
        return False


def microseconds(moment: datetime) -> int:
    """Return a time of the clock as a whole number that grows with it."""
    return int(moment.timestamp() * 1_000_000)


def _micros(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
