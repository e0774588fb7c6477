"""The scenario language: one row for each matcher and each outcome, and how rules add up."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_mta.mta.scenario.answer import Case
from sandbox_mta.mta.scenario.explain import explain
from sandbox_mta.mta.scenario.language import read_rules
from sandbox_mta.mta.status import State
from tests.unit.mta.recipients import QUEUED_AT, queued, settled
from tests.unit.mta.scenario.cases import MX, one_rule, outcome_of, scenario, status

ROOT = Path(__file__).parents[4]
MAIL = (
    b"Subject: =?utf-8?q?Invoice_=E2=82=AC5?=\r\nList-Id: <a.b>\r\nX-Template: welcome@3f2a\r\n"
    b"X-Event-Type: user.signed-up\r\n\r\nHello\r\n"
)


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ('rcpt = "BOB@*"', True),
        ('rcpt = "bob"', False),
        ('rcpt = ["eve@*", "b?b@*"]', True),
        ('sender = "ada@example.org"', True),
        ('sender = "*@example.net"', False),
        ('domain = "*.net"', True),
        ('domain = "example.org"', False),
        ('mx = "mx.*"', True),
        ('mx = "mx2.*"', False),
        ('header = { "Subject" = "invoice €*" }', True),
        ('header = { "subject" = "receipt*" }', False),
        ('header = { "X-None" = "*" }', False),
        ('header = { "Subject" = "*", "List-Id" = "*" }', True),
        ('header = { "Subject" = "*", "X-None" = "*" }', False),
        ('template = "welcome"', True),
        ('template = "wel"', False),
        ('template = "welcome@3f*"', True),
        ('event_type = "user.*"', True),
        ('event_type = "order.*"', False),
        ('size = ">99"', True),
        ('size = ">100"', False),
        ('size = ">=100"', True),
        ('size = "<1KB"', True),
        ('size = "<=99"', False),
        ("attempt = 1", True),
        ('attempt = "2-3"', False),
        ('attempt = "1-"', True),
        ("after = 2029-12-31T00:00:00Z", True),
        ("after = 2030-01-01T01:00:00+00:00", False),
        ("before = 2030-01-01T00:00:00", False),
        ("after = 00:00:00, before = 00:30:00", True),
        ("after = 23:00:00, before = 01:00:00", True),
        ("after = 02:00:00, before = 03:00:00", False),
        ("percent = 100", True),
        ("percent = 0", False),
        ('nth = "1"', True),
        ('nth = "2"', False),
        ('rcpt = "bob@*", domain = "example.org"', False),
        ("", True),
    ],
)  # fmt: skip
def test_a_matcher_holds_or_not(match: str, holds: bool) -> None:
    outcome = outcome_of(one_rule(match), content=MAIL)

    assert (status(outcome) == "550 5.1.1") is holds


@pytest.mark.parametrize(
    ("words", "expected", "stage", "reason"),
    [
        ("deliver", "250 2.0.0", "dot", ""),
        ("discard", "250 2.0.0", "dot", "discarded"),
        ("defer", "451 4.3.2", "rcpt", "system"),
        ("defer 3x", "451 4.3.2", "rcpt", "system"),
        ("defer*", "451 4.3.2", "rcpt", "system"),
        ("defer* gmail.mailbox-full", "452 4.2.2", "rcpt", "mailbox-full"),
        ("defer 421 4.7.0 Slow down @banner", "421 4.7.0", "banner", "undefined"),
        ("bounce", "550 5.1.1", "rcpt", "user-unknown"),
        ("bounce @mail", "550 5.1.1", "mail", "user-unknown"),
        ("bounce 554", "554 5.0.0", "rcpt", "undefined"),
        ("bounce 550 5.7.26 No", "550 5.7.26", "rcpt", "auth-failure"),
        ("bounce gmail.spam", "550 5.7.1", "dot", "spam"),
        ("yahoo.rcpt-rate", "450", "rcpt", "rate-limited"),
        ("greylist:5m", "451 4.7.1", "rcpt", "greylisted"),
        ("greylist:5m postfix.greylist", "450 4.2.0", "rcpt", "greylisted"),
        ("refuse", "451 4.4.1", "connect", "network"),
        ("connect-timeout", "451 4.4.1", "connect", "network"),
        ("unreachable", "451 4.4.1", "connect", "network"),
        ("drop @dot", "451 4.4.2", "dot", "network"),
        ("stall @mail", "451 4.4.2", "mail", "network"),
        ("tls-missing", "451 4.7.4", "starttls", "tls"),
        ("tls-fail:expired", "451 4.7.5", "tls", "tls"),
        ("tls-fail:mismatch", "451 4.7.5", "tls", "tls"),
        ("sts-fail", "451 4.7.5", "tls", "tls"),
        ("dane-fail", "451 4.7.5", "tls", "tls"),
        ("mailbox-full", "552 5.2.2", "rcpt", "mailbox-full"),
        ("mailbox-full:soft", "452 4.2.2", "rcpt", "mailbox-full"),
        ("too-big:99", "552 5.3.4", "mail", "message-too-big"),
        ("too-big:1MB", "250 2.0.0", "dot", ""),
        ("disabled", "550 5.2.1", "rcpt", "mailbox-disabled"),
        ("moved:new@example.org", "551 5.1.6", "rcpt", "moved"),
        ("no-smtputf8", "250 2.0.0", "dot", ""),
        ("no-dsn", "250 2.0.0", "dot", ""),
        ("suppress", "550 5.1.1", "routing", "suppressed"),
        ("suppress:complaint", "550 5.1.1", "routing", "suppressed"),
        ("throttle:20/m", "250 2.0.0", "dot", ""),
        ("concurrency:2", "250 2.0.0", "dot", ""),
    ],
)  # fmt: skip
def test_an_outcome_is_what_its_words_say(
    words: str, expected: str, stage: str, reason: str
) -> None:
    outcome = outcome_of(one_rule(outcome=f'"{words}"'))

    assert (status(outcome), outcome.stage, outcome.reason) == (expected, stage, reason)


def test_a_server_without_smtputf8_refuses_who_needs_it() -> None:
    outcome = outcome_of(one_rule(outcome='"no-smtputf8"'), smtputf8=True)

    assert status(outcome) == "550 5.6.7"


@pytest.mark.parametrize(
    ("outcome", "codes"),
    [
        ('["defer", "bounce"]', [451, 550, 550]),
        ('["defer 2x", "deliver"]', [451, 451, 250]),
        ('["drop @dot", "deliver"]', [451, 250, 250]),
        ('["deliver"]', [250, 250, 250]),
        ('"defer"', [451, 250, 250]),
        ('"defer 2x"', [451, 451, 250]),
        ('"defer*"', [451, 451, 451]),
        ('"gmail.spam 1x"', [550, 250, 250]),
        ('"drop"', [451, 451, 451]),
    ],
)
def test_a_list_has_an_outcome_for_each_attempt(outcome: str, codes: list[int]) -> None:
    decide = one_rule(outcome=outcome)

    assert [outcome_of(decide, attempt=n).reply.code for n in (1, 2, 3)] == codes


def test_the_first_rule_with_an_outcome_decides_and_the_effects_of_all_add_up() -> None:
    decide = scenario(
        """
        [[rule]]
        also = "slow:8s"
        [[rule]]
        name = "first"
        outcome = "bounce"
        also = ["slow:1s", "slow:1s"]
        [[rule]]
        name = "second"
        outcome = "deliver"
        [[rule]]
        match = { rcpt = "eve@*" }
        also = "slow:1h"
        [[rule]]
        also = "slow:20s"
        """
    )

    outcome = outcome_of(decide)

    assert status(outcome) == "550 5.1.1"
    assert outcome.took == timedelta(seconds=30)
    assert outcome.rule == f"rule:first [{decide.rules.version}]"


def test_without_a_rule_that_decides_there_is_the_default() -> None:
    decide = scenario('[default]\noutcome = "bounce gmail.spam"')

    assert status(outcome_of(decide)) == "550 5.7.1"
    assert outcome_of(decide).rule == f"default [{decide.rules.version}]"
    assert outcome_of(scenario("")).rule == "default"


def test_what_an_address_asks_for_goes_before_rules_unless_that_is_turned_off() -> None:
    rules = '[[rule]]\noutcome = "deliver"\n'

    assert status(outcome_of(scenario(rules), "bounce@sim.test")) == "550 5.1.1"
    off = scenario(f"{rules}[routing]\nmagic = false")
    assert status(outcome_of(off, "bounce@sim.test")) == "250 2.0.0"
    no_services = scenario(f"{rules}[routing]\ncompat = false")
    assert status(outcome_of(no_services, "bounced@resend.dev")) == "250 2.0.0"
    assert status(outcome_of(no_services, "bounce@sim.test")) == "550 5.1.1"
    some = scenario(f'{rules}[routing]\ncompat = ["resend"]')
    assert status(outcome_of(some, "bounced@resend.dev")) == "550 5.1.1"
    assert status(outcome_of(some, "bounce@simulator.amazonses.com")) == "250 2.0.0"
    assert status(outcome_of(some, "bounce+550+x@customer.example")) == "250 2.0.0"


@pytest.mark.parametrize(
    ("header", "rcpt", "expected"),
    [
        (b"X-Sandbox-Outcome: bounce", "bob@example.net", "550 5.1.1"),
        (b"x-sandbox-outcome:\r\n Defer-2", "bob@example.net", "451 4.3.2"),
        (b"X-Sandbox-Outcome: code+554+go+away", "bob@example.net", "554 5.0.0"),
        (b"X-Sandbox-Outcome: bounce", "success@sim.test", "550 5.1.1"),
        (b"X-Sandbox-Outcome: nothing known", "bob@example.net", "250 2.0.0"),
        (b"X-Sandbox-Outcome: bounce; rcpt=eve@example.net", "bob@example.net", "250 2.0.0"),
        (b"X-Sandbox-Outcome: bounce; rcpt=<Bob@example.net>", "bob@example.net", "550 5.1.1"),
        (
            b"X-Sandbox-Outcome: bounce\r\nX-Sandbox-Outcome: dmarc; rcpt=bob@example.net",
            "bob@example.net",
            "550 5.7.26",
        ),
    ],
)
def test_a_field_asks_for_an_outcome(header: bytes, rcpt: str, expected: str) -> None:
    outcome = outcome_of(scenario(""), rcpt, content=header + b"\r\n\r\n", asks=True)

    assert status(outcome) == expected


def test_a_message_is_counted_once_and_only_where_the_rest_of_the_rule_holds() -> None:
    decide = one_rule('rcpt = "bob@*", nth = "2n"')

    def code(number: int, rcpt: str = "bob@example.net", attempt: int = 1) -> int:
        return outcome_of(decide, rcpt, attempt=attempt, number=number).reply.code

    assert [code(1), code(2, "eve@example.net"), code(3), code(4)] == [250, 250, 550, 250]
    assert [code(3, attempt=2), code(4, attempt=2), code(5)] == [550, 250, 550]


def test_so_many_sessions_are_open_at_a_time() -> None:
    decide = one_rule(outcome='"concurrency:2/10s"')

    def codes(seconds: int, count: int) -> list[int]:
        now = QUEUED_AT + timedelta(seconds=seconds)
        return [outcome_of(decide, now=now).reply.code for _ in range(count)]

    assert codes(0, 3) == [250, 250, 421]
    assert codes(9, 1) == [421]
    assert codes(10, 3) == [250, 250, 421]


def test_rates_are_of_one_mail_server_each() -> None:
    decide = one_rule(outcome='"throttle:1/h"')

    assert outcome_of(decide).reply.code == 250
    assert outcome_of(decide).reply.code == 421
    assert outcome_of(decide, mx=replace(MX, host="mx2.example.net")).reply.code == 250


RCPTS = [f"user{n}@example.net" for n in range(4_000)]


def bounced(decide_seed: str, rule: str = "x", *, attempt: int = 1, more: str = "") -> set[str]:
    decide = scenario(
        f'seed = "{decide_seed}"\n[[rule]]\nname = "{rule}"\nmatch = {{ percent = 5{more} }}\n'
        'outcome = "bounce"'
    )
    return {rcpt for rcpt in RCPTS if outcome_of(decide, rcpt, attempt=attempt).reply.code == 550}


def test_a_percentage_is_one_and_hits_the_same_addresses_in_every_run() -> None:
    first = bounced("ci")

    assert 150 <= len(first) <= 250
    assert bounced("ci") == first
    assert bounced("ci", attempt=2) == first
    assert bounced("other") != first
    assert bounced("ci", "other rule") != first
    assert bounced("ci", attempt=2, more=", per_attempt = true") != first


def test_a_draw_by_a_field_is_one_for_each_value_and_recipient() -> None:
    decide = one_rule('percent = 50, key = "message-id"')

    def codes(id: int) -> list[int]:
        content = b"Message-ID: <%d@x>\r\n\r\n" % id
        return [outcome_of(decide, rcpt, content=content).reply.code for rcpt in RCPTS[:64]]

    assert codes(1) == codes(1) != codes(2)
    assert set(codes(1)) == {250, 550}


def test_a_draw_by_content_is_the_same_for_every_recipient() -> None:
    decide = one_rule('percent = 50, key = "content"')

    def codes(body: bytes) -> set[int]:
        content = b"Subject: x\r\n\r\n" + body
        return {outcome_of(decide, rcpt, content=content).reply.code for rcpt in RCPTS[:64]}

    found = [codes(b"%d" % n) for n in range(32)]
    assert all(len(each) == 1 for each in found)
    assert {550} in found
    assert {250} in found


def test_the_record_says_what_was_drawn() -> None:
    decide = one_rule("percent = 100")

    rule = outcome_of(decide).rule
    assert re.fullmatch(rf"rule:x \[{decide.rules.version}\] draw \d+\.\d{{4}}", rule)


@given(
    st.text(max_size=20),
    st.lists(st.tuples(st.emails(), st.integers(1, 9), st.integers(0, 10**6)), max_size=20),
)
def test_the_same_file_and_mail_have_the_same_outcomes(
    seed: str, mail: list[tuple[str, int, int]]
) -> None:
    quoted = "".join(f"\\U{ord(char):08x}" for char in seed if char.isprintable())
    text = f'seed = "{quoted}"\n' + EXAMPLE.split("\n", 2)[2]

    def play() -> list[object]:
        decide = scenario(text)
        return [
            outcome_of(
                decide, rcpt, attempt=attempt, number=n, now=QUEUED_AT + timedelta(seconds=second)
            )
            for n, (rcpt, attempt, second) in enumerate(mail)
        ]

    assert play() == play()


def documented() -> list[str]:
    page = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    return re.findall(r"```toml\n(.*?)```", page, re.DOTALL)


EXAMPLE = documented()[0]


def test_the_documented_example_is_a_scenario() -> None:
    rules = read_rules(EXAMPLE, "docs")

    assert len(rules.rules) == EXAMPLE.count("[[rule]]") == 8
    assert rules.schedule is not None
    assert rules.schedule.warns == (timedelta(hours=4),)
    assert status(outcome_of(scenario(EXAMPLE), "full@gmail.test")) == "452 4.2.2"


def test_the_documentation_names_every_outcome_and_matcher() -> None:
    from sandbox_mta.mta.scenario.matchers import MATCHERS
    from sandbox_mta.mta.scenario.verbs import VERBS

    page = (ROOT / "docs/scenarios.md").read_text(encoding="utf-8")
    for word in (*VERBS, *MATCHERS):
        assert re.search(rf"`[^`]*\b{word}\b[^`]*`", page), word


def test_the_queue_of_the_file_replaces_the_schedule() -> None:
    rules = read_rules(
        '[queue]\nschedule = ["1m*2", "1h"]\nlifetime = "2h"\nbounce_lifetime = "1h"', "x"
    )

    assert rules.schedule is not None
    assert rules.schedule.lifetime == timedelta(hours=2)
    assert rules.schedule.report_lifetime == timedelta(hours=1)
    assert rules.schedule.due_at(QUEUED_AT, QUEUED_AT, 1) == QUEUED_AT + timedelta(minutes=1)


def test_it_is_explained_why_each_rule_applies_or_not() -> None:
    decide = scenario(
        """
        [[rule]]
        name = "not this"
        match = { rcpt = "eve@*" }
        outcome = "bounce"
        [[rule]]
        name = "this"
        match = { percent = 100 }
        outcome = "defer gmail.no-dkim"
        [[rule]]
        name = "late"
        outcome = "bounce"
        """
    )
    now = datetime(2030, 1, 1, tzinfo=UTC)
    case = Case(queued(), MX, 1, now, decide.memory)

    lines = list(explain(decide, case))

    assert (
        lines[0] == "bob@example.net from <ada@example.org>, attempt 1 at mx.example.net, "
        "2030-01-01 00:00:00"
    )
    assert lines[1] == '  line 2, rule "not this": no, rcpt is "bob@example.net", wanted "eve@*"'
    assert lines[2].startswith('  line 6, rule "this": decides (draw ')
    assert lines[3] == '  line 10, rule "late": not looked at, the outcome is decided'
    assert lines[4].startswith("  = 421 4.7.30 Your email has been rate limited because DKIM")


def test_a_suppressed_recipient_ends_as_such() -> None:
    settlement = settled(queued(), decide=one_rule(outcome='"suppress:complaint"'))

    assert settlement.state is State.SUPPRESSED
    assert "(complaint)" in settlement.reply.text
