"""The bridge as one stage: a consumer, the lanes, and the templates they render."""

import asyncio
import logging
from datetime import UTC, datetime
from enum import StrEnum

from bridge.consumer import Consumer
from bridge.event import Tombstone, Unusable
from bridge.lanes import Lanes
from bridge.options import KafkaOptions
from bridge.pipeline import House, Prepared, prepare
from bridge.ports import EventLedger, LedgerEntry, Submitter
from bridge.rendering.catalogue import Catalogue
from bridge.retry import Pace

log = logging.getLogger(__name__)

HEAVY_OCTETS = 64 << 10  # a value of this size is rendered in a thread, so that the loop goes on
RELOAD_EVERY_S = 1.0  # how soon an edited template is used
CONSUMER_STOP_S = 6.0  # store, commit, leave: two seconds each; nothing is lost by a cut
END_S = 1.0  # for cancelled tasks to end


class State(StrEnum):
    """How the bridge is, in one word."""

    STARTING = "starting"
    WAITING = "waiting"  # for Kafka or for the SMTP server; it goes on by itself
    RUNNING = "running"
    BLOCKED = "blocked"  # the SMTP server refuses the bridge; somebody must look
    STOPPING = "stopping"


class Bridge:
    """Makes mail of events until it is stopped."""

    def __init__(
        self,
        ledger: EventLedger,
        submitter: Submitter,
        catalogue: Catalogue,
        *,
        kafka: KafkaOptions,
        house: House,
        pace: Pace | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._house = house
        self._lanes = Lanes(ledger, submitter, self._prepare, pace=pace)
        self._consumer = Consumer(
            kafka, ledger, admit=self._lanes.admit, is_full=self._lanes.is_full
        )
        self._state = State.STARTING
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def state(self) -> State:
        """How the bridge is; for health checks."""
        if self._state is not State.RUNNING:
            return self._state
        if self._lanes.blocked:
            return State.BLOCKED
        return State.WAITING if self._consumer.waiting or self._lanes.waiting else State.RUNNING

    @property
    def detail(self) -> str:
        """Why it isn't running, in one line; "" when it is."""
        return self._lanes.blocked or self._consumer.waiting or self._lanes.waiting

    @property
    def backlog(self) -> int:
        """How many events are in memory, received and not yet settled."""
        return self._lanes.pending

    async def run(self) -> None:
        """Work until `stop` was called or the task is cancelled; raises only for our own faults."""
        self._state = State.RUNNING
        self._tasks = [
            asyncio.create_task(self._consumer.run()),
            asyncio.create_task(self._lanes.run()),
            asyncio.create_task(self._reload()),
        ]
        try:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            if self._state is not State.STOPPING:
                for task in done:
                    task.result()
            await asyncio.wait(self._tasks)
        finally:
            await self._end()

    async def stop(self, deadline_s: float) -> None:
        """Stop reading, commit, let what is being submitted end, and make `run` return."""
        if not self._tasks:
            return
        self._state = State.STOPPING
        self._consumer.stop()
        consumer, *_ = self._tasks
        await asyncio.gather(
            self._lanes.stop(max(0.0, deadline_s - END_S)),
            asyncio.wait((consumer,), timeout=max(0.0, min(CONSUMER_STOP_S, deadline_s - END_S))),
        )
        await self._end()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks, timeout=END_S)

    async def _prepare(self, entry: LedgerEntry) -> Prepared | Tombstone | Unusable:
        if len(entry.record.value or b"") > HEAVY_OCTETS:
            return await asyncio.to_thread(self._prepare_now, entry)
        return self._prepare_now(entry)

    def _prepare_now(self, entry: LedgerEntry) -> Prepared | Tombstone | Unusable:
        return prepare(
            entry.record,
            entry.identity,
            shelf=self._catalogue.shelf,
            house=self._house,
            now=datetime.now(UTC),
        )

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(RELOAD_EVERY_S)
            try:
                if await asyncio.to_thread(self._catalogue.refresh):
                    log.info("templates read again from %s", self._catalogue.root)
            except OSError as error:
                log.warning("templates can't be read: %s", error)
