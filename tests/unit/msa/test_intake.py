import logging
from collections.abc import Sequence

import pytest

from msa import reply
from msa.envelope import Client, Envelope, Recipient, Submission
from msa.fix.edit import Fixed
from msa.intake import Intake
from msa.lint.finding import Finding, Severity
from tests.dialogues.serving import NOW, MemoryStore, WordLinter


def submission(
    content: bytes = b"hello\r\n", key: str | None = None, id: str = "s-1"
) -> Submission:
    return Submission(
        id=id,
        envelope=Envelope(
            reverse_path="ada@example.org", recipients=(Recipient("bob@example.org"),)
        ),
        content=content,
        accepted_at=NOW,
        client=Client(address="127.0.0.1"),
        submission_key=key,
    )


class WatchfulStore(MemoryStore):
    """Remembers the findings and fixes that came with what was accepted."""

    findings: Sequence[Finding] | None = ()
    fixed: Fixed | None = None

    async def accept(
        self,
        submission: Submission,
        findings: Sequence[Finding] | None = None,
        fixed: Fixed | None = None,
    ) -> str:
        self.findings, self.fixed = findings, fixed
        return await super().accept(submission, findings, fixed)


async def test_without_a_linter_the_findings_are_still_to_come() -> None:
    store = WatchfulStore()

    answer = await Intake(store, None).take(submission(b"bad\r\n"))

    assert answer == reply.queued("s-1")
    assert store.findings is None


async def test_with_a_linter_the_findings_are_stored_with_the_message() -> None:
    store = WatchfulStore()

    answer = await Intake(store, WordLinter()).take(submission(b"odd\r\n"))

    assert answer == reply.queued("s-1")
    assert [finding.severity for finding in store.findings or ()] == [Severity.WARNING]
    assert store.fixed == Fixed()


async def test_an_error_is_refused_and_the_refusal_recorded() -> None:
    store = MemoryStore()

    answer = await Intake(store, WordLinter()).take(submission(b"odd\r\nbad\r\n"))

    [(refused, said, findings)] = store.refused
    assert (refused.id, said, len(findings)) == ("s-1", answer, 2)
    assert str(answer) == "554 5.6.0 HDR004 from-missing: there is no From field (line 2)"
    assert store.accepted == []


async def test_the_reply_names_the_id_that_the_store_returned() -> None:
    intake = Intake(MemoryStore(), None)

    answers = [await intake.take(submission(key="k", id=id)) for id in ("s-1", "s-2")]

    assert answers == [reply.queued("s-1")] * 2


@pytest.mark.parametrize(
    ("behaviour", "answer"), [("full", reply.STORE_FULL), ("fails", reply.LOCAL_ERROR)]
)
async def test_a_store_that_can_t_is_transient(behaviour: str, answer: reply.Reply) -> None:
    assert await Intake(MemoryStore(behaviour), None).take(submission()) == answer
    assert answer.is_transient


async def test_each_message_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "msa")

    await Intake(MemoryStore(), WordLinter()).take(submission())
    await Intake(MemoryStore(), WordLinter()).take(submission(b"bad\r\n"))

    said = [
        (record.message, vars(record)["id"], vars(record)["size_octets"])
        for record in caplog.records
    ]
    assert said == [("accepted", "s-1", 7), ("refused", "s-1", 5)]
