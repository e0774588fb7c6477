"""What a rule asks for before it applies: one small class a matcher.

Each says whether it `holds` for a case, and what it compared, for `scenarios explain`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from fnmatch import translate
from hashlib import blake2b
from typing import Protocol

from sandbox_mta.mta.scenario.answer import Case
from sandbox_mta.mta.scenario.message import BODY, Fields


class Match(Protocol):
    """One condition of a rule."""

    def holds(self, case: Case, rule: str) -> bool:
        """Return whether it is met; a counter counts by being asked."""

    def tells(self, case: Case, rule: str) -> str:
        """Say in a few words what was compared."""


@dataclass(frozen=True, slots=True)
class Globs:
    """Patterns of which any may match, whatever the case of the letters."""

    texts: tuple[str, ...]
    pattern: re.Pattern[str]

    def found(self, value: str) -> bool:
        return self.pattern.match(value) is not None

    def __str__(self) -> str:
        return " or ".join(f'"{text}"' for text in self.texts)


def globs(texts: Sequence[str]) -> Globs:
    """Compile `*@*.corp.test` and the like; `*`, `?` and `[...]` as in file names."""
    joined = "|".join(translate(text) for text in texts)
    return Globs(tuple(texts), re.compile(joined, re.IGNORECASE))


@dataclass(frozen=True, slots=True)
class OfEnvelope:
    """Patterns for `rcpt`, `sender`, `domain` or `mx`."""

    key: str
    wanted: Globs

    def holds(self, case: Case, rule: str) -> bool:
        return self.wanted.found(self._value(case))

    def tells(self, case: Case, rule: str) -> str:
        return f'{self.key} is "{self._value(case)}", wanted {self.wanted}'

    def _value(self, case: Case) -> str:
        match self.key:
            case "rcpt":
                return case.path
            case "sender":
                return case.recipient.reverse_path
            case "domain":
                return case.path.rpartition("@")[2].rstrip(".")
            case _:
                return case.exchanger.host


@dataclass(frozen=True, slots=True)
class OfField:
    """Patterns for the values of one header field."""

    field: str  # in lower case
    wanted: Globs

    def holds(self, case: Case, rule: str) -> bool:
        return any(map(self.wanted.found, _values(case, self.field)))

    def tells(self, case: Case, rule: str) -> str:
        values = _values(case, self.field)
        has = f'is "{values[0][:60]}"' if values else "is missing"
        return f"field {self.field} {has}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class Size:
    """The size of the message, as `>10000000`."""

    sign: str
    octets: int

    def holds(self, case: Case, rule: str) -> bool:
        size = case.recipient.size_octets
        return {
            ">": size > self.octets,
            ">=": size >= self.octets,
            "<": size < self.octets,
            "<=": size <= self.octets,
        }[self.sign]

    def tells(self, case: Case, rule: str) -> str:
        return f"size is {case.recipient.size_octets}, wanted {self.sign}{self.octets}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Whole numbers from 1: `3`, `1-3`, `4-`, or every third, `3n`."""

    first: int
    last: int | None  # None: without end
    every: int = 1

    def has(self, number: int) -> bool:
        within = number >= self.first and (self.last is None or number <= self.last)
        return within and number % self.every == 0

    def __str__(self) -> str:
        if self.every > 1:
            return f"{self.every}n"
        if self.last == self.first:
            return str(self.first)
        return f"{self.first}-{self.last or ''}"


_NUMBERS = re.compile(r"(\d{1,6})(?:(-)(\d{1,6})?|(n))?")


def read_numbers(text: str) -> Numbers:
    """Read what `Numbers` says; raises ValueError."""
    match = _NUMBERS.fullmatch(text.strip())
    if match is None or not int(match[1]):
        raise ValueError(f'"{text}" is no number or range; write "3", "1-3", "4-" or "3n"')
    first = int(match[1])
    if match[4]:
        return Numbers(1, None, first)
    if not match[2]:
        return Numbers(first, first)
    last = int(match[3]) if match[3] else None
    if last is not None and last < first:
        raise ValueError(f'"{text}" ends before it begins')
    return Numbers(first, last)


@dataclass(frozen=True, slots=True)
class OfAttempt:
    """The number of the attempt."""

    wanted: Numbers

    def holds(self, case: Case, rule: str) -> bool:
        return self.wanted.has(case.attempt)

    def tells(self, case: Case, rule: str) -> str:
        return f"attempt is {case.attempt}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class Window:
    """A time of the clock: from one moment to another, or from one time of day (UTC) to another."""

    after: datetime | time | None
    before: datetime | time | None

    def holds(self, case: Case, rule: str) -> bool:
        now = case.now.astimezone(UTC)
        after, before = self.after, self.before
        if isinstance(after, time) and isinstance(before, time) and before < after:
            return now.time() >= after or now.time() < before  # over midnight
        return _is_past(after, now, default=True) and not _is_past(before, now, default=False)

    def tells(self, case: Case, rule: str) -> str:
        ends = [f"{name} {end}" for name in ("after", "before") if (end := getattr(self, name))]
        return f"the clock says {case.now:%Y-%m-%d %H:%M:%S}, wanted {' and '.join(ends)}"


def _is_past(moment: datetime | time | None, now: datetime, *, default: bool) -> bool:
    if moment is None:
        return default
    return now.time() >= moment if isinstance(moment, time) else now >= moment


@dataclass(frozen=True, slots=True)
class Percent:
    """A draw: the same for the same seed, rule and key, on any machine."""

    percent: float
    key: str  # "rcpt", "message-id", "content" or a field's name
    per_attempt: bool
    seed: str

    def holds(self, case: Case, rule: str) -> bool:
        return self.draw(case, rule) < self.percent

    def draw(self, case: Case, rule: str) -> float:
        """Return a number from 0 to 100, evenly drawn."""
        words = [self.seed, rule, self._key(case)]
        if self.per_attempt:
            words.append(str(case.attempt))
        drawn = blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(drawn) / 2**64 * 100

    def tells(self, case: Case, rule: str) -> str:
        return f"drew {self.draw(case, rule):.4f} by {self.key}, wanted less than {self.percent:g}"

    @property
    def field(self) -> str:
        """The field it reads; "" for none."""
        return "" if self.key == "rcpt" else BODY if self.key == "content" else self.key

    def _key(self, case: Case) -> str:
        path = case.path.lower()
        if self.key == "rcpt":
            return path
        values = _values(case, self.field)
        # One message, many recipients: each has its own draw, unless the content is the key.
        return values[0] if values and self.key == "content" else "\0".join((*values[:1], path))


@dataclass(frozen=True, slots=True)
class Nth:
    """The number of the message among those that the rest of the rule applies to."""

    wanted: Numbers

    def holds(self, case: Case, rule: str) -> bool:
        return self.wanted.has(self._number(case, rule))

    def tells(self, case: Case, rule: str) -> str:
        return f"it is number {self._number(case, rule)} of this rule, wanted {self.wanted}"

    def _number(self, case: Case, rule: str) -> int:
        """Return its number; it is counted once, however often it is tried."""
        # The position in the envelope, too: a number alone may come again after a deletion.
        own = f"#{case.recipient.submission_id}.{case.recipient.number & 1023}"
        known = case.memory.read(rule, own)
        if known:
            return known[0]
        (count,) = case.memory.read(rule, "#") or (0,)
        case.memory.write(rule, "#", (count + 1,))
        case.memory.write(rule, own, (count + 1,))
        return count + 1


def _values(case: Case, field: str) -> tuple[str, ...]:
    fields: Fields = case.recipient.fields or {}
    return fields.get(field, ())
