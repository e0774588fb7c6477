"""Invariants of fixes, whatever the octets: they are edits, they suffice, and they harm nothing."""

import binascii
import quopri
import re
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from msa.envelope import Envelope, Recipient
from msa.fix import Context, Fixed, _sorted_out, apply
from msa.fix.edit import encode
from msa.lint import Draft

CONTEXT = Context(
    id="7N42cgS2hAhL1RRsyVxeLd",
    hostname="mail.example",
    accepted_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    user="ada@example.org",
)
CORPUS = [
    path.read_bytes() for path in sorted((Path(__file__).parents[1] / "corpus").glob("*/*.eml"))
]
PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b";", b"=", b"--b", b"--b--"),
        *("é".encode(), "日本".encode(), b"\xff", b"x" * 80, b"x" * 999, b"a b c", b"\r\n\r\n"),
        *(b"Subject: ", b"X-Note: ", b"From: a@b.example, c@d.example", b"Bcc: x@y.example"),
        *(b"Date: 2025-11-24T03:10:00Z", b"Date: ", b"Message-ID: <a@b>", b"Message-ID: 7"),
        *(b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=b", b"X-Spam-Flag: "),
        *(b"Content-Type: text/plain; charset=utf-8", b"Content-Type: message/rfc822"),
        *(b"Content-Type: multipart/signed; boundary=b", b"Return-Path: <>", b"not a field"),
        *(b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: 7bit"),
        *(b"DKIM-Signature: v=1; d=x.example; h=from:date", b"DKIM-Signature: ", b"=?utf-8?q?a?="),
        *(b"-----BEGIN PGP MESSAGE-----", b"Content-Description: ", b"Sender: a@b.example"),
    ]
)
CONTENTS = st.one_of(
    st.binary(max_size=400),
    st.lists(PIECES, max_size=40).map(b"".join),
    st.lists(PIECES, max_size=20).map(b"\r\n".join),
    st.builds(
        lambda content, at, piece: content[: at % (len(content) + 1)] + piece + content,
        st.sampled_from(CORPUS),
        st.integers(0, 10_000),
        PIECES,
    ),
)
ENVELOPES = st.one_of(
    st.none(),
    st.builds(
        Envelope,
        reverse_path=st.just("a@b.example"),
        recipients=st.just((Recipient("c@d.example"),)),
        body=st.sampled_from([None, "7BIT", "8BITMIME", "BINARYMIME"]),
        smtputf8=st.booleans(),
    ),
)


def fixed(content: bytes, envelope: Envelope | None) -> Fixed:
    return _sorted_out(Draft(content, envelope), CONTEXT)  # `fix` swallows what goes wrong


@settings(max_examples=1_500, deadline=None)
@given(CONTENTS, ENVELOPES)
def test_edits_are_disjoint_ranges_in_order(content: bytes, envelope: Envelope | None) -> None:
    at = 0
    for edit in fixed(content, envelope).edits:
        assert at <= edit.start <= edit.end <= len(content)
        at = edit.end


@settings(max_examples=1_500, deadline=None)
@given(CONTENTS, ENVELOPES)
def test_octets_outside_the_edits_stay(content: bytes, envelope: Envelope | None) -> None:
    edits = fixed(content, envelope).edits
    written = apply(content, edits)

    at = seen = 0
    for edit in edits:
        assert written[seen : seen + edit.start - at] == content[at : edit.start]
        seen += edit.start - at + len(edit.replacement(content))
        at = edit.end
    assert written[seen:] == content[at:]


@settings(max_examples=3_000, deadline=None)
@given(CONTENTS, ENVELOPES)
def test_a_fixed_message_needs_no_fix(content: bytes, envelope: Envelope | None) -> None:
    once = apply(content, fixed(content, envelope).edits)

    assert fixed(once, envelope).edits == ()


@settings(max_examples=1_000, deadline=None)
@given(st.one_of(st.binary(max_size=500), st.lists(PIECES, max_size=20).map(b"".join)))
def test_encoding_a_body_keeps_its_octets(data: bytes) -> None:
    # Only such a body is written as quoted-printable.
    data = data if b"\r\n" not in data else re.sub(rb"(?<!\r)\n", b"", data)
    quoted, coded = encode(data, "quoted-printable"), encode(data, "base64")

    assert quopri.decodestring(quoted) == binascii.a2b_qp(quoted) == data
    assert binascii.a2b_base64(coded) == data
    for written in (quoted, coded):
        assert written.isascii()
        assert all(len(line.rstrip(b"\r")) <= 76 for line in written.split(b"\n"))
        assert not any(line.rstrip(b"\r")[-1:] in (b" ", b"\t") for line in written.split(b"\n"))
