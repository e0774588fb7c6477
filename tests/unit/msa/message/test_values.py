"""Header values: encoded-words, parameters, addresses, dates, and the summary."""

import time
from datetime import UTC, datetime

import pytest

from msa.message.charset import decode_text
from msa.message.date import read_date
from msa.message.mailbox import TroubleKind, read_addresses
from msa.message.structured import parameter, read_structured
from msa.message.summary import MAX_SUMMARY, summarise
from msa.message.words import decode_words


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b" plain ", "plain"),
        (b" folded\r\n value", "folded value"),
        (b"=?utf-8?q?caf=C3=A9?=", "café"),
        (b"=?utf-8?B?w6k=?= and =?iso-8859-1?Q?=E9_?=", "é and é"),
        (b"=?utf-8?q?a?=\r\n =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
        (b"=?utf-8*en?q?a_b?=", "a b"),
        (b"=?unknown?q?caf=C3=A9?=", "café"),
        (b"=?utf-8?q?two words?=", "two words"),
        (b"=?utf-8?q?never ends", "=?utf-8?q?never ends"),
        (b"=?utf-8?b?!!!?=", ""),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),
        (b"=?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"),
        (b"=?utf-7?q?+2AA-?=", "?"),
    ],
)
def test_a_header_value_is_decoded_for_people(raw: bytes, text: str) -> None:
    assert decode_words(raw) == text


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"attachment; filename=a.pdf", "a.pdf"),
        (b'attachment; x="; filename=no"; FileName = "a \\"b\\".pdf"', 'a "b".pdf'),
        (b"attachment; filename*=utf-8'de'%c3%a9.pdf", "é.pdf"),
        (b"attachment; filename=plain; filename*=utf-8''ext", "ext"),
        (b"attachment; filename*1=b.pdf;\r\n filename*0=a-", "a-b.pdf"),
        (b"attachment; filename*0*=utf-8''%c3; filename*1*=%a9; filename*2=%41", "é%41"),
        (b"attachment; filename*=nope''%c3%a9", "é"),
        (b'attachment; filename="=?utf-8?q?caf=C3=A9?="', "café"),
        (b"attachment (filename=no); (c) filename (d) = (e) a.pdf (f)", "a.pdf"),
        (b"attachment; name*; filename*0*; filename*x=y", None),
        (b"attachment", None),
    ],
)
def test_a_parameter_is_put_together(raw: bytes, name: str | None) -> None:
    assert parameter(read_structured(raw), "filename") == name


@pytest.mark.parametrize(
    ("raw", "addresses"),
    [
        (b"ada@example.org", [b"ada@example.org"]),
        (b'"Doe, J." <j@x.example>, b@y.example', [b"j@x.example", b"b@y.example"]),
        (b"(c) a (d) . b @ (e) x . example (f)", [b"a.b@x.example"]),
        (b"<@a.example,@b.example:u@c.example>", [b"u@c.example"]),
        (
            b"T: a@x.example, b@x.example;, c@x.example",
            [b"a@x.example", b"b@x.example", b"c@x.example"],
        ),
        (b'"a b"@[192.0.2.1]', [b'"a b"@[192.0.2.1]']),
        ("é <ü@ö.example>".encode(), ["ü@ö.example".encode()]),
        (b"none:;", []),
        (b"", []),
    ],
)
def test_good_addresses_are_read(raw: bytes, addresses: list[bytes]) -> None:
    read = read_addresses(raw)

    assert [box.address for box in read.mailboxes] == addresses
    assert read.troubles == ()


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"user@@mail.example", TroubleKind.SYNTAX),
        (b"a@", TroubleKind.SYNTAX),
        (b"<", TroubleKind.SYNTAX),
        (b"<>", TroubleKind.SYNTAX),
        (b".a@x.example", TroubleKind.SYNTAX),
        (b"a@x.example.", TroubleKind.SYNTAX),
        (b"a@[unclosed", TroubleKind.SYNTAX),
        (b"<a@x.example", TroubleKind.SYNTAX),
        (b"a@x.example b@x.example", TroubleKind.SYNTAX),
        (b"<a@x.example> <b@x.example>", TroubleKind.SYNTAX),
        (b"root", TroubleKind.NO_DOMAIN),
        (b"Ada <ada>", TroubleKind.NO_DOMAIN),
        (b"Acme, Inc. <a@x.example>", TroubleKind.UNQUOTED),
        (b"a@x.example <a@x.example>", TroubleKind.UNQUOTED),
        (b"Acme: Sales <a@x.example>", TroubleKind.UNQUOTED),
        (b"Acme; Inc <a@x.example>", TroubleKind.UNQUOTED),
    ],
)
def test_a_bad_address_is_graded(raw: bytes, kind: TroubleKind) -> None:
    assert [trouble.kind for trouble in read_addresses(raw).troubles] == [kind]


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        (b"<@a.example,@b.example:u@c.example>", b"@a.example,@b.example:u@c.example>"),
        (b"a@x.example,, b@x.example", b","),
        (b"Team: a@x.example,; , b@x.example", b","),
        (b"Bob <bob . smith @ x.example>", b"bob . smith @ x.example"),
        (b"bob(c)@x.example", b"bob(c)@x.example"),
        (b'"bob".smith@x.example', b'"bob".smith@x.example'),
    ],
)
def test_an_obsolete_form_is_read_and_told(raw: bytes, written: bytes) -> None:
    read = read_addresses(raw)

    assert [raw[trouble.start : trouble.end] for trouble in read.obsolete] == [written]
    assert read.mailboxes
    assert not read.troubles


@pytest.mark.parametrize("raw", [b"(c) Ada (d) <(e) a@x.example (f)> (g)", b"Team:; , a@x.example"])
def test_comments_around_an_address_are_no_obsolete_form(raw: bytes) -> None:
    assert read_addresses(raw).obsolete == ()


def test_a_bad_address_hides_none_of_its_neighbours() -> None:
    read = read_addresses(b"a@x.example, b@@x.example, c@x.example")

    assert [box.local for box in read.mailboxes] == [b"a", b"c"]
    assert read.troubles[0].start == 13


@pytest.mark.parametrize(
    "piece",
    [b"(", b'"', b'\\"', b"[", b"<", b",", b"@", b"a.", b"<@,", b"a:", b":", b"a@b:", b"a@:"],
)
def test_no_address_field_takes_quadratic_time(piece: bytes) -> None:
    # A quadratic reader would need hours; pytest's patience is the bound.
    read_addresses(piece * (131_072 // len(piece)))


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (b"Mon, 24 Nov 2025 03:10:00 +0000", datetime(2025, 11, 24, 3, 10, tzinfo=UTC)),
        (b"24 nov 2025 03:10 -0800 (PST)", datetime(2025, 11, 24, 11, 10, tzinfo=UTC)),
        (b"Mon (c), 24\r\n Nov 25 03 : 10 : 05 EST", datetime(2025, 11, 24, 8, 10, 5, tzinfo=UTC)),
        (b"1 Jan 99 00:00:60 Z", datetime(1999, 1, 1, 0, 0, 59, tzinfo=UTC)),
        (b"1 Jan 101 00:00 CET", datetime(2001, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_date_is_read(raw: bytes, moment: datetime) -> None:
    date = read_date(raw)

    assert date is not None
    assert date.moment() == moment


@pytest.mark.parametrize(
    "raw",
    [
        b"2025-11-24T03:10:00Z",
        b"Mon Nov 24 03:10:00 2025",
        b"Mon 24 Nov 2025 03:10:00 +0000",
        b"Mon, 24 Nov 2025 3:10:00 +0000",
        b"Mon, 24 Nov 2025 03:10:00 +01:00",
        b"Mon, 24 Nov 2025 03:10:00+0100",
        b"Monday, 24 November 2025 03:10:00 +0000",
        b"",
        b"x" * 2_000,
    ],
)
def test_other_formats_are_no_dates(raw: bytes) -> None:
    assert read_date(raw) is None


def test_a_day_that_never_was_has_no_moment() -> None:
    date = read_date(b"31 Feb 2025 25:00:00 +9999")

    assert date is not None
    assert date.moment() is None


@pytest.mark.parametrize("charset", ["nope", "base64", "idna", "punycode", "a\0b", "", "x" * 100])
def test_what_is_no_charset_is_read_as_utf_8(charset: str) -> None:
    assert decode_text(b"caf\xc3\xa9", charset) == "café"


def test_a_summary_has_three_lines_of_text() -> None:
    content = (
        b"subject: =?utf-8?q?caf=C3=A9?=\r\nFROM : Ada\r\n <ada@x.example>\r\n"
        b"Message-Id: <1@x>\r\n\r\n"
    )

    assert summarise(content)[:3] == ("Ada <ada@x.example>", "café", "<1@x>")


def test_a_summary_takes_the_first_of_two_fields_and_nothing_of_the_body() -> None:
    content = b"Subject: one\nSubject: two\n\nFrom: body@x.example\n"

    assert summarise(content)[:3] == ("", "one", "")
    assert summarise(b"\r\nFrom: body@x.example\r\n")[:3] == ("", "", "")


@pytest.mark.parametrize(
    ("header", "asks"),
    [
        (b"X-Sandbox-Outcome: bounce", True),
        (b"Subject: a\r\nx-sandbox-outcome :\r\n bounce", True),
        (b"X-Sandbox-Outcome:", False),
        (b"X-Sandbox-Outcomes: bounce", False),
        (b"Subject: X-Sandbox-Outcome: bounce", False),
        (b"Subject: a\r\n\r\nX-Sandbox-Outcome: bounce", False),
    ],
)
def test_a_summary_says_whether_the_message_asks_for_its_outcome(header: bytes, asks: bool) -> None:
    assert summarise(header + b"\r\n\r\n").asks_outcome is asks


def test_a_summary_is_cut() -> None:
    assert len(summarise(b"Subject: " + b"x" * 5_000 + b"\r\n\r\n").subject) == MAX_SUMMARY


def test_a_subject_of_megabytes_is_read_in_one_pass() -> None:
    word = b"=?utf-8?q?ab?= "
    begun = time.process_time()

    text = decode_words(word * 600_000)

    assert time.process_time() - begun < 1  # joined word by word it takes ten
    assert text.startswith("abab")
    assert text.endswith("=?utf-8?q?ab?=")
