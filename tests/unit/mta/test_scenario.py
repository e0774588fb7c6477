"""One row for each magic address."""

from datetime import timedelta

import pytest

from sandbox_mta.mta import scenario
from sandbox_mta.mta.status import State
from tests.unit.mta.recipients import QUEUED_AT, queued, settled

DELIVERED = "250 2.0.0"


@pytest.mark.parametrize(
    ("forward_path", "status", "reason", "stage"),
    [
        ("success@sim.test", DELIVERED, "", "dot"),
        ("ok@sim.test", DELIVERED, "", "dot"),
        ("delivered@sim.test", DELIVERED, "", "dot"),
        ("bounce@sim.test", "550 5.1.1", "user-unknown", "rcpt"),
        ("nouser@sim.test", "550 5.1.1", "user-unknown", "rcpt"),
        ("softbounce@sim.test", "452 4.2.2", "mailbox-full", "rcpt"),
        ("mailboxfull@sim.test", "452 4.2.2", "mailbox-full", "rcpt"),
        ("fullperm@sim.test", "552 5.2.2", "mailbox-full", "rcpt"),
        ("disabled@sim.test", "550 5.2.1", "mailbox-disabled", "rcpt"),
        ("blocked@sim.test", "554 5.7.1", "blocked", "mail"),
        ("spamblock@sim.test", "550 5.7.1", "spam", "dot"),
        ("dmarc@sim.test", "550 5.7.26", "auth-failure", "dot"),
        ("defer@sim.test", "451 4.3.2", "system", "rcpt"),
        ("defer-2@sim.test", "451 4.3.2", "system", "rcpt"),
        ("defer-0@sim.test", DELIVERED, "", "dot"),
        ("defer-forever@sim.test", "451 4.3.2", "system", "rcpt"),
        ("expire@sim.test", "451 4.3.2", "system", "rcpt"),
        ("550@sim.test", "550 5.0.0", "undefined", "rcpt"),
        ("450@sim.test", "450 4.0.0", "undefined", "rcpt"),
        ("550-5.7.1@sim.test", "550 5.7.1", "undefined", "rcpt"),
        # labels and case change nothing, and neither does the way the domain is written
        ("Bounce+order-7@SIM.test.", "550 5.1.1", "user-unknown", "rcpt"),
        ("bounce@implicit.sim.test", "550 5.1.1", "user-unknown", "rcpt"),
        ("bounce@bücher.sim.test", "550 5.1.1", "user-unknown", "rcpt"),
        # anybody else is an ordinary mailbox
        ("anna@sim.test", DELIVERED, "", "dot"),
        ("550-4.7.1@sim.test", DELIVERED, "", "dot"),
        ("defer-1000@sim.test", DELIVERED, "", "dot"),
        ("590@sim.test", DELIVERED, "", "dot"),
        ("bounce@example.org", DELIVERED, "", "dot"),
        ("bounce@mysim.test", DELIVERED, "", "dot"),
        ('"bounce@sim.test"@example.org', DELIVERED, "", "dot"),
        ("postmaster", DELIVERED, "", "dot"),
    ],
)
def test_the_local_part_decides(forward_path: str, status: str, reason: str, stage: str) -> None:
    settlement = settled(queued(forward_path, smtputf8=True))

    [attempt] = settlement.attempts
    assert f"{settlement.reply.code} {settlement.reply.enhanced}" == status
    assert (settlement.reason, attempt.stage) == (reason, stage)


def test_the_table_has_a_row_here_for_every_name() -> None:
    # The table test above must grow with the table.
    assert set(scenario.MAGIC) | scenario.DELIVERED == {
        "success", "ok", "delivered", "bounce", "nouser", "softbounce", "mailboxfull", "fullperm",
        "disabled", "blocked", "spamblock", "dmarc", "defer", "defer-forever", "expire",
    }  # fmt: skip


def test_the_text_names_the_exchanger_and_the_recipient() -> None:
    settlement = settled(queued("bounce@sim.test"))

    assert "<bounce@sim.test>" in settlement.reply.text
    assert "mx.sim.test" in settlement.reply.text


def test_the_attempt_names_the_rule_that_decided() -> None:
    assert settled(queued("Bounce+x@sim.test")).attempts[0].decided_by == "magic:bounce"
    assert settled(queued()).attempts[0].decided_by == "default"


@pytest.mark.parametrize(("path", "deferrals"), [("defer", 1), ("defer-1", 1), ("defer-12", 12)])
def test_deferrals_are_counted_and_then_it_is_delivered(path: str, deferrals: int) -> None:
    states = [
        settled(queued(f"{path}@sim.test", attempts=made)).state for made in range(deferrals + 2)
    ]

    assert states == [State.DEFERRED] * deferrals + [State.DELIVERED] * 2


@pytest.mark.parametrize("path", ["softbounce", "mailboxfull", "defer-forever", "expire", "450"])
def test_some_never_get_through_and_expire(path: str) -> None:
    recipient = queued(f"{path}@sim.test", state=State.DEFERRED, attempts=107)

    settlement = settled(recipient, QUEUED_AT + timedelta(days=5))

    assert (settlement.state, settlement.reason) == (State.EXPIRED, "expired")


def test_the_first_exchanger_of_the_backup_domain_refuses_and_the_second_delivers() -> None:
    settlement = settled(queued("ok@backup.sim.test"))

    assert settlement.state is State.DELIVERED
    assert [(each.exchanger, each.stage, each.reply.enhanced) for each in settlement.attempts] == [
        ("mx1.backup.sim.test", "connect", "4.4.1"),
        ("mx2.backup.sim.test", "dot", "2.0.0"),
    ]


def test_a_permanent_refusal_by_the_second_exchanger_is_the_end() -> None:
    settlement = settled(queued("bounce@backup.sim.test"))

    assert settlement.state is State.BOUNCED
    assert [each.position for each in settlement.attempts] == [0, 1]
