from itertools import count

import pytest

from bridge.broker.codes import Code
from bridge.broker.transactions import MAX_IDS, Ending, Transactions

TIMEOUT_MS = 60_000


@pytest.fixture
def transactions() -> Transactions:
    numbers = count(1)
    return Transactions(lambda: next(numbers))


@pytest.fixture
def running(transactions: Transactions) -> Transactions:
    """Id `t`: producer 1, epoch 0, a transaction on (topic, 0) since 1,000 ms."""
    transactions.begin_producer("t", TIMEOUT_MS)
    transactions.add_partitions("t", [("topic", 0)], 1_000)
    return transactions


def test_a_new_id_gets_a_producer_in_epoch_zero(transactions: Transactions) -> None:
    known, ending = transactions.begin_producer("t", TIMEOUT_MS)

    assert (known.producer_id, known.epoch, ending) == (1, 0, None)


def test_a_second_producer_fences_the_first(transactions: Transactions) -> None:
    transactions.begin_producer("t", TIMEOUT_MS)

    known, _ = transactions.begin_producer("t", TIMEOUT_MS)

    assert (known.producer_id, known.epoch) == (1, 1)
    assert transactions.check("t", 1, 0) is Code.INVALID_PRODUCER_EPOCH
    assert transactions.check("t", 1, 1) is Code.NONE


def test_strangers_are_told_so(running: Transactions) -> None:
    assert running.check("other", 1, 0) is Code.INVALID_PRODUCER_ID_MAPPING
    assert running.check("t", 2, 0) is Code.INVALID_PRODUCER_ID_MAPPING


def test_what_the_first_left_open_is_aborted(running: Transactions) -> None:
    known, ending = running.begin_producer("t", TIMEOUT_MS)

    assert ending == Ending("t", 1, 1, False, (("topic", 0),), ())
    assert known.epoch == 2  # above the marker's, so that its first batch starts a new epoch


def test_a_batch_is_covered_only_by_a_transaction_that_names_its_partition(
    running: Transactions,
) -> None:
    assert running.covers("t", 1, 0, ("topic", 0)) is Code.NONE
    assert running.covers("t", 1, 0, ("topic", 1)) is Code.INVALID_TXN_STATE
    running.end("t", commit=True)
    assert running.covers("t", 1, 0, ("topic", 0)) is Code.INVALID_TXN_STATE


def test_offsets_count_only_when_the_transaction_is_committed(running: Transactions) -> None:
    offset = ("group", "topic", 0, 5, "")
    running.add_offsets("t", [offset])
    committed = running.end("t", commit=True)
    running.add_group("t", 2_000)
    running.add_offsets("t", [offset])
    aborted = running.end("t", commit=False)

    assert isinstance(committed, Ending)
    assert committed.offsets == (offset,)
    assert isinstance(aborted, Ending)
    assert aborted.offsets == ()


def test_an_end_may_be_asked_for_twice_but_not_the_other_way(running: Transactions) -> None:
    running.end("t", commit=True)

    assert running.end("t", commit=True) is Code.NONE
    assert running.end("t", commit=False) is Code.INVALID_TXN_STATE


def test_nothing_can_end_before_it_began(transactions: Transactions) -> None:
    transactions.begin_producer("t", TIMEOUT_MS)

    assert transactions.end("t", commit=True) is Code.INVALID_TXN_STATE


def test_a_transaction_that_takes_too_long_is_aborted_and_fenced(running: Transactions) -> None:
    assert running.expired(1_000 + TIMEOUT_MS - 1) == []

    [ending] = running.expired(1_000 + TIMEOUT_MS)

    assert (ending.committed, ending.epoch) == (False, 1)
    assert running.check("t", 1, 0) is Code.INVALID_PRODUCER_EPOCH
    assert running.expired(10**9) == []


def test_epochs_that_run_out_make_a_new_producer(transactions: Transactions) -> None:
    known, _ = transactions.begin_producer("t", TIMEOUT_MS)
    known.epoch = 32_766

    known, _ = transactions.begin_producer("t", TIMEOUT_MS)

    assert (known.producer_id, known.epoch) == (2, 0)


def test_the_state_survives_being_written_down(running: Transactions) -> None:
    running.add_offsets("t", [("group", "topic", 0, 5, "note")])
    restored = Transactions(lambda: 99)

    restored.restore([("t", running.state("t").to_json())])

    assert restored.end("t", commit=True) == running.end("t", commit=True)


def test_idle_ids_beyond_the_limit_are_forgotten_oldest_first(running: Transactions) -> None:
    for number in range(MAX_IDS + 1):
        running.begin_producer(f"idle-{number}", TIMEOUT_MS)

    assert running.forget_idle() == ["idle-0", "idle-1"]
    assert running.check("t", 1, 0) is Code.NONE
