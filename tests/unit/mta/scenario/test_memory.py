"""What exchangers remember is bounded, and is saved before what they said is recorded."""

from datetime import datetime

import pytest

from sandbox_mta.mta.clock import MANUAL, Clock, started
from sandbox_mta.mta.ports import Notes
from sandbox_mta.mta.scenario import Scenario
from sandbox_mta.mta.scenario.memory import Memory
from sandbox_mta.mta.worker import Worker
from tests.unit.mta.queue_in_memory import QueueInMemory
from tests.unit.mta.recipients import QUEUED_AT, queued


class Notebook:
    """Keeps notes, unless it is to fail."""

    def __init__(self, queue: QueueInMemory) -> None:
        self.queue = queue
        self.kept: dict[tuple[str, str], tuple[int, ...]] = {}
        self.settled_before: list[int] = []
        self.fails = 0

    async def load_notes(self, limit: int) -> Notes:
        return self.kept

    async def save_notes(self, changes: Notes) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("the database is away")
        self.settled_before.append(len(self.queue.settlements))
        self.kept.update(changes)


@pytest.fixture
def queue() -> QueueInMemory:
    return QueueInMemory(Clock(started(None, MANUAL, QUEUED_AT)))


async def settle(queue: QueueInMemory, notes: Notebook, scenario: Scenario) -> None:
    queue.put(queued("greylist@sim.test"))
    worker = Worker(queue, queue.clock, scenario=scenario, notes=notes)
    async with worker.paused():
        await worker.settle_due()


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


async def test_notes_are_saved_before_the_answer_is_recorded(queue: QueueInMemory) -> None:
    notes = Notebook(queue)

    await settle(queue, notes, Scenario())

    now = microseconds(QUEUED_AT)
    assert notes.kept == {("magic:greylist", "ada@example.org greylist@sim.test"): (now, now)}
    assert notes.settled_before == [0]
    assert len(queue.settlements) == 1


async def test_notes_that_could_not_be_saved_go_with_the_next(
    queue: QueueInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    notes, scenario = Notebook(queue), Scenario()
    notes.fails = 1

    await settle(queue, notes, scenario)
    assert (notes.kept, len(queue.settlements)) == ({}, 1)
    assert "is not saved" in caplog.text

    queue.put(queued("throttle@sim.test"))
    await settle(queue, notes, scenario)
    assert {rule for rule, _ in notes.kept} == {"magic:greylist", "magic:throttle"}


def test_what_changed_longest_ago_is_forgotten() -> None:
    remembered = Memory({("r", "a"): (1,), ("r", "b"): (2,)}, limit=2)

    remembered.write("r", "a", (3,))
    remembered.write("r", "c", (4,))

    assert [remembered.read("r", key) for key in "abc"] == [(3,), (), (4,)]
    assert remembered.changes() == {("r", "a"): (3,), ("r", "b"): (), ("r", "c"): (4,)}
    assert remembered.changes() == {}


def test_a_change_that_is_taken_back_does_not_undo_a_later_one() -> None:
    remembered = Memory()
    remembered.write("r", "a", (1,))
    remembered.write("r", "b", (1,))
    changes = remembered.changes()
    remembered.write("r", "a", (2,))

    remembered.take_back(changes)

    assert remembered.changes() == {("r", "a"): (2,), ("r", "b"): (1,)}


def test_a_key_that_is_too_long_is_cut() -> None:
    remembered = Memory()

    remembered.write("r", "k" * 500, (1,))

    assert remembered.read("r", "k" * 400 + "other") == (1,)
    assert remembered.changes() == {("r", "k" * 400): (1,)}
