"""What BDAT brings as binary (RFC 3030) is octets, and no rule about lines looks at it."""

import pytest

from msa.envelope import Envelope, Recipient
from msa.lint import lint

HEAD = (
    b"From: App <app@shop.example>\r\nTo: bob@customer.example\r\nSubject: Your ticket\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@shop.example>\r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    b"--b\r\nContent-Type: text/plain\r\n\r\nSee the ticket.\r\n"
    b'--b\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename="t.png"\r\n'
    b"Content-Transfer-Encoding: binary\r\n\r\n"
)
OCTETS = b"\x89PNG\r\n\x1a\n\x00\r\r\n.\n\n.\r\nMAIL FROM:<x@y.example>" + bytes(range(256)) * 8
TAIL = b"\r\n--b--\r\n"


def envelope(body: str) -> Envelope:
    recipients = (Recipient("bob@customer.example"),)
    return Envelope(reverse_path="app@shop.example", recipients=recipients, body=body)


def test_a_binary_body_has_no_lines_to_judge() -> None:
    assert lint(HEAD + OCTETS + TAIL, envelope("BINARYMIME")) == ()


def test_lines_outside_of_it_are_judged_as_ever() -> None:
    content = HEAD.replace(b"See the ticket.\r\n", b"See\nthe ticket.\r\n") + OCTETS + TAIL

    [finding] = lint(content, envelope("BINARYMIME"), select=("SEC",))

    assert (finding.code, finding.part) == ("SEC001", "")
    assert content[finding.offset or 0] == ord("\n")


@pytest.mark.parametrize("body", ["8BITMIME", "7BIT"])
def test_without_binarymime_the_same_octets_are_found(body: str) -> None:
    codes = {finding.code for finding in lint(HEAD + OCTETS + TAIL, envelope(body))}

    assert {"SEC001", "SEC003"} <= codes
