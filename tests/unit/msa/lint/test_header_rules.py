"""Rules on the header: where two of them look at the same octets, and what a hostile one costs."""

import time

import pytest

from msa.envelope import Envelope, Recipient
from msa.lint import Draft, lint
from msa.lint.draft import MAX_ADDRESSES

ENVELOPE = Envelope(
    reverse_path="a@b.example", recipients=(Recipient("ada@example.org"),), smtputf8=True
)


def codes(content: bytes, *select: str, envelope: Envelope | None = None) -> list[str]:
    return [finding.code for finding in lint(content, envelope, select=select)]


def test_other_letters_in_an_address_are_told_once() -> None:
    raw = ("HDR014", "ADR006")

    assert codes("To: usér@x.example\r\n\r\n".encode(), *raw) == ["ADR006"]
    assert codes("To: Usér <user@x.example>\r\n\r\n".encode(), *raw) == ["HDR014"]
    assert codes("To: Usér <usér@x.example>\r\n\r\n".encode(), *raw) == ["HDR014", "ADR006"]
    assert codes(b"To: us\xe9r@x.example\r\n\r\n", *raw) == ["HDR014"]


def test_an_address_field_of_a_part_is_nobodys_address() -> None:
    content = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"To: us\xc3\xa9r@x.example\r\n\r\nx\r\n--b--\r\n"
    )

    assert codes(content, "HDR014", "ADR006") == ["HDR014"]


def test_no_field_is_missed_in_a_header_whose_blank_line_is_cr_cr_lf() -> None:
    content = b"Subject: x\r\r\n\r\r\nNote : this is the body\r\r\nno field\r\r\n"

    assert codes(content, "HDR012", "SEC002") == ["SEC002"]


def test_a_blank_line_that_is_missing_is_told_although_cr_cr_lf_comes_later() -> None:
    content = b"Subject: x\r\nno field\r\n\r\r\nbody\r\n"

    assert codes(content, "HDR012", "SEC002") == ["HDR012", "SEC002"]


def test_a_copy_that_is_sent_to_a_route_or_in_other_letters_is_found_in_the_envelope() -> None:
    for path in ("ADA@Example.ORG", "@relay.example:ada@example.org"):
        envelope = Envelope(reverse_path="a@b.example", recipients=(Recipient(path),))

        assert codes(b"To: ada@example.org\r\n\r\n", "ENV005", envelope=envelope) == []


def test_addresses_beyond_the_budget_are_not_read() -> None:
    field = b"To: " + b", ".join([b"ada@example.org"] * 5_000) + b"\r\n"
    content = field * 20 + b"\r\n"

    assert len(Draft(content).address_lists) == MAX_ADDRESSES // len(field)
    assert "HDR013" in codes(content, "HDR013")  # says that the header is too big


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        *(
            (b"To: ", b","),
            (b"To: ", b"a@xn--mller-kva.example,"),
            (b"To: ", b"\xc3\xa9@\xc3\xa9,"),
        ),
        *((b'From: "', b"a@b."), (b"From: ", b'"a@b.c" <d@e.f>,'), (b"To: ", b"a@gmai.com,")),
        *((b"Message-ID: <", b"a."), (b'Message-ID: <"', b"\\a"), (b"Message-ID: <a@", b"b.")),
        *((b"Subject: ", b"=?utf-8?q?=0A?= "), (b"Subject: ", b"=?a?q?"), (b"Subject: ", b"\r")),
        *((b"Subject: ", b"a\xe2\x80\x8c"), (b"Subject: ", b"\xf0\x9f\x8f\xb4\xf3\xa0\x81\xa7")),
        *((b"Precedence: x\r\n", b"Precedence: bulk\r\n"), (b"Date: ", b"(")),
        *((b"\r\n", b"To: x\r\n"), (b"\r\nBcc:", b" "), (b"\r\n", b"\r\n.\0"), (b"\r\n", b"\x01")),
        (b"MIME-Version: 1.0\r\nContent-Type: a/b", b"; name*=%0A"),
    ],
)
def test_no_header_takes_quadratic_time(head: bytes, piece: bytes) -> None:
    # A quadratic rule would need hours; pytest's patience is the bound.
    lint(head + piece * (400_000 // len(piece)), ENVELOPE)


def test_a_quoted_string_that_never_ends_is_walked_through_once() -> None:
    value = b'=?utf-8?q?"' + b'\\"' * 100_000
    begun = time.process_time()

    lint(b"From: " + value + b"\r\nTo: " + value + b" <ada@b.example>\r\n\r\n", budget_s=60)

    assert time.process_time() - begun < 10  # from each quote to the end it takes minutes
