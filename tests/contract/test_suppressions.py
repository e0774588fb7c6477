"""Which addresses are listed, on each database."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from msa.envelope import Kind, Recipient
from msa.reply import Reply
from sandbox_mta.mta.status import State
from sandbox_mta.store.composition import Store
from sandbox_mta.store.database import Address
from tests.contract.conftest import BenchClock
from tests.contract.mail import settlement, submission

ADA = "Ada@Customer.example"


@pytest.fixture
async def store(address: Address) -> AsyncIterator[Store]:
    store = Store(address, instance="one")
    store.use_clock(BenchClock())
    store.deliveries.write_beside(store.suppressions.list_failed)
    await store.open()
    yield store
    await store.close()


async def settle(store: Store, state: State, to: str = ADA, **fields: object) -> None:
    kind = fields.pop("kind", Kind.MAIL)
    await store.submissions.accept(submission(recipients=(Recipient(to),), kind=kind))
    [claimed] = await store.deliveries.claim(BenchClock().now + timedelta(days=1), 1)
    await store.deliveries.record([settlement(claimed, state, **fields)])
    await store.deliveries.flush()


async def listed(store: Store) -> list[tuple[str, str]]:
    return [(one.address, one.reason) for one in await store.suppressions.page(10)]


async def test_an_address_that_bounced_for_good_is_listed_once(store: Store) -> None:
    await settle(store, State.BOUNCED)
    await settle(store, State.BOUNCED, to=ADA.lower())

    assert await listed(store) == [(ADA.lower(), "bounce")]
    assert await store.suppressions.among([ADA, "bob@customer.example"]) == {ADA: "bounce"}


@pytest.mark.parametrize(
    ("state", "reply"),
    [
        (State.BOUNCED, Reply(552, "2.2", "The mailbox is full")),
        (State.BOUNCED, Reply(550, "7.1", "Not from you")),
        (State.BOUNCED, Reply(554, "", "No")),
        (State.BOUNCED, Reply(451, "1.1", "We gave up")),
        (State.EXPIRED, Reply(450, "1.1", "Later")),
        (State.DELIVERED, Reply(250, "1.1", "Ok")),
        (State.SUPPRESSED, Reply(550, "1.1", "It is on the list")),
    ],
    ids=str,
)
async def test_what_says_nothing_about_the_address_lists_nothing(
    store: Store, state: State, reply: Reply
) -> None:
    await settle(store, state, reply=reply)

    assert await listed(store) == []


async def test_a_reply_without_an_enhanced_code_counts_by_its_code(store: Store) -> None:
    await settle(store, State.BOUNCED, reply=Reply(550, "", "No such user"))

    assert await listed(store) == [(ADA.lower(), "bounce")]


async def test_a_complaint_lists_its_sender_though_the_mail_was_delivered(store: Store) -> None:
    complaint = submission(kind=Kind.ARF, reverse_path="")

    await settle(store, State.DELIVERED, report=complaint)

    assert await listed(store) == [(ADA.lower(), "complaint")]


async def test_a_report_that_bounces_lists_nobody(store: Store) -> None:
    await settle(store, State.BOUNCED, kind=Kind.DSN)

    assert await listed(store) == []


async def test_an_address_is_taken_off_in_any_case(store: Store) -> None:
    await settle(store, State.BOUNCED)

    assert await store.suppressions.remove("ADA@customer.EXAMPLE")
    assert not await store.suppressions.remove(ADA)
    assert await store.suppressions.among([ADA]) == {}
