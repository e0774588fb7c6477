"""The bridge and the MSA, which share nothing but SMTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bridge.event import EventRef, Record
from bridge.formats import identify
from bridge.pipeline import House, Prepared, prepare
from bridge.ports import Outgoing
from bridge.rendering.catalogue import Catalogue
from bridge.submit import Server, SmtpSubmitter
from msa import Reply, ServerOptions, Submission
from msa.fix.edit import Fixed
from msa.identifier import new_id
from msa.lint.finding import Finding
from msa.server import listen

CATALOGUE = Catalogue(Path(__file__).parents[2] / "templates")
HOUSE = House(domain="bridge.test", sender="no-reply@sandbox.test")


class Store:
    """Keeps submissions by key, as the database does."""

    def __init__(self) -> None:
        self.submissions: list[Submission] = []
        self._keys: dict[str, str] = {}

    async def accept(
        self,
        submission: Submission,
        findings: Sequence[Finding] | None = None,
        fixed: Fixed | None = None,
    ) -> str:
        key = submission.submission_key or submission.id
        if key not in self._keys:
            self._keys[key] = submission.id
            self.submissions.append(submission)
        return self._keys[key]

    async def refuse(
        self, submission: Submission, reply: Reply, findings: Sequence[Finding]
    ) -> None:
        raise AssertionError(f"refused: {reply}")


@asynccontextmanager
async def submitting() -> AsyncIterator[tuple[SmtpSubmitter, Store]]:
    store = Store()
    listening = await listen(
        ServerOptions(),
        store,
        None,
        now=lambda: datetime.now(UTC),
        new_id=new_id,
        host="127.0.0.1",
        port=0,
    )
    host, port = listening.address
    submitter = SmtpSubmitter(Server(host, port), domain="bridge.test")
    try:
        yield submitter, store
    finally:
        await submitter.close()
        await listening.close(1)


def messages_of(data: object, offset: int = 0) -> tuple[Outgoing, ...]:
    record = Record(EventRef("t", 0, offset, 0), None, json.dumps(data).encode())
    identity = identify(record).identity
    made = prepare(record, identity, shelf=CATALOGUE.shelf, house=HOUSE, now=datetime.now(UTC))
    assert isinstance(made, Prepared), made
    return made.messages


async def test_an_event_arrives_as_it_was_composed_with_its_key() -> None:
    [outgoing] = messages_of({"type": "welcome", "to": "žofie@bücher.example", "name": "Žofie"})
    async with submitting() as (submitter, store):
        verdict = await submitter.submit(outgoing)

    [submission] = store.submissions
    assert verdict.submission_id == submission.id
    assert submission.content == outgoing.content
    assert submission.submission_key == outgoing.submission_key
    assert submission.envelope.smtputf8
    assert [r.forward_path for r in submission.envelope.recipients] == ["žofie@bücher.example"]


async def test_a_repeat_hears_the_first_id_and_is_stored_once() -> None:
    [outgoing] = messages_of({"type": "welcome", "id": 1, "to": "ada@example.org"})
    async with submitting() as (submitter, store):
        first = await submitter.submit(outgoing)
        again = await submitter.submit(outgoing)

    assert again.submission_id == first.submission_id
    assert len(store.submissions) == 1


async def test_many_events_at_once_all_arrive() -> None:
    made = [
        messages_of({"type": "welcome", "id": n, "to": f"user{n}@example.org"})[0]
        for n in range(100)
    ]
    async with submitting() as (submitter, store):
        verdicts = await asyncio.gather(*map(submitter.submit, made))

    assert {verdict.code for verdict in verdicts} == {250}
    assert {s.envelope.recipients[0].forward_path for s in store.submissions} == {
        f"user{n}@example.org" for n in range(100)
    }
