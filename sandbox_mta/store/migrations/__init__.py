"""Bringing a database's tables up to date: `migrate`.

A revision is a file in `versions`, named by its number. Each is repeatable, since MySQL commits
every change of a table by itself and may be killed between two. The views are made anew after
each migration. Alembic is imported only when there is something to do.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox_mta.store.database import (
    SET_SQL_MODE,
    Address,
    Database,
    SchemaNewer,
    SchemaOlder,
    Unavailable,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

LOCK_TIMEOUT_S = 60  # another process may be migrating
_FOLDER = Path(__file__).parent
_STORED = "SELECT version_num FROM alembic_version"


def revisions() -> list[str]:
    """Return the revisions this program knows, oldest first."""
    return sorted(file.name.split("_")[0] for file in (_FOLDER / "versions").glob("0*.py"))


def migrate(address: Address) -> list[str]:
    """Bring the tables up to date, under a lock, and return the revisions that were applied.

    Blocks; run it in a thread. Raises `SchemaNewer`, `Rejected` or `Unavailable`.
    """
    known = revisions()
    stored = _stored_sqlite(address) if address.dialect == "sqlite" else _stored_mysql(address)
    if stored == known[-1]:
        return []
    if stored is not None and stored not in known:
        raise _newer(address, stored)
    _upgrade(address)
    return known[known.index(stored) + 1 :] if stored else known


async def check_schema(database: Database) -> None:
    """Look whether the tables are those that this program reads, and change nothing.

    Raises `SchemaOlder`, `SchemaNewer` and `Unavailable`.
    """
    from sqlalchemy.exc import OperationalError, ProgrammingError

    # No such table: SQLite calls it operational, MySQL uses that word for a lost connection.
    missing = OperationalError if database.dialect == "sqlite" else ProgrammingError
    async with database.read() as connection:
        try:
            stored = (await connection.exec_driver_sql(_STORED)).scalar()
        except missing:
            stored = None
    known = revisions()
    if stored is not None and stored not in known:
        raise _newer(database.address, stored)
    if stored != known[-1]:
        raise SchemaOlder(
            f"the database {database.address} has schema {stored or 'none'}, "
            f"this program reads {known[-1]}; run sandbox-mta migrate"
        )


def _newer(address: Address, stored: str) -> SchemaNewer:
    return SchemaNewer(
        f"the database {address} was made by a newer version (its schema is {stored}, "
        f"this program knows {revisions()[-1]}); use that version, or another database"
    )


def _stored_sqlite(address: Address) -> str | None:
    from sandbox_mta.store.sqlite import connect

    try:
        address.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"can't make the folder {address.path.parent}: {error}") from error
    with contextlib.closing(connect(address.path)) as connection:
        try:
            found = connection.execute(_STORED).fetchone()
        except sqlite3.OperationalError:
            return None  # no such table
    return found[0] if found else None


def _stored_mysql(address: Address) -> str | None:
    import pymysql

    from sandbox_mta.store.mysql import connection_error

    try:
        connection = pymysql.connect(**address.login(), database=address.name)
    except (pymysql.MySQLError, OSError, RuntimeError) as error:
        raise connection_error(address, error) from error
    with contextlib.closing(connection), connection.cursor() as cursor:
        try:
            cursor.execute(_STORED)
        except pymysql.ProgrammingError:
            return None  # no such table
        found = cursor.fetchone()
    return found[0] if found else None


def _upgrade(address: Address) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy.exc import DBAPIError

    logging.getLogger("alembic").setLevel(logging.WARNING)  # who asks for it says what was done
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    lock = _locked_sqlite if address.dialect == "sqlite" else _locked_mysql
    try:
        with lock(address) as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise Unavailable(f"can't migrate the database {address}: {error.orig}") from error


@contextlib.contextmanager
def _locked_sqlite(address: Address) -> "Iterator[Connection]":
    """Lend the only connection; one transaction holds the whole migration."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import StaticPool

    from sandbox_mta.store.sqlite import connect

    with contextlib.closing(connect(address.path)) as raw:
        raw.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_S * 1000}")
        engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
        with engine.begin() as connection:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
            yield connection
        # The log holds all pages of the new tables: start with an empty one.
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


@contextlib.contextmanager
def _locked_mysql(address: Address) -> "Iterator[Connection]":
    with _mysql_engine(address).connect() as connection:
        name = f"sandbox_mta.{address.name}"[:64]  # the longest name of a lock
        taken = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (name, LOCK_TIMEOUT_S))
        if taken.scalar() != 1:
            raise Unavailable(
                f"another process has been migrating {address} for {LOCK_TIMEOUT_S} s"
            )
        connection.rollback()  # the lock belongs to the session, not to the transaction
        with connection.begin():
            yield connection  # closed by the pool that keeps none, and the lock goes with it


def _mysql_engine(address: Address) -> "Engine":
    from sqlalchemy import NullPool, create_engine

    arguments = {**address.login(), "database": address.name, "init_command": SET_SQL_MODE}
    return create_engine("mysql+pymysql://", connect_args=arguments, poolclass=NullPool)
