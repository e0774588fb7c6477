import time

import pytest

from msa.message.view import View
from sandbox_mta.web.facts import read_facts
from sandbox_mta.web.snippet import MAX_SNIPPET, snippet, strip_tags


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Good <b>morning</b></p>", "Good morning"),
        ("<style>p { color: red }</style><script>alert(1)</script>Hello", "Hello"),
        ("<title>No</title>Fish &amp; chips &lt;3", "Fish & chips <3"),
        ("Hello <b", "Hello"),
        ("Hello <style>never closed", "Hello"),
        ("", ""),
    ],
)
def test_tags_and_what_nobody_sees_are_left_out(html: str, text: str) -> None:
    assert " ".join(strip_tags(html).split()) == text


@pytest.mark.parametrize("piece", ["<", "<p", "<style>", "<b>x", "</", "<style></style"])
def test_the_time_grows_with_the_text_whatever_it_holds(piece: str) -> None:
    started = time.process_time()

    strip_tags(piece * 200_000)

    assert time.process_time() - started < 5


def view(head: bytes, body: bytes) -> View:
    return View(head + b"\r\n\r\n" + body)


def test_a_snippet_is_one_line_of_the_html_or_else_of_the_text() -> None:
    assert snippet(view(b"Subject: x", b"one\r\n  two\r\n")) == "one two"
    assert snippet(view(b"Content-Type: text/html", b"<p>one</p>\r\ntwo")) == "one two"
    assert len(snippet(view(b"Subject: x", b"word " * 1000))) == MAX_SNIPPET + len("...")


def test_recipients_that_no_field_names_are_blind_copies() -> None:
    message = view(b"To: Ada <ADA@customer.example>\r\nCc: bob@customer.example", b"x")

    facts = read_facts(
        message, ["ada@customer.example", "bob@customer.example", "eve@customer.example"]
    )

    assert [address.address for address in facts.bcc] == ["eve@customer.example"]
    assert facts.name_of("ada@customer.example") == "Ada"
