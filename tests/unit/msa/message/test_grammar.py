"""Where structured MIME values leave their grammar."""

import pytest

from msa.message.grammar import breach_of_type, breach_of_word
from msa.message.structured import MAX_PARAMETERS


@pytest.mark.parametrize(
    "value",
    [
        b" text/plain",
        b"text/plain; charset=utf-8",
        b" text / plain ;\r\n charset = utf-8 (really) ",
        b'application/vnd.acme+json; name="a; \\"b\\" (c).json"',
        b"application/pdf; name*0*=utf-8''%c3; name*1=x",
        b'text/plain; name=""',
        "text/plain; name=Grüße.txt".encode(),
    ],
)
def test_a_type_that_follows_the_grammar_has_no_breach(value: bytes) -> None:
    assert breach_of_type(value) is None


@pytest.mark.parametrize(
    ("value", "text", "at"),
    [
        (b"", "is empty", 0),
        (b" (only a comment)", "is empty", 0),
        (b" text", "has no subtype", 0),
        (b" text; charset=utf-8", "has no subtype", 0),
        (b" /plain", "does not begin with a word", 0),
        (b" text/plain; charset", "has a parameter that is not name=value", 11),
        (b" text/plain; charset=", "has a parameter that is not name=value", 11),
        (b" text/plain;; charset=utf-8", "has a parameter that is not name=value", 11),
        (b' text/plain; name="a', "has a quote that is never closed", 11),
        (b" text/plain; name=a b.txt", "has a value that needs quotes", 20),
        (b" multipart/mixed; boundary=a=b", "has a value that needs quotes", 28),
        (b" text/plain; name=a(b.txt", "has a value that needs quotes", 19),
        (b" text/plain charset=utf-8", "has a value that needs quotes", 12),
    ],
)
def test_a_breach_is_told_with_its_place(value: bytes, text: str, at: int) -> None:
    breach = breach_of_type(value)

    assert breach is not None
    assert breach.text.startswith(text)
    assert (breach.at, breach.harmless) == (at, False)


def test_a_semicolon_at_the_end_is_harmless() -> None:
    breach = breach_of_word(b" attachment; filename=a.pdf ; ")

    assert breach == ("ends in a semicolon", 28, True)


def test_a_disposition_needs_no_slash() -> None:
    assert breach_of_word(b" attachment") is None
    assert breach_of_word(b' "attachment"') is not None


def test_parameters_are_counted() -> None:
    breach = breach_of_type(b"a/b" + b";x=y" * (MAX_PARAMETERS + 1))

    assert breach is not None
    assert "more than" in breach.text


@pytest.mark.parametrize("piece", [b";", b'"', b'\\"', b"(", b";a=", b' "a" ', b"a/", b"="])
def test_no_value_takes_quadratic_time(piece: bytes) -> None:
    # A quadratic reader would need minutes; pytest's patience is the bound.
    breach_of_type(b"a/b; c=" + piece * 300_000)
