"""Tables are made and brought up to date at start, once, whatever was there before."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, create_engine, inspect, text

from sandbox_mta.store.database import (
    Address,
    Database,
    Rejected,
    SchemaNewer,
    Unavailable,
    parse_url,
)
from sandbox_mta.store.migrations import migrate, revisions
from sandbox_mta.store.tables import metadata
from tests.contract.conftest import SQL_BACKENDS, drop_database, new_database

VIEWS = {
    *("v_messages", "v_recipients", "v_findings", "v_fixes", "v_timeline", "v_events"),
    *("v_refusals", "v_sessions", "v_transcripts"),
}


@pytest.fixture(params=SQL_BACKENDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Address]:
    """A database without tables."""
    if request.param == "sqlite":
        yield parse_url("sqlite:///made/on/the/way.db", tmp_path)
        return
    address = new_database(request.param)
    yield address
    drop_database(address)


@contextmanager
def looking_at(address: Address) -> Iterator[Connection]:
    server = (address.user, address.password, address.host, address.port, address.name)
    is_file = address.dialect == "sqlite"
    engine = create_engine(
        URL.create("sqlite", database=str(address.path))
        if is_file
        else URL.create("mysql+pymysql", *server)
    )
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def test_an_empty_database_gets_every_table_and_view(empty: Address) -> None:
    assert migrate(empty) == revisions()

    with looking_at(empty) as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) == {*metadata.tables, "alembic_version"}
        assert set(found.get_view_names()) == VIEWS
        for view in VIEWS:
            assert connection.execute(text(f"SELECT * FROM {view}")).all() == []


def test_the_tables_are_what_the_program_says_they_are(empty: Address) -> None:
    migrate(empty)

    with looking_at(empty) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)

    assert differences == []


def test_a_second_start_has_nothing_to_do(empty: Address) -> None:
    migrate(empty)

    assert migrate(empty) == []


def test_a_migration_that_was_cut_short_is_repeated(empty: Address) -> None:
    migrate(empty)
    with looking_at(empty) as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("DROP VIEW v_events"))
        connection.execute(text("DROP TABLE findings"))

    migrate(empty)

    with looking_at(empty) as connection:
        assert inspect(connection).has_table("findings")
        assert set(inspect(connection).get_view_names()) == VIEWS


def test_a_database_of_the_first_version_gets_what_came_later(empty: Address) -> None:
    migrate(empty)
    with looking_at(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        for table in ("transcripts", "sessions", "refusals"):
            connection.execute(text(f"DROP TABLE {table}"))

    assert migrate(empty) == revisions()[1:]

    with looking_at(empty) as connection:
        assert set(metadata.tables) <= set(inspect(connection).get_table_names())


def test_processes_that_start_together_migrate_one_after_the_other(empty: Address) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, [empty] * 4))

    assert all(each in ([], revisions()) for each in done)
    assert migrate(empty) == []


def test_a_schema_of_a_newer_version_is_refused_and_left_alone(empty: Address) -> None:
    migrate(empty)
    with looking_at(empty) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaNewer, match="made by a newer version") as refusal:
        migrate(empty)

    assert "\n" not in str(refusal.value)
    with looking_at(empty) as connection:
        assert connection.execute(text("SELECT * FROM alembic_version")).scalar() == "9999"


def test_text_is_compared_octet_by_octet_in_any_script(empty: Address) -> None:
    migrate(empty)
    if empty.dialect == "sqlite":
        return  # it compares so by default
    with looking_at(empty) as connection:
        found = connection.execute(
            text(
                "SELECT DISTINCT collation_name FROM information_schema.columns"
                " WHERE table_schema = DATABASE() AND collation_name IS NOT NULL"
                " AND table_name IN :tables"
            ).bindparams(tables=tuple(metadata.tables)),
        )
        assert set(found.scalars()) == {"ascii_bin", "utf8mb4_bin"}


@pytest.fixture(params=SQL_BACKENDS[1:])
def server(request: pytest.FixtureRequest) -> Iterator[Address]:
    address = new_database(request.param)
    yield address
    drop_database(address)


def test_a_missing_database_is_named_with_the_way_to_make_it(server: Address) -> None:
    with pytest.raises(Rejected, match="CREATE DATABASE no_such_database"):
        migrate(replace(server, name="no_such_database"))


def test_a_wrong_password_is_said_without_showing_it(server: Address) -> None:
    with pytest.raises(Rejected, match="check the password") as refusal:
        migrate(replace(server, password="hunter2"))

    assert "hunter2" not in str(refusal.value)


def test_a_server_that_does_not_answer_is_unavailable(unused_tcp_port: int) -> None:
    url = f"mysql://app:hunter2@127.0.0.1:{unused_tcp_port}/sandbox"

    with pytest.raises(Unavailable, match="no database answers at") as failure:
        migrate(parse_url(url, Path()))

    assert "hunter2" not in str(failure.value)


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("milk, bread, butter\n" * 100)

    with pytest.raises(Unavailable, match="file is not a database"):
        migrate(parse_url("sqlite:///notes.db", tmp_path))


async def test_how_much_a_database_takes_is_known(database: Database) -> None:
    assert await database.size_octets() > 10_000
