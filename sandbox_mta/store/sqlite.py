"""The writer's connection to SQLite: one thread, one transaction after the other."""

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from sandbox_mta.store.database import OutOfSpace, Unavailable
from sandbox_mta.store.statements import (
    Insert,
    InsertNumbered,
    Result,
    Row,
    Step,
    Steps,
    Update,
    Value,
)

T = TypeVar("T")

MAX_ROWS = 64  # in one statement
BUSY_TIMEOUT_S = 5  # for a reader's recovery or a backup tool; no other writer is meant to exist
PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",  # NORMAL would lose acknowledged mail when the power fails
    "cache_size = -8192",  # KiB
    "wal_autocheckpoint = 4000",  # pages: 16 MB
)
# https://www.sqlite.org/rescode.html: what is no fault of the statement.
_BUSY = 5  # SQLITE_BUSY
_OUT_OF_SPACE = 13  # SQLITE_FULL
_UNAVAILABLE = frozenset({5, 6, 7, 8, 10, 14})  # busy, locked, memory, read-only, I/O, can't open

log = logging.getLogger(__name__)


def connect(path: Path) -> sqlite3.Connection:
    """Open a file for writing, made when it is missing; raises `Unavailable`."""
    try:
        connection = sqlite3.connect(
            path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,  # transactions are begun and ended by statements of ours
            check_same_thread=False,
            cached_statements=256,
        )
        for pragma in PRAGMAS:
            _set(connection, pragma)
    except sqlite3.Error as error:
        raise Unavailable(f"can't open the database {path}: {error}") from error
    return connection


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    # To make a new file a WAL one fails at once while another process does the same: SQLite's
    # own time-out for a busy file doesn't cover it.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute(f"PRAGMA {pragma}").fetchall()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class SqliteConnection:
    """Writes in a thread of its own, so that a commit's fsync holds up nothing else."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)

    async def open(self) -> None:
        self._connection = await asyncio.to_thread(connect, self._path)
        self._highest: dict[str, int] = {}
        self._thread.start()

    def transact(self, write: Callable[[], Steps[T]]) -> "asyncio.Future[T]":
        """Run the steps in one transaction, durable when awaited; nothing is kept of a failure.

        It has begun on return, whether it is awaited or not.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            try:
                result = self._transact(write)
            except BaseException as error:
                loop.call_soon_threadsafe(_fail, done, error)
            else:
                loop.call_soon_threadsafe(_succeed, done, result)

        self._jobs.put(job)
        return done

    async def close(self) -> None:
        if self._thread.is_alive():
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)
        self._connection.close()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _transact(self, write: Callable[[], Steps[T]]) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = self._run(write())
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise _translated(error) from error
            raise
        return result

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some errors.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                step = steps.send(self._execute(step))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _execute(self, step: Step) -> Result:
        match step:
            case Insert():
                return Result(count=self._insert(step.into, step.row, step.rows))
            case InsertNumbered():
                return self._insert_numbered(step)
            case Update():
                return Result(count=self._update(step))
            case _:
                cursor = self._connection.execute(step.sql, step.values)
                return Result(cursor.fetchall(), cursor.rowcount)

    def _insert(self, into: str, row: str, rows: Sequence[Row]) -> int:
        return sum(
            self._connection.execute(
                f"{into} VALUES {', '.join([row] * len(some))}", _flattened(some)
            ).rowcount
            for some in _in_powers_of_two(rows)
        )

    def _insert_numbered(self, step: InsertNumbered) -> Result:
        # The only writer may count by itself. The highest number is remembered, since SQLite
        # would give a deleted row's number to the next one, and results for the old one may be
        # under way.
        if step.table not in self._highest:
            sql = f"SELECT COALESCE(MAX(number), 0) FROM {step.table}"
            self._highest[step.table] = self._connection.execute(sql).fetchone()[0]
        first = self._highest[step.table] + 1
        numbers = range(first, first + len(step.rows))
        count = self._insert(
            f"INSERT INTO {step.table} (number, {', '.join(step.columns)})",
            f"({', '.join('?' for _ in range(len(step.columns) + 1))})",
            [(number, *row) for number, row in zip(numbers, step.rows, strict=True)],
        )
        self._highest[step.table] = numbers[-1]
        return Result(count=count, numbers=numbers)

    def _update(self, step: Update) -> int:
        width = len(step.columns) + len(step.keys)
        row = f"({', '.join('?' for _ in range(width))})"
        names = [f"column{n}" for n in range(1, width + 1)]  # what SQLite calls those of VALUES
        values = dict(zip((*step.columns, *step.keys), names, strict=True))
        changed = ", ".join(
            [*(f"{name} = new.{values[name]}" for name in step.columns), step.always]
        )
        found = " AND ".join(f"{step.table}.{name} = new.{values[name]}" for name in step.keys)
        return sum(
            self._connection.execute(
                f"UPDATE {step.table} SET {changed}"
                f" FROM (VALUES {', '.join([row] * len(some))}) AS new"
                f" WHERE {found} AND {step.where}",
                _flattened(some),
            ).rowcount
            for some in _in_powers_of_two(step.rows)
        )


def _in_powers_of_two(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Cut rows so that a few prepared statements serve any number of them.

    One statement for many rows, since the driver gives the GIL away and takes it back at every
    step: between two cores that costs more than the row itself.
    """
    start = 0
    while start < len(rows):
        size = min(MAX_ROWS, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size


def _flattened(rows: Sequence[Row]) -> list[Value]:
    return [value for row in rows for value in row]


def _translated(error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == _OUT_OF_SPACE:
        return OutOfSpace("the disk that holds the database is full")
    if code in _UNAVAILABLE:
        return Unavailable(f"the database can't be written: {error}")
    return error


def _succeed(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
