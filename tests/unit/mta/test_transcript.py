from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from msa.reply import Reply
from sandbox_mta.mta.exchanger import is_ours
from sandbox_mta.mta.ports import Attempt
from sandbox_mta.mta.scenario.answer import Answer
from sandbox_mta.mta.scenario.outcome import read_outcome
from sandbox_mta.mta.scenario.presets import presets
from sandbox_mta.mta.transcript import KEPT_SESSIONS, Mail, transcript

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MAIL = Mail(
    hostname="sandbox.test",
    reverse_path="ada@example.org",
    size_octets=1234,
    body=None,
    smtputf8=False,
    ret=None,
    envid=None,
    forward_path="bob@example.net",
    notify=None,
    orcpt=None,
)
OFFERED = """\
S: 250-mx.example.net
S: 250-PIPELINING
S: 250-SIZE
S: 250-STARTTLS
S: 250-ENHANCEDSTATUSCODES
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250 DSN
"""
HELLO = f"""\
2030-01-01 12:00:00 UTC, attempt 1: mx.example.net[192.0.2.1]:25
S: 220 mx.example.net ESMTP sandbox-mta
C: EHLO sandbox.test
{OFFERED}"""
ENVELOPE = """\
C: MAIL FROM:<ada@example.org> SIZE=1234
S: 250 2.0.0 Ok
C: RCPT TO:<bob@example.net>
"""
QUIT = "C: QUIT\nS: 221 2.0.0 Bye\n"


def attempt(stage: str, reply: Reply, **fields: Any) -> Attempt:
    made: dict[str, Any] = {
        "n": 1,
        "position": 0,
        "exchanger": "mx.example.net",
        "address": "192.0.2.1",
        "preference": 10,
        "started_at": NOON,
        "ended_at": NOON,
        "decided_by": "default",
    }
    return Attempt(stage=stage, reply=reply, **{**made, **fields})


def test_a_delivery_is_a_whole_session() -> None:
    taken = attempt("dot", Reply(250, "0.0", "Ok: mx.example.net took the message"))

    assert transcript(MAIL, [taken]) == (
        HELLO
        + ENVELOPE
        + "S: 250 2.0.0 Ok\n"
        + "C: DATA\n"
        + "S: 354 End data with <CR><LF>.<CR><LF>\n"
        + "C: [1234 octets]\n"
        + "S: 250 2.0.0 Ok: mx.example.net took the message\n"
        + QUIT
    )


def test_a_reply_of_several_lines_carries_its_codes_on_each() -> None:
    refused = attempt("rcpt", Reply(550, "1.1", "No such user.\nLook at it again."))

    assert transcript(MAIL, [refused]) == (
        HELLO + ENVELOPE + "S: 550-5.1.1 No such user.\nS: 550 5.1.1 Look at it again.\n" + QUIT
    )


def test_a_421_is_the_last_word() -> None:
    busy = attempt("banner", Reply(421, "7.0", "too many connections"))

    assert transcript(MAIL, [busy]) == (
        "2030-01-01 12:00:00 UTC, attempt 1: mx.example.net[192.0.2.1]:25\n"
        "S: 421 4.7.0 too many connections\n"
        "-- the server closed the connection\n"
    )


def test_what_the_sandbox_says_itself_is_nobodys_line() -> None:
    lost = "lost connection with mx.example.net[192.0.2.1] while sending RCPT TO"

    assert transcript(MAIL, [attempt("rcpt", Reply(451, "4.2", lost))]) == (
        HELLO + ENVELOPE + f"-- {lost}\n"
    )


@pytest.mark.parametrize("stage", ["connect", "routing"])
def test_where_nobody_answered_nothing_was_said(stage: str) -> None:
    exchanger = "mx.example.net" if stage == "connect" else ""
    failed = attempt(stage, Reply(451, "4.1", "Connection refused"), exchanger=exchanger)

    first, last = transcript(MAIL, [failed]).splitlines()

    assert first.endswith("mx.example.net[192.0.2.1]:25" if exchanger else "no exchanger")
    assert last == "-- Connection refused"


def test_what_an_exchanger_lacks_is_not_offered_and_not_asked_for() -> None:
    text = "SMTPUTF8 is required, but was not offered by host mx.example.net[192.0.2.1]"

    said = transcript(MAIL, [attempt("mail", Reply(550, "6.7", text))])

    assert said.endswith(f"S: 250-8BITMIME\nS: 250 DSN\n-- {text}\n")


def test_tls_that_fails_follows_on_starttls() -> None:
    text = "Server certificate not trusted: mx.example.net[192.0.2.1]: certificate has expired"

    said = transcript(MAIL, [attempt("tls", Reply(451, "7.5", text))])

    assert said == HELLO + f"C: STARTTLS\nS: 220 2.0.0 Ready to start TLS\n-- {text}\n"


def test_the_parameters_of_the_submission_are_handed_on() -> None:
    mail = replace(
        MAIL,
        body="8BITMIME",
        smtputf8=True,
        ret="HDRS",
        envid="QQ314159",
        notify=("SUCCESS", "DELAY"),
        orcpt="rfc822;bob@example.net",
    )

    said = transcript(mail, [attempt("dot", Reply(250, "0.0", "Ok"))])

    assert [line for line in said.splitlines() if line.startswith(("C: MAIL", "C: RCPT"))] == [
        "C: MAIL FROM:<ada@example.org> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159",
        "C: RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob@example.net",
    ]


def test_who_hands_on_to_a_server_without_dsn_says_nothing_of_it() -> None:
    mail = replace(MAIL, ret="HDRS", envid="QQ314159", notify=("SUCCESS",), is_relayed=True)

    said = transcript(mail, [attempt("dot", Reply(250, "0.0", "Ok"))])

    assert "DSN" not in said
    assert ENVELOPE in said


def test_nothing_that_was_said_adds_a_line() -> None:
    refused = attempt(
        "rcpt", Reply(550, "1.1", "No\rC: DATA\x85S: 250 Ok\u2028\x1b[2J" + "x" * 5000)
    )

    said = transcript(MAIL, [refused])

    assert said.splitlines()[-3].startswith("S: 550 5.1.1 No?C: DATA?S: 250 Ok??[2Jxxx")
    assert max(map(len, said.splitlines())) <= 1_000


def test_of_many_sessions_the_middle_is_left_out() -> None:
    busy = Reply(451, "4.1", "Connection refused")
    attempts = [attempt("connect", busy, n=n) for n in range(1, KEPT_SESSIONS + 9)]

    said = transcript(MAIL, attempts).split("\n\n")

    assert len(said) == KEPT_SESSIONS + 1
    assert said[KEPT_SESSIONS // 2] == "(8 sessions are left out here)"
    assert said[-1].startswith(f"2030-01-01 12:00:00 UTC, attempt {KEPT_SESSIONS + 8}: ")


def test_before_the_first_attempt_nothing_was_said() -> None:
    assert transcript(MAIL, []) == ""


OURS = (
    *("refuse", "unreachable", "connect-timeout", "drop @ehlo", "drop @dot", "stall @data"),
    *("tls-missing", "tls-fail:expired", "sts-fail", "dane-fail", "no-smtputf8", "too-big:1MB"),
    "suppress",
)
THEIRS = ("defer", "bounce", "greylist", "throttle:1/m", "concurrency:2", "disabled", *presets())


@pytest.mark.parametrize(
    ("words", "ours"), [*((words, True) for words in OURS), *((words, False) for words in THEIRS)]
)
def test_what_we_say_of_an_exchanger_is_told_from_what_it_says(words: str, ours: bool) -> None:
    answer = read_outcome(words)[0]
    assert isinstance(answer, Answer)

    assert is_ours(answer.stage, Reply(answer.code, answer.detail, answer.text)) is ours
