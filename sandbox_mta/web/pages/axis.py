"""The time axis of a journey: where each instant lies, in percent of the width; pure.

Waits longer than `COLLAPSE_S` become a hatched band of fixed width that names their length, so that
five days fit beside five milliseconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

COLLAPSE_S = 60.0
LEFT, RIGHT = 3.0, 97.0  # percent of the axis that is used
GAP_WEIGHT, STEP_WEIGHT = 3.0, 1.0
MAX_GAP = 9.0  # percent
TICK_ROOM = 11.0  # percent a label needs
GAP_ROOM = 5.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A wait that is drawn shorter than it is."""

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
    now: float | None  # None when nothing is still to come
    several_days: bool = False

    def time_text(self, at: datetime) -> str:
        """Write an instant with as much of a date as the axis needs."""
        if self.several_days:
            return f"{at:%d %b %H:%M:%S}"
        return at.strftime("%H:%M:%S.%f")[:12]

    @property
    def label(self) -> str:
        return ", then ".join(tick.text for tick in self.ticks)

    @property
    def future(self) -> float:
        """The width of what lies after now."""
        return 0.0 if self.now is None else round(100 - self.now, 2)


def axis(instants: list[datetime], now: datetime) -> Axis:
    """Lay out an axis for instants in order of time."""
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
            gaps.append(_gap(x, width, later - sooner))
        x += width
        places[later] = round(x, 2)
    several_days = instants[0].date() != instants[-1].date()
    ticks = _ticks(instants, places, several_days=several_days)
    return Axis(places, tuple(gaps), ticks, places.get(now), several_days)


def _gap(x: float, width: float, span: timedelta) -> Gap:
    inner = min(width * 0.6, MAX_GAP)
    text = duration(span) if inner >= GAP_ROOM else ""
    return Gap(round(x + (width - inner) / 2, 2), round(inner, 2), text)


def _weight(span: timedelta) -> float:
    seconds = span.total_seconds()
    return GAP_WEIGHT if seconds > COLLAPSE_S else STEP_WEIGHT * (0.4 + seconds / COLLAPSE_S)


def _ticks(
    instants: list[datetime], places: dict[datetime, float], *, several_days: bool
) -> tuple[Tick, ...]:
    ticks: list[Tick] = []
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
