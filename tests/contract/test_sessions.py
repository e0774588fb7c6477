"""What was refused, and sessions that delivered nothing, are kept; but not for ever."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from msa import reply
from msa.envelope import Client
from msa.recorder import Ending, Refusal, SessionRecord
from msa.reply import Reply
from sandbox_mta.store import sessions as store_sessions
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address, Database
from sandbox_mta.store.sessions import Sessions
from sandbox_mta.store.tables import refusals, sessions
from sandbox_mta.store.writer import Writer

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def refusal(path: str = "eve@b.example", answer: Reply = reply.TOO_MANY_RECIPIENTS) -> Refusal:
    return Refusal(
        at=NOON,
        command=f"RCPT TO:<{path}>",
        reply=answer,
        reverse_path="ada@a.example",
        forward_path=path,
    )


def record(
    id: str = "s-1", *refused: Refusal, ending: Ending | None = Ending.QUIT, **values: int
) -> SessionRecord:
    return SessionRecord(
        id=id,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=1) if ending else None,
        ending=ending,
        client=Client(address="192.0.2.7", helo="app.example"),
        messages=values.get("messages", 0),
        refused=values.get("refused", len(refused)),
        refusals=refused,
        transcript="      0 C: QUIT\n",
    )


@pytest.fixture
def kept(writer: Writer) -> Sessions:
    return Sessions(writer)


async def ids(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(select(sessions.c.id).order_by("number")))


async def count(database: Database) -> tuple[int, int]:
    async with database.read() as connection:
        found = [
            await connection.scalar(select(func.count()).select_from(table))
            for table in (sessions, refusals)
        ]
    return found[0] or 0, found[1] or 0


async def test_a_session_and_what_was_refused_in_it_are_kept(
    kept: Sessions, database: Database
) -> None:
    kept.record(record("s-1", refusal("eve@b.example"), refusal("x" * 900)))
    await kept.flush()

    async with database.read() as connection:
        session = (await connection.execute(select(sessions))).one()
        found = (await connection.execute(select(refusals).order_by("number"))).all()

    assert (session.id, session.client_address, session.ending) == ("s-1", "192.0.2.7", "quit")
    assert session.refused == 2
    assert session.transcript == "      0 C: QUIT\n"
    assert [row.session_id for row in found] == ["s-1", "s-1"]
    assert found[0].command == "RCPT TO:<eve@b.example>"
    assert (found[0].reply_code, found[0].reply_enhanced) == (452, "4.5.3")
    assert (found[0].reverse_path, found[0].forward_path) == ("ada@a.example", "eve@b.example")


async def test_a_later_record_of_a_session_changes_its_row(
    kept: Sessions, database: Database
) -> None:
    kept.record(record("s-1", refusal(), ending=None))
    await kept.flush()
    kept.record(record("s-1", refusal(), ending=None, refused=2))
    kept.record(record("s-1", ending=Ending.DROPPED, refused=2, messages=7))
    await kept.flush()

    async with database.read() as connection:
        session = (await connection.execute(select(sessions))).one()
    assert (session.ending, session.messages, session.refused) == ("dropped", 7, 2)
    assert session.ended_at is not None
    assert await count(database) == (1, 2)


async def test_sessions_without_a_refusal_push_out_none_that_has_one(
    kept: Sessions, database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_sessions, "KEPT_QUIET", 3)
    kept.record(record("refused", refusal()))
    for number in range(10):
        kept.record(record(f"quiet-{number}"))
    await kept.flush()

    await writer.command(store_sessions.prune)

    assert await ids(database) == ["refused", "quiet-7", "quiet-8", "quiet-9"]


async def test_the_newest_refusals_are_kept(
    kept: Sessions, database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_sessions, "KEPT_REFUSED", 2)
    monkeypatch.setattr(store_sessions, "KEPT_REFUSALS", 4)
    for number in range(5):
        kept.record(record(f"s-{number}", refusal(), refusal()))
    await kept.flush()

    await writer.command(store_sessions.prune)

    assert await ids(database) == ["s-3", "s-4"]
    assert await count(database) == (2, 4)


async def test_pruning_comes_by_itself(
    kept: Sessions, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_sessions, "KEPT_QUIET", 10)
    for some in range(3):
        for number in range(store_sessions.PRUNE_EVERY):
            kept.record(record(f"s-{some}-{number}"))
        await kept.flush()

    stored, _ = await count(database)

    assert stored <= 10 + store_sessions.PRUNE_EVERY


async def test_a_flood_is_bounded_while_it_waits(kept: Sessions, database: Database) -> None:
    for number in range(store_sessions.MAX_WAITING + 50):
        kept.record(record(f"s-{number}"))
    await kept.flush()

    stored, _ = await count(database)
    assert stored <= store_sessions.MAX_WAITING


async def test_what_ends_after_the_store_raises_nothing(address: Address) -> None:
    store = Store(address, instance="one")
    await store.open()
    await store.close()

    store.sessions.record(record())


async def test_everything_can_be_cleared(
    kept: Sessions, database: Database, writer: Writer
) -> None:
    kept.record(record("s-1", refusal()))
    await kept.flush()

    await writer.command(partial(store_sessions.clear))

    assert await count(database) == (0, 0)
