"""Messages octet by octet, and what another parser reads in them."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.address import Mailbox
from bridge.compose import Letter, compose

ANYTHING = st.text(max_size=300)


def letter(**changes: Any) -> Letter:
    fields: dict[str, Any] = {
        "key": "k1",
        "domain": "sandbox.test",
        "author": Mailbox("hello@juniper.example", "Juniper"),
        "to": Mailbox("ada@example.org", "Ada"),
        "reply_to": None,
        "date": datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
        "subject": "Hello",
        "text": "Hello\n",
        "html": "<p>Hello</p>\n",
        "fields": (("X-Event-Id", "e-1"),),
    }
    return Letter(**{**fields, **changes})


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
    return message


def test_a_message_octet_by_octet() -> None:
    assert compose(letter()) == (
        b"From: Juniper <hello@juniper.example>\r\n"
        b"To: Ada <ada@example.org>\r\n"
        b"Subject: Hello\r\n"
        b"Date: Tue, 24 Nov 2026 09:30:00 +0000\r\n"
        b"Message-ID: <k1.0@sandbox.test>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Auto-Submitted: auto-generated\r\n"
        b"X-Event-Id: e-1\r\n"
        b'Content-Type: multipart/alternative;\r\n boundary="=_k1"\r\n'
        b"\r\n"
        b"--=_k1\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"Hello\r\n"
        b"\r\n"
        b"--=_k1\r\n"
        b"Content-Type: text/html; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n"
        b"\r\n"
        b"<p>Hello</p>\r\n"
        b"\r\n"
        b"--=_k1--\r\n"
    )


def test_a_letter_without_html_has_one_part() -> None:
    message = parsed(compose(letter(html="", text="Grüße\n")))

    assert message.get_content_type() == "text/plain"
    assert message.get_content() == "Grüße\r\n"


def test_replies_go_where_they_should() -> None:
    message = parsed(compose(letter(reply_to=Mailbox("help@juniper.example", "Help, please"))))

    assert str(message["reply-to"]) == '"Help, please" <help@juniper.example>'


@given(subject=ANYTHING, name=ANYTHING, value=ANYTHING)
def test_no_value_adds_a_field_or_ends_the_header(subject: str, name: str, value: str) -> None:
    content = compose(
        letter(
            subject=subject,
            to=Mailbox("ada@example.org", name),
            fields=(("X-Event-Id", value), ("X-Event-Type", value)),
        )
    )

    header = content.partition(b"\r\n\r\n")[0]
    names = [line.partition(b":")[0] for line in header.split(b"\r\n") if line[:1] != b" "]
    assert names == [
        b"From",
        b"To",
        b"Subject",
        b"Date",
        b"Message-ID",
        b"MIME-Version",
        b"Auto-Submitted",
        b"X-Event-Id",
        b"X-Event-Type",
        b"Content-Type",
    ]
    assert header.isascii()
    assert max(map(len, header.split(b"\r\n"))) <= 998


@given(subject=ANYTHING, name=st.text(max_size=200))
def test_another_parser_reads_the_same_words(subject: str, name: str) -> None:
    message = parsed(compose(letter(subject=subject, to=Mailbox("ada@example.org", name))))

    assert words(str(message["subject"])) == words(subject)
    [address] = message["to"].addresses
    assert address.addr_spec == "ada@example.org"
    # The standard library shows the fold between two encoded-words of a name as a space, against
    # RFC 2047 section 6.2.
    assert unspaced(address.display_name) == unspaced(name)


def unspaced(text: str) -> str:
    return words(text).replace(" ", "")


def words(text: str) -> str:
    """What is left when white space and control characters are one space."""
    spaced = "".join(" " if c.isspace() or ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)
    printable = spaced.encode("utf-8", "replace").decode()
    return " ".join(printable.split())


@given(text=st.text(max_size=2000), html=st.text(max_size=500))
def test_another_parser_reads_the_same_parts(text: str, html: str) -> None:
    message = parsed(compose(letter(text=text, html="<p>" + html)))

    plain, markup = message.iter_parts()
    assert plain.get_content() == lines(text)
    assert markup.get_content() == lines("<p>" + html)


def lines(text: str) -> str:
    unix = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    return (unix + "\n").replace("\n", "\r\n").encode("utf-8", "replace").decode()


@pytest.mark.parametrize("text", [".\n", "..\n", "From me\n", "ends in a space \nand a tab\t\n"])
def test_no_line_of_a_part_means_something_to_smtp(text: str) -> None:
    content = compose(letter(text=text))

    for line in content.split(b"\r\n"):
        assert len(line) <= 78
        assert line != b"."
        assert not line.endswith((b" ", b"\t"))


def test_a_long_subject_is_folded_between_words() -> None:
    content = compose(letter(subject="word " * 60))

    assert max(map(len, content.split(b"\r\n"))) <= 78
    assert parsed(content)["subject"] == ("word " * 60).strip()


@pytest.mark.parametrize("subject", ["=?utf-8?q?Bcc?=", "a =?x"])
def test_what_looks_like_an_encoded_word_is_not_taken_for_one(subject: str) -> None:
    assert parsed(compose(letter(subject=subject)))["subject"] == subject


def test_an_endless_value_is_cut() -> None:
    content = compose(letter(fields=(("X-Event-Id", "é" * 10_000),)))

    assert len(content) < 20_000
