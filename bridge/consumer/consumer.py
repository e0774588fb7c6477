"""A consumer that outlives Kafka: sessions one after the other."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from aiokafka.errors import KafkaError

from bridge.consumer.session import BACK_OFF_S, Counts, Session
from bridge.options import KafkaOptions
from bridge.ports import EventLedger, LedgerEntry

log = logging.getLogger(__name__)

NOTICE_S = 3.0  # without a fetch; then health says so


class Consumer:
    """Reads records into the ledger for as long as it runs."""

    def __init__(
        self,
        options: KafkaOptions,
        ledger: EventLedger,
        *,
        admit: Callable[[Sequence[LedgerEntry]], None],
        is_full: Callable[[], bool],
    ) -> None:
        """Give new rows to `admit`; while `is_full` says so, read nothing."""
        self._options = options
        self._ledger = ledger
        self._admit = admit
        self._is_full = is_full
        self.counts = Counts()
        self._session: Session | None = None
        self._waiting = f"waiting for Kafka at {options.bootstrap}"
        self._is_stopping = asyncio.Event()

    @property
    def waiting(self) -> str:
        """What the consumer is waiting for; "" while Kafka answers."""
        is_well = self._session is not None and self._session.silent_s < NOTICE_S
        return "" if is_well else self._waiting

    async def run(self) -> None:
        """Consume until stopped; Kafka may come, go and come back."""
        failures = 0
        while not self._is_stopping.is_set():
            session = Session(self._options, self._ledger, self._admit, self._is_full, self.counts)
            try:
                await session.start()
                self._session = session
                log.info(
                    "reading %s from Kafka at %s",
                    ", ".join(self._options.topics),
                    self._options.bootstrap,
                )
                failures = 0
                await session.poll(self._is_stopping)
            except (KafkaError, OSError, TimeoutError) as error:
                self._report(error, failures)
                failures += 1
            finally:
                self._session = None
                await session.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]):
                    await self._is_stopping.wait()

    def stop(self) -> None:
        """Ask `run` to end: it writes what it has, commits, and leaves; at most 4 times STOP_S."""
        self._is_stopping.set()

    def _report(self, error: BaseException, failures: int) -> None:
        if failures % 10 == 0:  # once, and then now and again
            log.warning("%s: %s", self._waiting, " ".join(str(error).split()) or repr(error))
