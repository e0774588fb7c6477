from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_mta.mta.clock import (
    CHECKPOINT_S,
    LATEST,
    MANUAL,
    OUTAGE_S,
    REAL,
    Clock,
    ClockKeeper,
    Mode,
    parse_mode,
    started,
)
from sandbox_mta.mta.ports import ClockState

START = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAST = Mode("accelerated", 60.0)


class RealTime:
    """Real time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def passes(self, by: timedelta) -> None:
        self.now += by


class StoredClock:
    """A `ClockStore` that keeps one state and counts the savings."""

    def __init__(self, state: ClockState | None = None) -> None:
        self.state = state
        self.savings = 0

    async def load_clock(self) -> ClockState | None:
        return self.state

    async def save_clock(self, state: ClockState) -> None:
        self.state = state
        self.savings += 1


def clock_in(mode: Mode, real: RealTime) -> Clock:
    return Clock(started(None, mode, real()), real)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("real", REAL),
        ("Manual ", MANUAL),
        ("1x", REAL),
        ("60x", FAST),
        ("0.5x", Mode("accelerated", 0.5)),
        ("86400x", Mode("accelerated", 86_400.0)),
    ],
)
def test_modes_are_words_or_rates(text: str, mode: Mode) -> None:
    assert parse_mode(text) == mode


@pytest.mark.parametrize("text", ["", "fast", "60", "x", "-1x", "0x", "1e3x", "86401x", "nanx"])
def test_other_modes_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"real, manual, or a rate like 60x|up to 86400x"):
        parse_mode(text)


@pytest.mark.parametrize(
    ("mode", "after_a_minute"),
    [(REAL, timedelta(minutes=1)), (FAST, HOUR), (MANUAL, timedelta(0))],
)
def test_the_clock_runs_at_its_rate(mode: Mode, after_a_minute: timedelta) -> None:
    real = RealTime()
    clock = clock_in(mode, real)

    real.passes(timedelta(minutes=1))

    assert clock.now() == START + after_a_minute


@pytest.mark.parametrize("mode", [REAL, FAST, MANUAL])
def test_the_clock_can_be_moved_in_every_mode(mode: Mode) -> None:
    real = RealTime()
    clock = clock_in(mode, real)
    real.passes(HOUR)
    before = clock.now()

    assert clock.advance(4 * HOUR) == before + 4 * HOUR


def test_the_real_clock_is_real_time_until_somebody_moves_it() -> None:
    real = RealTime()
    clock = clock_in(REAL, real)

    real.passes(HOUR)
    assert clock.now() == real()

    clock.advance(HOUR)
    real.passes(HOUR)
    assert clock.now() == real() + HOUR


@pytest.mark.parametrize("by", [timedelta(0), -HOUR, timedelta(days=4000)])
def test_a_bad_step_is_refused_and_moves_nothing(by: timedelta) -> None:
    clock = clock_in(MANUAL, RealTime())

    with pytest.raises(ValueError, match="forward"):
        clock.advance(by)

    assert clock.now() == START


def test_the_clock_has_an_end() -> None:
    real = RealTime()
    clock = Clock(ClockState(mode="accelerated", rate=1e9, virtual_base=START, real_base=START))
    late = Clock(
        ClockState(mode="manual", rate=0.0, virtual_base=LATEST - HOUR, real_base=START), real
    )

    assert clock.now() <= LATEST
    with pytest.raises(ValueError, match="year 9000"):
        late.advance(2 * HOUR)


@pytest.mark.parametrize(("mode", "delay_s"), [(REAL, 3600.0), (FAST, 60.0), (MANUAL, None)])
def test_waiting_is_told_in_real_seconds(mode: Mode, delay_s: float | None) -> None:
    clock = clock_in(mode, RealTime())

    assert clock.real_delay_until(START + HOUR) == delay_s
    assert clock.real_delay_until(START) == 0.0


def test_listeners_hear_of_every_move() -> None:
    clock = clock_in(MANUAL, RealTime())
    heard: list[datetime] = []
    clock.subscribe(lambda: heard.append(clock.now()))

    clock.advance(HOUR)
    clock.advance_to(START + 3 * HOUR)
    clock.advance_to(START)  # past already

    assert heard == [START + HOUR, START + 3 * HOUR]


steps = st.lists(
    st.tuples(
        st.sampled_from(["advance", "passes", "checkpoint"]),
        st.timedeltas(timedelta(microseconds=1), timedelta(days=9)),
    ),
    max_size=20,
)
modes = st.sampled_from([REAL, MANUAL, FAST, Mode("accelerated", 0.7)])


@given(modes, steps)
def test_time_never_goes_back(mode: Mode, taken: list[tuple[str, timedelta]]) -> None:
    real = RealTime()
    clock = clock_in(mode, real)
    seen = [clock.now()]

    for step, by in taken:
        if step == "advance":
            clock.advance(by)
        elif step == "passes":
            real.passes(by)
        else:
            clock.checkpoint()
        seen.append(clock.now())

    assert seen == sorted(seen)


@given(steps)
def test_a_manual_clock_shows_the_sum_of_its_steps(taken: list[tuple[str, timedelta]]) -> None:
    real = RealTime()
    clock = clock_in(MANUAL, real)

    for step, by in taken:
        clock.advance(by) if step == "advance" else real.passes(by)

    moved = sum((by for step, by in taken if step == "advance"), timedelta(0))
    assert clock.now() == START + moved


@given(modes, st.timedeltas(timedelta(microseconds=1), timedelta(days=30)))
def test_after_the_delay_it_told_a_running_clock_is_there(mode: Mode, ahead: timedelta) -> None:
    real = RealTime()
    clock = clock_in(mode, real)
    due = clock.now() + ahead

    delay_s = clock.real_delay_until(due)

    if delay_s is None:
        assert mode == MANUAL
    else:
        real.passes(timedelta(seconds=delay_s))
        assert abs(clock.now() - due) <= timedelta(microseconds=max(1, mode.rate))


@given(modes, modes, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_a_restart_in_any_mode_never_goes_back(old: Mode, new: Mode, down: timedelta) -> None:
    real = RealTime()
    clock = clock_in(old, real)
    clock.advance(HOUR)
    stored, before = clock.state, clock.now()

    real.passes(down)
    restarted = Clock(started(stored, new, real()), real)

    assert restarted.now() >= before


def test_an_accelerated_clock_stands_still_while_nothing_runs() -> None:
    real = RealTime()
    clock = clock_in(FAST, real)
    stored = clock.checkpoint()

    real.passes(timedelta(days=3))
    restarted = Clock(started(stored, FAST, real()), real)

    assert restarted.now() - START <= timedelta(seconds=OUTAGE_S * FAST.rate)


def test_a_second_process_finds_an_accelerated_clock_running() -> None:
    real = RealTime()
    clock = clock_in(FAST, real)

    real.passes(timedelta(seconds=CHECKPOINT_S))
    second = Clock(started(clock.state, FAST, real()), real)

    assert second.now() == clock.now()


def test_a_real_clock_keeps_its_distance_over_a_restart() -> None:
    real = RealTime()
    clock = clock_in(REAL, real)
    clock.advance(4 * HOUR)

    real.passes(timedelta(days=1))
    restarted = Clock(started(clock.state, REAL, real()), real)

    assert restarted.now() == real() + 4 * HOUR


def test_a_manual_clock_that_becomes_real_catches_up_with_real_time() -> None:
    real = RealTime()
    stored = clock_in(MANUAL, real).state

    real.passes(timedelta(days=1))
    restarted = Clock(started(stored, REAL, real()), real)

    assert restarted.now() == real()


async def test_a_move_is_stored() -> None:
    store, real = StoredClock(), RealTime()
    keeper = await ClockKeeper.start(store, MANUAL, real)

    await keeper.advance(HOUR)
    await keeper.advance_to(START + 3 * HOUR)

    again = await ClockKeeper.start(store, MANUAL, real)
    assert again.clock.now() == START + 3 * HOUR


async def test_processes_that_share_a_store_follow_each_other() -> None:
    store, real = StoredClock(), RealTime()
    one = await ClockKeeper.start(store, REAL, real)
    other = await ClockKeeper.start(store, REAL, real)
    heard: list[datetime] = []
    other.clock.subscribe(lambda: heard.append(other.clock.now()))

    await one.advance(HOUR)
    await other.look(save=False)

    assert other.clock.now() == START + HOUR
    assert heard == [START + HOUR]


async def test_two_processes_that_move_the_clock_add_up() -> None:
    store, real = StoredClock(), RealTime()
    one = await ClockKeeper.start(store, MANUAL, real)
    other = await ClockKeeper.start(store, MANUAL, real)

    await one.advance(HOUR)
    await other.advance(HOUR)
    await one.look(save=False)

    assert one.clock.now() == START + 2 * HOUR


async def test_a_late_reader_does_not_put_the_clock_back() -> None:
    store, real = StoredClock(), RealTime()
    keeper = await ClockKeeper.start(store, MANUAL, real)
    stale = keeper.clock.state
    await keeper.advance(HOUR)

    keeper.clock.adopt(stale)

    assert keeper.clock.now() == START + HOUR


@pytest.mark.parametrize("mode", [REAL, FAST, MANUAL])
async def test_a_look_that_finds_nothing_new_wakes_nobody(mode: Mode) -> None:
    store, real = StoredClock(), RealTime()
    keeper = await ClockKeeper.start(store, mode, real)
    heard: list[datetime] = []
    keeper.clock.subscribe(lambda: heard.append(keeper.clock.now()))

    real.passes(timedelta(seconds=1))
    await keeper.look(save=True)
    await keeper.look(save=False)

    assert heard == []


async def test_another_mode_is_adopted_without_going_back() -> None:
    store, real = StoredClock(), RealTime()
    keeper = await ClockKeeper.start(store, MANUAL, real)
    await keeper.advance(HOUR)

    keeper.clock.adopt(started(None, FAST, real()))
    real.passes(timedelta(minutes=1))

    assert keeper.clock.now() == START + 2 * HOUR


@pytest.mark.parametrize(("mode", "savings"), [(REAL, 0), (FAST, 1), (MANUAL, 0)])
async def test_only_an_accelerated_clock_needs_saving_as_it_runs(mode: Mode, savings: int) -> None:
    store = StoredClock()
    keeper = await ClockKeeper.start(store, mode, RealTime())
    store.savings = 0

    await keeper.look(save=True)

    assert store.savings == savings
