"""The broker's SQLite file: schema, group commit, one connection.

Everything written in one turn of the event loop goes to disk in one transaction: whoever wrote
awaits `durable`, and requests that arrive while a commit runs share the next one. The broker has a
thread of its own, so a slow disk delays its clients and nobody else.

WAL with `synchronous=NORMAL`: what was acknowledged survives the death of the process, kill -9
included. A power cut may cost the last moments, as it does on Apache Kafka, which acknowledges from
the page cache too. `FULL` would cost a sync per commit for a promise that one Kafka broker
doesn't make.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_VERSION = 1  # of the schema below
_SCHEMA = f"""
pragma user_version = {_VERSION};
create table if not exists facts (name text primary key, value text not null) without rowid;
create table if not exists topics (
    name text primary key,
    configs text not null  -- JSON: what was set, not the defaults
) without rowid;
create table if not exists partitions (
    id integer primary key,
    topic text not null,
    number integer not null,
    log_start integer not null default 0,
    unique (topic, number)
);
-- place = partition id * 2^40 + base offset: one tree, in which a partition is a range.
create table if not exists batches (
    place integer primary key,
    last_offset integer not null,
    max_timestamp integer not null,
    octets integer not null,
    data blob not null
);
create table if not exists committed_offsets (
    group_id text not null,
    topic text not null,
    partition integer not null,
    offset integer not null,
    metadata text not null,
    primary key (group_id, topic, partition)
) without rowid;
create table if not exists transactions (
    id text primary key,
    state text not null  -- JSON: bridge.broker.transactions.Transaction
) without rowid;
create table if not exists open_transactions (
    partition_id integer not null,
    producer_id integer not null,
    first_offset integer not null,
    primary key (partition_id, producer_id)
) without rowid;
create table if not exists aborted_transactions (
    partition_id integer not null,
    last_offset integer not null,  -- of the abort marker
    first_offset integer not null,
    producer_id integer not null,
    primary key (partition_id, last_offset)
) without rowid;
"""

_BUSY_S = 0.2  # another process that holds the file is a mistake, not a neighbour to wait for
_ROWS_PER_INSERT = 1_000  # five values each; SQLite binds at most 32,766

Value = int | str | bytes | None
BatchRow = tuple[int, int, int, int, bytes]


class StorageError(Exception):
    """The file could not be opened or written; what was waiting for it did not happen."""


class Database:
    """One connection, and the transaction that is being filled."""

    def __init__(self, path: Path | None) -> None:
        """Open the file, or memory when there is none; raise `StorageError` if that fails."""
        try:
            self._connection = sqlite3.connect(
                ":memory:" if path is None else path, timeout=_BUSY_S, isolation_level=None
            )
            # Exclusive: a second broker on the same file is refused instead of corrupting it.
            self._connection.execute("pragma locking_mode=exclusive")
            self._connection.execute("pragma journal_mode=wal")
            self._connection.execute("pragma synchronous=normal")
            [(version,)] = self._connection.execute("pragma user_version")
            if version <= _VERSION:
                self._connection.executescript(f"begin immediate; {_SCHEMA} commit;")
        except sqlite3.Error as error:
            raise StorageError(f"{path}: {error}") from error
        if version > _VERSION:
            self._connection.close()
            raise StorageError(f"{path}: written by a newer version of this broker")
        self._batches: list[BatchRow] = []
        self._commit: asyncio.Future[None] | None = None
        self.on_commit: list[Callable[[], None]] = []
        self.on_rollback: list[Callable[[], None]] = []  # memory is read from the file again

    def close(self) -> None:
        self._flush()
        self._connection.close()

    def read(self, statement: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
        """Run a query; it sees what was written, but no batch that isn't durable yet."""
        return self._connection.execute(statement, values)

    def write(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Add a statement to the transaction; return how many rows it changed."""
        self._begin()
        try:
            self._insert_batches()  # statements run in the order they were given
            return self._connection.execute(statement, values).rowcount
        except sqlite3.Error as error:
            self._fail(error)
            raise StorageError(str(error)) from error

    def append(self, row: BatchRow) -> None:
        """Add a batch to the transaction."""
        self._begin()
        self._batches.append(row)

    async def durable(self) -> None:
        """Wait until all that was written so far is on disk; raise `StorageError` if it isn't."""
        if self._commit is not None:
            await asyncio.shield(self._commit)

    def _begin(self) -> None:
        if self._commit is None:
            loop = asyncio.get_running_loop()
            self._commit = loop.create_future()
            # Nobody may be waiting (acks=0), and an error nobody fetches would be a warning.
            self._commit.add_done_callback(lambda done: done.exception())
            loop.call_soon(self._flush)
            self._connection.execute("begin")

    def _flush(self) -> None:
        if self._commit is None:
            return
        try:
            self._insert_batches()
            self._connection.execute("commit")
        except sqlite3.Error as error:
            self._fail(error)
        else:
            done, self._commit = self._commit, None
            _call(self.on_commit)
            done.set_result(None)

    def _fail(self, error: sqlite3.Error) -> None:
        assert self._commit is not None
        done, self._commit = self._commit, None
        self._batches.clear()
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            self._connection.execute("rollback")
        _call(self.on_rollback)
        done.set_exception(StorageError(str(error)))

    def _insert_batches(self) -> None:
        # One statement for many rows: each statement gives the interpreter lock away and has to
        # get it back, which can take milliseconds beside a busy event loop.
        for rows in _slices(self._batches):
            marks = ",".join(["(?,?,?,?,?)"] * len(rows))
            values = [value for row in rows for value in row]
            self._connection.execute(f"insert into batches values {marks}", values)
        self._batches.clear()


def _call(listeners: list[Callable[[], None]]) -> None:
    for listener in listeners:
        listener()


def _slices(rows: list[BatchRow]) -> Iterator[list[BatchRow]]:
    for start in range(0, len(rows), _ROWS_PER_INSERT):
        yield rows[start : start + _ROWS_PER_INSERT]
