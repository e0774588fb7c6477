"""A store of each kind for the contract: in memory, on SQLite, on MariaDB and on MySQL.

`bench` is a store behind its ports; `address`, `database` and `writer` are for tests that look at
SQL. The servers are those of
TEST_MARIADB_URL and TEST_MYSQL_URL, whose account must be allowed to create databases.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest
from sqlalchemy import between, select

from msa.envelope import Recipient
from msa.lint.finding import Finding, Severity
from msa.message.summary import summarise
from msa.ports import SubmissionStore
from sandbox_mta.mta.ports import ClockStore, DeliveryQueue
from sandbox_mta.store.composition import Store, connection_to
from sandbox_mta.store.database import Address, Database, parse_url
from sandbox_mta.store.memory import Kept, KeptRecipient, MemoryStore
from sandbox_mta.store.migrations import migrate
from sandbox_mta.store.tables import findings, metadata, recipients, submissions
from sandbox_mta.store.writer import Writer

SQL_BACKENDS = (
    "sqlite",
    pytest.param("mariadb", marks=pytest.mark.mariadb),
    pytest.param("mysql", marks=pytest.mark.mysql),
)


class Databases:
    """An empty, migrated database for each test; a server's is made once and emptied again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Address] = {}

    @contextlib.contextmanager
    def fresh(self, backend: str, folder: Path) -> Iterator[Address]:
        if backend not in self._made:
            self._made[backend] = self._make(backend)
        made = self._made[backend]
        if backend == "sqlite":
            shutil.copy(made.path, folder / "sandbox.db")
            yield parse_url("sqlite:///sandbox.db", folder)
        else:
            yield made
            _empty(made)

    def drop(self) -> None:
        for address in self._made.values():
            if address.dialect == "mysql":
                drop_database(address)

    def _make(self, backend: str) -> Address:
        if backend == "sqlite":
            address = parse_url("sqlite:///template.db", self._folder)
        else:
            address = new_database(backend)
        migrate(address)
        return address


def new_database(backend: str) -> Address:
    """Make a database without tables on a server; skips the test when there is none."""
    variable = f"TEST_{backend.upper()}_URL"
    url = os.environ.get(variable)
    if not url:
        why = os.environ.get(f"{variable}_WHY")
        pytest.skip(f"{variable} is not set" + (f" ({why})" if why else ""))
    name = f"contract_{secrets.token_hex(6)}"
    address = parse_url(urlsplit(url)._replace(path=f"/{name}").geturl(), Path())
    _execute(address, f"CREATE DATABASE {name}")
    return address


def drop_database(address: Address) -> None:
    """Remove what `new_database` made."""
    _execute(address, f"DROP DATABASE {address.name}")


def _execute(address: Address, *statements: str, database: str | None = None) -> None:
    connection = pymysql.connect(
        host=address.host,
        port=address.port,
        user=address.user,
        password=address.password,
        database=database,
        autocommit=True,
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _empty(address: Address) -> None:
    deletes = (f"DELETE FROM {table.name}" for table in metadata.sorted_tables)
    _execute(address, *deletes, database=address.name)


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    made = Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.drop()


@pytest.fixture(params=SQL_BACKENDS)
def address(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> Iterator[Address]:
    """An empty database with its tables."""
    with databases.fresh(request.param, tmp_path) as address:
        yield address


@pytest.fixture
async def database(address: Address) -> AsyncIterator[Database]:
    database = Database(address)
    yield database
    await database.close()


@pytest.fixture
async def writer(address: Address) -> AsyncIterator[Writer]:
    writer = Writer(connection_to(address))
    await writer.open()
    yield writer
    await writer.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A store behind its ports, a clock to move, and a way to look at what was stored."""

    submissions: SubmissionStore
    deliveries: DeliveryQueue
    clock_states: ClockStore
    clock: "BenchClock"
    look: Callable[[str], Awaitable["Seen"]]
    reopen: Callable[[], Awaitable["Bench"]] | None  # as after a crash; None: nothing would remain


class BenchClock:
    """Time of the clock, as far as the store knows."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is stored of one submission; empty when there is none under its id."""

    content: bytes | None = None
    author: str = ""
    subject: str = ""
    is_refused: bool = False
    lint: tuple[Finding, ...] | None = None
    recipients: tuple["SeenRecipient", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRecipient:
    """What is stored of one recipient."""

    recipient: Recipient
    state: str
    reply: str
    attempts: int
    reason: str


@pytest.fixture(params=("memory", *SQL_BACKENDS))
async def bench(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> AsyncIterator[Bench]:
    """A store of each kind."""
    if request.param == "memory":
        yield memory_bench()
        return
    with databases.fresh(request.param, tmp_path) as address:
        async with AsyncExitStack() as stack:
            yield await sql_bench(address, stack, BenchClock())


def memory_bench() -> Bench:
    clock = BenchClock()
    store = MemoryStore(clock)

    async def look(id: str) -> Seen:
        if id not in store.submissions:
            return Seen()
        kept = store.submissions[id]
        summary = summarise(kept.submission.content)
        return Seen(
            content=kept.submission.content,
            author=summary.author,
            subject=summary.subject,
            is_refused=kept.refusal is not None,
            lint=kept.findings,
            recipients=tuple(
                _seen_in_memory(one, kept)
                for one in store.recipients.values()
                if one.queued.submission_id == id
            ),
        )

    return Bench(
        submissions=store,
        deliveries=store,
        clock_states=store,
        clock=clock,
        look=look,
        reopen=None,
    )


def _seen_in_memory(one: KeptRecipient, kept: Kept) -> SeenRecipient:
    last = one.settlements[-1] if one.settlements else None
    reply = kept.refusal if last is None else last.reply
    return SeenRecipient(
        recipient=one.queued.recipient,
        state=one.state,
        reply="" if reply is None else str(reply),
        attempts=one.queued.attempts,
        reason="" if last is None else last.reason,
    )


async def sql_bench(
    address: Address, stack: AsyncExitStack, clock: BenchClock, instance: str = "one"
) -> Bench:
    """Open a store as the program does; several may be open on one server."""
    store = Store(address, instance=instance)
    store.use_clock(clock)
    await store.open()
    stack.push_async_callback(store.close)

    async def look(id: str) -> Seen:
        return await seen_in_sql(store, id)

    async def reopen() -> Bench:
        return await sql_bench(address, stack, clock, instance)

    return Bench(
        submissions=store.submissions,
        deliveries=store.deliveries,
        clock_states=store.clock,
        clock=clock,
        look=look,
        reopen=reopen,
    )


async def seen_in_sql(store: Store, id: str) -> Seen:
    """Look at what is stored of a submission."""
    await store.deliveries.flush()
    async with store.database.read() as connection:
        head = (await connection.execute(select(submissions).filter_by(id=id))).one_or_none()
        if head is None:
            return Seen()
        own = between(recipients.c.number, head.number << 10, head.number << 10 | 1023)
        rows = await connection.execute(select(recipients).where(own).order_by("number"))
        found = await connection.execute(
            select(findings).filter_by(submission=head.number).order_by("n")
        )
        lint = tuple(_finding(row) for row in found.mappings())
        return Seen(
            content=await store.deliveries.content(id),
            author=head.author,
            subject=head.subject,
            is_refused=head.refused_at is not None and head.accepted_at is None,
            lint=lint if head.linted_at is not None else None,
            recipients=tuple(_recipient(row) for row in rows),
        )


def _finding(row: Mapping[str, Any]) -> Finding:
    fields = {name: row[name] for name in Finding.__slots__}
    return Finding(**{**fields, "severity": Severity(fields["severity"])})


def _recipient(row: Any) -> SeenRecipient:
    notify = None if row.notify is None else tuple(row.notify.split(","))
    said = (str(row.reply_code or ""), row.reply_enhanced, row.reply_text)
    return SeenRecipient(
        recipient=Recipient(row.forward_path, notify, row.orcpt),
        state=row.state,
        reply=" ".join(filter(None, said)),
        attempts=row.attempts,
        reason=row.reason,
    )
