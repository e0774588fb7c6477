"""Idempotence (KIP-98): which batch of a producer comes next in a partition, and which came before.

Pure: batch headers in, verdicts out. One `Producers` belongs to one partition.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from bridge.broker.batch import BatchHeader
from bridge.broker.codes import Code

WINDOW = 5  # batches; a producer has at most 5 requests in flight, so no retry is older
MAX_PRODUCERS = 1_000  # remembered per partition; the longest silent ones are forgotten


@dataclass(frozen=True, slots=True)
class Duplicate:
    """This batch is in the log already, at this offset."""

    base_offset: int


@dataclass(slots=True)
class _Producer:
    epoch: int
    last_sequence: int | None = None  # None: only a marker of this epoch is known
    recent: list[tuple[int, int, int]] = field(default_factory=list)  # first, last, base offset

    def next_sequence(self, epoch: int) -> int | None:
        if epoch > self.epoch:
            return 0
        return None if self.last_sequence is None else (self.last_sequence + 1) % 2**31


class Producers:
    """The producers that wrote to one partition."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, _Producer] = OrderedDict()

    def judge(self, header: BatchHeader) -> Duplicate | Code:
        """Say whether a batch may be appended (`Code.NONE`), is a repeat, or is refused."""
        known = self._known.get(header.producer_id)
        if header.producer_id < 0 or known is None:
            return Code.NONE  # the broker may have forgotten it: any sequence may come first
        if header.producer_epoch < known.epoch:
            return Code.INVALID_PRODUCER_EPOCH
        if header.producer_epoch == known.epoch:
            for first, last, base_offset in known.recent:
                if (first, last) == (header.base_sequence, header.last_sequence):
                    return Duplicate(base_offset)
        expected = known.next_sequence(header.producer_epoch)
        if expected is not None and header.base_sequence != expected:
            return Code.OUT_OF_ORDER_SEQUENCE_NUMBER
        return Code.NONE

    def record(self, header: BatchHeader, base_offset: int) -> None:
        """Remember a batch that was appended."""
        if header.producer_id < 0:
            return
        known = self._remember(header.producer_id, header.producer_epoch)
        known.last_sequence = header.last_sequence
        written = (header.base_sequence, header.last_sequence, base_offset)
        known.recent = [*known.recent[1 - WINDOW :], written]

    def fence(self, producer_id: int, epoch: int) -> None:
        """Refuse older epochs of a producer from now on."""
        self._remember(producer_id, epoch)

    def _remember(self, producer_id: int, epoch: int) -> _Producer:
        known = self._known.get(producer_id)
        if known is None or known.epoch != epoch:
            known = self._known[producer_id] = _Producer(epoch)
        self._known.move_to_end(producer_id)
        if len(self._known) > MAX_PRODUCERS:
            self._known.popitem(last=False)
        return known
