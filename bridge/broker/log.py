"""The log: topics and partitions over the database, in memory what every request needs at once.

Batches stand as they were sent, under (partition, base offset). What is appended becomes visible
when its transaction is on disk.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bridge.broker.batch import HEADER_OCTETS, BatchHeader, control_batch, place, read_header
from bridge.broker.database import Database
from bridge.broker.partition import Partition
from bridge.broker.records import Unreadable, times
from bridge.broker.topic_config import Configs

log = logging.getLogger(__name__)

_OFFSET_BITS = 40  # 10^12 records a partition; leaves 2^23 partitions
_MASK = (1 << _OFFSET_BITS) - 1
_REMEMBERED_BATCHES = 500  # read back per partition at start to know the producers again
_EXPIRE_AT_ONCE = 1_000  # batches one retention round deletes per partition, to stay responsive


@dataclass(slots=True)
class Topic:
    """A topic: its partitions in order, and the settings that were made."""

    name: str
    configs: Configs
    partitions: list[Partition]


@dataclass(frozen=True, slots=True)
class Slice:
    """A run of whole batches, and the offset after the last."""

    data: bytes
    end: int


class Log:
    """Topics, partitions, batches, aborted transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._touched: dict[Partition, int] = {}  # octets that the running transaction adds
        self.topics: dict[str, Topic] = {}
        self._load()
        database.on_commit.append(self._publish)
        database.on_rollback.append(self._forget)

    # Topics

    def partition(self, topic: str, number: int) -> Partition | None:
        found = self.topics.get(topic)
        if found is None or not 0 <= number < len(found.partitions):
            return None
        return found.partitions[number]

    def partition_count(self) -> int:
        return sum(len(topic.partitions) for topic in self.topics.values())

    def create_topic(self, name: str, partitions: int, settings: Mapping[str, str]) -> None:
        configs = Configs(settings)
        self._database.write("insert into topics values (?,?)", (name, json.dumps(configs.set)))
        self.topics[name] = Topic(name, configs, [])
        self.add_partitions(name, partitions)

    def add_partitions(self, name: str, count: int) -> None:
        """Grow a topic to `count` partitions."""
        partitions = self.topics[name].partitions
        for number in range(len(partitions), count):
            self._database.write(
                "insert into partitions (topic, number) values (?,?)", (name, number)
            )
            [(row,)] = self._database.read("select last_insert_rowid()")
            partitions.append(Partition(row, name, number))

    def delete_topic(self, name: str) -> None:
        for partition in self.topics.pop(name).partitions:
            low, high = _range(partition)
            self._database.write("delete from batches where place between ? and ?", (low, high))
            for table in ("open_transactions", "aborted_transactions"):
                self._database.write(f"delete from {table} where partition_id = ?", (partition.id,))
            partition.wake_all()
        self._database.write("delete from partitions where topic = ?", (name,))
        self._database.write("delete from committed_offsets where topic = ?", (name,))
        self._database.write("delete from topics where name = ?", (name,))

    def set_configs(self, name: str, settings: Mapping[str, str]) -> None:
        """Replace all that was set (AlterConfigs is not incremental)."""
        configs = self.topics[name].configs = Configs(settings)
        self._database.write(
            "update topics set configs = ? where name = ?", (json.dumps(configs.set), name)
        )

    # Records

    def append(self, partition: Partition, header: BatchHeader, data: bytes) -> int:
        """Append a batch that was examined; return its base offset."""
        base_offset = partition.log_end
        last_offset = base_offset + header.last_offset_delta
        key = _place(partition, base_offset)
        row = (key, last_offset, header.max_timestamp, len(data), place(data, base_offset))
        self._database.append(row)
        partition.log_end = last_offset + 1
        self._touched[partition] = self._touched.get(partition, 0) + len(data)
        if not header.is_control:
            partition.producers.record(header, base_offset)
            self._open_transaction(partition, header, base_offset)
        return base_offset

    def end_transaction(
        self, partition: Partition, producer_id: int, epoch: int, *, committed: bool, now_ms: int
    ) -> None:
        """Write the marker that ends a producer's transaction in a partition, if it has one."""
        partition.producers.fence(producer_id, epoch)
        first_offset = partition.open_transactions.pop(producer_id, None)
        if first_offset is None:
            return
        marker = control_batch(
            committed=committed, producer_id=producer_id, epoch=epoch, now_ms=now_ms
        )
        marker_offset = self.append(partition, read_header(marker), marker)
        self._database.write(
            "delete from open_transactions where partition_id = ? and producer_id = ?",
            (partition.id, producer_id),
        )
        if not committed:
            self._database.write(
                "insert into aborted_transactions values (?,?,?,?)",
                (partition.id, marker_offset, first_offset, producer_id),
            )

    def read(self, partition: Partition, offset: int, end: int, max_octets: int) -> Slice:
        """Read whole batches from the one that holds `offset`, at least one, up to `end`."""
        pieces: list[bytes] = []
        room = max_octets
        for last_offset, octets, data in self._batches_from(partition, offset, end):
            if pieces and octets > room:
                break
            pieces.append(data)
            offset = last_offset + 1
            room -= octets
        return Slice(b"".join(pieces), offset)

    def aborted(self, partition: Partition, start: int, end: int) -> list[tuple[int, int]]:
        """List the aborted transactions (producer id, first offset) within some offsets."""
        rows = self._database.read(
            "select producer_id, first_offset from aborted_transactions"
            " where partition_id = ? and last_offset >= ? and first_offset < ?"
            " order by first_offset",
            (partition.id, start, end),
        )
        return list(rows)

    def find_time(self, partition: Partition, timestamp: int, end: int) -> tuple[int, int] | None:
        """Find the first record at or after a time: its timestamp (ms) and offset."""
        low, high = _range(partition)
        rows = self._database.read(
            "select place, data from batches"
            " where place between ? and ? and max_timestamp >= ? and last_offset >= ?"
            " order by place",
            (low, min(high, _place(partition, end) - 1), timestamp, partition.log_start),
        )
        for key, data in rows:
            for offset, found in _times(key & _MASK, data):
                if found >= timestamp and partition.log_start <= offset < end:
                    return found, offset
        return None

    def delete_until(self, partition: Partition, offset: int) -> None:
        """Drop what lies before an offset; a batch that straddles it stays, but isn't shown."""
        partition.log_start = max(partition.log_start, offset)
        low, _ = _range(partition)
        self._database.write(
            "delete from batches where place between ? and ? and last_offset < ?",
            (low, _place(partition, offset), offset),
        )
        self._database.write(
            "update partitions set log_start = ? where id = ?", (partition.log_start, partition.id)
        )
        self._database.write(
            "delete from aborted_transactions where partition_id = ? and last_offset < ?",
            (partition.id, offset),
        )

    def expire(self, now_ms: int) -> None:
        """Apply retention by time and by size to every topic."""
        for topic in self.topics.values():
            for partition in topic.partitions:
                until = self._expired_until(partition, topic.configs, now_ms)
                if until > partition.log_start:
                    log.info("%s-%d: expired to offset %d", topic.name, partition.number, until)
                    self.delete_until(partition, until)

    # Inside

    def _expired_until(self, partition: Partition, configs: Configs, now_ms: int) -> int:
        low, high = _range(partition)
        excess = 0
        if configs.retention_octets >= 0:
            [(total,)] = self._database.read(
                "select coalesce(sum(octets), 0) from batches where place between ? and ?",
                (low, high),
            )
            excess = total - configs.retention_octets
        oldest = now_ms - configs.retention_ms if configs.retention_ms >= 0 else -1
        until = partition.log_start
        rows = self._database.read(
            "select last_offset, max_timestamp, octets from batches"
            " where place between ? and ? order by place limit ?",
            (low, _place(partition, partition.last_stable_offset) - 1, _EXPIRE_AT_ONCE),
        )
        for last_offset, timestamp, octets in rows:
            if timestamp >= oldest and excess < octets:
                break
            excess -= octets
            until = last_offset + 1
        return until

    def _batches_from(
        self, partition: Partition, offset: int, end: int
    ) -> Iterator[tuple[int, int, bytes]]:
        low, _ = _range(partition)
        key = _place(partition, offset)
        return self._database.read(
            "select last_offset, octets, data from batches where place < ? and place >= coalesce("
            " (select max(place) from batches where place between ? and ?), ?)"
            " and last_offset >= ? order by place",
            (_place(partition, end), low, key, key, offset),
        )

    def _open_transaction(self, partition: Partition, header: BatchHeader, base: int) -> None:
        if header.is_transactional and header.producer_id not in partition.open_transactions:
            partition.open_transactions[header.producer_id] = base
            self._database.write(
                "insert into open_transactions values (?,?,?)",
                (partition.id, header.producer_id, base),
            )

    def _publish(self) -> None:
        for partition, octets in self._touched.items():
            partition.high_watermark = partition.log_end
            partition.wake(octets)
        self._touched.clear()

    def _forget(self) -> None:
        # The disk said no: what was in memory ahead of it is read again from it.
        waiting = [p for topic in self.topics.values() for p in topic.partitions]
        self._touched.clear()
        self.topics.clear()
        self._load()
        for partition in waiting:
            partition.wake_all()

    def _load(self) -> None:
        for name, configs in self._database.read("select name, configs from topics"):
            self.topics[name] = Topic(name, Configs(json.loads(configs)), [])
        rows = self._database.read(
            "select id, topic, number, log_start from partitions order by topic, number"
        )
        for row, topic, number, log_start in rows.fetchall():
            partition = Partition(row, topic, number, log_start)
            self._restore(partition)
            self.topics[topic].partitions.append(partition)

    def _restore(self, partition: Partition) -> None:
        rows = self._database.read(
            "select place, last_offset, substr(data, 1, ?) from batches"
            " where place between ? and ? order by place desc limit ?",
            (HEADER_OCTETS, *_range(partition), _REMEMBERED_BATCHES),
        ).fetchall()
        end = max(partition.log_start, rows[0][1] + 1 if rows else 0)
        partition.log_end = partition.high_watermark = end
        for key, _, octets in reversed(rows):
            header = read_header(octets)
            if header.is_control:
                partition.producers.fence(header.producer_id, header.producer_epoch)
            else:
                partition.producers.record(header, key & _MASK)
        partition.open_transactions = dict(
            self._database.read(
                "select producer_id, first_offset from open_transactions where partition_id = ?",
                (partition.id,),
            )
        )


def _place(partition: Partition, offset: int) -> int:
    return partition.id << _OFFSET_BITS | offset


def _range(partition: Partition) -> tuple[int, int]:
    return _place(partition, 0), _place(partition, _MASK)


def _times(base_offset: int, data: bytes) -> Iterator[tuple[int, int]]:
    try:
        for delta, timestamp in times(data):
            yield base_offset + delta, timestamp
    except Unreadable:  # a batch from before records were examined; its times are unknown
        return
