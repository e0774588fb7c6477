"""One partition as it stands in memory: its offsets, open transactions, producers and waiters."""

import asyncio
from dataclasses import dataclass, field

from bridge.broker.producers import Producers


@dataclass(eq=False, slots=True)
class Waiter:
    """A fetch that waits for more octets."""

    wanted: int  # octets still missing
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def arrived(self, octets: int) -> None:
        self.wanted -= octets
        if self.wanted <= 0:
            self.done.set()


@dataclass(eq=False, slots=True)
class Partition:
    """Offsets grow from `log_start` over `high_watermark` to `log_end`.

    What lies between the last two is written but not yet durable, and no consumer sees it.
    """

    id: int  # of its row; the upper bits of every batch's key
    topic: str
    number: int
    log_start: int = 0
    high_watermark: int = 0
    log_end: int = 0
    open_transactions: dict[int, int] = field(default_factory=dict)  # producer id: first offset
    producers: Producers = field(default_factory=Producers)
    waiters: set[Waiter] = field(default_factory=set)

    @property
    def last_stable_offset(self) -> int:
        """Up to here every transaction has ended (KIP-98)."""
        return min((self.high_watermark, *self.open_transactions.values()))

    def visible_end(self, *, read_committed: bool) -> int:
        return self.last_stable_offset if read_committed else self.high_watermark

    def wake(self, octets: int) -> None:
        for waiter in self.waiters:
            waiter.arrived(octets)

    def wake_all(self) -> None:
        for waiter in self.waiters:
            waiter.done.set()
