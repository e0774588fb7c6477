"""Transactional producers (KIP-98): who owns a transactional id, and what its transaction touches.

Pure: `now_ms` is passed in, and what has to be written is returned as `Ending`. The shell writes
the markers, the offsets and the state in one database transaction.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from bridge.broker.codes import Code

MAX_TIMEOUT_MS = 900_000  # Kafka's transaction.max.timeout.ms
MAX_IDS = 10_000  # the id that was idle for longest is forgotten
_MAX_EPOCH = 32_767 - 1  # the last one is Kafka's own, for fencing


@dataclass(slots=True)
class Transaction:
    """What is known of one transactional id; all of it is kept as JSON."""

    producer_id: int
    epoch: int
    timeout_ms: int
    started_ms: int | None = None  # None: no transaction runs
    committed: bool | None = None  # how the last one ended: its end may be asked for twice
    partitions: list[tuple[str, int]] = field(default_factory=list)
    offsets: list[tuple[str, str, int, int, str]] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        return self.started_ms is not None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Transaction":
        state = json.loads(text)
        state["partitions"] = [(topic, number) for topic, number in state["partitions"]]
        state["offsets"] = [tuple(offset) for offset in state["offsets"]]
        return cls(**state)


@dataclass(frozen=True, slots=True)
class Ending:
    """A transaction that ends: write its markers, and its offsets if it was committed.

    Offsets are (group, topic, partition, offset, metadata).
    """

    transactional_id: str
    producer_id: int
    epoch: int
    committed: bool
    partitions: tuple[tuple[str, int], ...]
    offsets: tuple[tuple[str, str, int, int, str], ...]


class Transactions:
    """All transactional ids of the broker."""

    def __init__(self, new_producer_id: Callable[[], int]) -> None:
        self._new_producer_id = new_producer_id
        self._known: dict[str, Transaction] = {}

    def restore(self, states: Iterable[tuple[str, str]]) -> None:
        """Take over the ids and states that were written down, in place of those in memory."""
        self._known = {name: Transaction.from_json(state) for name, state in states}

    def state(self, transactional_id: str) -> Transaction:
        return self._known[transactional_id]

    def forget_idle(self) -> list[str]:
        """Drop the oldest ids beyond the limit that have no transaction; return them."""
        idle = [name for name, known in self._known.items() if not known.is_running]
        surplus = idle[: max(0, len(self._known) - MAX_IDS)]
        for transactional_id in surplus:
            del self._known[transactional_id]
        return surplus

    def begin_producer(
        self, transactional_id: str, timeout_ms: int
    ) -> tuple[Transaction, Ending | None]:
        """Give an id to its newest producer: earlier ones are fenced, what they left is aborted."""
        known = self._known.pop(transactional_id, None)
        ending = None
        if known is None:
            known = Transaction(self._new_producer_id(), -1, timeout_ms)
        self._known[transactional_id] = known  # the newest last
        if known.is_running:
            ending = self._fence(transactional_id, known)
        if known.epoch >= _MAX_EPOCH:
            known.producer_id, known.epoch = self._new_producer_id(), -1
        known.epoch += 1
        known.timeout_ms = timeout_ms
        known.committed = None
        return known, ending

    def check(self, transactional_id: str, producer_id: int, epoch: int) -> Code:
        """Say whether a request comes from the newest producer of an id."""
        known = self._known.get(transactional_id)
        if known is None or known.producer_id != producer_id:
            return Code.INVALID_PRODUCER_ID_MAPPING
        return Code.NONE if known.epoch == epoch else Code.INVALID_PRODUCER_EPOCH

    def add_partitions(
        self, transactional_id: str, partitions: Iterable[tuple[str, int]], now_ms: int
    ) -> None:
        """Make partitions part of the transaction; the first starts it."""
        known = self._start(transactional_id, now_ms)
        known.partitions = list(dict.fromkeys((*known.partitions, *partitions)))

    def add_group(self, transactional_id: str, now_ms: int) -> None:
        """Announce that offsets will be part of the transaction."""
        self._start(transactional_id, now_ms)

    def add_offsets(
        self, transactional_id: str, offsets: Iterable[tuple[str, str, int, int, str]]
    ) -> None:
        self._known[transactional_id].offsets += offsets

    def covers(
        self, transactional_id: str, producer_id: int, epoch: int, partition: tuple[str, int]
    ) -> Code:
        """Say whether a transactional batch may be written to a partition."""
        code = self.check(transactional_id, producer_id, epoch)
        if code is not Code.NONE:
            return code
        known = self._known[transactional_id]
        covered = known.is_running and partition in known.partitions
        return Code.NONE if covered else Code.INVALID_TXN_STATE

    def end(self, transactional_id: str, *, commit: bool) -> Ending | Code:
        """End the running transaction; `Code.NONE` says that it ended this way already."""
        known = self._known[transactional_id]
        if known.is_running:
            return self._end(transactional_id, known, committed=commit)
        return Code.NONE if known.committed is commit else Code.INVALID_TXN_STATE

    def expired(self, now_ms: int) -> list[Ending]:
        """Abort what ran longer than its producer allowed, and fence that producer."""
        return [
            self._fence(transactional_id, known)
            for transactional_id, known in self._known.items()
            if known.started_ms is not None and known.started_ms + known.timeout_ms <= now_ms
        ]

    def _start(self, transactional_id: str, now_ms: int) -> Transaction:
        known = self._known[transactional_id]
        if known.started_ms is None:
            known.started_ms = now_ms
        return known

    def _fence(self, transactional_id: str, known: Transaction) -> Ending:
        # The marker carries the next epoch, so that a late batch of the old one is refused.
        known.epoch += 1
        return self._end(transactional_id, known, committed=False)

    def _end(self, transactional_id: str, known: Transaction, *, committed: bool) -> Ending:
        ending = Ending(
            transactional_id,
            known.producer_id,
            known.epoch,
            committed,
            tuple(known.partitions),
            tuple(known.offsets) if committed else (),
        )
        known.started_ms = None
        known.committed = committed
        known.partitions, known.offsets = [], []
        return ending
