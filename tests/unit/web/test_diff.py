"""A fix for the eye: whole lines, with the one before them, and never too many."""

from datetime import UTC, datetime

from msa.fix import Context, fix
from msa.lint import Draft
from sandbox_mta.web.pages.diff import SHOWN_LINES, Change, change

CONTEXT = Context(id="1", hostname="mail.example", accepted_at=datetime(2026, 11, 24, tzinfo=UTC))
HEAD = b"Message-ID: <a@b>\r\nMIME-Version: 1.0\r\n"


def changes(content: bytes) -> list[Change]:
    return [change(content, edit) for edit in fix(Draft(content), CONTEXT).edits]


def test_a_field_that_is_replaced_stands_on_both_sides() -> None:
    [one] = changes(HEAD + b"Date: 2025-11-24T03:10:00Z\r\n\r\n")

    assert one.context == "MIME-Version: 1.0"
    assert one.taken_out == ("Date: 2025-11-24T03:10:00Z",)
    assert one.put_in == ("Date: Mon, 24 Nov 2025 03:10:00 +0000",)
    assert one.line == 3


def test_a_field_that_is_added_stands_after_its_neighbour() -> None:
    [one] = changes(HEAD + b"\r\n")

    assert (one.context, one.taken_out) == ("MIME-Version: 1.0", ())
    assert one.put_in == ("Date: Tue, 24 Nov 2026 00:00:00 +0000",)


def test_a_folded_field_that_goes_is_shown_whole() -> None:
    [one, _] = changes(b"Bcc: a@b.example,\r\n c@d.example\r\n" + HEAD + b"\r\n")

    assert one.taken_out == ("Bcc: a@b.example,", " c@d.example")
    assert one.put_in == ()


def test_of_a_long_body_only_the_beginning_is_shown() -> None:
    body = "né\r\n".encode() * 1_000

    *_, one = changes(HEAD + b"Date: Mon, 24 Nov 2025 03:10:00 +0000\r\n\r\n" + body)

    assert one.name == "Body"
    assert one.is_cut
    assert len(one.taken_out) == len(one.put_in) == SHOWN_LINES
    assert one.taken_out[0] == "né"


def test_controls_and_endless_lines_are_made_harmless() -> None:
    line = b"\x1b[31m" + b"x" * 2_000 + b"\xff\r\n"

    *_, one = changes(HEAD + b"Date: Mon, 24 Nov 2025 03:10:00 +0000\r\n\r\n" + line)

    assert "\x1b" not in "".join(one.taken_out)
    assert max(map(len, (*one.taken_out, *one.put_in))) <= 201
