"""How the writer groups what waits, and who suffers when the database fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import pytest

from sandbox_mta.store.database import OutOfSpace, Unavailable
from sandbox_mta.store.statements import Result, Statement, Steps
from sandbox_mta.store.writer import MOST_RIDERS, Lane, OutcomeUnknown, Writer

T = TypeVar("T")


@dataclass(slots=True)
class FakeDatabase:
    """Keeps the words it is told to write, a transaction at a time; fails when told to."""

    dialect: str = "fake"
    committed: list[list[str]] = field(default_factory=list)
    tries: int = 0
    failures: list[Exception] = field(default_factory=list)  # of the next transactions
    poison: dict[str, Exception] = field(default_factory=dict)  # words that can't be written
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    loses_commit: bool = False  # whether a failing commit was durable all the same

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def words(self) -> list[str]:
        return [word for words in self.committed for word in words]

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def transact(self, write: Callable[[], Steps[T]]) -> T:
        await self.gate.wait()
        self.tries += 1
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and not isinstance(failure, OutcomeUnknown):
            raise failure
        words, outcome = self._run(write())
        if isinstance(failure, OutcomeUnknown):
            if self.loses_commit:
                self.committed.append(words)
            raise OutcomeUnknown("the connection broke", outcome)
        if words:
            self.committed.append(words)
        return outcome

    def _run(self, steps: Steps[T]) -> tuple[list[str], T]:
        words: list[str] = []
        result = None
        while True:
            try:
                step = next(steps) if result is None else steps.send(result)
            except StopIteration as stop:
                return words, stop.value
            assert isinstance(step, Statement)
            word = str(step.values[0])
            if step.sql == "ask FOR UPDATE":  # it waits for a commit under way
                result = Result([(1,)] if word in self.words else [])
                continue
            if word in self.poison:
                raise self.poison[word]
            words.append(word)
            result = Result(count=1)


def write(word: str) -> Callable[[], Steps[str]]:
    def steps() -> Steps[str]:
        yield Statement("write", (word,))
        return word.upper()

    return steps


class Words(Lane[str, None]):
    """A lane that tells what became of its words."""

    def __init__(self, *, rides: bool, has_proof: bool = False) -> None:
        super().__init__()
        self.rides = rides
        self.has_proof = has_proof
        self.done: list[str] = []
        self.refused: list[tuple[str, Exception]] = []

    def write(self, items: Sequence[str]) -> Steps[Sequence[None]]:
        for item in items:
            yield Statement("write", (item,))
        return [None] * len(items)

    def written(self, items: Sequence[str], outcomes: Sequence[None]) -> None:
        self.done += items

    def failed(self, item: str, error: Exception) -> None:
        self.refused.append((item, error))

    def proof(self, item: str, outcome: None) -> Statement | None:
        return Statement("ask", (item,)) if self.has_proof else None


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
async def writer(database: FakeDatabase) -> AsyncIterator[Writer]:
    writer = Writer(database)
    await writer.open()
    yield writer
    database.gate.set()
    async with asyncio.timeout(5):
        await writer.close()


async def test_what_waits_while_a_commit_runs_shares_the_next(
    writer: Writer, database: FakeDatabase
) -> None:
    database.gate.clear()
    first = asyncio.create_task(writer.command(write("a")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(writer.command(write(word))) for word in "bcd"]
    await asyncio.sleep(0)
    database.gate.set()

    assert await asyncio.gather(first, *others) == ["A", "B", "C", "D"]
    assert database.committed == [["a"], ["b", "c", "d"]]


async def test_only_the_culprit_of_a_batch_is_refused(
    writer: Writer, database: FakeDatabase
) -> None:
    database.poison["c"] = ValueError("no c")

    results = await asyncio.gather(
        *(writer.command(write(word)) for word in "abcde"), return_exceptions=True
    )

    assert [str(result) for result in results] == ["A", "B", "no c", "D", "E"]
    assert sorted(database.words) == ["a", "b", "d", "e"]


async def test_a_message_that_fills_the_disk_leaves_room_for_smaller_ones(
    writer: Writer, database: FakeDatabase
) -> None:
    database.poison["big"] = OutOfSpace("full")

    results = await asyncio.gather(
        *(writer.command(write(word)) for word in ("a", "big", "b")), return_exceptions=True
    )

    assert isinstance(results[1], OutOfSpace)
    assert [results[0], results[2]] == ["A", "B"]


async def test_a_rider_goes_with_the_next_ride_and_not_before(
    writer: Writer, database: FakeDatabase
) -> None:
    lane = Words(rides=True)
    writer.add(lane)
    writer.put(lane, "rider")

    await writer.command(write("a"))
    await writer.flush(lane)
    await writer.command(write("b"))

    assert database.committed == [["a"], ["rider"], ["b"]]


async def test_riders_depart_by_themselves_after_a_moment(
    writer: Writer, database: FakeDatabase
) -> None:
    lane = Words(rides=True)
    writer.add(lane)

    async with asyncio.timeout(5):
        for word in "xyz":
            writer.put(lane, word)
        while not lane.done:
            await writer.room(lane, 1)

    assert database.committed == [["x", "y", "z"]]


async def test_many_riders_need_no_moment(writer: Writer, database: FakeDatabase) -> None:
    lane = Words(rides=True)
    writer.add(lane)
    loop = asyncio.get_running_loop()
    started = loop.time()

    for n in range(MOST_RIDERS):
        writer.put(lane, str(n))
    await writer.room(lane, 1)

    assert len(lane.done) == MOST_RIDERS
    assert loop.time() - started < 0.09


async def test_a_flush_waits_for_what_was_there_and_not_for_more(
    writer: Writer, database: FakeDatabase
) -> None:
    lane = Words(rides=True)
    writer.add(lane)
    for n in range(2 * MOST_RIDERS + 5):
        writer.put(lane, str(n))

    async with asyncio.timeout(5):
        await writer.flush(lane)

    assert len(lane.done) == 2 * MOST_RIDERS + 5


async def test_an_unavailable_database_refuses_commands_and_keeps_riders(
    writer: Writer, database: FakeDatabase
) -> None:
    lane = Words(rides=True)
    writer.add(lane)
    database.failures = [Unavailable("gone")]
    writer.put(lane, "x")
    writer.put(lane, "y")

    flushing = asyncio.create_task(writer.flush(lane))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await writer.command(write("a"))
    await flushing

    assert database.committed == [["x", "y"]]
    assert lane.done == ["x", "y"]


@pytest.mark.parametrize("was_durable", [True, False])
async def test_a_commit_whose_answer_was_lost_is_asked_about_and_made_once(
    writer: Writer, database: FakeDatabase, was_durable: bool
) -> None:
    lane = Words(rides=False, has_proof=True)
    writer.add(lane)
    database.failures = [OutcomeUnknown("lost", [])]
    database.loses_commit = was_durable

    writer.put(lane, "a")
    answer = await writer.command(write("b"))

    assert answer == "B"
    assert lane.done == ["a"]
    assert sorted(database.words) == ["a", "b"]


async def test_without_a_proof_an_unknown_outcome_is_said_to_be_a_failure(
    writer: Writer, database: FakeDatabase
) -> None:
    database.failures = [OutcomeUnknown("lost", [])]

    with pytest.raises(Unavailable):
        await writer.command(write("a"))


async def test_closing_writes_what_waits_and_takes_no_more(database: FakeDatabase) -> None:
    writer = Writer(database)
    lane = Words(rides=True)
    writer.add(lane)
    await writer.open()
    for n in range(MOST_RIDERS + 1):
        writer.put(lane, str(n))

    await writer.close()

    assert len(lane.done) == MOST_RIDERS + 1
    with pytest.raises(Unavailable):
        writer.put(lane, "late")


async def test_closing_ends_when_the_database_is_gone(database: FakeDatabase) -> None:
    writer = Writer(database)
    lane = Words(rides=True)
    writer.add(lane)
    await writer.open()
    database.failures = [Unavailable("gone")] * 100
    writer.put(lane, "x")

    async with asyncio.timeout(5):
        await writer.close()

    assert [item for item, _ in lane.refused] == ["x"]
