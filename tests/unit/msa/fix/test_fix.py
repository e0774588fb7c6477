"""What is fixed, to what, and what is left alone."""

import email
import time
from datetime import UTC, datetime
from email import policy
from pathlib import Path

import pytest

from msa.envelope import Envelope, Recipient
from msa.fix import BODY, MAX_EDITS, Context, Fixed, apply, fix
from msa.lint import Draft, lint

CONTEXT = Context(
    id="7N42cgS2hAhL1RRsyVxeLd",
    hostname="mail.example",
    accepted_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    user="ada@example.org",
)
CORPUS = sorted((Path(__file__).parents[3] / "corpus").glob("*/*.eml"))
GOOD = "From: a@b.example\nDate: Mon, 24 Nov 2025 03:10:00 +0000\nMessage-ID: <a@b.example>\n"
ADDED = "Date: Tue, 24 Nov 2026 12:00:00 +0000\nMessage-ID: <7N42cgS2hAhL1RRsyVxeLd@mail.example>\n"
MIME = "MIME-Version: 1.0\n"
SIGNED = "DKIM-Signature: v=1; d=b.example; h=From : Date:\n\tSubject; bh=x; b=y\n"


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def envelope(body: str | None = None, *, smtputf8: bool = False) -> Envelope:
    return Envelope(
        reverse_path="a@b.example",
        recipients=(Recipient("c@d.example"),),
        body=body,
        smtputf8=smtputf8,
    )


def fixes(content: bytes, body: str | None = None, *, smtputf8: bool = False) -> Fixed:
    return fix(Draft(content, envelope(body, smtputf8=smtputf8)), CONTEXT)


def mended(content: bytes, body: str | None = None) -> str:
    octets = apply(content, fixes(content, body).edits)
    return octets.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("submitted", "fixed"),
    [
        pytest.param("From: a@b.example\n\nHi\n", f"From: a@b.example\n{ADDED}\nHi\n", id="both"),
        pytest.param("\nHi\n", f"{ADDED}\nHi\n", id="no-header"),
        pytest.param(
            GOOD.replace("Mon, 24 Nov 2025 03:10:00 +0000", "2025-11-24T03:10:00.5-05:30") + "\n",
            GOOD.replace("03:10:00 +0000", "03:10:00 -0530") + "\n",
            id="iso-date",
        ),
        pytest.param(
            GOOD.replace("Mon, 24 Nov 2025 03:10:00 +0000", "") + "\n",
            GOOD.replace("Mon, 24 Nov 2025 03:10:00 +0000", "Tue, 24 Nov 2026 12:00:00 +0000")
            + "\n",
            id="empty-date",
        ),
        pytest.param(
            GOOD.replace("<a@b.example>", "order-123") + "\n",
            GOOD.replace("<a@b.example>", "<7N42cgS2hAhL1RRsyVxeLd@mail.example>") + "\n",
            id="message-id-replaced",
        ),
        pytest.param(
            f"Bcc: x@y.example,\n z@y.example\n{GOOD}bcc: q@y.example\n\n", f"{GOOD}\n", id="bcc"
        ),
        pytest.param(
            f"Return-Path: <x@y.example>\n{GOOD}X-Spam-Flag: NO\nReceived: by x; now\n\n",
            f"{GOOD}Received: by x; now\n\n",
            id="verdicts-but-not-received",
        ),
        pytest.param(
            f"{GOOD}Content-Type: text/plain\n\nHi\n",
            f"{GOOD}Content-Type: text/plain\n{MIME}\nHi\n",
            id="mime-version",
        ),
        pytest.param(
            GOOD.replace("a@b.example\n", "a@b.example, c@d.example\n", 1) + "\n",
            GOOD.replace("a@b.example\n", "a@b.example, c@d.example\n", 1)
            + "Sender: ada@example.org\n\n",
            id="sender",
        ),
        pytest.param(
            f"{GOOD}{MIME}Content-Type: text/plain; charset=utf-8\n\nHéllo = wörld \n",
            f"{GOOD}{MIME}Content-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: quoted-printable\n\nH=C3=A9llo =3D w=C3=B6rld=20\n",
            id="unlabelled-text",
        ),
        pytest.param(
            f"{GOOD}{MIME}Content-Type: application/pdf\nContent-Transfer-Encoding: 7bit\n\né\n",
            f"{GOOD}{MIME}Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n"
            "w6kNCg==\n",
            id="mislabelled-binary",
        ),
        pytest.param(
            f"{GOOD}Subject: Ein Gruß an Zoë heute\n\n",
            f"{GOOD}Subject: Ein =?utf-8?q?Gru=C3=9F_an_Zo=C3=AB?= heute\n\n",
            id="subject",
        ),
    ],
)
def test_a_clear_flaw_is_mended(submitted: str, fixed: str) -> None:
    assert mended(crlf(submitted)) == fixed


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "24/11/2025 03:10",
        "2025-11-24T03:10:00",  # in which zone?
        "2025-02-30T03:10:00Z",
        "2025-11-24T25:10:00Z",
        "20251124T031000Z",
    ],
)
def test_a_date_that_is_not_fully_understood_stays(value: str) -> None:
    found = fixes(crlf(GOOD.replace("Mon, 24 Nov 2025 03:10:00 +0000", value) + "\n"))

    assert found.edits == ()
    assert [each.reason for each in found.suppressed] == ["what time it means is not clear"]


@pytest.mark.parametrize(
    ("value", "stays"),
    [
        ("<a@b>", True),
        ("  <a.b$c@[192.0.2.1]> (made by hand)", True),
        ('<"ab"@c.example>', True),
        ("a@b.example", False),
        ("<a@b> <c@d>", False),
        ("<a..b@c.example>", False),
        ("<a b@c.example>", False),
        ("<>", False),
    ],
)
def test_a_message_id_stays_when_its_syntax_is_sound(value: str, stays: bool) -> None:
    found = fixes(crlf(GOOD.replace("<a@b.example>", value) + "\n"))

    assert (found.edits == ()) is stays


@pytest.mark.parametrize(
    ("user", "is_added"),
    [(None, False), ("ada", False), ("ada@example.org\r\nBcc: x@y", False), ("a@b.example", True)],
)
def test_sender_is_added_only_for_a_mailbox_that_logs_in(user: str | None, is_added: bool) -> None:
    content = crlf(GOOD.replace("a@b.example\n", "a@b.example, c@d.example\n", 1) + "\n")
    context = Context(
        id=CONTEXT.id, hostname="mail.example", accepted_at=CONTEXT.accepted_at, user=user
    )

    found = fix(Draft(content, envelope()), context)

    assert any(edit.name == "Sender" for edit in found.edits) is is_added


@pytest.mark.parametrize(
    ("label", "body", "smtputf8", "is_encoded"),
    [
        ("8bit", None, False, True),
        ("8bit", "7BIT", False, True),
        ("8bit", "8BITMIME", False, False),
        ("8bit", None, True, False),
        ("7bit", "8BITMIME", False, True),
        ("7bit", None, True, True),
        ("binary", "BINARYMIME", False, False),
    ],
)
def test_eight_bits_are_encoded_where_label_or_envelope_forbid_them(
    label: str, body: str | None, smtputf8: bool, is_encoded: bool
) -> None:
    head = f"{GOOD}{MIME}Content-Type: text/plain; charset=utf-8\n"
    content = crlf(f"{head}Content-Transfer-Encoding: {label}\n\nHéllo\n")

    found = fixes(content, body, smtputf8=smtputf8)

    assert any(edit.name == BODY for edit in found.edits) is is_encoded


def test_a_line_that_no_server_need_take_is_wrapped_by_an_encoding() -> None:
    content = crlf(f"{GOOD}\n{'x' * 2000}\n")

    lines = mended(content).split("\n")

    assert max(map(len, lines)) <= 76


def test_a_soft_line_break_makes_no_boundary() -> None:
    # The 76th character of the line is where "--b" would begin a line of its own.
    text = "é" + "x" * 69 + "--b"
    part = "Content-Type: text/plain; charset=utf-8\n\n" + text
    content = crlf(f"{GOOD}{MIME}Content-Type: multipart/mixed; boundary=b\n\n--b\n{part}\n--b--\n")

    octets = apply(content, fixes(content).edits)

    [one] = email.message_from_bytes(octets).get_payload()  # type: ignore[misc, union-attr]
    assert one.get_payload(decode=True).decode() == text  # type: ignore[union-attr]


def test_a_long_subject_is_folded_between_whole_characters() -> None:
    subject = "日本語のとても長い件名" * 8 + " ok"
    content = crlf(f"{GOOD}Subject: {subject}\n\n")

    octets = apply(content, fixes(content).edits)

    assert max(map(len, octets.split(b"\r\n"))) <= 76
    assert email.message_from_bytes(octets, policy=policy.default)["subject"] == subject


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("From: José <j@b.example>", "only free text"),
        ("Subject: é =?utf-8?q?a?=", "encoded-words already"),
        ("Subject: é\x01", "control characters"),
    ],
)
def test_raw_letters_that_can_only_be_guessed_at_stay(field: str, reason: str) -> None:
    content = crlf(f"{GOOD.replace('From', 'Reply-To')}{field}\n\n")

    found = fixes(content)

    assert found.edits == ()
    [held] = found.suppressed
    assert reason in held.reason


@pytest.mark.parametrize(
    ("content", "names", "reason"),
    [
        (f"{SIGNED}From: a@b.example\nMessage-ID: <a@b>\n\n", ["Date"], "covers the Date field"),
        (f"{SIGNED}{GOOD}Subject: é\n\n", ["Subject"], "covers the Subject field"),
        (f"{SIGNED}{GOOD}{MIME}\né\n", [BODY], "covers the body"),
        (f"DKIM-Signature: broken\n{GOOD}Bcc: x@y.example\n\n", ["Bcc"], "covers the Bcc field"),
        (
            f"{GOOD}{MIME}Content-Type: multipart/signed; boundary=b\n\n"
            "--b\n\né\n--b\n\nx\n--b--\n",
            [BODY],
            "multipart/signed",
        ),
        (f"{GOOD}{MIME}Content-Type: application/pkcs7-mime\n\né\n", [BODY], "pkcs7-mime"),
        (f"{GOOD}{MIME}\n-----BEGIN PGP SIGNED MESSAGE-----\né\n", [BODY], "PGP"),
    ],
    ids=["oversigned-date", "subject", "body", "unreadable", "multipart-signed", "smime", "pgp"],
)
def test_what_a_signature_covers_stays(content: str, names: list[str], reason: str) -> None:
    found = fixes(crlf(content))

    assert found.edits == ()
    assert [each.name for each in found.suppressed] == names
    assert all(reason in each.reason for each in found.suppressed)


def test_what_a_signature_does_not_cover_is_fixed() -> None:
    found = fixes(crlf(f"{SIGNED}From: a@b.example\nBcc: x@y.example\n\n"))

    assert [edit.name for edit in found.edits] == ["Bcc", "Message-ID"]


def test_nothing_is_added_to_a_header_section_that_readers_cut_differently() -> None:
    found = fixes(crlf("From: a@b.example\nnot a field\n\nHi\n"))

    assert found.edits == ()
    assert {each.name for each in found.suppressed} == {"Date", "Message-ID"}


def test_an_enclosed_message_is_its_authors() -> None:
    inner = "From: x@y.example\n\né\n"
    content = f"{GOOD}{MIME}Content-Type: message/rfc822\n\n{inner}"

    found = fixes(crlf(content))

    assert found.edits == ()
    [held] = found.suppressed
    assert "message/rfc822" in held.reason


def test_a_message_that_needs_very_many_edits_is_left_alone() -> None:
    content = crlf(GOOD + "X-Note: é\n" * (MAX_EDITS + 1) + "\n")

    found = fixes(content)

    assert found.edits == ()
    assert found.suppressed[0].text == f"more than {MAX_EDITS} edits are due"


def test_a_large_body_is_kept_as_a_range_not_as_octets() -> None:
    content = crlf(f"{GOOD}{MIME}Content-Type: application/pdf\n\n") + b"\xff" * 5_000_000 + b"\r\n"

    found = fixes(content)

    assert sum(len(edit.octets) for edit in found.edits) < 100
    octets = apply(content, found.edits)
    decoded = email.message_from_bytes(octets).get_payload(decode=True)
    assert decoded == b"\xff" * 5_000_000 + b"\r\n"


FIXES_OF = {
    "Date": {"HDR001", "HDR002"},
    "Message-ID": {"HDR005"},
    "Subject": {"HDR014"},
    "Bcc": {"HDR011"},
    "MIME-Version": {"MIM001"},
    BODY: {"ENC001", "ENV004", "ENC008"},
}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_lint_no_longer_finds_what_was_fixed_and_nothing_new(path: Path) -> None:
    content = path.read_bytes()
    found = fix(Draft(content, None), CONTEXT)
    before = {finding.code for finding in lint(content, None)}

    after = {finding.code for finding in lint(apply(content, found.edits), None)}

    assert after <= before
    if not found.suppressed:
        assert not after & {code for edit in found.edits for code in FIXES_OF.get(edit.name, ())}


@pytest.mark.parametrize("line", ["Schön", "x" * 1_200])
def test_lint_with_the_envelope_no_longer_finds_what_was_encoded(line: str) -> None:
    head = f"{GOOD}To: c@d.example\nSubject: x\n{MIME}Content-Type: text/plain; charset=utf-8\n"
    content = crlf(f"{head}Content-Transfer-Encoding: 8bit\n\n{line}\n")

    octets = apply(content, fixes(content).edits)

    assert {finding.code for finding in lint(content, envelope())} & {"ENV004", "ENC008"}
    assert not {finding.code for finding in lint(octets, envelope())} & {"ENV004", "ENC008"}


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_another_parser_reads_the_same_text_in_the_fixed_version(path: Path) -> None:
    content = path.read_bytes()
    found = fix(Draft(content, None), CONTEXT)
    if not any(edit.name == BODY for edit in found.edits):
        return  # no body is touched, octet by octet

    def texts(octets: bytes) -> list[object]:
        parts = email.message_from_bytes(octets).walk()
        return [part.get_payload(decode=True) for part in parts]

    assert texts(apply(content, found.edits)) == texts(content)


def test_letters_of_megabytes_are_left_alone() -> None:
    content = crlf(f"{GOOD}Subject: Grüße\nX-Long: {'ü' * 2_000_000}\n\n")
    begun = time.process_time()

    fixed = fixes(content)

    assert time.process_time() - begun < 0.5  # to encode them takes four
    assert [edit.name for edit in fixed.edits] == ["Subject"]
    assert [(one.name, one.reason) for one in fixed.suppressed] == [
        ("X-Long", "the message has more than 131072 octets of such fields")
    ]
