from dataclasses import replace

import pytest

from bridge.broker.batch import BatchHeader
from bridge.broker.codes import Code
from bridge.broker.producers import MAX_PRODUCERS, WINDOW, Duplicate, Producers

FIRST = BatchHeader(
    length=0,
    magic=2,
    crc=0,
    attributes=0,
    last_offset_delta=1,
    base_timestamp=0,
    max_timestamp=0,
    producer_id=7,
    producer_epoch=0,
    base_sequence=0,
    count=2,
)


def producers_after(*headers: BatchHeader) -> Producers:
    producers = Producers()
    for offset, header in enumerate(headers):
        assert producers.judge(header) is Code.NONE
        producers.record(header, offset * 2)
    return producers


def test_the_same_batch_again_is_answered_with_its_first_offset() -> None:
    producers = producers_after(FIRST, replace(FIRST, base_sequence=2))

    assert producers.judge(FIRST) == Duplicate(0)
    assert producers.judge(replace(FIRST, base_sequence=2)) == Duplicate(2)


@pytest.mark.parametrize("sequence", [1, 3, 700])
def test_a_gap_or_an_overlap_is_out_of_order(sequence: int) -> None:
    producers = producers_after(FIRST)

    verdict = producers.judge(replace(FIRST, base_sequence=sequence))

    assert verdict is Code.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_a_batch_older_than_the_window_is_out_of_order() -> None:
    sent = [replace(FIRST, base_sequence=2 * number) for number in range(WINDOW + 1)]

    producers = producers_after(*sent)

    assert producers.judge(sent[1]) == Duplicate(2)
    assert producers.judge(sent[0]) is Code.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_an_older_epoch_is_fenced() -> None:
    producers = producers_after(replace(FIRST, producer_epoch=1))

    assert producers.judge(FIRST) is Code.INVALID_PRODUCER_EPOCH


def test_a_new_epoch_starts_at_sequence_zero() -> None:
    producers = producers_after(FIRST)
    newer = replace(FIRST, producer_epoch=1)

    assert producers.judge(replace(newer, base_sequence=2)) is Code.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producers.judge(newer) is Code.NONE


def test_a_producer_that_was_forgotten_may_go_on_anywhere() -> None:
    assert Producers().judge(replace(FIRST, base_sequence=41)) is Code.NONE


def test_a_marker_alone_says_nothing_of_sequences() -> None:
    producers = Producers()
    producers.fence(7, 0)

    assert producers.judge(replace(FIRST, base_sequence=900)) is Code.NONE


def test_sequences_wrap_to_zero() -> None:
    last = replace(FIRST, base_sequence=2**31 - 2)

    producers = producers_after(last)

    assert producers.judge(FIRST) is Code.NONE
    assert producers.judge(replace(FIRST, base_sequence=1)) is Code.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_plain_batches_are_never_judged() -> None:
    plain = replace(FIRST, producer_id=-1, producer_epoch=-1, base_sequence=-1)

    producers_after(plain, plain)


def test_only_so_many_producers_are_remembered() -> None:
    producers = producers_after(
        *(replace(FIRST, producer_id=number) for number in range(MAX_PRODUCERS + 1))
    )

    assert producers.judge(replace(FIRST, producer_id=0)) is Code.NONE
    assert isinstance(producers.judge(replace(FIRST, producer_id=1)), Duplicate)
