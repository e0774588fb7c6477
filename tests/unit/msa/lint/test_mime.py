"""MIME rules beside their corpora: places, causes that mute their followers, and hostile sizes."""

import time

import pytest

from msa.lint import RULES, Draft, Finding, lint, run

HEAD = (
    b"Date: Mon, 24 Nov 2025 03:10:00 +0000\r\nFrom: a@acme.example\r\nTo: ada@example.org\r\n"
    b"Subject: Hi\r\nMessage-ID: <1@acme.example>\r\nMIME-Version: 1.0\r\n"
)
PATIENCE_S = 2.0  # of CPU for one rule and a megabyte; each needs a few milliseconds


def only(content: bytes, code: str) -> Finding:
    [finding] = lint(HEAD + content, select=(code,))
    return finding


def test_a_breach_is_shown_where_it_begins() -> None:
    finding = only(b"Content-Type: text/plain; name=a b.txt\r\n\r\nx\r\n", "MIM002")

    assert (finding.line, finding.column) == (7, 34)
    assert finding.evidence == "b.txt"


def test_the_colliding_line_is_shown() -> None:
    finding = only(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nx\r\n--b and so on\r\n--b--\r\n",
        "MIM005",
    )

    assert (finding.line, finding.evidence) == (12, "--b and so on\\r")


def test_every_dangling_picture_is_told_once() -> None:
    page = b"<img src='cid:a@b'><img src='cid:a@b'><img src='cid:%63@b'>"
    content = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + page

    assert [f.evidence for f in lint(content, select=("MIM009",))] == ["cid:a@b", "cid:%63@b"]


def test_a_trailing_space_is_the_octet_itself() -> None:
    finding = only(
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nHi\r\n-- \r\nAcme\r\n",
        "ENC006",
    )

    assert (finding.line, finding.column, finding.evidence) == (11, 3, " ")


def test_a_header_line_is_not_called_a_body_line() -> None:
    content = HEAD + b"X-Long: " + b"a" * 1_200 + b"\r\n\r\nHi\r\n"

    assert [f.code for f in lint(content, select=("HDR013", "ENC008"))] == ["HDR013"]


def test_lines_of_998_octets_are_told_apart_from_longer_ones() -> None:
    for size, expected in ((998, 0), (999, 1)):
        for end in (b"\r\n", b"\n"):
            content = HEAD + b"\r\nHi\r\n" + b"a" * size + end + b"end\r\n"
            assert len(lint(content, select=("ENC008",))) == expected


def test_a_quote_that_is_never_closed_is_found_at_the_end_of_the_message() -> None:
    assert only(b'Content-Type: a/b; name="x\r\n', "MIM002").evidence == '; name="x'


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 1_000_000,
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"= " * 500_000,
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b" \t" * 500_000,
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"\r\n" * 500_000,
        b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + b"a" * 1_000_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"\r\n--bb" * 170_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n"
        + b"\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n" * 20_000,
        b"Content-Type: multipart/mixed; boundary=b\r\n"
        + b"\r\n--b\r\nContent-ID: <a>\r\nContent-Disposition: attachment\r\n" * 15_000,
        b"Content-Type: text/html; charset=utf-8\r\n\r\n" + b"<meta " * 170_000,
        b"Content-Type: text/html; charset=utf-8\r\n\r\n" + b"<" * 4_000,
        b"List-Unsubscribe: " + b"<a:b>," * 170_000 + b"\r\n\r\n",
        b"List-Unsubscribe: " + b"<" * 1_000_000 + b"\r\n\r\n",
        b"List-Id: " + b"a" * 1_000_000 + b"\r\n\r\n",
        b"Content-Type: a/b" + b"; a=b" * 200_000 + b"\r\n\r\n",
        b"Content-Type: a/b" + b"; a*1=b" * 150_000 + b"\r\n\r\n",
        b"X: " + b"y" * 1_000 + b"\r\n" + (b"x: " + b"y" * 1_000 + b"\r\n") * 1_000 + b"\r\n",
        b"DKIM-Signature: " + b"h=" * 500_000 + b"\r\nList-Unsubscribe-Post: x\r\n"
        b"List-Unsubscribe: <a:b>\r\n\r\n",
    ],
    ids=lambda content: content[:40].decode("latin-1") + "...",
)
@pytest.mark.parametrize("family", ["MIM", "ENC", "LST", "SEC007", "BOD001", "BOD003", "BOD007"])
def test_a_megabyte_made_to_be_slow_is_judged_quickly(content: bytes, family: str) -> None:
    draft = Draft(HEAD + content, profile="bulk")

    for rule in RULES:
        if rule.code.startswith(family):
            begun = time.process_time()
            run(rule, draft)
            assert time.process_time() - begun < PATIENCE_S, rule.code
