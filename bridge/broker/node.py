"""The one broker of the cluster: its parts, and what more than one request needs of them."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from bridge.broker.coordinator import Coordinator
from bridge.broker.database import Database
from bridge.broker.log import Log
from bridge.broker.offsets import Offsets
from bridge.broker.topic_config import is_legal_name
from bridge.broker.transactions import Ending, Transactions

NODE_ID = 1
_PRODUCER_IDS = 1_000  # reserved at a time, so that a restart gives none out again


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a broker behaves; the defaults are Kafka's, but for a group's initial delay (3 s).

    Raises `ValueError` for a topic that can't be; partitions by name of topic.
    """

    auto_create_topics: bool = True
    default_partitions: int = 1
    default_topics: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    group_initial_delay_s: float = 0.0  # tests start their consumers one by one

    def __post_init__(self) -> None:
        for topic, partitions in self.default_topics.items():
            if not is_legal_name(topic) or partitions < 1:
                raise ValueError(f"no topic can be {topic!r} with {partitions} partitions")


class Node:
    """Everything a request can touch."""

    def __init__(self, path: Path | None, settings: Settings) -> None:
        """Open the log; raise `StorageError` when it can't be."""
        self.settings = settings
        self.database = Database(path)
        self.log = Log(self.database)
        self.offsets = Offsets(self.database)
        self.coordinator = Coordinator(settings.group_initial_delay_s)
        self.transactions = Transactions(self.new_producer_id)
        self._restore_transactions()
        self.database.on_rollback.append(self._restore_transactions)
        self._producer_ids = range(0)
        self.cluster_id = ""

    async def open(self) -> None:
        """Make what must exist: the cluster's name and the default topics."""
        self.cluster_id = self._fact("cluster_id") or uuid.uuid4().hex[:22]
        self._set_fact("cluster_id", self.cluster_id)
        for topic, partitions in self.settings.default_topics.items():
            if topic not in self.log.topics:
                self.log.create_topic(topic, partitions, {})
        await self.database.durable()

    def close(self) -> None:
        self.coordinator.close()
        self.database.close()

    def new_producer_id(self) -> int:
        """Return an id no producer has had; durable with what is written beside it."""
        if not self._producer_ids:
            start = int(self._fact("next_producer_id") or 1_000)
            self._producer_ids = range(start, start + _PRODUCER_IDS)
            self._set_fact("next_producer_id", str(start + _PRODUCER_IDS))
        producer_id, self._producer_ids = self._producer_ids[0], self._producer_ids[1:]
        return producer_id

    def keep_transaction(self, transactional_id: str) -> None:
        """Write the state of a transactional id."""
        self.database.write(
            "insert or replace into transactions values (?,?)",
            (transactional_id, self.transactions.state(transactional_id).to_json()),
        )

    def end_transaction(self, ending: Ending) -> None:
        """Write a transaction's markers and offsets, and the state after it, all or nothing."""
        for topic, number in ending.partitions:
            if partition := self.log.partition(topic, number):
                self.log.end_transaction(
                    partition,
                    ending.producer_id,
                    ending.epoch,
                    committed=ending.committed,
                    now_ms=now_ms(),
                )
        for group_id, topic, number, offset, metadata in ending.offsets:
            if self.log.partition(topic, number):
                self.offsets.commit(group_id, topic, number, offset, metadata)
        self.keep_transaction(ending.transactional_id)

    async def abort_expired_transactions(self) -> None:
        for ending in self.transactions.expired(now_ms()):
            self.end_transaction(ending)
        await self.database.durable()

    async def expire_records(self) -> None:
        self.log.expire(now_ms())
        await self.database.durable()

    def _restore_transactions(self) -> None:
        self.transactions.restore(self.database.read("select id, state from transactions"))

    def _fact(self, name: str) -> str:
        row = self.database.read("select value from facts where name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def _set_fact(self, name: str, value: str) -> None:
        self.database.write("insert or replace into facts values (?,?)", (name, value))


def now_ms() -> int:
    """Return the wall clock as Kafka has it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000
