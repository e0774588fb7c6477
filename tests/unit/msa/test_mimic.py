"""Refusals in the words of providers."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from msa.envelope import Client, Envelope, Recipient, Submission
from msa.lint import RULES, lint
from msa.mimic import PROVIDERS, judge_as
from msa.policy import judge_of, modes
from tests.dialogues.serving import finding

CORPUS = Path(__file__).parents[2] / "corpus"
GOOD = (CORPUS / "HDR007" / "good.eml").read_bytes()


def submission(content: bytes) -> Submission:
    return Submission(
        id="s-1",
        envelope=Envelope(reverse_path="", recipients=(Recipient("ada@customer.example"),)),
        content=content,
        accepted_at=datetime(2026, 11, 24, tzinfo=UTC),
        client=Client(address="192.0.2.7"),
    )


def said(provider: str, content: bytes) -> bytes | None:
    refusal = judge_as(provider, lint(content), submission(content))
    return None if refusal is None else refusal.wire()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_good_message_is_taken_by_all(provider: str) -> None:
    assert said(provider, GOOD) is None


def test_gmail_wants_a_message_id_and_says_so_in_many_lines() -> None:
    content = (CORPUS / "HDR005" / "bad.eml").read_bytes()

    assert said("gmail", content) == (
        b"550-5.7.1 [192.0.2.7] Messages missing a valid Message-ID: header are not accepted.\r\n"
        b"550-5.7.1 For more information, go to\r\n"
        b"550-5.7.1 https://support.google.com/mail/?p=RfcMessageNonCompliant\r\n"
        b"550 5.7.1 and review RFC 5322 specifications. s-1 - gsmtp\r\n"
    )
    assert said("outlook", content) is said("yahoo", content) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"Subject", b"duplicate headers"),
        (b"Message-ID", b"duplicate headers"),
        (b"From", b"Multiple 'From' headers found"),
        (b"To", None),
    ],
)
def test_gmail_counts_three_fields(name: bytes, words: bytes | None) -> None:
    field = next(line for line in GOOD.split(b"\r\n") if line.startswith(name + b":"))
    refusal = said("gmail", field + b"\r\n" + GOOD)

    assert refusal is None if words is None else refusal is not None and words in refusal


def test_outlook_names_the_authors_domain() -> None:
    content = b"From: Shop <app@shop.example>\r\n\r\n"
    refusal = judge_as("outlook", [finding("AUT001")], submission(content))

    assert refusal is not None
    assert str(refusal).startswith(
        "550 5.7.515 Access denied, sending domain shop.example does not meet the required"
    )


def test_yahoo_refuses_what_breaks_the_rfcs() -> None:
    content = (CORPUS / "HDR001" / "bad.eml").read_bytes()

    assert said("yahoo", content) == (
        b"554 5.0.0 Message not accepted due to failed RFC compliance.\r\n"
    )
    assert said("gmail", content) is None


def test_what_a_message_says_cannot_spoil_a_reply() -> None:
    content = b'From: <"a"@b\xc3\xa9{id}\x1b[2J.example>\r\n\r\n'
    refusal = judge_as("outlook", [finding("AUT001")], submission(content))

    assert refusal is not None
    assert all(
        line.isascii() and line.decode().isprintable() for line in refusal.wire().split(b"\r\n")
    )


def test_every_refusal_has_lines_that_fit_and_a_source_with_a_date() -> None:
    rules = {rule.code for rule in RULES}
    for refusals in PROVIDERS.values():
        for refusal in refusals:
            assert refusal.rules
            assert refusal.source
            assert refusal.seen[:2] == "20"
            assert all(len(line) < 400 for line in refusal.lines)
            assert {code[:3] for code in refusal.rules} <= {code[:3] for code in rules}


def test_a_mode_judges_as_it_is_named() -> None:
    assert modes() == ("accept", "reject", "mimic=gmail", "mimic=outlook", "mimic=yahoo")
    assert judge_of("accept") is None
    judge = judge_of("mimic=yahoo")
    assert judge is not None
    refusal = judge([finding("HDR004")], submission(b""))
    assert refusal is not None
    assert refusal.detail == "0.0"
