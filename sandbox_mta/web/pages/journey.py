"""The journey of a message as a picture: one time axis for all recipients, one lane for each.

Pure: moments in, percentages and words out. The worst comes first; of more than `MAX_LANES`
recipients those in one state fold into a group.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from sandbox_mta.web.pages.axis import Axis, axis, duration
from sandbox_mta.web.pages.states import count_states, mark_of, severity_of

MAX_LANES = 20  # that stand without groups
MAX_OPEN = 3  # lanes whose story is told without a click


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something that happened to a recipient, or is due to happen."""

    at: datetime  # time of the clock, UTC
    what: str  # a state, or "attempting"
    attempt: int = 0
    reply: str = ""
    why: str = ""  # where it happened and which rule decided it
    before: tuple[str, ...] = ()  # what other exchangers said during the same attempt
    is_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A recipient's moments in order, and where it stands."""

    forward_path: str
    state: str
    attempts: int
    reason: str
    moments: tuple[Moment, ...]
    position: int = 0  # in the envelope
    said: str = ""  # in the sessions of the last attempt


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
    before: tuple[str, ...] = ()
    waits: str = ""
    due_in_s: int | None = None  # how far to move the clock until this happens


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One recipient: a picture, and the story in words."""

    forward_path: str
    state: str
    mark: str
    state_text: str
    attempts_text: str
    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    steps: tuple[Step, ...]
    is_open: bool
    position: int
    said: str


@dataclass(frozen=True, slots=True)
class Group:
    """Lanes that fold together; without a `text` they always stand."""

    mark: str
    text: str
    lanes: tuple[Lane, ...]

    @property
    def is_open(self) -> bool:
        return not self.text or self.mark in ("bad", "warn")


@dataclass(frozen=True, slots=True)
class Journey:
    axis: Axis
    groups: tuple[Group, ...]
    counts: tuple[tuple[str, str], ...]
    is_waiting: bool  # whether moving the clock would change anything

    @property
    def lanes(self) -> tuple[Lane, ...]:
        return tuple(lane for group in self.groups for lane in group.lanes)


def draw(recipients: Sequence[Recipient], now: datetime) -> Journey:
    """Lay out the journey of a message at time `now` of the clock."""
    moments = [moment for recipient in recipients for moment in recipient.moments]
    drawn = axis(sorted({moment.at for moment in moments}), now)
    opened = _opened(recipients)
    ordered = sorted(recipients, key=lambda each: (severity_of(each.state), each.state))
    return Journey(
        drawn,
        _groups([_lane(each, drawn, now, is_open=each in opened) for each in ordered]),
        count_states(recipient.state for recipient in recipients),
        is_waiting=any(moment.is_due for moment in moments),
    )


def _opened(recipients: Sequence[Recipient]) -> Sequence[Recipient]:
    """Return those whose story is told without a click: the only one, or the few in trouble."""
    if len(recipients) == 1:
        return recipients
    troubled = [each for each in recipients if mark_of(each.state) in ("bad", "warn")]
    return troubled if len(troubled) <= MAX_OPEN else ()


def _groups(lanes: Sequence[Lane]) -> tuple[Group, ...]:
    if len(lanes) <= MAX_LANES:
        return (Group("", "", tuple(lanes)),) if lanes else ()
    groups = []
    for state, some in groupby(lanes, key=lambda lane: lane.state):
        folded = tuple(some)
        groups.append(Group(folded[0].mark, f"{len(folded)} {state}", folded))
    return tuple(groups)


def _lane(recipient: Recipient, drawn: Axis, now: datetime, *, is_open: bool) -> Lane:
    stops = [m for m in recipient.moments if m.what != "attempting" or m.is_due]
    mark = mark_of(recipient.state)
    code = _last_code(stops)
    return Lane(
        forward_path=recipient.forward_path,
        state=recipient.state,
        mark=mark,
        state_text=recipient.state.capitalize() + (f" {code}" if code and mark != "ok" else ""),
        attempts_text=_attempts(recipient),
        dots=tuple(Dot(drawn.places[m.at], "idle" if m.is_due else _mark(m)) for m in stops),
        lines=tuple(_line(sooner, later, drawn) for sooner, later in pairwise(stops)),
        steps=_steps(recipient, drawn, now),
        is_open=is_open,
        position=recipient.position,
        said=recipient.said,
    )


def _line(sooner: Moment, later: Moment, drawn: Axis) -> Line:
    is_wait = sooner.what == "deferred" or later.is_due
    mark = "warn" if sooner.what == "deferred" else mark_of(later.what)
    return Line(drawn.places[sooner.at], drawn.places[later.at], mark, is_wait)


def _mark(moment: Moment) -> str:
    # To be queued is a success as an event, though as a state it is nothing yet.
    return "ok" if moment.what == "queued" else mark_of(moment.what)


def _attempts(recipient: Recipient) -> str:
    made = f"{recipient.attempts} attempt" + ("" if recipient.attempts == 1 else "s")
    return f"{made} · {recipient.reason}" if recipient.reason else made


def _last_code(moments: Sequence[Moment]) -> str:
    for moment in reversed(moments):
        words = moment.reply.split()
        if len(words) > 1 and words[1][:1].isdigit():
            return words[1]
    return ""


def _steps(recipient: Recipient, drawn: Axis, now: datetime) -> tuple[Step, ...]:
    # The reply to an attempt says that it was made.
    moments = [m for m in recipient.moments if m.what != "attempting" or m.is_due]
    later = [*moments[1:], None]
    return tuple(_step(m, after, drawn, now) for m, after in zip(moments, later, strict=True))


def _step(moment: Moment, later: Moment | None, drawn: Axis, now: datetime) -> Step:
    time = drawn.time_text(moment.at)
    if moment.is_due:
        return _due(moment, time, now)
    code, text = _split(moment.reply)
    waits = ""
    if moment.what == "deferred" and later is not None:
        waits = f"then waits {duration(later.at - moment.at)}"
    return Step(
        time=time,
        title=_title(moment),
        mark=_mark(moment),
        code=code,
        reply=text,
        why=moment.why,
        before=moment.before,
        waits=waits,
    )


def _due(moment: Moment, time: str, now: datetime) -> Step:
    wait = moment.at - now
    due = "is due" if wait <= timedelta(0) else f"is due in {duration(wait)}"
    seconds = max(0, math.ceil(wait.total_seconds()))
    return Step(time=time, title=f"Attempt {moment.attempt} {due}", mark="idle", due_in_s=seconds)


def _split(reply: str) -> tuple[str, str]:
    """Split a reply into its codes and its text; the enhanced code may be missing."""
    words = reply.split(" ", 2)
    if len(words) > 1 and words[1][:1].isdigit():
        return " ".join(words[:2]), " ".join(words[2:])
    return words[0], " ".join(words[1:])


def _title(moment: Moment) -> str:
    titles = {
        "queued": "Accepted into the queue",
        "rejected": "Refused in the SMTP session",
    }
    if moment.what in titles:
        return titles[moment.what]
    return f"Attempt {moment.attempt} {moment.what}" if moment.attempt else moment.what.capitalize()
