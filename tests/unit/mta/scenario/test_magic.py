"""One row for each magic address."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_mta.mta import dsn
from sandbox_mta.mta.scenario import Scenario, compat, magic
from sandbox_mta.mta.scenario.message import read_fields
from sandbox_mta.mta.schedule import POSTFIX
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
        ("550-4.7.1@sim.test", DELIVERED, "", "dot"),
        ("transient@sim.test", "452 4.3.1", "system", "mail"),
        ("greylist@sim.test", "451 4.7.1", "greylisted", "rcpt"),
        ("greylist-10m@sim.test", "451 4.7.1", "greylisted", "rcpt"),
        ("throttle@sim.test", DELIVERED, "", "dot"),
        ("throttle-5pm@sim.test", DELIVERED, "", "dot"),
        ("timeout@sim.test", "451 4.4.1", "network", "connect"),
        ("refused@sim.test", "451 4.4.1", "network", "connect"),
        ("unreachable@sim.test", "451 4.4.1", "network", "connect"),
        ("drop-rcpt@sim.test", "451 4.4.2", "network", "rcpt"),
        ("drop-data@sim.test", "451 4.4.2", "network", "data"),
        ("drop-dot@sim.test", "451 4.4.2", "network", "dot"),
        ("stall-banner@sim.test", "451 4.4.2", "network", "banner"),
        ("slow-30s@sim.test", DELIVERED, "", "dot"),
        ("toobig-99@sim.test", "552 5.3.4", "message-too-big", "mail"),
        ("toobig-1mb@sim.test", DELIVERED, "", "dot"),
        ("suppressed@sim.test", "550 5.1.1", "suppressed", "routing"),
        ("discard@sim.test", DELIVERED, "discarded", "dot"),
        ("relayed@sim.test", DELIVERED, "", "dot"),
        ("complaint@sim.test", DELIVERED, "", "dot"),
        ("ooto@sim.test", DELIVERED, "", "dot"),
        ("autoreply@sim.test", DELIVERED, "", "dot"),
        ("oob@sim.test", DELIVERED, "", "dot"),
        ("code+550@sim.test", "550 5.0.0", "undefined", "rcpt"),
        ("code+550+no+such+user+here@sim.test", "550 5.0.0", "undefined", "rcpt"),
        ("code+452+4.2.2+full@sim.test", "452 4.2.2", "mailbox-full", "rcpt"),
        ("code+550+4.2.2+full@sim.test", DELIVERED, "", "dot"),
        ("code@sim.test", DELIVERED, "", "dot"),
        ("mailfrom-550@sim.test", "550 5.0.0", "undefined", "mail"),
        ("rcpt-blocked@sim.test", "554 5.7.1", "blocked", "rcpt"),
        ("data-bounce@sim.test", "550 5.1.1", "user-unknown", "data"),
        ("gmail.mailbox-full@sim.test", "452 4.2.2", "mailbox-full", "rcpt"),
        ("yahoo.rcpt-rate@sim.test", "450 ", "rate-limited", "rcpt"),
        # a tag asks for the same at any domain
        ("alice+sim-bounce@example.org", "550 5.1.1", "user-unknown", "rcpt"),
        ("alice+news+sim-defer-2@example.org", "451 4.3.2", "system", "rcpt"),
        ("alice+sim-code+554+go+away@example.org", "554 5.0.0", "undefined", "rcpt"),
        ("alice+sim-nothing@example.org", DELIVERED, "", "dot"),
        # labels and case change nothing, and neither does the way the domain is written
        ("Bounce+order-7@SIM.test.", "550 5.1.1", "user-unknown", "rcpt"),
        ("bounce@implicit.sim.test", "550 5.1.1", "user-unknown", "rcpt"),
        ("bounce@bücher.sim.test", "550 5.1.1", "user-unknown", "rcpt"),
        # anybody else is an ordinary mailbox
        ("anna@sim.test", DELIVERED, "", "dot"),
        ("drop-nothing@sim.test", DELIVERED, "", "dot"),
        ("no.such.preset@sim.test", DELIVERED, "", "dot"),
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


def test_every_name_means_an_outcome() -> None:
    for name in magic.NAMES:
        asked = magic.asked_by(f"{name}@sim.test")
        assert asked is not None, name
        assert asked.rule == f"magic:{name}"


@pytest.mark.parametrize(
    ("forward_path", "status", "decided_by"),
    [
        ("success@simulator.amazonses.com", DELIVERED, "ses:success"),
        ("bounce+label@simulator.amazonses.com", "550 5.1.1", "ses:bounce"),
        ("ooto@simulator.amazonses.com", DELIVERED, "ses:ooto"),
        ("complaint@simulator.amazonses.com", DELIVERED, "ses:complaint"),
        ("suppressionlist@simulator.amazonses.com", "550 5.1.1", "ses:suppressed"),
        ("HardBounce@bounce-testing.postmarkapp.com", "550 5.1.1", "postmark:bounce"),
        ("hard_bounce@bounce-testing.postmarkapp.com", "550 5.1.1", "postmark:bounce"),
        ("SoftBounce@bounce-testing.postmarkapp.com", "452 4.2.2", "postmark:softbounce"),
        ("SpamNotification@bounce-testing.postmarkapp.com", "550 5.7.1", "postmark:spamblock"),
        ("DMARCPolicy@bounce-testing.postmarkapp.com", "550 5.7.26", "postmark:dmarc"),
        ("VirusNotification@bounce-testing.postmarkapp.com", "552 5.7.0",
         "postmark:gmail.bad-attachment"),
        ("delivered@resend.dev", DELIVERED, "resend:delivered"),
        ("bounced@resend.dev", "550 5.1.1", "resend:bounce"),
        ("complained@resend.dev", DELIVERED, "resend:complaint"),
        ("suppressed@resend.dev", "550 5.1.1", "resend:suppressed"),
        ("hard-bounce@bounce-test.mailersend.net", "550 5.1.1", "mailersend:bounce"),
        ("soft-bounce@bounce-test.mailersend.net", "452 4.2.2", "mailersend:softbounce"),
        ("blocked@bounce-test.mailersend.net", "554 5.7.1", "mailersend:blocked"),
        ("transient@bounce-test.mailersend.net", "452 4.3.1", "mailersend:transient"),
        ("dns-error@bounce-test.mailersend.net", "550 5.4.4", "mailersend:550-5.4.4"),
        ("dmarc@bounce-test.mailersend.net", "550 5.7.26", "mailersend:dmarc"),
        ("bounce+550+no+such+user@customer.example", "550 5.0.0", "mailtrap:code"),
        ("anything@accept.bouncy-sink.trymsys.net", DELIVERED, "sparkpost:success"),
        ("anything@fbl.bouncy-sink.trymsys.net", DELIVERED, "sparkpost:complaint"),
        ("anything@oob.bouncy-sink.trymsys.net", DELIVERED, "sparkpost:oob"),
        # nobody's test address
        ("anna@simulator.amazonses.com", DELIVERED, "default"),
        ("bounce+order-7@customer.example", DELIVERED, "default"),
    ],
)  # fmt: skip
def test_the_test_addresses_of_services_work_as_there(
    forward_path: str, status: str, decided_by: str
) -> None:
    settlement = settled(queued(forward_path))

    assert f"{settlement.reply.code} {settlement.reply.enhanced}" == status
    assert settlement.attempts[0].decided_by == decided_by


def test_every_test_address_of_a_service_means_an_outcome() -> None:
    for domain, service in compat.SERVICES.items():
        for local in service.local_parts:
            assert magic.asked_by(f"{local}@{domain}") is not None, (domain, local)


def test_the_words_of_a_code_are_those_of_the_address() -> None:
    settlement = settled(queued("code+550+no%20such+user%0d%0a{rcpt}@sim.test"))

    assert str(settlement.reply) == "550 5.0.0 no such user  (rcpt)"


def test_what_is_suppressed_asks_nobody() -> None:
    settlement = settled(queued("suppressed@sim.test"))

    [attempt] = settlement.attempts
    assert settlement.state is State.SUPPRESSED
    assert (attempt.exchanger, attempt.address) == ("", "")


def test_a_slow_session_ends_later() -> None:
    [attempt] = settled(queued("slow-30s@sim.test")).attempts

    assert attempt.ended_at - attempt.started_at == timedelta(seconds=30)


def test_a_greylist_lets_pass_who_comes_back_late_enough_and_remembers_it() -> None:
    decide = Scenario()

    def state_after(minutes: int, sender: str = "ada@example.org") -> State:
        now = QUEUED_AT + timedelta(minutes=minutes)
        recipient = queued("greylist@sim.test", reverse_path=sender, queued_at=now)
        return settled(recipient, now, decide).state

    assert [state_after(0), state_after(4), state_after(5)] == [
        State.DEFERRED, State.DEFERRED, State.DELIVERED,
    ]  # fmt: skip
    assert state_after(6) is State.DELIVERED  # another message of the two
    assert state_after(6, "eve@example.org") is State.DEFERRED
    assert state_after(60 * 24 * 40) is State.DEFERRED  # forgotten by then


def test_a_throttle_takes_so_many_a_minute_and_defers_the_others() -> None:
    decide = Scenario()

    def states_after(seconds: int, count: int) -> list[State]:
        now = QUEUED_AT + timedelta(seconds=seconds)
        return [settled(queued("throttle@sim.test"), now, decide).state for _ in range(count)]

    assert states_after(0, 7) == [State.DELIVERED] * 5 + [State.DEFERRED] * 2
    assert states_after(12, 2) == [State.DELIVERED, State.DEFERRED]
    assert states_after(3600, 6) == [State.DELIVERED] * 5 + [State.DEFERRED]


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


def test_a_server_without_dsn_relays_and_who_asked_hears_of_it() -> None:
    settlement = settled(queued("relayed@sim.test", notify=("SUCCESS",)))

    assert settlement.state is State.RELAYED
    assert dsn.is_due(settlement, POSTFIX, QUEUED_AT)


def test_what_is_discarded_is_reported_to_nobody() -> None:
    discarded, delivered = (
        settled(queued(f"{name}@sim.test", notify=("SUCCESS",))) for name in ("discard", "ok")
    )

    assert discarded.state is delivered.state is State.DELIVERED
    assert not dsn.is_due(discarded, POSTFIX, QUEUED_AT)
    assert dsn.is_due(delivered, POSTFIX, QUEUED_AT)


@given(st.text(max_size=70), st.sampled_from(["sim.test", "resend.dev", "x.example", "", "@"]))
def test_any_address_is_ordinary_or_asks_for_something(local: str, domain: str) -> None:
    for path in (f"{local}@{domain}", f"a+sim-{local}@{domain}", f"code+550+{local}@sim.test"):
        settlement = settled(queued(path))

        assert settlement.reply.code // 100 in (2, 4, 5)
        assert all(line.isprintable() for line in settlement.attempts[-1].decided_by.split())


@given(st.binary(max_size=300))
def test_any_octets_have_fields(content: bytes) -> None:
    fields = read_fields(content)

    assert all(name == name.lower() for name in fields)
    assert "X-Sandbox-Outcome" not in fields
