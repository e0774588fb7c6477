"""What name servers answered: the newest answer to each question is kept."""

from datetime import UTC, datetime, timedelta

from sandbox_mta.app.answers import Answers
from sandbox_mta.mta.recorded import LookedUp
from sandbox_mta.mta.zone import Result
from sandbox_mta.store.database import Database
from sandbox_mta.store.dns_answers import MAX_NAME, DnsAnswers
from sandbox_mta.store.writer import Writer

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
FOUND = LookedUp(
    "a.example",
    "MX",
    Result.FOUND,
    ("a.example. 60 IN MX 10 x.example.", "a.example. 60 IN MX 20 y.example."),
    AT,
)
OTHER = LookedUp("b.example", "A", Result.NXDOMAIN, (), AT + timedelta(seconds=1))


async def test_the_newest_answer_to_a_question_is_kept(database: Database, writer: Writer) -> None:
    answers = DnsAnswers(database, writer)
    newer = LookedUp("a.example", "MX", Result.TIMEOUT, (), AT + timedelta(minutes=1))

    await answers.keep([FOUND, OTHER])
    assert await answers.all() == (FOUND, OTHER)
    await answers.keep([newer])

    assert await answers.all() == (OTHER, newer)


async def test_names_that_are_too_long_are_not_kept(database: Database, writer: Writer) -> None:
    answers = DnsAnswers(database, writer)

    await answers.keep([LookedUp("x" * (MAX_NAME + 1), "A", Result.FOUND, (), AT)])

    assert await answers.all() == ()


async def test_what_was_told_is_kept_in_batches(database: Database, writer: Writer) -> None:
    kept = DnsAnswers(database, writer)
    answers = Answers(kept.keep)
    for n in range(1200):
        answers.told(LookedUp(f"{n}.example", "A", Result.NXDOMAIN, (), AT))

    await answers.flush()

    assert len(await kept.all()) == 1200
