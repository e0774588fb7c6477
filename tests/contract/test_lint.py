"""Lint after the 250: every stored message is judged once, whatever its worker goes through."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from msa.envelope import Submission
from msa.fix import Context, Fixed, fix
from msa.lint import Draft, LintOptions, lint
from msa.ports import Judgement
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address
from sandbox_mta.store.fix_rows import read_fixed
from sandbox_mta.store.lint_feed import LintFeed
from tests.contract.conftest import seen_in_sql
from tests.contract.mail import submission

BAD = b"Subject: no date and no sender\r\n\r\nHi\r\n"
WAIT_S = 60


@pytest.fixture
async def store(address: Address) -> AsyncIterator[Store]:
    store = Store(address, instance="one")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def running(store: Store) -> AsyncIterator[Store]:
    """A store whose lint runs."""
    task = asyncio.create_task(store.lint.run())
    try:
        async with asyncio.timeout(WAIT_S):
            yield store
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_what_is_stored_is_linted_as_the_linter_says(running: Store) -> None:
    given = [submission(BAD), submission(b""), submission(b"\xff\x00" * 50, recipients=3)]
    for each in given:
        await running.submissions.accept(each)

    await running.lint.drained()

    for each in given:
        seen = await seen_in_sql(running, each.id)
        assert seen.lint == lint(each.content, each.envelope)
    assert await running.lint.pending() == 0


async def test_a_zone_file_answers_what_lint_asks_of_dns(address: Address) -> None:
    corpus = Path(__file__).parents[1] / "corpus" / "AUT002"
    options = LintOptions(dns=str(corpus / "zone.txt"), select=("AUT002",))
    store = Store(address, instance="one", lint_options=options)
    await store.open()
    task = asyncio.create_task(store.lint.run())
    try:
        async with asyncio.timeout(WAIT_S):
            given = [submission((corpus / f"{name}.eml").read_bytes()) for name in ("good", "bad")]
            for each in given:
                await store.submissions.accept(each)
            await store.lint.drained()
            judgement = await store.lint.lint(given[1])
        codes = [[one.code for one in (await seen_in_sql(store, each.id)).lint] for each in given]
    finally:
        task.cancel()
        await asyncio.wait([task])
        await store.close()

    assert codes == [[], ["AUT002"]]
    assert [one.code for one in judgement.findings] == ["AUT002"]


async def test_links_are_asked_when_they_should_be(address: Address) -> None:
    # Nobody is at the address, and it isn't allowed: the finding says that it was not asked.
    store = Store(address, instance="one", lint_options=LintOptions(links=True))
    await store.open()
    task = asyncio.create_task(store.lint.run())
    content = b"Subject: x\r\n\r\nhttps://127.0.0.9/\r\n"
    given = submission(content)
    async with asyncio.timeout(WAIT_S):
        await store.submissions.accept(given)
        await store.lint.drained()
    seen = await seen_in_sql(store, given.id)
    task.cancel()
    await asyncio.wait([task])
    await store.close()

    texts = [finding.text for finding in seen.lint or () if finding.code == "LNK006"]
    assert texts == [
        'the address "https://127.0.0.9/" was not asked: '
        "127.0.0.9 is no address of the public internet"
    ]


async def test_what_waited_before_the_start_is_linted(store: Store) -> None:
    given = [submission(BAD) for _ in range(100)]
    await asyncio.gather(*(store.submissions.accept(each) for each in given))
    assert await store.lint.pending() == 100

    task = asyncio.create_task(store.lint.run())
    async with asyncio.timeout(WAIT_S):
        await store.lint.drained()
    task.cancel()
    await asyncio.wait([task])

    assert await store.lint.pending() == 0


async def test_messages_that_come_with_findings_are_not_linted_again(running: Store) -> None:
    given = submission(BAD)
    await running.submissions.accept(given, ())

    await running.lint.drained()

    assert (await seen_in_sql(running, given.id)).lint == ()


async def test_a_killed_worker_is_replaced_and_nothing_is_left_out(running: Store) -> None:
    given = [submission(BAD) for _ in range(300)]
    accepting = asyncio.gather(*(running.submissions.accept(each) for each in given))
    await running.lint.started.wait()

    os.kill(running.lint.worker_id or 0, signal.SIGKILL)
    await accepting
    await running.lint.drained()

    assert await running.lint.pending() == 0
    judged = [(await seen_in_sql(running, each.id)).lint for each in given]
    assert judged == [lint(BAD, each.envelope) for each in given]


async def test_a_message_is_judged_while_its_client_waits(running: Store) -> None:
    given = submission(BAD)

    judged = await running.lint.lint(given)

    assert judged.findings == lint(BAD, given.envelope)


# A worker of the tests: it dies of, or hangs on, whatever says so.
TRAP = """\
import os, time
from sandbox_mta.store import lint_worker

def judge(content, envelope, *more, honest=lint_worker.judge):
    if b"die" in content:
        os._exit(1)
    if b"hang" in content:
        time.sleep(3600)
    return honest(content, envelope, *more)

lint_worker.judge = judge
raise SystemExit(lint_worker.main())
"""


@pytest.mark.parametrize("word", [b"die", pytest.param(b"hang", marks=pytest.mark.slow)])
async def test_a_message_that_stops_the_worker_is_passed_over(store: Store, word: bytes) -> None:
    feed = LintFeed(
        store.database.address,
        store.writer,
        store.database,
        budget_s=2.0,
        command=(sys.executable, "-c", TRAP),
    )
    store.deliveries.subscribe(feed.arrived)
    given = [submission(BAD) for _ in range(40)]
    given[20] = submission(word)
    task = asyncio.create_task(feed.run())
    await asyncio.gather(*(store.submissions.accept(each) for each in given))

    async with asyncio.timeout(WAIT_S):
        await feed.drained()
        while_waiting = await feed.lint(given[20])
    task.cancel()
    await asyncio.wait([task])

    assert while_waiting == Judgement(())
    judged = [(await seen_in_sql(store, each.id)).lint for each in given]
    assert judged[20] == ()
    assert judged[:20] + judged[21:] == [lint(BAD, each.envelope) for each in given[:39]]


async def test_the_worker_lints_with_the_options_of_its_start(store: Store) -> None:
    options = LintOptions(profile="strict", ignore=("HDR004",))
    feed = LintFeed(store.database.address, store.writer, store.database, options)
    given = submission(BAD)
    task = asyncio.create_task(feed.run())

    async with asyncio.timeout(WAIT_S):
        found = (await feed.lint(given)).findings
    task.cancel()
    await asyncio.wait([task])

    assert found == lint(BAD, given.envelope, options)
    assert found != lint(BAD, given.envelope)


async def test_the_worker_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert parent.stdout is not None
    async with asyncio.timeout(WAIT_S):
        worker = int(await parent.stdout.readline())
        pidfd = os.pidfd_open(worker)
        parent.kill()
        await parent.wait()

        await readable(pidfd)  # so it is when the process has ended

    os.close(pidfd)


PARENT = """\
import asyncio, sys
from pathlib import Path
from sandbox_mta.store import open_store

async def main():
    store = await open_store("sqlite:///s.db", folder=Path(sys.argv[1]), instance="one")
    task = asyncio.create_task(store.lint.run())
    await store.lint.started.wait()
    print(store.lint.worker_id, flush=True)
    await task

try:
    import uvloop
except ImportError:
    asyncio.run(main())
else:
    uvloop.run(main())
"""


async def readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(fd, ready.set_result, None)
    await ready
    loop.remove_reader(fd)


async def fixes_of(store: Store, id: str) -> Fixed | None:
    async with store.database.read() as connection:
        sql = f"SELECT number, fixed_at FROM submissions WHERE id = '{id}'"
        number, fixed_at = (await connection.exec_driver_sql(sql)).one()
        columns = "name, part, reference, text, `offset`, size_octets, octets, encoding, reason"
        sql = f"SELECT {columns} FROM fixes WHERE submission = {number} ORDER BY n"
        rows = (await connection.exec_driver_sql(sql)).all()
    return read_fixed([tuple(row) for row in rows]) if fixed_at is not None else None


@pytest.fixture
async def fixing(address: Address) -> AsyncIterator[Store]:
    """A store whose lint runs and fixes."""
    store = Store(address, instance="one", fixes_as="mail.example")
    await store.open()
    task = asyncio.create_task(store.lint.run())
    async with asyncio.timeout(WAIT_S):
        yield store
    task.cancel()
    await asyncio.wait([task])
    await store.close()


def expected(given: Submission) -> Fixed:
    context = Context(id=given.id, hostname="mail.example", accepted_at=given.accepted_at)
    return fix(Draft(given.content, given.envelope), context)


SIGNED = b"DKIM-Signature: d=x.example; h=from:date\r\nFrom: a@x.example\r\n\r\nH\xc3\xa9llo\r\n"


@pytest.mark.parametrize("content", [BAD, b"", b"\xff\x00" * 50, SIGNED])
async def test_fixes_are_stored_with_the_findings(fixing: Store, content: bytes) -> None:
    given = submission(content)
    await fixing.submissions.accept(given)

    await fixing.lint.drained()

    assert await fixes_of(fixing, given.id) == expected(given)


async def test_fixes_of_a_judged_message_are_stored_with_it(fixing: Store) -> None:
    given = submission(BAD)

    findings, fixed = await fixing.lint.lint(given)
    await fixing.submissions.accept(given, findings, fixed)

    assert fixed == expected(given)
    assert await fixes_of(fixing, given.id) == fixed


async def test_without_a_name_to_fix_as_nothing_is_fixed(running: Store) -> None:
    given = submission(BAD)
    await running.submissions.accept(given)

    await running.lint.drained()

    assert await fixes_of(running, given.id) is None
