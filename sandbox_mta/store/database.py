"""Which database, and reading from it: `Address`, `Database`, and what can be wrong with one.

Writing goes through `writer.py` alone; every connection opened here is read-only. SQLAlchemy is
imported when the first of them is needed.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

READERS = 4  # connections kept open; a page or a call of the API needs one at a time
CONNECT_TIMEOUT_S = 10
# One fixed mode for every session: text is escaped with backslashes and quoted with apostrophes,
# and what does not fit a column is an error instead of being cut.
SET_SQL_MODE = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"


class StoreError(Exception):
    """The store can't be used; the text is one line that says why and the way out."""


class BadAddress(StoreError):
    """The database's URL can't be understood."""


class Unavailable(StoreError, ConnectionError):
    """The database can't be reached, or can't write, for now."""


class OutOfSpace(Unavailable):
    """The disk is full."""


class Rejected(StoreError):
    """The server answers, but not to us: a wrong password, or no such database."""


class SchemaNewer(StoreError):
    """The tables were made by a newer version of this program."""


class SchemaOlder(StoreError):
    """The tables were made by an older version of this program, and not migrated since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a database is; as text it never shows the password."""

    dialect: str  # SQLAlchemy's name: "sqlite" or "mysql"
    path: Path = Path()  # of SQLite's file
    host: str = ""
    port: int = 3306
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = ""  # of MySQL's database
    ssl_ca: str = ""  # file with the certificates to trust; "" connects without TLS

    def __str__(self) -> str:
        if self.dialect == "sqlite":
            return f"sqlite:///{self.path}"
        return f"mysql://{self.user}@{self.host}:{self.port}/{self.name}"

    def login(self) -> dict[str, Any]:
        """Return the arguments with which each of MySQL's drivers connects, but the database's."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "charset": "utf8mb4",
            "connect_timeout": CONNECT_TIMEOUT_S,
            "ssl": self.ssl_context(),
        }

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return how to connect with TLS; raises `BadAddress` when `ssl_ca` can't be read."""
        if not self.ssl_ca:
            return None
        try:
            return ssl.create_default_context(cafile=self.ssl_ca)
        except OSError as error:  # an SSLError is one
            reason = error.strerror or error
            raise BadAddress(f"can't use ssl_ca={self.ssl_ca} of the database: {reason}") from None


def parse_url(url: str, folder: Path) -> Address:
    """Read `sqlite:///file` (relative to `folder`) or `mysql://user:password@host:port/name`.

    Raises `BadAddress`, which doesn't repeat the URL, since it may hold a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise BadAddress("the database's URL has brackets that hold no IPv6 address") from None
    if parts.scheme == "sqlite":
        return _sqlite(parts.netloc, unquote(parts.path), parts.query, folder)
    if parts.scheme != "mysql":
        raise BadAddress("a database is sqlite:///FILE or mysql://USER:PASSWORD@HOST:3306/NAME")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    ssl_ca = options.pop("ssl_ca", "")
    if options:
        raise BadAddress(f"the database's URL has an unknown option: {min(options)} (try ssl_ca)")
    try:
        port = parts.port or 3306
    except ValueError:
        raise BadAddress("the database's URL has no valid port after its host") from None
    name = unquote(parts.path.removeprefix("/"))
    if not parts.hostname or not name:
        raise BadAddress("the database's URL names no host or no database: mysql://HOST/NAME")
    return Address(
        dialect="mysql",
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        name=name,
        ssl_ca=ssl_ca,
    )


def _sqlite(netloc: str, path: str, query: str, folder: Path) -> Address:
    if netloc or query or len(path) < 2:
        raise BadAddress("a SQLite database is sqlite:///FILE, or sqlite:////FILE from the root")
    return Address(dialect="sqlite", path=folder / path[1:])  # an absolute path replaces folder


class Database:
    """A database that is read; connections are opened when they are needed, and kept."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine: AsyncEngine | None = None

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name for it: "sqlite" or "mysql"."""
        return self.address.dialect

    async def open(self) -> None:
        """Import what reading needs in a thread, so that the first reader need not."""
        self._engine = await asyncio.to_thread(_engine, self.address)

    @asynccontextmanager
    async def read(self) -> "AsyncIterator[AsyncConnection]":
        """Lend a read-only connection of SQLAlchemy Core; each statement sees all that is written.

        Raises `Unavailable` when there is no connection to be had.
        """
        from sqlalchemy.exc import OperationalError

        if self._engine is None:
            self._engine = _engine(self.address)
        try:
            connection = await self._engine.connect()
        except (OperationalError, OSError) as error:
            raise Unavailable(f"no connection to the database {self.address}") from error
        try:
            yield connection
        finally:
            await connection.close()

    async def size_octets(self) -> int:
        """Return how much the tables and their indexes take."""
        sql = (
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            if self.dialect == "sqlite"
            else "SELECT SUM(data_length + index_length) FROM information_schema.tables"
            " WHERE table_schema = DATABASE()"
        )
        async with self.read() as connection:
            return int((await connection.exec_driver_sql(sql)).scalar() or 0)

    async def close(self) -> None:
        """Close every connection."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None


def _engine(address: Address) -> "AsyncEngine":
    if address.dialect == "sqlite":
        return _sqlite_engine(address.path)
    return _mysql_engine(address)


def _sqlite_engine(path: Path) -> "AsyncEngine":
    import aiosqlite
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import AsyncAdaptedQueuePool

    uri = f"file:{quote(str(path.absolute()))}?mode=ro"

    async def connect() -> aiosqlite.Connection:
        # Without a transaction of its own a statement sees the last commit, and holds no old page
        # that a checkpoint would have to wait for.
        return await aiosqlite.connect(uri, uri=True, isolation_level=None)

    return create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=connect,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=READERS,
        hide_parameters=True,
    )


def _mysql_engine(address: Address) -> "AsyncEngine":
    from sqlalchemy import event
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(
        "mysql+aiomysql://",
        connect_args={**address.login(), "db": address.name, "init_command": SET_SQL_MODE},
        isolation_level="AUTOCOMMIT",  # a statement each, without a round trip before and after
        pool_size=READERS,
        pool_pre_ping=True,  # the server closes connections that idle
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _read_only)
    return engine


def _read_only(connection: Any, _: object) -> None:
    connection.cursor().execute("SET SESSION TRANSACTION READ ONLY")
