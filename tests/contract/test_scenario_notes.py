"""What simulated exchangers remember outlives the process; messages say whether they ask."""

import pytest

from sandbox_mta.mta.scenario.memory import MAX_KEY
from sandbox_mta.mta.status import State
from sandbox_mta.store.database import Database
from sandbox_mta.store.scenario_notes import KeptNotes
from sandbox_mta.store.writer import Writer
from tests.contract.conftest import Bench
from tests.contract.mail import settlement, submission


@pytest.fixture
def notes(writer: Writer, database: Database) -> KeptNotes:
    return KeptNotes(writer, database)


async def test_notes_are_kept_replaced_and_forgotten(notes: KeptNotes) -> None:
    assert await notes.load_notes(10) == {}

    await notes.save_notes({("a", "#"): (1,), ("a", "b c"): (1, 2**60), ("magic:x", ""): (0,)})
    await notes.save_notes({("a", "#"): (2,), ("magic:x", ""): ()})

    assert await notes.load_notes(10) == {("a", "b c"): (1, 2**60), ("a", "#"): (2,)}


async def test_what_changed_last_is_loaded_first_when_there_is_too_much(notes: KeptNotes) -> None:
    for n in range(4):
        await notes.save_notes({("r", str(n)): (n,)})
    await notes.save_notes({("r", "0"): (9,)})

    assert list((await notes.load_notes(2)).items()) == [(("r", "3"), (3,)), (("r", "0"), (9,))]


@pytest.mark.parametrize(
    "key", ["ü" * MAX_KEY, "\U0001f600" * MAX_KEY, "Case", "case", "a'\"\\%_?"]
)
async def test_any_key_comes_back(notes: KeptNotes, key: str) -> None:
    await notes.save_notes({("r", key): (1,)})

    assert await notes.load_notes(10) == {("r", key): (1,)}


async def test_keys_that_differ_in_what_is_no_character_share_a_note(notes: KeptNotes) -> None:
    await notes.save_notes({("r", chr(0xDC80)): (1,), ("r", chr(0xDC81)): (2,)})

    assert await notes.load_notes(10) == {("r", "?"): (2,)}


@pytest.mark.parametrize("asks", [True, False])
async def test_a_claim_says_whether_the_message_asks_for_its_outcome(
    bench: Bench, asks: bool
) -> None:
    field = b"X-Sandbox-Outcome: defer\r\n" if asks else b""
    await bench.submissions.accept(submission(content=field + b"Subject: x\r\n\r\nHi\r\n"))

    [fresh] = await bench.deliveries.claim(bench.clock(), 10)

    assert fresh.asks is asks
    await bench.deliveries.record([settlement(fresh, State.DEFERRED, due_at=bench.clock())])
    await bench.deliveries.flush()
    [again] = await bench.deliveries.claim(bench.clock(), 10)
    assert again.asks is asks
