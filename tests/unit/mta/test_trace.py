"""Return-Path and Received, as RFC 5321 section 4.4 has them."""

from datetime import UTC, datetime
from email import message_from_bytes

import pytest

from msa.envelope import Client
from sandbox_mta.mta.trace import Passage, protocol, trace

PASSAGE = Passage(
    id="7N42cgS2hAhL1RRsyVxeLd",
    hostname="mail.example",
    client=Client(address="192.0.2.7", helo="app.example"),
    reverse_path="a@b.example",
    forward_paths=("c@d.example",),
    smtputf8=False,
    accepted_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
)


def test_one_recipient_is_named() -> None:
    assert trace(PASSAGE) == (
        b"Return-Path: <a@b.example>\r\n"
        b"Received: from app.example ([192.0.2.7])\r\n"
        b"\tby mail.example with ESMTP id 7N42cgS2hAhL1RRsyVxeLd\r\n"
        b"\tfor <c@d.example>;\r\n"
        b"\tTue, 24 Nov 2026 12:00:00 +0000\r\n"
    )


def test_several_recipients_are_not_told_of_each_other() -> None:
    text = trace(PASSAGE._replace(forward_paths=("c@d.example", "blind@d.example")))

    assert b"for <" not in text
    assert b"id 7N42cgS2hAhL1RRsyVxeLd;\r\n" in text


def test_a_message_made_here_comes_from_nowhere() -> None:
    text = trace(PASSAGE._replace(client=Client(), reverse_path=""))

    assert text.startswith(b"Return-Path: <>\r\nReceived: by mail.example id 7N42")


@pytest.mark.parametrize(
    "helo", ["", "x (spoofed", "a\r\nBcc: x@y.example", "h\u00e9.example", "a" * 300]
)
def test_a_helo_that_is_no_name_is_unknown(helo: str) -> None:
    text = trace(PASSAGE._replace(client=Client(address="::1", helo=helo)))

    assert b"from unknown ([IPv6:::1])\r\n" in text
    assert message_from_bytes(text).keys() == ["Return-Path", "Received"]


@pytest.mark.parametrize(
    ("tls", "user", "smtputf8", "name"),
    [
        (False, None, False, "ESMTP"),
        (False, "ada", False, "ESMTPA"),
        (True, None, False, "ESMTPS"),
        (True, "ada", False, "ESMTPSA"),
        (False, None, True, "UTF8SMTP"),
        (True, "ada", True, "UTF8SMTPSA"),
    ],
)
def test_the_protocol_has_its_registered_name(
    tls: bool, user: str | None, smtputf8: bool, name: str
) -> None:
    assert protocol(Client(tls=tls, user=user), smtputf8=smtputf8) == name
