"""A store of each kind for the contract: in memory, on SQLite, on MariaDB and on MySQL.

`address`, `database` and `writer` are for tests that look at SQL. The servers are those of
TEST_MARIADB_URL and TEST_MYSQL_URL, whose account must be allowed to create databases.
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
import pytest

from sandbox_mta.store.database import Address, Database, parse_url
from sandbox_mta.store.migrations import migrate
from sandbox_mta.store.sqlite import SqliteConnection
from sandbox_mta.store.tables import metadata
from sandbox_mta.store.writer import Connection, Writer

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
                _execute(address, f"DROP DATABASE {address.name}")

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


def connection_to(address: Address) -> Connection:
    """Return the writer's connection for a database."""
    if address.dialect == "sqlite":
        return SqliteConnection(address.path)
    from sandbox_mta.store.mysql import MysqlConnection

    return MysqlConnection(address)


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
