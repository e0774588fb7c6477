"""The writer's connection to MySQL or MariaDB: statements are built by hand, on the event loop.

aiomysql escapes octets in Python, which makes an insert three times as slow; here they become
hexadecimal literals. What many rows share is one statement, as long as it stays far below the
smallest `max_allowed_packet` a server has by default.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import aiomysql
from pymysql.converters import escape_string
from pymysql.err import InterfaceError, MySQLError, OperationalError

from sandbox_mta.store.database import (
    SET_SQL_MODE,
    Address,
    OutOfSpace,
    Rejected,
    StoreError,
    Unavailable,
)
from sandbox_mta.store.statements import (
    Insert,
    InsertNumbered,
    Result,
    Row,
    Statement,
    Step,
    Steps,
    Update,
    Value,
    marks,
)
from sandbox_mta.store.writer import OutcomeUnknown

T = TypeVar("T")

STATEMENT_CHARACTERS = 2 * 2**20  # of a statement of many rows; MariaDB takes 16 MiB
MIN_PACKET = 4 * 2**20  # octets; one statement may hold a piece of a content on top
TRIES = 3  # of a transaction that another one's locks stopped
# MySQL's error numbers.
_STOPPED = frozenset({1205, 1213})  # lock wait timeout, deadlock
_OUT_OF_SPACE = frozenset({1021, 1041, 1114})  # disk full, out of memory, table full
_NOT_US = frozenset({1044, 1045, 1049, 1698, 2059})  # access denied, unknown database, plugin
_READ_ONLY = frozenset({1290, 1836})

log = logging.getLogger(__name__)


class Gone(Exception):
    """The connection broke; whatever transaction was open is rolled back by the server."""


def literal(value: Value) -> str:
    """Write a value as SQL, safe in a session with the mode of `SET_SQL_MODE`."""
    match value:
        case None:
            return "NULL"
        case int():
            return str(int(value))
        case str():
            return f"'{escape_string(value)}'"
        case _:
            return f"X'{value.hex()}'"


def fill(sql: str, rows: Iterable[Row]) -> Iterator[str]:
    """Put the values of each row in the places of the question marks."""
    first, *rest = sql.split("?")
    for row in rows:
        pairs = zip(row, rest, strict=True)
        yield first + "".join([literal(value) + text for value, text in pairs])


def connection_error(address: Address, error: Exception) -> StoreError:
    """Say in one line why there is no connection."""
    if refusal := _tls_refusal(error):
        return Rejected(f"no TLS with {address}: {refusal}")
    code = _code(error)
    if code == 1049:
        return Rejected(
            f"{address} has no database {address.name}; "
            f"make it: CREATE DATABASE {address.name} CHARACTER SET utf8mb4"
        )
    if code in _NOT_US:
        return Rejected(
            f"{address} doesn't let the user {address.user!r} in; "
            "check the password, and the rights on the database"
        )
    return Unavailable(f"no database answers at {address}")


def _tls_refusal(error: Exception) -> str:
    """Return why TLS failed, or nothing; the two drivers hide the reason in different places."""
    for cause in (error, error.__cause__, getattr(error, "original_exception", None)):
        if isinstance(cause, ssl.SSLError):
            return getattr(cause, "verify_message", "") or cause.reason or "the handshake failed"
    return ""


class MysqlConnection:
    """Writes over one connection, which is opened again when the server went away."""

    dialect = "mysql"

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: Any = None
        self._step = 1  # between two numbers a server gives; a cluster's is more than 1

    async def open(self) -> None:
        self._connection = await self._connect()

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                await connection.ensure_closed()
            except (MySQLError, OSError):
                connection.close()

    async def transact(self, write: Callable[[], Steps[T]]) -> T:
        """Run the steps in one transaction, durable on return; nothing is kept of a failure."""
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                return await self._transact(write)
            except Gone as error:
                # Nothing was committed: the server restarted, or closed what idled.
                if last:
                    raise Unavailable(f"the connection to {self._address} broke") from error
            except MySQLError as error:
                if last or _code(error) not in _STOPPED:
                    raise _translated(error) from error
        raise AssertionError("the last try returns or raises")

    async def _transact(self, write: Callable[[], Steps[T]]) -> T:
        if self._connection is None:
            await self._reopen()
        steps = write()
        try:
            outcome = await self._run(steps)
        except BaseException as error:
            await self._roll_back(error)
            raise
        try:
            await self._query("COMMIT")
        except Gone as error:
            raise OutcomeUnknown(f"{self._address} broke off a commit", outcome) from error
        return outcome

    async def _reopen(self) -> None:
        try:
            await self.open()
        except Rejected as error:  # it let us in before: no reason to end
            raise Unavailable(str(error)) from error

    async def _connect(self) -> Any:
        address = self._address
        try:
            connection = await aiomysql.connect(
                **address.login(),
                db=address.name,
                # READ COMMITTED: a claim locks the rows it takes and no gaps beside them.
                init_command=f"{SET_SQL_MODE}, autocommit = 0",
            )
            await connection.query("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            cursor = await connection.cursor()
            await cursor.execute("SELECT @@auto_increment_increment, @@max_allowed_packet")
            self._step, packet = await cursor.fetchone()
        except (MySQLError, OSError, RuntimeError) as error:
            raise connection_error(address, error) from error
        if packet < MIN_PACKET:
            connection.close()
            raise Rejected(
                f"{address} takes statements of {packet} octets only; "
                f"set max_allowed_packet to at least {MIN_PACKET}"
            )
        return connection

    async def _roll_back(self, error: BaseException) -> None:
        """Leave no transaction open, whatever state the connection is in."""
        if self._connection is None:
            return
        if not isinstance(error, Exception):
            self._drop()  # cancelled: the answer to a query may still be on its way
            return
        try:
            await self._query("ROLLBACK")
        except Gone:
            log.debug("the connection broke before its rollback")

    async def _query(self, sql: str) -> Any:
        """Send one statement and return what the server answered; raises `Gone`."""
        try:
            await self._connection.query(sql)
        except (InterfaceError, OSError, asyncio.IncompleteReadError) as error:
            self._drop()
            raise Gone from error
        except OperationalError as error:
            if 2000 <= _code(error) < 3000 or _code(error) in (1053, 1927):
                self._drop()  # errors of the client: the connection is no more
                raise Gone from error
            raise
        return self._connection._result

    def _drop(self) -> None:
        self._connection.close()
        self._connection = None

    async def _run(self, steps: Steps[T]) -> T:
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._execute(step))
        except StopIteration as stop:
            result: T = stop.value
            return result

    async def _execute(self, step: Step) -> Result:
        match step:
            case Insert():
                texts = fill(step.row, step.rows)
                return await self._in_portions(f"{step.into} VALUES ", ", ", texts)
            case InsertNumbered():
                return await self._insert_numbered(step)
            case Update():
                return await self._update(step)
            case Statement():
                [sql] = fill(step.sql, [step.values])
                answer = await self._query(sql)
                return Result(answer.rows or (), answer.affected_rows)

    async def _insert_numbered(self, step: InsertNumbered) -> Result:
        # The rows of one INSERT are numbered without gaps in all of InnoDB's lock modes, since
        # their count is known beforehand; the answer tells the first number.
        into = f"INSERT INTO {step.table} ({', '.join(step.columns)})"
        numbers: list[int] = []
        for texts in portions(fill(f"({marks(step.columns)})", step.rows)):
            first = (await self._query(f"{into} VALUES {', '.join(texts)}")).insert_id
            numbers += range(first, first + len(texts) * self._step, self._step)
        return Result(count=len(numbers), numbers=numbers)

    async def _update(self, step: Update) -> Result:
        # One statement for many rows: they become a table to join with.
        values = ", ".join(f"? AS {name}" for name in (*step.columns, *step.keys))
        changed = ", ".join([*(f"t.{name} = v.{name}" for name in step.columns), step.always])
        found = " AND ".join(f"t.{name} = v.{name}" for name in step.keys)
        return await self._in_portions(
            f"UPDATE {step.table} t JOIN (",
            " UNION ALL ",
            fill(f"SELECT {values}", step.rows),
            f") v ON {found} SET {changed} WHERE {step.where}",
        )

    async def _in_portions(
        self, before: str, between: str, texts: Iterable[str], after: str = ""
    ) -> Result:
        count = 0
        for portion in portions(texts):
            answer = await self._query(before + between.join(portion) + after)
            count += answer.affected_rows
        return Result(count=count)


def portions(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group the texts of rows so that a statement of each group has a bearable length."""
    portion: list[str] = []
    length = 0
    for text in texts:
        if portion and length + len(text) > STATEMENT_CHARACTERS:
            yield portion
            portion, length = [], 0
        portion.append(text)
        length += len(text)
    if portion:
        yield portion


def _code(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def _translated(error: MySQLError) -> Exception:
    if _code(error) in _OUT_OF_SPACE:
        return OutOfSpace("the database's disk is full")
    if _code(error) in _STOPPED | _READ_ONLY:
        return Unavailable(f"the database can't be written: {error.args[-1]}")
    return error
