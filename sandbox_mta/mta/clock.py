"""The clock of the simulated world: real time, faster, or moved by hand.

Due times, attempts and the dates of reports are times of this clock; leases and logs keep real
time, or one jump would expire every lease. `Clock` is a value of the process, `ClockKeeper` keeps
it over a restart and in step with other processes.
"""

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sandbox_mta.mta.ports import ClockState, ClockStore

MAX_RATE = 86_400  # a day in a second; faster than that is what `manual` is for
MAX_ADVANCE = timedelta(days=3_660)  # ten years a call: longer is a slip of the pen
LATEST = datetime(9000, 1, 1, tzinfo=UTC)  # leaves room for due times below the year 10000
FOLLOW_S = 1.0  # real seconds between two looks at the stored clock
CHECKPOINT_S = 5.0  # real seconds between two savings of an accelerated clock
OUTAGE_S = 2 * CHECKPOINT_S  # after this long without a saving nobody was running

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mode:
    """How the clock runs by itself."""

    name: str  # "real", "accelerated" or "manual"
    rate: float  # virtual seconds a real second; 0 when manual


REAL = Mode("real", 1.0)
MANUAL = Mode("manual", 0.0)


def parse_mode(text: str) -> Mode:
    """Read `real`, `manual` or a rate like `60x`; raises ValueError with what is allowed."""
    word = text.strip().lower()
    if word in ("real", "1x"):
        return REAL
    if word == "manual":
        return MANUAL
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?x", word):
        raise ValueError(f'the clock can\'t run "{text}"; use real, manual, or a rate like 60x')
    rate = float(word[:-1])
    if not 0 < rate <= MAX_RATE:
        raise ValueError(f"the clock can't run {text}; a rate lies above 0x and up to {MAX_RATE}x")
    return Mode("accelerated", rate)


_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}
_PIECE = r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|min|m|h|d)\s*"


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `4h`, `1d12h`; raises ValueError for anything else, or more than ten years."""
    if not re.fullmatch(rf"\s*(?:{_PIECE})+", text):
        raise ValueError(f"{text!r} is no duration; write 90s, 30min, 4h or 1d12h")
    pieces = re.findall(_PIECE, text)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in pieces)
    if seconds > MAX_ADVANCE.total_seconds():
        raise ValueError("a duration may be ten years at most")
    return timedelta(seconds=seconds)


def check_step(by: timedelta) -> None:
    """Raise ValueError unless the clock may be moved by this much at once."""
    if not timedelta(0) < by <= MAX_ADVANCE:
        raise ValueError(f"the clock moves forward, by at most {MAX_ADVANCE.days} days at once")


def _real_now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """Tells the time; `advance` moves it forward in every mode, and nothing moves it back."""

    def __init__(self, state: ClockState, real_now: Callable[[], datetime] = _real_now) -> None:
        self._state = state
        self._real_now = real_now
        self._listeners: list[Callable[[], None]] = []

    @property
    def state(self) -> ClockState:
        return self._state

    @property
    def mode(self) -> Mode:
        return Mode(self._state.mode, self._state.rate)

    def now(self) -> datetime:
        """Return the time of the clock, in UTC."""
        return _at(self._state, self._real_now())

    def advance(self, by: timedelta) -> datetime:
        """Move the clock forward and return its new time; raises ValueError for a bad step."""
        check_step(by)
        return self._move(by)

    def advance_to(self, moment: datetime) -> datetime:
        """Move the clock forward to a moment, or leave it when it is past that already."""
        by = moment - self.now()
        return self._move(by) if by > timedelta(0) else self.now()

    def real_delay_until(self, due: datetime) -> float | None:
        """Return how many real seconds pass until `due`; None when only `advance` gets there."""
        ahead_s = (due - self.now()).total_seconds()
        if ahead_s <= 0:
            return 0.0
        return ahead_s / self._state.rate if self._state.rate else None

    def checkpoint(self) -> ClockState:
        """Count from now on, which changes no time, and return the state to store."""
        real = self._real_now()
        self._state = replace(self._state, virtual_base=_at(self._state, real), real_base=real)
        return self._state

    def adopt(self, state: ClockState) -> None:
        """Follow a state that another process stored; one that would go back is ignored."""
        real = self._real_now()
        same = (state.mode, state.rate) == (self._state.mode, self._state.rate)
        behind = _at(self._state, real) - _at(state, real)
        if same and behind >= timedelta(0):
            return
        # Another mode is a decision, another time in the past is a late reader.
        self._state = replace(state, virtual_base=state.virtual_base + max(behind, timedelta(0)))
        self._notify()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` each time the clock was moved; it must not raise or wait."""
        self._listeners.append(listener)

    def _move(self, by: timedelta) -> datetime:
        self.checkpoint()
        if LATEST - self._state.virtual_base < by:
            raise ValueError(f"the clock ends in the year {LATEST.year}")
        self._state = replace(self._state, virtual_base=self._state.virtual_base + by)
        self._notify()
        return self.now()

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()


def _at(state: ClockState, real: datetime) -> datetime:
    try:
        return min(state.virtual_base + (real - state.real_base) * state.rate, LATEST)
    except OverflowError:
        return LATEST


def started(stored: ClockState | None, mode: Mode, real: datetime) -> ClockState:
    """Return the state in which the clock runs on when a process starts.

    An accelerated clock stood still while nothing ran, so that a restart expires no mail. A real
    one keeps its distance from real time, which is zero until somebody moves it, and is never
    behind real time.
    """
    if stored is None:
        virtual = real
    elif stored.mode == "accelerated":
        ran = min(real - stored.real_base, timedelta(seconds=OUTAGE_S))
        virtual = _at(stored, stored.real_base + max(ran, timedelta(0)))
    else:
        virtual = _at(stored, real)
    if mode == REAL:
        virtual = max(virtual, real)
    return ClockState(mode=mode.name, rate=mode.rate, virtual_base=virtual, real_base=real)


class ClockKeeper:
    """Stores the clock when it is moved, and follows what other processes stored."""

    def __init__(self, clock: Clock, store: ClockStore) -> None:
        self.clock = clock
        self._store = store

    @classmethod
    async def start(
        cls, store: ClockStore, mode: Mode, real_now: Callable[[], datetime] = _real_now
    ) -> "ClockKeeper":
        """Take the clock up where the last process left it, in the given mode."""
        stored = await store.load_clock()
        clock = Clock(started(stored, mode, real_now()), real_now)
        await store.save_clock(clock.state)
        return cls(clock, store)

    async def advance(self, by: timedelta) -> datetime:
        """Move the clock, durably; returns its new time, raises ValueError for a bad step."""
        await self.look(save=False)  # or this would undo what another process moved just now
        now = self.clock.advance(by)
        await self._store.save_clock(self.clock.state)
        return now

    async def advance_to(self, moment: datetime) -> datetime:
        """Move the clock to a moment, durably; returns its new time."""
        await self.look(save=False)
        now = self.clock.advance_to(moment)
        await self._store.save_clock(self.clock.state)
        return now

    async def follow(self) -> None:
        """Keep in step with the stored clock until cancelled; a store that fails is asked again."""
        looks = 0
        while True:
            await asyncio.sleep(FOLLOW_S)
            looks += 1
            try:
                await self.look(save=looks % round(CHECKPOINT_S / FOLLOW_S) == 0)
            except Exception:
                log.exception("the stored clock can't be read")

    async def look(self, *, save: bool) -> None:
        """Adopt what another process stored; `save` an accelerated clock's progress besides."""
        stored = await self._store.load_clock()
        if stored is not None:
            self.clock.adopt(stored)
        if save and self.clock.state.mode == "accelerated":
            await self.close()

    async def close(self) -> None:
        """Store how far the clock ran."""
        await self._store.save_clock(self.clock.checkpoint())
