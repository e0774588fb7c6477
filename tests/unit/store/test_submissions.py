"""What happens at the limits of the store: a full disk, a full queue, the instant of a commit."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from msa.envelope import Submission
from msa.ports import StoreFull
from sandbox_mta.store import open_store
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Unavailable
from sandbox_mta.store.statements import Statement, Steps
from sandbox_mta.store.submission_rows import MAX_RECIPIENTS
from sandbox_mta.store.submissions import MAX_WAITING_OCTETS, Submissions
from tests.contract.mail import submission

MEGABYTE = b"x" * 1_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store("sqlite:///sandbox.db", folder=tmp_path, instance="one")
    yield store
    await store.close()


async def pragma(store: Store, text: str) -> int:
    def steps() -> Steps[int]:
        return (yield Statement(f"PRAGMA {text}")).rows[0][0]

    return await store.writer.command(steps)


async def test_a_full_disk_refuses_what_does_not_fit_and_takes_the_rest(store: Store) -> None:
    pages = await pragma(store, "page_count")
    await pragma(store, f"max_page_count = {pages + 100}")
    given = [submission(), submission(MEGABYTE), submission()]

    results = await asyncio.gather(
        *(store.submissions.accept(each) for each in given), return_exceptions=True
    )

    assert [type(result) for result in results] == [str, StoreFull, str]
    assert await store.deliveries.content(given[2].id) == given[2].content
    assert await store.deliveries.unsettled() == 2


async def test_who_comes_when_the_queue_is_full_waits_for_room(store: Store) -> None:
    octets = MAX_WAITING_OCTETS // 3
    given = [submission(bytes(octets)) for _ in range(7)]

    async with asyncio.timeout(60):
        ids = await asyncio.gather(*(store.submissions.accept(each) for each in given))

    assert ids == [each.id for each in given]


async def test_who_waits_too_long_for_room_hears_that_the_store_is_full(store: Store) -> None:
    impatient = Submissions(store.writer, store.deliveries, room_timeout_s=0.0)
    first = asyncio.create_task(impatient.accept(submission(bytes(MAX_WAITING_OCTETS))))
    await asyncio.sleep(0)

    with pytest.raises(StoreFull):
        await impatient.accept(submission())

    await first


async def test_a_message_above_the_limit_of_the_queue_goes_in_alone(store: Store) -> None:
    given = submission(bytes(MAX_WAITING_OCTETS + 1))

    assert await store.submissions.accept(given) == given.id


async def test_after_commit_hears_of_a_submission_before_its_client(tmp_path: Path) -> None:
    heard: list[str] = []
    waiting: list[asyncio.Task[str]] = []

    def after_commit(stored: Sequence[Submission]) -> None:
        heard.extend(each.id for each in stored)
        assert not any(task.done() for task in waiting)

    store = await open_store(
        "sqlite:///sandbox.db", folder=tmp_path, instance="one", after_commit=after_commit
    )
    given = [submission(submission_key="key"), submission(submission_key="key"), submission()]
    waiting += [asyncio.create_task(store.submissions.accept(each)) for each in given]
    await asyncio.gather(*waiting)
    await store.close()

    assert heard == [given[0].id, given[2].id]


async def test_more_recipients_than_can_be_numbered_are_refused(store: Store) -> None:
    await store.submissions.accept(submission(recipients=MAX_RECIPIENTS))

    with pytest.raises(ValueError, match="at most 1024 recipients"):
        await store.submissions.accept(submission(recipients=MAX_RECIPIENTS + 1))


async def test_a_closed_store_takes_nothing(store: Store) -> None:
    await store.writer.close()

    with pytest.raises(Unavailable):
        await store.submissions.accept(submission())


async def test_nothing_is_lost_or_doubled_over_a_clean_restart(tmp_path: Path) -> None:
    given = [submission(recipients=2) for _ in range(30)]
    store = await open_store("sqlite:///sandbox.db", folder=tmp_path, instance="one")
    await asyncio.gather(*(store.submissions.accept(each) for each in given))
    await store.deliveries.claim(given[0].accepted_at.replace(year=2099), 10)
    await store.close()

    store = await open_store("sqlite:///sandbox.db", folder=tmp_path, instance="one")
    claimed = await store.deliveries.claim(given[0].accepted_at.replace(year=2099), 1000)
    await store.close()

    assert len({each.number for each in claimed}) == len(claimed) == 60
