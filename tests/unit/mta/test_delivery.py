from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from msa.envelope import Kind
from msa.reply import Reply
from sandbox_mta.mta.delivery import MAX_EXCHANGERS, deliver, domain_of, local_error
from sandbox_mta.mta.exchanger import Outcome
from sandbox_mta.mta.mx import Exchanger, Route
from sandbox_mta.mta.ports import QueuedRecipient
from sandbox_mta.mta.schedule import POSTFIX
from sandbox_mta.mta.status import State
from sandbox_mta.mta.verdicts import Unroutable
from tests.unit.mta.recipients import QUEUED_AT, queued, settled

BUSY = Outcome(Reply(451, "3.2", "busy"), "rcpt", "test", "system")
GONE = Outcome(Reply(550, "1.1", "gone"), "rcpt", "test", "user-unknown")
TAKEN = Outcome(Reply(250, "0.0", "ok"), "dot", "test")
LATER = QUEUED_AT + timedelta(hours=1)


class Answers:
    """Decides by host, and remembers who was asked."""

    def __init__(self, **outcomes: Outcome) -> None:
        self.outcomes = outcomes
        self.asked: list[str] = []

    def __call__(
        self, recipient: QueuedRecipient, exchanger: Exchanger, attempt: int, now: datetime
    ) -> Outcome:
        self.asked.append(exchanger.host)
        return self.outcomes[exchanger.host]


def route_over(*hosts: str) -> Route:
    return Route(tuple(Exchanger(host, ("192.0.2.1",), n) for n, host in enumerate(hosts)))


@pytest.mark.parametrize(
    ("answers", "asked", "state"),
    [
        ({"a": TAKEN, "b": GONE}, ["a"], State.DELIVERED),
        ({"a": GONE, "b": TAKEN}, ["a"], State.BOUNCED),
        ({"a": BUSY, "b": TAKEN}, ["a", "b"], State.DELIVERED),
        ({"a": BUSY, "b": GONE}, ["a", "b"], State.BOUNCED),
        ({"a": BUSY, "b": BUSY}, ["a", "b"], State.DEFERRED),
    ],
)
def test_only_a_transient_answer_leads_to_the_next_exchanger(
    answers: dict[str, Outcome], asked: list[str], state: State
) -> None:
    decide = Answers(**answers)

    settlement = deliver(queued(), route_over("a", "b"), QUEUED_AT, decide, POSTFIX)

    assert decide.asked == asked
    assert settlement.state is state
    assert [attempt.exchanger for attempt in settlement.attempts] == asked
    assert settlement.reply == settlement.attempts[-1].reply


def test_every_try_of_one_attempt_has_its_number() -> None:
    decide = Answers(a=BUSY, b=TAKEN)

    settlement = deliver(queued(attempts=4), route_over("a", "b"), LATER, decide, POSTFIX)

    assert [(each.n, each.position) for each in settlement.attempts] == [(5, 0), (5, 1)]
    assert {each.started_at for each in settlement.attempts} == {LATER}


def test_a_long_list_of_exchangers_is_not_walked_to_its_end() -> None:
    hosts = [f"h{n}" for n in range(MAX_EXCHANGERS + 3)]

    settlement = deliver(
        queued(), route_over(*hosts), QUEUED_AT, Answers(**dict.fromkeys(hosts, BUSY)), POSTFIX
    )

    assert len(settlement.attempts) == MAX_EXCHANGERS


def test_a_deferred_recipient_is_due_when_the_schedule_says() -> None:
    settlement = deliver(queued(), route_over("a"), LATER, Answers(a=BUSY), POSTFIX)

    assert settlement.due_at == POSTFIX.due_at(QUEUED_AT, LATER, 1)
    assert settlement.reason == "system"


@pytest.mark.parametrize("answer", [TAKEN, GONE])
def test_a_settled_recipient_is_never_due(answer: Outcome) -> None:
    settlement = deliver(queued(), route_over("a"), LATER, Answers(a=answer), POSTFIX)

    assert settlement.due_at is None


def test_an_expired_recipient_keeps_the_last_answer() -> None:
    now = QUEUED_AT + POSTFIX.lifetime

    settlement = deliver(queued(), route_over("a"), now, Answers(a=BUSY), POSTFIX)

    assert (settlement.state, settlement.reply, settlement.reason) == (
        State.EXPIRED,
        BUSY.reply,
        "expired",
    )
    assert settlement.due_at is None


def test_the_last_attempt_may_still_deliver() -> None:
    now = QUEUED_AT + POSTFIX.lifetime

    settlement = deliver(queued(), route_over("a"), now, Answers(a=TAKEN), POSTFIX)

    assert settlement.state is State.DELIVERED


@pytest.mark.parametrize("fields", [{"reverse_path": ""}, {"kind": Kind.DSN}])
def test_a_report_lives_as_long_as_reports_do(fields: dict[str, object]) -> None:
    schedule = replace(POSTFIX, report_lifetime=timedelta(minutes=30))

    settlement = deliver(queued(**fields), route_over("a"), LATER, Answers(a=BUSY), schedule)

    assert settlement.state is State.EXPIRED


@pytest.mark.parametrize(
    ("code", "state"), [(550, State.BOUNCED), (451, State.DEFERRED), (556, State.BOUNCED)]
)
def test_a_domain_without_a_route_settles_by_the_class_of_its_verdict(
    code: int, state: State
) -> None:
    nowhere = Unroutable(Reply(code, "4.4", "nowhere"), "dns:test", "dns")

    settlement = deliver(queued(), nowhere, QUEUED_AT, Answers(), POSTFIX)

    assert (settlement.state, settlement.reason) == (state, "dns")
    [attempt] = settlement.attempts
    assert (attempt.exchanger, attempt.address, attempt.preference) == ("", "", None)
    assert (attempt.stage, attempt.decided_by) == ("routing", "dns:test")


def test_a_mistake_of_ours_defers_and_names_itself() -> None:
    settlement = local_error(queued(attempts=2), QUEUED_AT, POSTFIX)

    assert settlement.state is State.DEFERRED
    assert str(settlement.reply) == "451 4.3.0 Local error in processing"
    assert (settlement.attempts[0].n, settlement.attempts[0].decided_by) == (3, "local-error")


def test_equal_exchangers_share_the_mail_and_the_same_mail_goes_the_same_way() -> None:
    def first_hosts() -> list[str]:
        return [settled(queued(f"user{n}@equal.sim.test")).attempts[0].exchanger for n in range(40)]

    assert first_hosts() == first_hosts()
    assert set(first_hosts()) == {"a.equal.sim.test", "b.equal.sim.test"}


@pytest.mark.parametrize(
    ("path", "domain"),
    [
        ("bob@example.org", "example.org"),
        ('"a@b"@example.org', "example.org"),
        ("bob@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        ("postmaster", ""),
    ],
)
def test_the_domain_is_what_follows_the_last_at(path: str, domain: str) -> None:
    assert domain_of(path) == domain


def test_mail_is_not_sent_where_tls_that_is_demanded_is_missing() -> None:
    listed = settled(queued("ada@sts.sim.test"))
    deaf = settled(queued("ada@notls.sim.test"))

    assert listed.state is State.DELIVERED
    assert [(each.stage, each.exchanger, each.decided_by) for each in listed.attempts] == [
        ("routing", "", "tls:validation-failure"),
        ("dot", "mx.sts.sim.test", "default"),
    ]
    assert (deaf.state, deaf.reason) == (State.DEFERRED, "starttls-not-supported")
    assert [(each.stage, each.exchanger) for each in deaf.attempts] == [
        ("starttls", "mx.notls.sim.test")
    ]
