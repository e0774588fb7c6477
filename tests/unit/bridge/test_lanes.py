"""Lanes: order per key, patience, and nothing lost; with a ledger and a server in memory."""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bridge.event import EventRef, Reason, Record, Tombstone, Unusable
from bridge.lanes import BACKLOG_HIGH, CLAIM, Lanes
from bridge.pipeline import Prepared
from bridge.ports import (
    EventState,
    Identified,
    LedgerEntry,
    Outcome,
    Outgoing,
    TemplateVersion,
    Verdict,
)
from bridge.retry import Pace

FAST = Pace(
    server_first_s=0.001,
    server_cap_s=0.005,
    event_first_s=0.001,
    event_cap_s=0.005,
    claim_every_s=0.001,
)
OK = Verdict(code=250, enhanced="2.0.0", text="Ok: queued as X", submission_id="X")


def entry(number: int, key: bytes | None = b"k", value: bytes = b"") -> LedgerEntry:
    record = Record(EventRef("t", 0, number, 0), key, value or str(number).encode())
    return LedgerEntry(number=number, epoch=1, record=record, identity=str(number), attempts=0)


class Ledger:
    """Keeps outcomes; gives back what was given back."""

    def __init__(self, owed: Sequence[LedgerEntry] = ()) -> None:
        self.owed = deque(owed)
        self.outcomes: list[Outcome] = []
        self.retried: list[str] = []
        self.templates: list[TemplateVersion] = []
        self.failures: Counter[str] = Counter()
        self.changed = asyncio.Condition()
        self.keeps_what_is_given_back = False

    def _may_fail(self, verb: str) -> None:
        if self.failures[verb]:
            self.failures[verb] -= 1
            raise OSError("database is away")

    async def receive(self, records: Sequence[Identified]) -> Sequence[LedgerEntry]:
        return ()

    async def claim(self, limit: int) -> Sequence[LedgerEntry]:
        self._may_fail("claim")
        return [self.owed.popleft() for _ in range(min(limit, len(self.owed)))]

    async def record(self, outcome: Outcome) -> None:
        self._may_fail("record")
        async with self.changed:
            self.outcomes.append(outcome)
            self.changed.notify_all()

    async def retry(self, entry: LedgerEntry, after_s: float, detail: str) -> None:
        self._may_fail("retry")
        self.retried.append(detail)
        again = LedgerEntry(
            number=entry.number,
            epoch=entry.epoch + 1,
            record=entry.record,
            identity=entry.identity,
            attempts=entry.attempts + 1,
        )
        if not self.keeps_what_is_given_back:
            asyncio.get_running_loop().call_later(after_s, self.owed.append, again)

    async def backlog(self) -> int:
        return len(self.owed)

    async def keep_template(self, version: TemplateVersion) -> None:
        self.templates.append(version)

    async def settled(self, count: int) -> list[Outcome]:
        async with self.changed, asyncio.timeout(5):
            await self.changed.wait_for(lambda: len(self.outcomes) >= count)
        return self.outcomes


class Server:
    """Answers as told, else 250; `log` holds what it accepted, in order."""

    def __init__(self, answers: Callable[[str, int], Verdict] | None = None) -> None:
        self._answers = answers or (lambda _path, _try: OK)
        self.tries: Counter[str] = Counter()
        self.log: list[str] = []
        self.busy = 0
        self.most_busy = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def submit(self, outgoing: Outgoing) -> Verdict:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        await self.hold.wait()
        await asyncio.sleep(0)
        self.busy -= 1
        self.tries[outgoing.forward_path] += 1
        verdict = self._answers(outgoing.forward_path, self.tries[outgoing.forward_path])
        if verdict.is_accepted:
            self.log.append(outgoing.forward_path)
        return verdict


async def prepare(entry: LedgerEntry) -> Prepared | Tombstone | Unusable:
    """Make one message for each word of the value."""
    value = (entry.record.value or b"").decode()
    if value == "poison":
        return Unusable(entry.record.ref, Reason.RENDER, "templates/t/subject.j2:1 no")
    messages = tuple(
        Outgoing(
            submission_key=path,
            reverse_path="",
            forward_path=path,
            content=b"",
            template="t",
            template_version="1",
            locale="",
            message_id="",
        )
        for path in value.split()
    )
    template = TemplateVersion(name="t", version="1", sources="{}")
    return Prepared(type="t", messages=messages, template=template)


@asynccontextmanager
async def running(ledger: Ledger, server: Server, **options: object) -> AsyncIterator[Lanes]:
    grace_s = 0.01 if ledger.keeps_what_is_given_back else 30.0
    pace = replace(FAST, grace_s=grace_s)
    lanes = Lanes(ledger, server, prepare, pace=pace, **options)  # type: ignore[arg-type]  # in_flight only
    task = asyncio.create_task(lanes.run())
    try:
        yield lanes
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def answers(**script: list[Verdict]) -> Callable[[str, int], Verdict]:
    def answer(path: str, number: int) -> Verdict:
        said = script.get(f"p{path}", [])
        return said[number - 1] if number <= len(said) else OK

    return answer


def reply(code: int, enhanced: str = "", stage: str = "rcpt") -> Verdict:
    return Verdict(code=code, enhanced=enhanced, text="said the server", stage=stage)


async def test_an_accepted_event_is_recorded_with_its_reply_and_template() -> None:
    ledger = Ledger()
    async with running(ledger, Server()) as lanes:
        lanes.admit([entry(1)])
        [outcome] = await ledger.settled(1)

    assert outcome.state is EventState.ACCEPTED
    assert outcome.type == "t"
    [(outgoing, verdict)] = outcome.submitted
    assert (outgoing.forward_path, verdict) == ("1", OK)
    assert [version.version for version in ledger.templates] == ["1"]


async def test_a_template_version_is_kept_once() -> None:
    ledger = Ledger()
    async with running(ledger, Server(), in_flight=1) as lanes:
        lanes.admit([entry(n) for n in range(5)])
        await ledger.settled(5)

    assert len(ledger.templates) == 1


async def test_events_of_a_key_keep_their_order_whatever_happens() -> None:
    ledger = Ledger()
    server = Server(
        answers(
            p1=[reply(451, "4.7.1"), reply(450)],
            p3=[reply(0)],
            p5=[reply(451, "4.3.0"), reply(421)],
        )
    )
    async with running(ledger, server) as lanes:
        lanes.admit([entry(n) for n in range(8)])
        await ledger.settled(8)

    assert server.log == [str(n) for n in range(8)]


async def test_an_event_that_was_given_back_is_found_behind_many_followers() -> None:
    ledger = Ledger()
    server = Server(answers(p0=[reply(450)]))
    async with running(ledger, server) as lanes:
        lanes.admit([entry(n) for n in range(BACKLOG_HIGH)])
        await ledger.settled(BACKLOG_HIGH)

    assert server.log == [str(n) for n in range(BACKLOG_HIGH)]


async def test_followers_go_on_when_another_bridge_took_their_head() -> None:
    ledger = Ledger()
    ledger.keeps_what_is_given_back = True
    server = Server(answers(p1=[reply(450)]))
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1), entry(2), entry(3)])
        await ledger.settled(2)

    assert server.log == ["2", "3"]


async def test_a_key_that_waits_holds_no_other() -> None:
    ledger = Ledger()
    server = Server(lambda path, _: reply(450) if path == "1" else OK)
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1, b"slow"), entry(2, b"slow"), entry(3, b"a"), entry(4, None)])
        await ledger.settled(2)

    assert sorted(server.log) == ["3", "4"]


async def test_as_many_lanes_work_at_a_time_as_allowed() -> None:
    ledger, server = Ledger(), Server()
    async with running(ledger, server, in_flight=3) as lanes:
        lanes.admit([entry(n, None) for n in range(20)])
        await ledger.settled(20)

    assert server.most_busy == 3


async def test_poison_is_parked_and_its_neighbours_are_mailed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ledger, server = Ledger(), Server()
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1), entry(2, value=b"poison"), entry(3)])
        outcomes = await ledger.settled(3)

    assert server.log == ["1", "3"]
    assert [o.state for o in outcomes] == [
        EventState.ACCEPTED,
        EventState.PARKED,
        EventState.ACCEPTED,
    ]
    assert (outcomes[1].reason, outcomes[1].detail) == ("render", "templates/t/subject.j2:1 no")
    assert "t/0@2 parked (render): templates/t/subject.j2:1 no" in caplog.text


async def test_a_message_refused_for_good_parks_its_event_once() -> None:
    ledger = Ledger()
    server = Server(answers(p1=[reply(550, "5.1.1")] * 9))
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1), entry(2)])
        outcomes = await ledger.settled(2)

    assert outcomes[0].state is EventState.PARKED
    assert outcomes[0].reason == "smtp-permanent"
    assert outcomes[0].detail == "rcpt 1: 550 5.1.1 said the server"
    assert server.tries["1"] == 1


async def test_a_list_of_which_one_is_refused_is_parked_with_both_replies() -> None:
    ledger = Ledger()
    server = Server(answers(pb=[reply(550, "5.1.1")]))
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1, value=b"a b c")])
        [outcome] = await ledger.settled(1)

    assert outcome.state is EventState.PARKED
    assert [verdict.code for _, verdict in outcome.submitted] == [250, 550, 250]
    assert "(2 of 3 accepted)" in outcome.detail


async def test_what_was_accepted_is_not_submitted_again_after_a_deferral() -> None:
    ledger = Ledger()
    server = Server(answers(pb=[reply(450), reply(0)]))
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1, value=b"a b c")])
        [outcome] = await ledger.settled(1)

    assert outcome.state is EventState.ACCEPTED
    assert server.tries == {"a": 1, "b": 3, "c": 1}
    assert ledger.retried == ["rcpt: 450 said the server"]


async def test_an_outage_counts_no_attempt_and_loses_nothing() -> None:
    ledger = Ledger()
    server = Server(lambda _path, number: reply(0, stage="connect") if number < 4 else OK)
    async with running(ledger, server) as lanes:
        lanes.admit([entry(n, None) for n in range(20)])
        outcomes = await ledger.settled(20)

    assert {outcome.state for outcome in outcomes} == {EventState.ACCEPTED}
    assert ledger.retried == []


async def test_a_wrong_password_blocks_and_parks_nothing_until_it_is_right(
    caplog: pytest.LogCaptureFixture,
) -> None:
    is_right = False
    ledger = Ledger()
    server = Server(lambda *_: OK if is_right else reply(535, "5.7.8", "auth"))
    async with running(ledger, server) as lanes:
        lanes.admit([entry(n, None) for n in range(20)])
        async with asyncio.timeout(5):
            while not lanes.blocked:
                await asyncio.sleep(0)
        assert lanes.blocked == "auth: 535 5.7.8 said the server"
        assert ledger.outcomes == []

        is_right = True
        outcomes = await ledger.settled(20)
        assert lanes.blocked == ""

    assert {outcome.state for outcome in outcomes} == {EventState.ACCEPTED}
    errors = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert "blocked, nothing is parked" in errors[0].getMessage()


async def test_a_fault_of_ours_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger()
    ledger.failures["record"] = 2
    async with running(ledger, Server()) as lanes:
        lanes.admit([entry(1), entry(2)])
        outcomes = await ledger.settled(2)

    assert [outcome.entry.number for outcome in outcomes] == [1, 2]
    assert "database is away" in caplog.text


async def test_a_ledger_that_fails_altogether_keeps_the_event_here() -> None:
    ledger = Ledger()
    ledger.failures.update(record=3, retry=3, claim=3)
    async with running(ledger, Server()) as lanes:
        lanes.admit([entry(1), entry(2)])
        outcomes = await ledger.settled(2)

    assert [outcome.entry.number for outcome in outcomes] == [1, 2]


async def test_rows_of_earlier_runs_are_taken_before_kafka_is_read() -> None:
    ledger = Ledger([entry(n, None) for n in range(3 * CLAIM)])
    async with running(ledger, Server()) as lanes:
        assert lanes.is_full()
        await ledger.settled(3 * CLAIM)
        async with asyncio.timeout(5):
            while lanes.is_full():
                await asyncio.sleep(0)


async def test_reading_pauses_when_many_wait_and_goes_on_when_few_do() -> None:
    ledger, server = Ledger(), Server()
    server.hold.clear()
    async with running(ledger, server) as lanes:
        lanes.admit([entry(n, None) for n in range(BACKLOG_HIGH)])
        assert lanes.is_full()
        assert lanes.pending == BACKLOG_HIGH

        server.hold.set()
        await ledger.settled(BACKLOG_HIGH)
        async with asyncio.timeout(5):
            while lanes.is_full():
                await asyncio.sleep(0)
        assert lanes.pending == 0


async def test_an_event_that_comes_twice_is_worked_on_once() -> None:
    ledger, server = Ledger(), Server()
    server.hold.clear()
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1, b"a"), entry(2, b"a")])
        lanes.admit([entry(2, b"a")])
        assert lanes.pending == 2
        server.hold.set()
        await ledger.settled(2)

    assert server.log == ["1", "2"]


async def test_stopping_lets_what_is_being_submitted_end() -> None:
    ledger, server = Ledger(), Server()
    server.hold.clear()
    async with running(ledger, server, in_flight=2) as lanes:
        lanes.admit([entry(n, None) for n in range(9)])
        while server.busy < 2:
            await asyncio.sleep(0)
        stopping = asyncio.create_task(lanes.stop(5))
        await asyncio.sleep(0)
        server.hold.set()
        await stopping

    assert sorted(server.log) == ["0", "1"]
    assert len(ledger.outcomes) == 2


async def test_stopping_has_a_deadline() -> None:
    ledger, server = Ledger(), Server()
    server.hold.clear()
    async with running(ledger, server) as lanes:
        lanes.admit([entry(1)])
        while not server.busy:
            await asyncio.sleep(0)
        await lanes.stop(0.01)

    assert ledger.outcomes == []
