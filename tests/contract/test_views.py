"""The views, and docs/sql.md, which describes them and asks them questions."""

import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from sandbox_mta.store.database import Database
from sandbox_mta.store.statements import Statement, Steps
from sandbox_mta.store.views import create_statements, drop_statements
from sandbox_mta.store.writer import Writer
from tests.contract.sample import WELCOME, write_sample

DOCS = (Path(__file__).parents[2] / "docs" / "sql.md").read_text()
VIEWS = (
    *("v_messages", "v_recipients", "v_findings", "v_fixes", "v_timeline", "v_events"),
    *("v_refusals", "v_sessions", "v_transcripts"),
)
QUESTIONS = re.findall(
    r"^### (?P<title>[^\n]+)$"
    r"|^```sql ?(?P<dialect>\w*)\n(?P<query>.+?)```\n```text\n(?P<answer>.*?)```$",
    DOCS,
    re.MULTILINE | re.DOTALL,
)


def questions() -> list[object]:
    asked, title = [], ""
    for heading, dialect, query, answer in QUESTIONS:
        title = heading or title
        if query:
            asked.append(pytest.param(dialect, query, answer.splitlines(), id=title))
    return asked


def described(view: str) -> list[str]:
    section = DOCS.split(f"## {view}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \| .+\. \|$", section, re.MULTILINE)


async def rows_of(database: Database, query: str) -> Sequence[Sequence[object]]:
    async with database.read() as connection:
        return (await connection.execute(text(query))).all()


def shown(value: object) -> str:
    if isinstance(value, float | Decimal):
        return f"{value:.6f}".rstrip("0").rstrip(".")  # databases differ in trailing zeros
    return "NULL" if value is None else str(value)


@pytest.mark.parametrize("view", VIEWS)
async def test_every_column_is_described(database: Database, view: str) -> None:
    async with database.read() as connection:
        columns = list((await connection.execute(text(f"SELECT * FROM {view}"))).keys())

    assert columns == described(view)


def test_there_are_at_least_ten_questions() -> None:
    assert len(questions()) >= 10
    assert DOCS.count("```sql") == len(questions())


@pytest.mark.parametrize(("dialect", "query", "answer"), questions())
async def test_a_question_of_the_docs_is_answered(
    database: Database, writer: Writer, dialect: str, query: str, answer: list[str]
) -> None:
    if dialect not in ("", database.dialect):
        pytest.skip(f"asked of {dialect} only")
    await write_sample(writer)

    rows = await rows_of(database, query)

    assert [" | ".join(map(shown, row)) for row in rows] == answer


async def test_times_are_utc_whatever_the_time_zone_of_the_session(
    database: Database, writer: Writer
) -> None:
    await write_sample(writer)

    async with database.read() as connection:
        if database.dialect == "mysql":
            await connection.execute(text("SET time_zone = '-11:00'"))
        query = text("SELECT accepted_at FROM v_messages WHERE number = 1")
        assert await connection.scalar(query) == "2026-11-24 12:00:01.000000"
        if database.dialect == "mysql":
            await connection.execute(text("SET time_zone = DEFAULT"))


async def test_a_message_that_two_recipients_of_an_event_share_is_one_row(
    database: Database, writer: Writer
) -> None:
    await write_sample(writer)

    def again() -> Steps[None]:
        yield Statement(
            "INSERT INTO event_messages SELECT event, 1, submission_key, submission_id,"
            " forward_path, message_id, template, template_version, locale, reply_code,"
            " reply_enhanced, reply_text, recorded_at FROM event_messages"
        )

    await writer.command(again)

    rows = await rows_of(database, f"SELECT event_offset FROM v_messages WHERE id = '{WELCOME}'")
    assert [tuple(row) for row in rows] == [(41,)]
    steps = await rows_of(
        database, f"SELECT what FROM v_timeline WHERE submission_id = '{WELCOME}' AND n < 10"
    )
    assert sorted(what for (what,) in steps) == ["accepted", "linted", "received"]


async def test_a_view_can_be_made_anew(database: Database, writer: Writer) -> None:
    def anew() -> Steps[None]:
        for statement in drop_statements(database.dialect) + create_statements(database.dialect):
            yield Statement(statement)

    await writer.command(anew)

    assert list(await rows_of(database, "SELECT * FROM v_events")) == []


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * FROM v_messages WHERE id = '{WELCOME}'",
        f"SELECT * FROM v_recipients WHERE submission_id = '{WELCOME}'",
        f"SELECT * FROM v_findings WHERE submission_id = '{WELCOME}'",
        f"SELECT * FROM v_timeline WHERE submission_id = '{WELCOME}' ORDER BY n",
    ],
)
@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_one_message_is_found_by_an_index(database: Database, query: str) -> None:
    plan = await rows_of(database, f"EXPLAIN QUERY PLAN {query}")

    scans = [row[-1] for row in plan if re.match(r"SCAN (?!v_timeline|\(|CONSTANT)", str(row[-1]))]
    assert scans == []
