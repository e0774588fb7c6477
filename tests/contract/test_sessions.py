"""What was refused, and sessions that delivered nothing, are kept; but not for ever."""

from collections.abc import AsyncIterator
from dataclasses import replace
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
from sandbox_mta.store.evidence import Evidence
from sandbox_mta.store.sessions import Sessions
from sandbox_mta.store.tables import refusals, sessions, transcripts
from sandbox_mta.store.writer import Writer
from tests.contract.mail import submission

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


async def test_short_runs_do_not_add_up(
    address: Address, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_sessions, "KEPT_QUIET", 5)
    for run in range(4):
        store = Store(address, instance="one")
        await store.open()
        for number in range(4):
            store.sessions.record(record(f"s-{run}-{number}"))
        await store.close()

    assert await ids(database) == ["s-2-3", *(f"s-3-{number}" for number in range(4))]


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


async def test_readers_see_a_session_with_what_was_refused_in_it(
    kept: Sessions, database: Database
) -> None:
    evidence = Evidence(database)
    kept.record(record("s-1", refusal("eve@b.example"), refusal("mal@b.example")))
    kept.record(record("s-2", ending=None))
    await kept.flush()

    found = await evidence.session("s-1")
    assert found is not None
    session, transcript = found
    assert (session.ending, session.refused, session.client.address) == ("quit", 2, "192.0.2.7")
    assert transcript == "      0 C: QUIT\n"
    assert [one.forward_path for one in await evidence.refusals_of("s-1")] == [
        "eve@b.example",
        "mal@b.example",
    ]
    newest, older = await evidence.sessions(5)
    assert (newest.id, newest.ending, newest.ended_at) == ("s-2", "", None)
    assert await evidence.sessions(5, before=newest.number) == (older,)
    assert await evidence.session("no-such-id") is None


async def test_refusals_are_read_newest_first_a_page_at_a_time(
    kept: Sessions, database: Database
) -> None:
    evidence = Evidence(database)
    kept.record(record("s-1", *(refusal(f"r{number}@b.example") for number in range(5))))
    await kept.flush()

    first = await evidence.refusals(2)
    second = await evidence.refusals(2, before=first[-1].number)

    assert [one.forward_path for one in (*first, *second)] == [
        f"r{number}@b.example" for number in (4, 3, 2, 1)
    ]
    assert first[0].reply == "452 4.5.3 Too many recipients"
    assert first[0].client.helo == "app.example"


async def test_a_message_keeps_its_transcript_with_the_reply_to_it(store: Store) -> None:
    accepted = submission(transcript="      0 C: DATA\n")
    refused = submission(transcript="      0 C: DATA\n")
    inside = submission()
    await store.submissions.accept(accepted)
    await store.submissions.refuse(refused, Reply(554, "6.0", "one\ntwo"), [])
    await store.submissions.accept(inside)

    evidence = store.inbox.evidence
    assert await evidence.transcript(accepted.id) == (
        f"      0 C: DATA\n        S: 250 2.0.0 Ok: queued as {accepted.id}\n"
    )
    assert await evidence.transcript(refused.id) == (
        "      0 C: DATA\n        S: 554-5.6.0 one\n        S: 554 5.6.0 two\n"
    )
    assert await evidence.transcript(inside.id) is None


async def test_a_refused_message_leads_to_its_session_until_it_is_deleted(store: Store) -> None:
    mail = submission(transcript="      0 C: DATA\n")
    await store.submissions.refuse(mail, Reply(554, "6.0", "no"), [])
    store.sessions.record(record("s-1", replace(refusal(), submission_id=mail.id)))
    await store.sessions.flush()
    evidence = store.inbox.evidence

    assert await evidence.session_of(mail.id) == "s-1"
    assert [one.submission_id for one in await evidence.refusals(5)] == [mail.id]

    await store.inbox.delete([mail.id])

    assert [one.submission_id for one in await evidence.refusals(5)] == [None]
    assert await evidence.transcript(mail.id) is None
    async with store.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(transcripts)) == 0


async def test_deleting_all_messages_clears_sessions_and_refusals(store: Store) -> None:
    store.sessions.record(record("s-1", refusal()))
    await store.sessions.flush()

    await store.inbox.delete()

    assert await count(store.database) == (0, 0)


@pytest.fixture
async def store(address: Address) -> AsyncIterator[Store]:
    store = Store(address, instance="one")
    await store.open()
    yield store
    await store.close()
