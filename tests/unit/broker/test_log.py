"""The log over a database in memory or in a file."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from bridge.broker.batch import examine, split
from bridge.broker.codes import Code
from bridge.broker.database import Database, StorageError
from bridge.broker.log import Log
from bridge.broker.partition import Partition, Waiter
from bridge.broker.producers import Duplicate

LIMIT = 10**6


def batch(
    *values: bytes,
    timestamp: int = 1_000,
    producer_id: int = -1,
    sequence: int = -1,
    transactional: bool = False,
    codec: int = 0,
) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=codec,
        is_transactional=transactional,
        producer_id=producer_id,
        producer_epoch=0 if producer_id >= 0 else -1,
        base_sequence=sequence,
        batch_size=LIMIT,
    )
    for offset, value in enumerate(values):
        builder.append(offset, timestamp + offset, None, value, [])
    return bytes(builder.build())


def append(log: Log, partition: Partition, data: bytes) -> int:
    header = examine(data, LIMIT)
    assert not isinstance(header, Code)
    return log.append(partition, header, data)


class Shelf:
    """One partition of one topic, and what stands around it."""

    def __init__(self, path: Path | None = None) -> None:
        self.database = Database(path)
        self.log = Log(self.database)
        if "orders" not in self.log.topics:
            self.log.create_topic("orders", 1, {})

    @property
    def orders(self) -> Partition:
        [partition] = self.log.topics["orders"].partitions
        return partition

    async def keep(self, *batches: bytes) -> None:
        for data in batches:
            append(self.log, self.orders, data)
        await self.database.durable()

    def read(self, offset: int, max_octets: int = LIMIT) -> list[bytes]:
        end = self.orders.high_watermark
        return list(split(self.log.read(self.orders, offset, end, max_octets).data))


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf()


async def test_what_is_appended_becomes_visible_when_it_is_durable(shelf: Shelf) -> None:
    append(shelf.log, shelf.orders, batch(b"a", b"b"))
    assert (shelf.orders.log_end, shelf.orders.high_watermark) == (2, 0)

    await shelf.database.durable()

    assert shelf.orders.high_watermark == 2


async def test_a_read_begins_with_the_batch_that_holds_the_offset(shelf: Shelf) -> None:
    await shelf.keep(batch(b"a", b"b"), batch(b"c", b"d"), batch(b"e"))

    assert [data[:8] for data in shelf.read(3)] == [b"\0" * 7 + b"\2", b"\0" * 7 + b"\4"]


async def test_a_read_returns_at_least_one_batch_and_none_that_exceeds_the_room(
    shelf: Shelf,
) -> None:
    await shelf.keep(batch(b"a" * 500), batch(b"b"), batch(b"c"))

    assert len(shelf.read(0, max_octets=1)) == 1
    assert len(shelf.read(0, max_octets=700)) == 2
    assert len(shelf.read(0)) == 3


async def test_a_waiter_is_woken_when_enough_has_arrived(shelf: Shelf) -> None:
    waiter = Waiter(wanted=100)
    shelf.orders.waiters.add(waiter)

    await shelf.keep(batch(b"a"))
    assert not waiter.done.is_set()
    await shelf.keep(batch(b"b" * 50))

    assert waiter.done.is_set()


@pytest.mark.parametrize("codec", [0, 1])
async def test_a_time_leads_to_the_first_record_at_or_after_it(shelf: Shelf, codec: int) -> None:
    await shelf.keep(batch(b"a", b"b", codec=codec), batch(b"c", b"d", timestamp=2_000))

    end = shelf.orders.high_watermark
    assert shelf.log.find_time(shelf.orders, 0, end) == (1_000, 0)
    assert shelf.log.find_time(shelf.orders, 1_001, end) == (1_001, 1)
    assert shelf.log.find_time(shelf.orders, 1_002, end) == (2_000, 2)
    assert shelf.log.find_time(shelf.orders, 3_000, end) is None


async def test_deleted_records_are_gone_and_their_offsets_stay(shelf: Shelf) -> None:
    await shelf.keep(batch(b"a", b"b"), batch(b"c", b"d"))

    shelf.log.delete_until(shelf.orders, 3)

    assert (shelf.orders.log_start, shelf.orders.high_watermark) == (3, 4)
    assert len(shelf.read(3)) == 1
    assert shelf.log.find_time(shelf.orders, 0, 4) == (1_001, 3)


async def test_an_emptied_partition_goes_on_at_its_offset_after_a_restart(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "log.db")
    await shelf.keep(batch(b"a", b"b"))
    shelf.log.delete_until(shelf.orders, 2)
    await shelf.database.durable()
    shelf.database.close()

    shelf = Shelf(tmp_path / "log.db")
    await shelf.keep(batch(b"c"))

    assert (shelf.orders.log_start, shelf.orders.high_watermark) == (2, 3)
    shelf.database.close()


async def test_producers_and_open_transactions_are_known_after_a_restart(tmp_path: Path) -> None:
    sent = batch(b"a", producer_id=7, sequence=0, transactional=True)
    shelf = Shelf(tmp_path / "log.db")
    await shelf.keep(batch(b"before"), sent)
    shelf.database.close()

    shelf = Shelf(tmp_path / "log.db")

    header = examine(sent, LIMIT)
    assert not isinstance(header, Code)
    assert shelf.orders.producers.judge(header) == Duplicate(1)
    assert (shelf.orders.high_watermark, shelf.orders.last_stable_offset) == (2, 1)
    shelf.database.close()


async def test_an_aborted_transaction_is_named_where_it_stands(shelf: Shelf) -> None:
    await shelf.keep(batch(b"before"), batch(b"a", producer_id=7, sequence=0, transactional=True))

    shelf.log.end_transaction(shelf.orders, 7, 0, committed=False, now_ms=5)
    await shelf.database.durable()

    assert shelf.orders.last_stable_offset == shelf.orders.high_watermark == 3
    assert shelf.log.aborted(shelf.orders, 0, 3) == [(7, 1)]
    assert shelf.log.aborted(shelf.orders, 0, 1) == []
    assert shelf.log.aborted(shelf.orders, 3, 4) == []


async def test_a_committed_transaction_is_not_named(shelf: Shelf) -> None:
    await shelf.keep(batch(b"a", producer_id=7, sequence=0, transactional=True))

    shelf.log.end_transaction(shelf.orders, 7, 0, committed=True, now_ms=5)
    await shelf.database.durable()

    assert shelf.log.aborted(shelf.orders, 0, 9) == []
    assert shelf.orders.high_watermark == 2


async def test_a_transaction_that_wrote_nothing_here_leaves_no_marker(shelf: Shelf) -> None:
    shelf.log.end_transaction(shelf.orders, 7, 0, committed=True, now_ms=5)
    await shelf.database.durable()

    assert shelf.orders.high_watermark == 0


async def test_records_older_than_the_retention_expire(shelf: Shelf) -> None:
    shelf.log.set_configs("orders", {"retention.ms": "500"})
    await shelf.keep(batch(b"a"), batch(b"b", timestamp=2_000))

    shelf.log.expire(now_ms=2_100)

    assert shelf.orders.log_start == 1


async def test_the_oldest_records_expire_when_there_is_too_much(shelf: Shelf) -> None:
    sent = batch(b"x" * 100)
    shelf.log.set_configs("orders", {"retention.bytes": str(2 * len(sent)), "retention.ms": "-1"})
    await shelf.keep(sent, sent, sent)

    shelf.log.expire(now_ms=10**15)

    assert shelf.orders.log_start == 1


async def test_records_of_an_open_transaction_do_not_expire(shelf: Shelf) -> None:
    shelf.log.set_configs("orders", {"retention.ms": "0"})
    await shelf.keep(batch(b"a"), batch(b"b", producer_id=7, sequence=0, transactional=True))

    shelf.log.expire(now_ms=10**15)

    assert shelf.orders.log_start == 1


async def test_a_deleted_topic_takes_its_records_along(shelf: Shelf) -> None:
    await shelf.keep(batch(b"a"))
    waiter = Waiter(wanted=1)
    shelf.orders.waiters.add(waiter)

    shelf.log.delete_topic("orders")
    shelf.log.create_topic("orders", 2, {})
    await shelf.database.durable()

    assert waiter.done.is_set()
    assert [p.high_watermark for p in shelf.log.topics["orders"].partitions] == [0, 0]


async def test_a_commit_that_fails_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "log.db")
    await shelf.keep(batch(b"a"))
    waiter = Waiter(wanted=1)
    shelf.orders.waiters.add(waiter)
    shelf.database.write("pragma max_page_count = 1")  # the disk is full

    append(shelf.log, shelf.orders, batch(b"x" * 100_000))
    with pytest.raises(StorageError, match="full"):
        await shelf.database.durable()

    assert waiter.done.is_set()
    assert (shelf.orders.log_end, shelf.orders.high_watermark) == (1, 1)
    shelf.database.write("pragma max_page_count = 100000")
    await shelf.keep(batch(b"b"))
    assert shelf.orders.high_watermark == 2
    shelf.database.close()


async def test_writes_of_one_turn_share_a_commit(shelf: Shelf) -> None:
    commits: list[int] = []
    shelf.database.on_commit.append(lambda: commits.append(shelf.orders.high_watermark))

    await asyncio.gather(*(shelf.keep(batch(b"%d" % number)) for number in range(10)))

    assert commits == [10]


async def test_a_second_broker_is_kept_from_the_file(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "log.db")

    with pytest.raises(StorageError, match="locked"):
        Database(tmp_path / "log.db")

    shelf.database.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database" * 1_000)

    with pytest.raises(StorageError, match="not a database"):
        Database(tmp_path / "log.db")


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "log.db")
    database.write("pragma user_version = 99")
    await database.durable()
    database.close()

    with pytest.raises(StorageError, match="newer"):
        Database(tmp_path / "log.db")
