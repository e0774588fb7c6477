"""What the MSA may rely on: what is accepted is kept octet by octet, and each key once."""

import asyncio

import pytest

from msa.envelope import Client, Kind, Recipient
from msa.reply import Reply
from tests.contract.conftest import Bench
from tests.contract.mail import finding, submission

EVERY_OCTET = bytes(range(256)) * 3
FIFTY_MB = 50_000_000


@pytest.mark.parametrize(
    "content",
    [b"", b"\r\n", b"x", EVERY_OCTET, b"\x00" * 5, b"'\\'\"%s?`;--\x1a\n", b"\xff\xfe"],
    ids=["empty", "newline", "one", "every octet", "zeros", "quotes", "no text"],
)
async def test_the_content_comes_back_as_it_was(bench: Bench, content: bytes) -> None:
    given = submission(content)

    await bench.submissions.accept(given)

    assert await bench.deliveries.content(given.id) == content


@pytest.mark.parametrize("octets", [2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
async def test_a_content_of_several_pieces_comes_back_whole(bench: Bench, octets: int) -> None:
    content = (EVERY_OCTET * (octets // len(EVERY_OCTET) + 1))[:octets]
    given = submission(content)

    await bench.submissions.accept(given)

    assert await bench.deliveries.content(given.id) == content


@pytest.mark.slow
async def test_fifty_megabytes_go_in_and_come_back(bench: Bench) -> None:
    content = (EVERY_OCTET * (FIFTY_MB // len(EVERY_OCTET) + 1))[:FIFTY_MB]
    given = submission(content)

    await bench.submissions.accept(given)

    assert await bench.deliveries.content(given.id) == content


async def test_an_accepted_message_is_stored_under_its_id(bench: Bench) -> None:
    given = submission(
        b"From: =?utf-8?q?Ad=C3=A9?= <ada@example.org>\r\nSubject: \xf0\x9f\x93\xac mail\r\n\r\n",
        recipients=(
            Recipient("bob@example.org", ("SUCCESS", "FAILURE"), "rfc822;Bob@example.org"),
            Recipient("jösé@bücher.example", ("NEVER",)),
        ),
    )

    assert await bench.submissions.accept(given) == given.id

    seen = await bench.look(given.id)
    assert (seen.author, seen.subject) == ("Adé <ada@example.org>", "📬 mail")
    assert not seen.is_refused
    assert seen.lint is None
    assert tuple(each.recipient for each in seen.recipients) == given.envelope.recipients
    assert {each.state for each in seen.recipients} == {"queued"}


async def test_a_thousand_recipients_are_kept_in_their_order(bench: Bench) -> None:
    given = submission(recipients=1000)

    await bench.submissions.accept(given)

    seen = await bench.look(given.id)
    assert tuple(each.recipient for each in seen.recipients) == given.envelope.recipients


async def test_findings_given_with_a_message_are_stored_with_it(bench: Bench) -> None:
    given, clean = submission(), submission()
    findings = (
        finding("HDR001"),
        finding("BOD011", text="“ö” 😀 ' \\ %s ?", offset=7, line=2, column=3, evidence="\\xff"),
    )

    await bench.submissions.accept(given, findings)
    await bench.submissions.accept(clean, ())

    assert (await bench.look(given.id)).lint == findings
    assert (await bench.look(clean.id)).lint == ()


async def test_a_refused_message_is_kept_with_its_reply_and_is_not_delivered(bench: Bench) -> None:
    given = submission(recipients=2)
    findings = (finding(),)

    await bench.submissions.refuse(given, Reply(550, "6.0", "Lint: no Date"), findings)

    seen = await bench.look(given.id)
    assert seen.is_refused
    assert seen.lint == findings
    assert [(each.state, each.reply) for each in seen.recipients] == [
        ("rejected", "550 5.6.0 Lint: no Date"),
        ("rejected", "550 5.6.0 Lint: no Date"),
    ]
    assert await bench.deliveries.claim(bench.clock(), 10) == []
    assert await bench.deliveries.unsettled() == 0


async def test_ids_that_differ_in_case_only_are_two_messages(bench: Bench) -> None:
    lower, upper = submission(b"lower", id="a" * 22), submission(b"upper", id="A" * 22)

    await bench.submissions.accept(lower)
    await bench.submissions.accept(upper)

    assert await bench.deliveries.content(lower.id) == b"lower"
    assert await bench.deliveries.content(upper.id) == b"upper"


async def test_a_repeated_submission_key_answers_with_the_first_id(bench: Bench) -> None:
    first = submission(submission_key="event-1")
    again = submission(submission_key="event-1")
    other = submission(submission_key="EVENT-1")

    assert await bench.submissions.accept(first) == first.id
    assert await bench.submissions.accept(again) == first.id
    assert await bench.submissions.accept(other) == other.id

    assert (await bench.look(again.id)).content is None
    assert await bench.deliveries.unsettled() == 2


async def test_keys_repeated_at_the_same_time_make_one_message(bench: Bench) -> None:
    given = [submission(submission_key=f"event-{n // 8}") for n in range(64)]

    ids = await asyncio.gather(*(bench.submissions.accept(each) for each in given))

    stored = {each.id for each in given if (await bench.look(each.id)).content is not None}
    assert len(stored) == 8
    assert set(ids) == stored
    assert all(len(set(ids[n : n + 8])) == 1 for n in range(0, 64, 8))


async def test_a_refused_message_does_not_use_up_its_key(bench: Bench) -> None:
    refused = submission(submission_key="event-1")
    better = submission(submission_key="event-1")

    await bench.submissions.refuse(refused, Reply(550, "6.0", "No"), ())

    assert await bench.submissions.accept(better) == better.id


async def test_a_message_that_can_not_be_stored_leaves_the_others_standing(bench: Bench) -> None:
    twin = submission(b"first", id="T" * 22)
    await bench.submissions.accept(twin)
    given = [submission(b"%d" % n) for n in range(20)]
    given.insert(10, submission(b"second", id="T" * 22))

    results = await asyncio.gather(
        *(bench.submissions.accept(each) for each in given), return_exceptions=True
    )

    assert [n for n, result in enumerate(results) if isinstance(result, Exception)] == [10]
    assert await bench.deliveries.content(twin.id) == b"first"
    assert await bench.deliveries.content(given[20].id) == b"19"


async def test_hostile_words_are_kept_or_cut_and_harm_nothing(bench: Bench) -> None:
    words = "'; DROP TABLE submissions; -- \\' ? %s \x00 \udcff 😀" * 30
    given = submission(
        reverse_path=words[:200], client=Client(address="::1", helo=words, user=words, tls=True)
    )

    assert await bench.submissions.accept(given) == given.id

    assert await bench.deliveries.content(given.id) == given.content


async def test_a_session_that_ends_while_it_waits_stops_nobody_else(bench: Bench) -> None:
    given, other = submission(), submission()
    waiting = asyncio.create_task(bench.submissions.accept(given))
    await asyncio.sleep(0)
    waiting.cancel()

    assert await bench.submissions.accept(other) == other.id


async def test_a_report_names_the_message_it_is_about(bench: Bench) -> None:
    about = submission()
    report = submission(kind=Kind.DSN, parent_id=about.id, reverse_path="")

    await bench.submissions.accept(about)
    await bench.submissions.accept(report)

    claimed = await bench.deliveries.claim(bench.clock(), 10)
    assert [(each.kind, each.reverse_path) for each in claimed] == [
        (Kind.MAIL, "app@shop.example"),
        (Kind.DSN, ""),
    ]
