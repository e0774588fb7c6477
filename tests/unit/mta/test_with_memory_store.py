"""The worker over the store in memory that is shipped, instead of the tests' own queue."""

from datetime import UTC, datetime

from msa.envelope import Envelope, Kind, Recipient, Submission
from msa.identifier import new_id
from sandbox_mta.mta.advance import advance_until_idle
from sandbox_mta.mta.clock import MANUAL, Clock, ClockKeeper, started
from sandbox_mta.mta.status import State
from sandbox_mta.mta.worker import Worker
from sandbox_mta.store.memory import MemoryStore
from tests.unit.mta.recipients import QUEUED_AT


async def test_a_message_to_several_is_settled_for_each_and_reports_come_back() -> None:
    clock = Clock(started(None, MANUAL, QUEUED_AT))
    store = MemoryStore(clock.now)
    paths = ("bob@example.net", "defer-2@sim.test", "bounce@sim.test", "mailboxfull@sim.test")
    mail = Submission(
        id=new_id(),
        envelope=Envelope(reverse_path="ada@example.org", recipients=tuple(map(Recipient, paths))),
        content=b"From: ada@example.org\r\nSubject: hi\r\n\r\n",
        accepted_at=datetime.now(UTC),
    )
    await store.accept(mail)

    done = await advance_until_idle(Worker(store, clock), ClockKeeper(clock, store))

    assert done.is_idle
    ends = {
        kept.queued.recipient.forward_path: (kept.state, len(kept.settlements))
        for kept in store.recipients.values()
        if kept.queued.submission_id == mail.id
    }
    assert ends == {
        "bob@example.net": (State.DELIVERED, 1),
        "defer-2@sim.test": (State.DELIVERED, 3),
        "bounce@sim.test": (State.BOUNCED, 1),
        "mailboxfull@sim.test": (State.EXPIRED, 108),
    }
    reports = [kept.submission for kept in store.submissions.values()][1:]
    assert [(each.kind, each.parent_id) for each in reports] == [(Kind.DSN, mail.id)] * 2
