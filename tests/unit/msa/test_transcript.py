import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa import reply
from msa.transcript import KEPT_LINES, MAX_LINE, MAX_TEXT, Transcript, with_reply


def said(transcript: Transcript) -> list[str]:
    return [line.strip() for line in transcript.text().splitlines()]


def test_commands_and_replies_stand_in_order_with_the_milliseconds_of_each_command() -> None:
    transcript = Transcript()

    transcript.said(reply.greeting("msa.example").wire())
    transcript.heard(b"EHLO app.example\r\n", 0.0125)
    transcript.said(reply.hello("msa.example", ["SIZE 10", "PIPELINING"]).wire())

    assert transcript.text() == (
        "        S: 220 msa.example ESMTP sandbox-mta\n"
        "     12 C: EHLO app.example\n"
        "        S: 250-msa.example\n"
        "        S: 250-SIZE 10\n"
        "        S: 250 PIPELINING\n"
    )


def test_a_message_has_what_was_said_since_the_one_before() -> None:
    transcript = Transcript()
    transcript.heard(b"MAIL FROM:<one@a.example>\r\n", 1)
    transcript.said(reply.queued("s-1").wire())
    transcript.message_ended()

    transcript.heard(b"MAIL FROM:<two@a.example>\r\n", 2)
    transcript.content(42)

    assert transcript.message() == (
        "   2000 C: MAIL FROM:<two@a.example>\n        C: [42 octets]\n"
    )
    assert "one@a.example" in transcript.text()


def test_a_transcript_can_end_with_a_reply_of_several_lines() -> None:
    refusal = reply.Reply(554, "6.0", "first\nsecond")

    assert with_reply("", refusal) == ("        S: 554-5.6.0 first\n        S: 554 5.6.0 second\n")


def test_octets_that_are_not_printable_are_escaped() -> None:
    transcript = Transcript()

    transcript.heard(b"NOOP \xff\x00\x1b[31m\tb\xc3\xa9\r\n", 0)
    transcript.heard(b"QUIT\n", 0)

    assert said(transcript) == [
        r"0 C: NOOP \xff\x00\x1b[31m\x09b\xc3\xa9",
        r"0 C: QUIT\x0a",
    ]


def test_a_long_line_is_cut_and_its_length_told() -> None:
    transcript = Transcript()

    transcript.heard(b"NOOP " + b"x" * 10_000 + b"\r\n", 0)

    [line] = said(transcript)
    assert len(line) < MAX_LINE + 40
    assert line.endswith("x [line of 10005 octets]")


def test_the_first_and_the_last_lines_are_kept_and_the_others_counted() -> None:
    transcript = Transcript()

    for number in range(1_000):
        transcript.heard(b"NOOP %d\r\n" % number, 0)

    lines = said(transcript)
    assert len(lines) == KEPT_LINES + 1
    assert lines[0] == "0 C: NOOP 0"
    assert lines[KEPT_LINES // 2] == f"[{1_000 - KEPT_LINES} lines left out]"
    assert lines[KEPT_LINES // 2 + 1 :] == [
        f"0 C: NOOP {number}" for number in range(1_000 - KEPT_LINES // 2, 1_000)
    ]


@given(st.lists(st.integers(0, 400), max_size=8))
def test_lines_left_out_and_lines_shown_add_up(sizes: list[int]) -> None:
    transcript = Transcript()
    number = 0
    for size in sizes:
        for _ in range(size):
            transcript.heard(b"NOOP %d\r\n" % number, 0)
            number += 1
        transcript.message_ended()

    shown = [int(line.rpartition(" ")[2]) for line in said(transcript) if "NOOP" in line]
    half = KEPT_LINES // 2
    assert shown == (
        list(range(number))
        if number <= KEPT_LINES
        else [*range(half), *range(number - half, number)]
    )


@given(st.lists(st.binary(max_size=3_000), max_size=300))
def test_no_client_makes_it_large_or_unprintable(lines: list[bytes]) -> None:
    transcript = Transcript()
    for line in lines:
        transcript.heard(line, 86_400)
        transcript.said(reply.LINE_TOO_LONG.wire())

    text = transcript.text()

    assert len(text) <= MAX_TEXT + 100
    assert text.replace("\n", "").isascii()
    assert text.replace("\n", "").isprintable()


def test_the_mechanism_of_auth_is_all_that_is_shown() -> None:
    transcript = Transcript()

    transcript.heard(b"auth plain AGFkYQBzZWNyZXQ=\r\n", 0)
    transcript.said(reply.AUTH_OK.wire())
    transcript.heard(b"AUTH LOGIN\r\n", 0)
    transcript.said(reply.challenge("VXNlcm5hbWU6").wire())
    transcript.heard(b"YWRh\r\n", 0, is_secret=True)

    assert said(transcript) == [
        "0 C: AUTH PLAIN ***",
        "S: 235 2.7.0 Authentication succeeded",
        "0 C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "0 C: ***",
    ]


SECRETS = st.text(st.sampled_from("QWERTYqwerty0123456789"), min_size=12, max_size=40)


@given(
    st.sampled_from(
        ["AUTH PLAIN ", "auth\tplain\t", " AUTH  PLAIN ", "AUTHPLAIN ", "x AUTH LOGIN "]
    ),
    SECRETS,
    st.sampled_from([b"\r\n", b"\n", b""]),
)
def test_an_auth_line_however_broken_keeps_its_secret(before: str, secret: str, end: bytes) -> None:
    transcript = Transcript()

    transcript.heard(before.encode() + secret.encode() + end, 0)

    assert secret not in transcript.text()
    assert secret not in transcript.command


@given(SECRETS)
def test_what_follows_an_auth_that_was_refused_may_be_its_answers(secret: str) -> None:
    transcript = Transcript()

    transcript.heard(b"AUTH LOGIN\r\n", 0)
    transcript.said(reply.AUTH_UNAVAILABLE.wire())
    transcript.heard(base64.b64encode(secret.encode()) + b"\r\n", 0)
    transcript.heard(f"{secret}\r\n".encode(), 0)
    transcript.heard(b"QUITanswer==\r\n", 0)
    transcript.heard(b"MAIL FROM:<ada@example.org>\r\n", 0)

    hidden = ["0 C: ***"] * 3
    assert said(transcript)[2:] == [*hidden, "0 C: MAIL FROM:<ada@example.org>"]


@pytest.mark.parametrize("line", [b"MAIL FROM:<auth@example.org> AUTH=<>\r\n", b"NOOP author\r\n"])
def test_what_only_looks_like_auth_is_shown(line: bytes) -> None:
    transcript = Transcript()

    transcript.heard(line, 0)

    assert transcript.command.encode() + b"\r\n" == line
