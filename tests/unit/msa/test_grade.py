"""Addresses graded: the worst trait decides, and every grade has a reason and a place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msa.address import Mailbox, parse_mailbox
from msa.grade import Grade, Graded, grade

V6 = "IPv6:2001:db8"


@pytest.mark.parametrize(
    ("text", "grade_"),
    [
        ("ada@shop.example", "valid"),
        ("ada+tag@mail.shop.example", "valid"),
        ("!#$%&'*+/=?^_`{|}~-@shop.example", "valid"),
        (f"{'a' * 64}@{'b' * 63}.example", "valid"),
        ("1@2.example", "valid"),
        ("用户@例え.jp", "valid"),
        ('"ada lovelace"@shop.example', "unusual"),
        ('""@shop.example', "unusual"),
        (r'"a\"b\\c"@shop.example', "unusual"),
        ("ada@localhost", "unusual"),
        ("ada@shop.123", "unusual"),
        ("ada@192.0.2.1", "unusual"),
        ("ada@[192.0.2.1]", "unusual"),
        (f"ada@[{V6}::1]", "unusual"),
        ("ada@[IPv6:::ffff:192.0.2.1]", "unusual"),
        (" ada@shop.example", "commented"),
        ("ada@shop.example (at work)", "commented"),
        ("(a(nested)comment)ada@shop.example", "commented"),
        ("\r\n ada@shop.example", "commented"),
        ('"a\tb"@shop.example', "commented"),
        ("ada @shop.example", "obsolete"),
        ("ada@ shop.example", "obsolete"),
        ("ada . lovelace@shop.example", "obsolete"),
        ("ada@shop . example", "obsolete"),
        ('ada."love"@shop.example', "obsolete"),
        ('"\x07"@shop.example', "obsolete"),
        ('"\\\x00"@shop.example', "obsolete"),
        ("(\x7f)ada@shop.example", "obsolete"),
        (" \r\n \r\n ada@shop.example", "obsolete"),
        (f"ada@[{V6}:1:2:3:4::5]", "obsolete"),
        (f"{'a' * 65}@shop.example", "unroutable"),
        (f"ada@{'b' * 64}.example", "unroutable"),
        (f"a@{'.'.join(['b' * 60] * 5)}", "unroutable"),
        (f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.example", "unroutable"),
        ("ada@shop_1.example", "unroutable"),
        ("ada@[192.0.2.256]", "unroutable"),
        ("ada@[192.0.2]", "unroutable"),
        ("ada@[IPv6:1:2:3]", "unroutable"),
        ("ada@[IPv6:fe80::1%eth0]", "unroutable"),
        ("ada@[X400:c=us]", "unroutable"),
        ("ada@[a\\]b]", "unroutable"),
        ("ada@[192.0.2.1 ]", "unroutable"),
        ("", "invalid"),
        ("ada", "invalid"),
        ("ada@", "invalid"),
        ("@shop.example", "invalid"),
        (".ada@shop.example", "invalid"),
        ("ada.@shop.example", "invalid"),
        ("a..b@shop.example", "invalid"),
        ("ada@shop..example", "invalid"),
        ("ada@shop.example.", "invalid"),
        ("ada@-shop.example", "invalid"),
        ("ada@shop-.example", "invalid"),
        ("ada@@shop.example", "invalid"),
        ("ada lovelace@shop.example", "invalid"),
        ("ada(comment)lovelace@shop.example", "invalid"),
        ('"ada@shop.example', "invalid"),
        ('"ada"love@shop.example', "invalid"),
        ("(ada@shop.example", "invalid"),
        ("ada@[192.0.2.1", "invalid"),
        ("ada@[192.0.2.1]x", "invalid"),
        ("ada@shop,example", "invalid"),
        ("ada@shop.example\n", "invalid"),
        ("ada@shop.example\r", "invalid"),
        ("ada@shop.example\r\n", "invalid"),
        ('"\x00"@shop.example', "invalid"),
        ('"\\é"@shop.example', "invalid"),
        ("ada@xn--a.example", "invalid"),
        ("ada@a\u200b.example", "invalid"),
        ("\ud800@shop.example", "invalid"),
    ],
)
def test_a_grade(text: str, grade_: str) -> None:
    assert str(grade(text).grade) == grade_


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("ada", 'no "@" and domain follow the local part', 4),
        ("a b@c.example", '" "', None),
        ("ada@shop-.example", 'a label of the domain ends with "-"', 9),
        ("ada@localhost", "the domain is a single label", 5),
        ("ada@shop_1.example", 'no host name has "_"', 9),
        ("(c)ada@b.example", "a comment or space surrounds the address", 1),
        ("ada@b..example", "the domain has two dots in a row", 7),
    ],
)
def test_a_reason_says_what_and_where(text: str, reason: str, position: int | None) -> None:
    found = grade(text)

    if position is None:
        assert found.grade is Grade.INVALID
    else:
        assert (found.reason, found.position) == (reason, position)


def test_the_ascii_form_of_an_internationalized_domain_is_told() -> None:
    assert grade("ada@bücher.example").ascii_domain == "xn--bcher-kva.example"
    assert grade("ada@books.example").ascii_domain is None


def test_a_valid_address_has_no_reason() -> None:
    assert grade("ada@shop.example") == Graded(Grade.VALID, "")


PIECES = st.sampled_from(
    [
        *'ab.,"\\@()[]: \t\r\n-\x00\x07é\u202e\ud800',
        "IPv6:",
        "::",
        "192.0.2.1",
        "\r\n ",
        "xn--",
        "日",
    ]
)


@given(st.lists(PIECES, max_size=16).map("".join))
def test_any_text_has_a_grade_a_reason_and_a_place(text: str) -> None:
    found = grade(text)

    assert (found.reason == "") == (found.grade is Grade.VALID)
    assert found.position is None or 1 <= found.position <= len(text) + 1


@given(st.lists(PIECES, max_size=16).map("".join))
def test_what_a_path_may_hold_is_valid_unusual_or_obsolete_and_nothing_else(text: str) -> None:
    is_path = isinstance(parse_mailbox(text), Mailbox)
    found = grade(text).grade

    if found in (Grade.VALID, Grade.UNUSUAL):
        assert is_path
    if is_path:
        # RFC 5321 takes "::" for one group here, and tags that nobody has registered.
        assert found in (Grade.VALID, Grade.UNUSUAL) or "[" in text


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "a." * 100_000 + "@b.example",
        "a@" + "b." * 100_000 + "c",
        '"' + "\\a" * 100_000,
        " \r\n" * 100_000 + "a@b.example",
        "a@[" + "1:" * 100_000 + "]",
        "ü" * 100_000 + "@b.example",
        "a@" + "ü" * 100_000 + ".example",
    ],
    ids=lambda text: text[:4],
)
def test_a_long_text_is_graded_too(text: str) -> None:
    assert grade(text).grade in (Grade.INVALID, Grade.UNROUTABLE)
