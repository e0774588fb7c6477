"""The journey of a message as a picture: one time axis for all recipients, one lane for each.

Pure: moments in, percentages and words out. Waits longer than `COLLAPSE_S` become a hatched band of
fixed width that names their length, so that five days fit beside five milliseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

COLLAPSE_S = 60.0
LEFT, RIGHT = 3.0, 97.0  # percent of the axis that is used
GAP_WEIGHT, STEP_WEIGHT = 3.0, 1.0
TICK_ROOM = 11.0  # percent a label needs
GAP_ROOM = 5.0

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


def mark_of(state: str) -> str:
    """Return the shape and colour of a state: ok, warn, bad or idle."""
    return MARKS.get(state, "idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened to a recipient, or is due to happen."""

    at: datetime  # time of the clock, UTC
    what: str  # a state, or "attempting"
    attempt: int = 0
    exchanger: str = ""
    reply: str = ""
    is_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A recipient's moments in order, and where it stands."""

    forward_path: str
    state: str
    attempts: int
    reason: str
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    x: float
    width: float
    text: str

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """Where each instant lies, in percent of the width."""

    places: dict[datetime, float]
    gaps: tuple[Gap, ...]
    ticks: tuple[Tick, ...]
    now: float | None

    @property
    def label(self) -> str:
        return ", then ".join(tick.text for tick in self.ticks)


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    mark: str


@dataclass(frozen=True, slots=True)
class Line:
    x1: float
    x2: float
    mark: str
    is_wait: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a recipient's story."""

    time: str
    title: str
    mark: str
    code: str = ""
    reply: str = ""
    why: str = ""
    waits: str = ""
    is_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    forward_path: str
    mark: str
    state_text: str
    attempts_text: str
    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    steps: tuple[Step, ...]
    is_open: bool


@dataclass(frozen=True, slots=True)
class Journey:
    axis: Axis
    lanes: tuple[Lane, ...]
    counts: tuple[tuple[str, str], ...]


def draw(recipients: Sequence[Recipient], now: datetime) -> Journey:
    """Lay out the journey of a message at time `now` of the clock."""
    instants = {moment.at for recipient in recipients for moment in recipient.moments}
    axis = _axis(sorted(instants), now)
    only = len(recipients) == 1
    lanes = tuple(_lane(recipient, axis, now, only) for recipient in recipients)
    return Journey(axis, lanes, count_states(recipient.state for recipient in recipients))


def count_states(states: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Count states for people, the worst first: (("bad", "1 bounced"), ("ok", "2 delivered"))."""
    counted: dict[str, int] = {}
    for state in states:
        counted[state] = counted.get(state, 0) + 1
    order = ("bad", "warn", "idle", "ok")
    return tuple(
        (mark_of(state), f"{counted[state]} {state}")
        for state in sorted(counted, key=lambda state: (order.index(mark_of(state)), state))
    )


def _axis(instants: list[datetime], now: datetime) -> Axis:
    if not instants:
        return Axis({}, (), (), None)
    # "Now" is drawn when something is still to come; a finished journey has no need of it.
    shown = sorted({*instants, now}) if instants[-1] > now else instants
    weights = [_weight(later - sooner) for sooner, later in pairwise(shown)]
    scale = (RIGHT - LEFT) / sum(weights) if weights else 0.0
    places, gaps, x = {shown[0]: LEFT}, [], LEFT
    for (sooner, later), weight in zip(pairwise(shown), weights, strict=True):
        width = weight * scale
        if (later - sooner).total_seconds() > COLLAPSE_S:
            inner = min(width * 0.6, 9.0)
            text = duration(later - sooner) if inner >= GAP_ROOM else ""
            gaps.append(Gap(round(x + (width - inner) / 2, 2), round(inner, 2), text))
        x += width
        places[later] = round(x, 2)
    return Axis(places, tuple(gaps), _ticks(instants, places), places.get(now))


def _weight(span: timedelta) -> float:
    seconds = span.total_seconds()
    return GAP_WEIGHT if seconds > COLLAPSE_S else STEP_WEIGHT * (0.4 + seconds / COLLAPSE_S)


def _ticks(instants: list[datetime], places: dict[datetime, float]) -> tuple[Tick, ...]:
    ticks: list[Tick] = []
    several_days = instants[0].date() != instants[-1].date()
    room = TICK_ROOM * (1.6 if several_days else 1)
    for at in instants:
        x = places[at]
        if not ticks or x - ticks[-1].x >= room:
            text = f"{at:%d %b %H:%M}" if several_days else f"{at:%H:%M:%S}"
            ticks.append(Tick(x, text, is_last=x > 100 - room))
    return tuple(ticks)


def duration(span: timedelta) -> str:
    """Say a span as people do: `5 min`, `1 h 7 min`, `2 d 4 h`."""
    seconds = round(span.total_seconds())
    for size, name, small, small_name in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if seconds >= size:
            rest = seconds % size // small
            return f"{seconds // size} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{seconds} s"


def _lane(recipient: Recipient, axis: Axis, now: datetime, only: bool) -> Lane:
    stops = [m for m in recipient.moments if m.what != "attempting"]
    dots = tuple(Dot(axis.places[m.at], "idle" if m.is_due else mark_of(m.what)) for m in stops)
    lines = tuple(
        Line(
            axis.places[sooner.at],
            axis.places[later.at],
            "warn" if sooner.what == "deferred" else mark_of(later.what),
            is_wait=sooner.what == "deferred" or later.is_due,
        )
        for sooner, later in pairwise(stops)
    )
    mark = mark_of(recipient.state)
    code = _last_code(stops)
    return Lane(
        forward_path=recipient.forward_path,
        mark=mark,
        state_text=recipient.state.capitalize() + (f" {code}" if code and mark != "ok" else ""),
        attempts_text=_attempts(recipient),
        dots=dots,
        lines=lines,
        steps=_steps(recipient, now),
        is_open=only or mark in ("bad", "warn"),
    )


def _attempts(recipient: Recipient) -> str:
    made = f"{recipient.attempts} attempt" + ("" if recipient.attempts == 1 else "s")
    return f"{made} · {recipient.reason}" if recipient.reason else made


def _last_code(moments: Sequence[Moment]) -> str:
    for moment in reversed(moments):
        words = moment.reply.split()
        if len(words) > 1 and words[1][:1].isdigit():
            return words[1]
    return ""


def _steps(recipient: Recipient, now: datetime) -> tuple[Step, ...]:
    steps = []
    moments = recipient.moments
    for index, moment in enumerate(moments):
        later = moments[index + 1] if index + 1 < len(moments) else None
        steps.append(_step(moment, later, now))
    return tuple(steps)


def _step(moment: Moment, later: Moment | None, now: datetime) -> Step:
    time = f"{moment.at.astimezone(UTC):%d %b %H:%M:%S}"
    if moment.is_due:
        wait = moment.at - now
        due = "is due" if wait <= timedelta(0) else f"is due in {duration(wait)}"
        return Step(time=time, title=f"Attempt {moment.attempt} {due}", mark="idle", is_due=True)
    code = " ".join(moment.reply.split()[:2]) if moment.reply else ""
    waits = ""
    if moment.what == "deferred" and later is not None:
        waits = f"then waits {duration(later.at - moment.at)}"
    return Step(
        time=time,
        title=_title(moment),
        mark=mark_of(moment.what),
        code=code,
        reply=moment.reply.partition(" ")[2].partition(" ")[2],
        why=f"at {moment.exchanger}" if moment.exchanger else "",
        waits=waits,
    )


def _title(moment: Moment) -> str:
    titles = {
        "queued": "Accepted into the queue",
        "attempting": f"Attempt {moment.attempt}",
        "rejected": "Refused in the SMTP session",
    }
    if moment.what in titles:
        return titles[moment.what]
    return f"Attempt {moment.attempt} {moment.what}" if moment.attempt else moment.what.capitalize()
