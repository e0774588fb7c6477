"""One consumer object of aiokafka, from its start to its end."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError, RecordTooLargeError

from bridge.event import EventRef, Record
from bridge.formats import MAX_VALUE_OCTETS, identify
from bridge.options import KafkaOptions
from bridge.ports import EventLedger, Identified, LedgerEntry

log = logging.getLogger(__name__)

SESSION_S = 30.0  # a member that is silent for this long is dead
REBALANCE_S = 60.0  # aiokafka takes the session time-out otherwise, too short to drain
DRAIN_S = 10.0  # for rows being written when partitions go away; well below REBALANCE_S
COMMIT_S = 5.0  # `commit()` itself retries for ever
STOP_S = 2.0
START_S = 30.0
POLL_S = 0.2
RECORDS = 500  # of one poll
UNSTORED_HIGH = 2000  # records read and not yet rows, at which reading pauses
HEAVY_OCTETS = 1 << 20  # of a batch; 500 ordinary events have less
MAX_FETCH_OCTETS = 2 << 20  # of a partition; twice Kafka's default for one record
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
SILENCE_S = 3 * SESSION_S  # without a fetch; then the consumer is replaced


@dataclass(slots=True)
class Counts:
    """What happened since the start, for health and metrics."""

    records: int = 0
    rebalances: int = 0
    commits_failed: int = 0
    lost_to_retention: int = 0  # records that were deleted before they were read
    too_large: int = 0


class Session(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """A member of the group, which reads, stores and commits until it is useless."""

    def __init__(
        self,
        options: KafkaOptions,
        ledger: EventLedger,
        admit: Callable[[Sequence[LedgerEntry]], None],
        is_full: Callable[[], bool],
        counts: Counts,
    ) -> None:
        self._options = options
        self._ledger = ledger
        self._admit = admit
        self._is_full = is_full
        self._counts = counts
        self._consumer: Any = None
        self._epoch = 0  # counts up when partitions are taken away: older offsets aren't ours
        self._unstored: list[Record] = []
        self._has_unstored = asyncio.Event()
        self._is_stored = asyncio.Event()
        self._is_stored.set()
        self._stored: dict[TopicPartition, int] = {}  # next offset to read, as rows say
        self._committed: dict[TopicPartition, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._is_over = False
        self._heard_at = time.time()

    async def start(self) -> None:
        """Join the group; raises `KafkaError`, `OSError` or `TimeoutError` when Kafka is away."""
        self._consumer = AIOKafkaConsumer(
            **self._options.client(),
            group_id=self._options.group,
            group_instance_id=self._options.instance,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # a new group must not skip what was sent before it
            isolation_level="read_committed",  # an aborted transaction makes no mail
            partition_assignment_strategy=(StickyPartitionAssignor,),
            session_timeout_ms=int(SESSION_S * 1000),
            rebalance_timeout_ms=int(REBALANCE_S * 1000),
            max_partition_fetch_bytes=MAX_FETCH_OCTETS,
            fetch_max_bytes=4 * MAX_FETCH_OCTETS,
            metadata_max_age_ms=30_000,  # a topic that appears is read half a minute later
        )
        pattern = self._options.pattern()
        if pattern:
            self._consumer.subscribe(pattern=pattern, listener=self)
        else:
            self._consumer.subscribe(topics=self._options.topics, listener=self)
        self._tasks = [
            asyncio.create_task(self._store_for_ever()),
            asyncio.create_task(self._commit_for_ever()),
        ]
        async with asyncio.timeout(START_S):
            await self._consumer.start()

    async def poll(self, is_stopping: asyncio.Event) -> None:
        """Read until asked to stop; raises what makes the consumer useless."""
        while not is_stopping.is_set():
            self._regulate()
            self._check_silence()
            for task in self._tasks:
                if task.done():
                    task.result()  # raises: they only end by a fault of ours
            try:
                batches = await self._consumer.getmany(
                    timeout_ms=int(POLL_S * 1000), max_records=RECORDS
                )
            except RecordTooLargeError as error:
                # aiokafka stepped over it; older brokers only, newer ones send the record anyway.
                self._counts.too_large += 1
                log.error("a record is too large to be read, and left out: %s", error.args)
                continue
            self._take(batches)

    async def stop(self) -> None:
        """Store and commit what was read, and leave; each step has its time."""
        if self._consumer is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._is_stored.wait()
        self._is_over = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        await self._commit(STOP_S)
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Drain first, fence second: what is being written is finished and committed."""
        self._counts.rebalances += 1
        self._has_unstored.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._is_stored.wait()
        await self._commit(STOP_S)
        self._epoch += 1
        self._unstored.clear()
        self._is_stored.set()
        self._stored.clear()
        self._committed.clear()

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Look for records that were deleted before they were read."""
        partitions = list(assigned)
        log.info("assigned: %s", ", ".join(f"{p.topic}/{p.partition}" for p in partitions) or "-")
        self._tasks.append(asyncio.create_task(self._count_lost(partitions)))
        self._tasks = [task for task in self._tasks if not _ended_well(task)]

    def _regulate(self) -> None:
        """Pause or resume all partitions; polling goes on, as it keeps the membership."""
        assigned = self._consumer.assignment()
        if self._is_full() or len(self._unstored) >= UNSTORED_HIGH:
            running = assigned - self._consumer.paused()
            if running:
                self._consumer.pause(*running)
        elif len(self._unstored) < UNSTORED_HIGH // 2:
            paused = assigned & self._consumer.paused()
            if paused:
                self._consumer.resume(*paused)

    def _check_silence(self) -> None:
        """Notice when nothing is fetched; raise when it lasts too long, as the client may hang.

        A broker that is well answers a fetch twice a second, with records or without.
        """
        assigned = self._consumer.assignment()
        if self._consumer.paused() or not assigned:
            self._heard_at = time.time()
        times_ms = [self._consumer.last_poll_timestamp(partition) or 0 for partition in assigned]
        self._heard_at = max(self._heard_at, *(time_ms / 1000 for time_ms in times_ms), 0.0)
        if self.silent_s > SILENCE_S:
            raise TimeoutError(f"no answer for {SILENCE_S:.0f} s")

    @property
    def silent_s(self) -> float:
        """How long Kafka has said nothing."""
        return time.time() - self._heard_at

    def _take(self, batches: Mapping[Any, Sequence[Any]]) -> None:
        records = [_record(message) for batch in batches.values() for message in batch]
        if records:
            self._counts.records += len(records)
            self._unstored += records
            self._is_stored.clear()
            self._has_unstored.set()

    async def _store_for_ever(self) -> None:
        failures = 0
        while True:
            await self._has_unstored.wait()
            self._has_unstored.clear()
            while self._unstored:
                try:
                    await self._store()
                    failures = 0
                except Exception:  # whatever a database may raise; nothing is committed meanwhile
                    log.exception("the ledger takes no events; they stay in Kafka")
                    await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
                    failures += 1
            self._is_stored.set()

    async def _store(self) -> None:
        batch = self._unstored[:RECORDS]
        epoch = self._epoch
        self._admit(await self._ledger.receive(await _identify_all(batch)))
        if epoch != self._epoch:
            return  # the partitions are gone: they are rows now, but the offsets aren't ours
        del self._unstored[: len(batch)]
        for record in batch:
            partition = TopicPartition(record.ref.topic, record.ref.partition)
            self._stored[partition] = record.ref.offset + 1

    async def _commit_for_ever(self) -> None:
        while not self._is_over:  # aiokafka may swallow the cancellation
            await asyncio.sleep(POLL_S)
            await self._commit(COMMIT_S)

    async def _commit(self, timeout_s: float) -> None:
        """Commit what became rows, only forward and only for partitions that are still ours."""
        assigned = self._consumer.assignment()
        offsets = {
            partition: offset
            for partition, offset in self._stored.items()
            if partition in assigned and offset > self._committed.get(partition, -1)
        }
        if not offsets:
            return
        try:
            # Not `wait_for`: in Python 3.11 it loses a cancellation that comes with the answer.
            async with asyncio.timeout(timeout_s):
                await self._consumer.commit(offsets)
        except (KafkaError, TimeoutError, OSError) as error:
            self._counts.commits_failed += 1  # harmless: what comes again is known to the ledger
            log.warning("offsets not committed: %s", str(error) or type(error).__name__)
            return
        self._committed.update(offsets)

    async def _count_lost(self, partitions: Sequence[Any]) -> None:
        try:
            async with asyncio.timeout(COMMIT_S):
                begins = await self._consumer.beginning_offsets(partitions)
                for partition in partitions:
                    self._note_lost(
                        partition, begins[partition], await self._consumer.committed(partition)
                    )
        except (KafkaError, TimeoutError, OSError) as error:
            log.info("lost records could not be counted: %s", error)

    def _note_lost(self, partition: Any, begin: int, next_offset: int | None) -> None:
        if next_offset is not None and begin > next_offset:
            lost = begin - next_offset
            self._counts.lost_to_retention += lost
            where = f"{partition.topic}/{partition.partition}"
            log.error("%s: %d records were deleted before they were read", where, lost)


async def _identify_all(records: Sequence[Record]) -> Sequence[Identified]:
    """Read the envelopes; large ones in a thread, as the loop has SMTP and others to serve."""
    if sum(len(record.value or b"") for record in records) < HEAVY_OCTETS:
        return [identify(record) for record in records]
    return await asyncio.to_thread(lambda: [identify(record) for record in records])


def _ended_well(task: "asyncio.Task[None]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _record(message: Any) -> Record:
    value = message.value
    if value is not None and len(value) > MAX_VALUE_OCTETS:
        value = value[: MAX_VALUE_OCTETS + 1]  # it is parked for its size; its rest serves nobody
    ref = EventRef(message.topic, message.partition, message.offset, message.timestamp)
    headers = tuple((name, octets or b"") for name, octets in message.headers)
    return Record(ref, message.key, value, headers)
