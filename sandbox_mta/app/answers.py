"""What name servers answer while mail is routed: kept in the database."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from queue import Empty, SimpleQueue

from sandbox_mta.mta.recorded import LookedUp

EVERY_S = 0.5  # between two commits
MAX_BATCH = 500

log = logging.getLogger(__name__)


class Answers:
    """Takes answers from any thread, and hands them to the database now and then."""

    def __init__(self, keep: Callable[[Iterable[LookedUp]], Awaitable[None]]) -> None:
        self._keep = keep
        self._waiting: SimpleQueue[LookedUp] = SimpleQueue()

    def told(self, answer: LookedUp) -> None:
        """Take an answer; returns at once."""
        self._waiting.put(answer)

    async def run(self, every_s: float = EVERY_S) -> None:
        """Keep what comes; never returns."""
        while True:
            await asyncio.sleep(every_s)
            await self.flush()

    async def flush(self) -> None:
        """Keep what was told so far; without a database it is lost, and told in the log."""
        while batch := self._batch():
            try:
                await self._keep(batch)
            except ConnectionError as error:
                log.warning("answers of name servers are not recorded (%d): %s", len(batch), error)

    def _batch(self) -> list[LookedUp]:
        batch: list[LookedUp] = []
        try:
            while len(batch) < MAX_BATCH:
                batch.append(self._waiting.get_nowait())
        except Empty:
            pass
        return batch
